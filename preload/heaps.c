/*
 * heaps.c - glibc's heaps in the walker, chunk by chunk: what is in use, what is free and where, how large the end is that
 * could go back to the system. Reads the chunks' headers only.
 *
 * The layout is that of glibc's malloc/malloc.c and arena.c ("struct malloc_chunk", "heap_info", "struct malloc_state"), unchanged
 * since 2.26 but for one field of heap_info: chunks follow one another, each with its size before the user's memory and three
 * flags in the size's low bits. The main arena's chunks lie in [heap]; other arenas have heaps of at most HEAP_MAX at multiples of
 * HEAP_MAX, the first of which holds the arena's state. A block may also be a mapping of its own.
 *
 * A chunk that is free lies in a bin (the next chunk's flag says so), or is kept for the next request of its size (tcache, fast
 * bins: its flag says that it is in use; that no block lives there tells, unless blocks are sampled). Whatever does not look like chunks ends the walk of
 * its heap; the rest is not counted.
 */
#include "live.h"
#include "sys.h"
#include "walk.h"

#define CHUNK_PREVIOUS_IN_USE 1u
#define CHUNK_MAPPED 2u
#define CHUNK_FLAGS 7u
#define CHUNK_MIN 32u
#define CHUNK_ALIGN 16u
#define CHUNK_HEAD 16u		       /* from a chunk to the user's memory */
#define HEAP_MAX ((uintptr_t)64 << 20) /* HEAP_MAX_SIZE: 2 * DEFAULT_MMAP_THRESHOLD_MAX */
#define STATE_TOP 96u		       /* offset of malloc_state.top */
#define STATE_SIZE 2200u	       /* sizeof(struct malloc_state) */
#define HEAP_INFO_MIN 32u
#define HEAP_INFO_MAX 64u

static uintptr_t word_at(uintptr_t address)
{
	return *(const uintptr_t *)address;
}

static uintptr_t chunk_size(uintptr_t chunk)
{
	return word_at(chunk + 8) & ~(uintptr_t)CHUNK_FLAGS;
}

static bool is_chunk(uintptr_t chunk, uintptr_t end)
{
	uintptr_t size;

	if (chunk % CHUNK_ALIGN || chunk + CHUNK_HEAD > end)
		return false;
	size = chunk_size(chunk);
	return size >= CHUNK_HEAD && size % CHUNK_ALIGN == 0 && size <= end - chunk;
}

/* Bytes of [low, high) that are in memory, + 1; 0 when the kernel does not say. */
static uint64_t resident(uintptr_t low, uintptr_t high)
{
	unsigned char pages[4096];
	uint64_t sum = 0;

	for (low = (low + 4095) & ~(uintptr_t)4095; low < high;) {
		size_t n = (high - low + 4095) / 4096;

		if (n > sizeof pages)
			n = sizeof pages;
		if (sys(SYS_mincore, low, n * 4096, pages) != 0)
			return 0;
		for (size_t i = 0; i < n; i++)
			sum += pages[i] & 1 ? 4096u : 0;
		low += n * 4096;
	}
	return sum + 1;
}

/* From `chunk` to `end`; `top` is the arena's last chunk, 0: the one that reaches to the end. */
static void walk_chunks(struct walk_heap *h, uintptr_t chunk, uintptr_t end, uintptr_t top)
{
	while (is_chunk(chunk, end)) {
		uintptr_t size = chunk_size(chunk), next = chunk + size;
		struct live_block block;

		if (chunk == top || (!top && next == end)) {
			h->top = size;
			h->top_resident = resident(chunk + CHUNK_HEAD, next);
			return;
		}
		if (size < CHUNK_MIN) /* the posts at the end of a heap that another one follows */
			return;
		bool known = live_find(chunk + CHUNK_HEAD, &block);

		if (known) {
			h->used_blocks++;
			h->used += size;
			h->requested += block.size;
		} else if (is_chunk(next, end) && !(word_at(next + 8) & CHUNK_PREVIOUS_IN_USE)) {
			h->free_chunks++;
			h->free += size;
		} else if (tracking_was_sampled) { /* nobody knows whether a block lives there */
			h->used_blocks++;
			h->used += size;
		} else {
			h->kept_chunks++;
			h->kept += size;
		}
		chunk = next;
	}
}

static bool is_readable(struct walk *w, uintptr_t low, size_t size)
{
	return memory_readable(&w->map, low, size) == size;
}

