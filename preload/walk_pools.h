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
	uint32_t type;		    /* of walk_type(); 0 unknown */
	uint32_t first_link, links; /* in walk_pools.links */
	uint64_t
		held; /* of its own piece of memory, where that is known; 0: a superblock is looked for */
};

/* What is known to be held by a block, beside what is found in it. */
struct pool_link {
	uint32_t label; /* of walk_label() */
	uintptr_t to;
};

/* A word that is known to hold a block. */
struct pool_root {
	uint32_t module; /* +1 */
	uint32_t label;	 /* string */
	uintptr_t at, target;
};

struct walk_pools {
	struct walk_pool *pools;
	struct pooled *blocks;
	struct pool_link *links;
	struct pool_root *roots;
	uint32_t npools, pools_room;
	uint32_t nblocks, blocks_room;
	uint32_t nlinks, links_room;
	uint32_t nroots, roots_room;
	uint32_t *by_number; /* by object: block + 1 */
};

/* After all blocks were added to the index, before adapters claim theirs: superblocks leave it, pools' blocks enter. */
void pools_index(struct walk *w);
/* After the objects were numbered. */
void pools_number(struct walk *w);

/* The number of a new pool; UINT32_MAX without memory. */
uint32_t pools_add(struct walk *w, const struct walk_pool *pool);
/* A block of the pool; before pools_index() is through. NULL without memory; valid until the next one is added. */
struct pooled *pools_add_block(struct walk *w, uint32_t pool, const struct mempool_block *block);
/* One more thing that the block added last holds. */
void pools_add_link(struct walk *w, uint32_t label, uintptr_t to);
void pools_add_root(struct walk *w, const struct pool_root *root);

/* Libraries whose pools can be read: pools_apr.c, pools_talloc.c, pools_obstack.c. */
void pools_apr(struct walk *w);
void pools_talloc(struct walk *w);
void pools_obstack(struct walk *w);

/* What these share: words, what a module's data is called, whether a library is there, names that are constants of a module. */
static inline uintptr_t pools_word(uintptr_t address)
{
	return *(const uintptr_t *)address;
}
static inline bool pools_readable(struct walk *w, uintptr_t address, size_t size)
{
	return !(address & 7) && memory_readable(&w->map, address, size) == size;
}
/* The number + 1 of the first loaded module whose path has `part` in it, 0 none. */
uint32_t pools_module(const char *part);
/* A text of the program's own, at most 100 bytes of it; NULL when it is none: made at run time, it may be a secret. */
const char *pools_constant(struct walk *w, uintptr_t address, size_t *length);

/* The pool's block that is this object, NULL none. */
static inline const struct pooled *pooled_of(const struct walk *w, uint32_t number)
{
	const struct walk_pools *p = w->pools;

	return unlikely(p) && p->by_number && p->by_number[number]
		       ? &p->blocks[p->by_number[number] - 1]
		       : NULL;
}

/* walk_index.c: as live_find() would say it. */
void walk_pooled_block(const struct pooled *pooled, struct live_block *block);

/* A mapping of the program's that holds the address, as a block. */
bool pools_region(uintptr_t address, struct live_block *ret);

/* Of roots.c. */
void pools_roots(struct walk *w);
/* A mapping in which nothing lives is what a known library keeps for later: nothing in it counts. */
bool pools_kept_region(struct walk *w, const struct region *r);
/* RGD_SEC_POOLS. */
void pools_write(struct walk *w);

#endif
