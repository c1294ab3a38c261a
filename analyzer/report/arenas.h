/*
 * arenas.h - the arenas of pymalloc, or the chunks of PHP's ZendMM, and what lives in them. What is free in them the dump says
 * (RGD_HEAP_ARENA, RGD_HEAP_CHUNK); a dump without that still has its runs of arenas.
 */
#ifndef REFGRAPH_ARENAS_H
#define REFGRAPH_ARENAS_H

#include "dump/model.h"
#include "util/vec.h"

struct arena {
	uint64_t address, size;
	uint64_t live; /* bytes of live objects, as sizes of objects say */
	uint32_t objects;
	const struct heap *heap; /* NULL: the dump says no more */
};

struct arenas {
	VEC(struct arena) list; /* by address */
	struct heap sum;	/* of the heaps */
};

/* Needs MODEL_REGIONS | MODEL_HEAPS | MODEL_ADDRESS | MODEL_SIZE. */
struct error *arenas_compute(const struct model *model, struct arenas *ret);
void arenas_deinit(struct arenas *arenas);
/* The arena that holds this address; NULL when none does. */
struct arena *arenas_at(const struct arenas *arenas, uint64_t address);
/* An arena goes back to the system when it is empty: what is less than a tenth full is pinned. */
bool arena_is_pinned(const struct arena *arena);
/* It is ZendMM's. */
bool arena_is_chunk(const struct arena *arena);
/* Adds the numbers of one heap to another. */
void heap_add(struct heap *sum, const struct heap *heap);

#endif
