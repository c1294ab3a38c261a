/*
 * cpython_pools.c - pymalloc in the walker: what each arena holds, and each size class, by the heads of its pools.
 *
 * An arena is cut into pools at multiples of their size. A pool begins with a head (Objects/obmalloc.c, struct pool_header,
 * the same in 2.3 to 3.13):
 *	0 blocks in use	  8 first free block	16 24 neighbours   32 arena	36 class   40 next fresh offset	  44 last one
 * and serves blocks of 16 * (class + 1) bytes. A pool whose offset of the next fresh block is 0 was never cut off its arena.
 * Regions that the shim marks are runs of arenas.
 */
#include "cpython.h"

#define POOL_HEAD 48u
#define BLOCK_STEP 16u
#define CLASSES 32u

struct geometry {
	uintptr_t arena, pool;
};

static struct geometry geometry(void)
{
	return python.minor >= 10 ? (struct geometry){1u << 20, 1u << 14}
				  : (struct geometry){256u << 10, 1u << 12};
}

/* A pool that blocks live in: into its arena's sum and its class's. */
static void add_pool(struct walk_heap *arena, struct walk_heap *class, uint64_t used, uint64_t fit,
		     uint64_t size)
{
	struct walk_heap *both[] = {arena, class};

	for (unsigned i = 0; i < 2; i++) {
		both[i]->used_blocks += used;
		both[i]->used += used * size;
		both[i]->free_chunks += fit - used;
		both[i]->free += (fit - used) * size;
	}
	class->size += geometry().pool;
}

static void look_at_pool(struct walk_heap *arena, struct walk_heap *classes, uintptr_t pool)
{
	uint64_t size, fit, used = half_at(pool, 0);
	uint32_t class = half_at(pool, 36);

	if (!half_at(pool, 40)) {
		arena->top += geometry().pool;
		return;
	}
	if (!used) {
		arena->kept_chunks++;
		arena->kept += geometry().pool;
		return;
	}
	if (class >= CLASSES) /* no head of a pool after all */
		return;
	size = (class + 1) * (uint64_t)BLOCK_STEP;
	fit = (geometry().pool - POOL_HEAD) / size;
	if (used <= fit)
		add_pool(arena, &classes[class], used, fit, size);
}

static void arena_row(struct walk *walk, struct walk_heap *classes, uintptr_t low)
{
	struct geometry at = geometry();
	struct walk_heap arena = {.kind = RGD_HEAP_ARENA, .address = low, .size = at.arena};
	uintptr_t pool = (low + at.pool - 1) & ~(at.pool - 1);

	for (; pool + at.pool <= low + at.arena; pool += at.pool)
		if (walk_readable(walk, pool, POOL_HEAD))
			look_at_pool(&arena, classes, pool);
	walk_heap(walk, &arena);
}

void python_pools(struct walk *walk)
{
	struct walk_heap *classes = walk_memory(walk, CLASSES * sizeof *classes);
	uintptr_t low, size;

	if (!classes)
		return;
	for (size_t i = 0; walk_region(walk, i, 1, &low, &size); i++)
		for (; size >= geometry().arena; low += geometry().arena, size -= geometry().arena)
			arena_row(walk, classes, low);
	for (unsigned c = 0; c < CLASSES; c++) {
		classes[c].kind = RGD_HEAP_CLASS;
		classes[c].address = (c + 1) * (uint64_t)BLOCK_STEP;
		if (classes[c].size)
			walk_heap(walk, &classes[c]);
	}
}