/* The state of the arena that a heap belongs to; 0: this is no heap. */
static uintptr_t arena_of(struct walk *w, uintptr_t heap, uintptr_t *size)
{
	uintptr_t arena = word_at(heap), base = arena & ~(HEAP_MAX - 1);

	*size = word_at(heap + 16);
	if (*size < 4096 || *size > HEAP_MAX || *size % 4096 || word_at(heap + 24) < *size ||
	    word_at(heap + 24) > HEAP_MAX || arena - base < HEAP_INFO_MIN ||
	    arena - base > HEAP_INFO_MAX || arena % 8)
		return 0;
	if (!is_readable(w, base, HEAP_INFO_MAX + STATE_SIZE) || word_at(base) != arena)
		return 0;
	return arena;
}

/* Where the first chunk is: behind the arena's state, or behind the heap's own head. */
static uintptr_t first_chunk(uintptr_t heap, uintptr_t arena)
{
	uintptr_t at = arena & ~(HEAP_MAX - 1);

	at = at == heap ? arena + STATE_SIZE : heap + (arena - at);
	return (at + CHUNK_ALIGN - 1) & ~(uintptr_t)(CHUNK_ALIGN - 1);
}

static bool main_heap(struct walk *w, const struct mapping *map, struct walk_heap *h)
{
	*h = (struct walk_heap){
		.kind = RGD_HEAP_MAIN, .address = map->low, .size = map->high - map->low};
	if (!is_readable(w, map->low, map->high - map->low))
		return false;
	walk_chunks(h, map->low, map->high, 0);
	return true;
}

static bool thread_heap(struct walk *w, uintptr_t low, struct walk_heap *h)
{
	uintptr_t arena, size;

	if (!is_readable(w, low, HEAP_INFO_MAX))
		return false;
	arena = arena_of(w, low, &size);
	if (!arena || !is_readable(w, low, size))
		return false;
	*h = (struct walk_heap){.kind = RGD_HEAP_THREAD, .address = low, .size = size};
	walk_chunks(h, first_chunk(low, arena), low + size, word_at(arena + STATE_TOP));
	return true;
}

/* All in a mapping: the kernel makes one of neighbours, of two heaps or of a heap and what lies in front of it. */
static void thread_heaps(struct walk *w, const struct mapping *map)
{
	struct walk_heap h;

	if (!map->anonymous || !map->writable)
		return;
	for (uintptr_t low = (map->low + HEAP_MAX - 1) & ~(HEAP_MAX - 1);
	     low < map->high && low >= map->low; low += HEAP_MAX) {
		if (thread_heap(w, low, &h))
			walk_heap(w, &h);
	}
}

struct mapped_sum {
	struct walk *w;
	struct walk_heap heap;
};

/* A chunk that is a mapping of its own: its header lies in front of the block, and both make whole pages. */
static bool add_mapped(const struct live_block *block, void *context)
{
	struct mapped_sum *sum = context;
	uintptr_t chunk = block->address - CHUNK_HEAD, size;

	if (block->size < 4096 || block->address % CHUNK_ALIGN ||
	    !is_readable(sum->w, chunk, CHUNK_HEAD) || !(word_at(chunk + 8) & CHUNK_MAPPED))
		return true;
	size = chunk_size(chunk);
	if ((size + word_at(chunk)) % 4096 || size < block->size)
		return true;
	sum->heap.used_blocks++;
	sum->heap.used += size;
	sum->heap.requested += block->size;
	sum->heap.size += size + word_at(chunk);
	return true;
}

void walk_heap(struct walk *w, const struct walk_heap *heap)
{
	const uint64_t *row = &heap->kind;

	for (unsigned i = 0; i < w->heaps.columns; i++)
		column_put(&w->heaps.column[i], row[i]);
	table_row(&w->writer, &w->heaps);
}

void walk_heaps(struct walk *w)
{
	struct mapped_sum mapped = {.w = w, .heap.kind = RGD_HEAP_MAPPED};
	struct walk_heap h;

	if (!w->map.known || !native_followed ||
	    modules_find((uintptr_t)real.malloc) != modules_find((uintptr_t)&strlen))
		return;
	for (size_t i = 0; i < w->map.count; i++) {
		if (!w->map.maps[i].heap)
			thread_heaps(w, &w->map.maps[i]);
		else if (main_heap(w, &w->map.maps[i], &h))
			walk_heap(w, &h);
	}
	if (!tracking_was_sampled)
		live_each(add_mapped, &mapped);
	if (mapped.heap.used_blocks)
		walk_heap(w, &mapped.heap);
}
