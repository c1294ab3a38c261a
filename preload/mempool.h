/*
 * mempool.h - pools that the program describes by refgraph.h, as valgrind's programs do by its requests for "mempools": blocks that it
 * hands out itself, from inside a superblock that it got from malloc(), mmap() or its own data.
 *
 * Such blocks may lie 8 bytes apart, so they cannot be in the live table. Each pool has a hash table of its own, address -> block; pools
 * are found by their anchor, any address that the program uses for a name. Destroying a pool gives its table away whole.
 *
 * Pools are spread over shards by the hash of their anchors; one bounded lock guards a shard and all pools in it. Whoever cannot get it
 * counts a loss.
 */
#ifndef REFGRAPH_MEMPOOL_H
#define REFGRAPH_MEMPOOL_H

#include "glue.h"

struct mempool_block {
	uintptr_t address; /* 0: a free slot */
	uint64_t size;
	uint32_t stack; /* with LIVE_IGNORED, LIVE_SHARE */
	uint32_t epoch;
};

struct mempool {
	uintptr_t anchor; /* 0: a free slot */
	struct mempool_block *slots;
	uint32_t room, used; /* room: a power of two, or 0 */
	uint64_t bytes;
	uint32_t stack, epoch; /* of its creation */
	const char *name;      /* in the arena; "" none */
};

#define MEMPOOL_SHARDS 32u
extern trylock_t mempool_locks[MEMPOOL_SHARDS];

/* From the functions of refgraph.h, in a hook. A pool that exists already begins anew; what concerns an unknown pool or block is counted
 * with the frees of unknown blocks. */
void mempool_create(uintptr_t anchor, const char *name, uint32_t stack);
void mempool_destroy(uintptr_t anchor);
void mempool_add(uintptr_t anchor, const struct mempool_block *block);
void mempool_remove(uintptr_t anchor, uintptr_t address);
/* A block moved or changed its size: it stays the same, of the same birth, now with this stack. */
void mempool_change(uintptr_t anchor, uintptr_t from, const struct mempool_block *to);
/* Nothing outside of [address, address + size) is a block any more; what lies across its border is cut. */
void mempool_trim(uintptr_t anchor, uintptr_t address, uint64_t size);
void mempool_move(uintptr_t from, uintptr_t to);
/* Sets a flag of the block that contains the address, in whatever pool. False: there is none. Slow. */
bool mempool_flag(uintptr_t address, uint32_t flag);
/* There is or was a pool. */
bool mempool_any(void);

/* All pools, while no other thread runs. */
void mempool_each(void (*visit)(const struct mempool *pool, void *context), void *context);

#endif
