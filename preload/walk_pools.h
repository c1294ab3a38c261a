/*
 * walk_pools.h - blocks of pools in the walker: what mempool.h knows, and what can be read from the memory of libraries whose pools are
 * known. Each is an object in the place of the superblock that holds it.
 */
#ifndef REFGRAPH_WALK_POOLS_H
#define REFGRAPH_WALK_POOLS_H

#include "mempool.h"
#include "walk.h"

/* A row of RGD_SEC_POOLS. */
struct walk_pool {
	uint32_t kind, name /* string */, parent /* +1 */, stack, epoch;
	uintptr_t address;
	uint64_t blocks, bytes, pieces, held;
};

struct pooled {
	struct mempool_block block;
	uint32_t pool;
};

struct walk_pools {
	struct walk_pool *pools;
	struct pooled *blocks;
	uint32_t npools, pools_room;
	uint32_t nblocks, blocks_room;
	uint32_t *by_number; /* by object: block + 1 */
};

/* After all blocks were added to the index, before adapters claim theirs: superblocks leave it, pools' blocks enter. */
void pools_index(struct walk *w);
/* After the objects were numbered. */
void pools_number(struct walk *w);

/* The number of a new pool; UINT32_MAX without memory. */
uint32_t pools_add(struct walk *w, const struct walk_pool *pool);
/* A block of the pool; before pools_index() is through. */
void pools_add_block(struct walk *w, uint32_t pool, const struct mempool_block *block);

/* The pool's block that is this object, NULL none. */
static inline const struct pooled *pooled_of(const struct walk *w, uint32_t number)
{
	const struct walk_pools *p = w->pools;

	return unlikely(p) && p->by_number && p->by_number[number]
		       ? &p->blocks[p->by_number[number] - 1]
		       : NULL;
}

/* RGD_SEC_POOLS. */
void pools_write(struct walk *w);

#endif
