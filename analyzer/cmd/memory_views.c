/* memory_views.c - see memory_views.h. */
#include "cmd/memory_views.h"

#include "report/memory_words.h"

#define COLUMNS(c) (sizeof(c) / sizeof *(c))

static struct error *finish(struct context *c, struct table *t)
{
	struct error *e = table_print(t, &c->style, stdout);

	table_destroy(t);
	return e;
}

static const char *heap_kind(unsigned kind)
{
	static const char *const names[] = {[RGD_HEAP_MAIN] = "main",
					    [RGD_HEAP_THREAD] = "thread",
					    [RGD_HEAP_MAPPED] = "mapped"};

	return kind && kind < COLUMNS(names) ? names[kind] : "other";
}

struct error *memory_print_heaps(struct context *c, const struct model *m)
{
	enum {
		HEAP,
		ADDRESS,
		SIZE,
		USED,
		BLOCKS,
		REQUESTED,
		FREE,
		CHUNKS,
		KEPT,
		KEPT_CHUNKS,
		TOP,
		TOP_RSS
	};
	static const struct column columns[] = {
		[HEAP] = {"heap", "HEAP", CELL_TEXT,
			  .about = "main, thread (of another arena), mapped (all blocks that are "
				   "mappings of their own)"},
		[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "where it begins"},
		[SIZE] = {"size", "SIZE", CELL_SIZE, .about = "bytes of address space"},
		[USED] = {"used", "USED", CELL_SIZE, .about = "bytes of live blocks, with headers"},
		[BLOCKS] = {"blocks", "BLOCKS", CELL_NUMBER, .about = "live blocks"},
		[REQUESTED] = {"requested", "REQUESTED", CELL_SIZE, .hidden = true,
			       .about = "bytes that the program asked for"},
		[FREE] = {"free", "FREE", CELL_SIZE, .about = "bytes free between live blocks"},
		[CHUNKS] = {"free_chunks", "CHUNKS", CELL_NUMBER, .about = "in as many pieces"},
		[KEPT] = {"kept", "KEPT", CELL_SIZE,
			  .about = "bytes kept for the next request of their size (tcache, fast "
				   "bins), or allocated unseen"},
		[KEPT_CHUNKS] = {"kept_chunks", "KEPT CHUNKS", CELL_NUMBER, .hidden = true,
				 .about = "in as many pieces"},
		[TOP] = {"top", "TOP", CELL_SIZE,
			 .about = "bytes free at the end: what can go back to the system"},
		[TOP_RSS] = {"top_rss", "TOP RSS", CELL_SIZE, .about = "of them in memory"},
	};
	struct table *t;

	TRY(table_create(columns, COLUMNS(columns), &t));
	for (uint32_t i = 0; i < m->nheaps; i++) {
		const struct heap *h = &m->heaps[i];

		if (h->kind > RGD_HEAP_MAPPED)
			continue;
		table_row(t);
		table_text(t, HEAP, heap_kind(h->kind));
		if (h->address)
			table_number(t, ADDRESS, h->address);
		table_number(t, SIZE, h->size);
		table_number(t, USED, h->used);
		table_number(t, BLOCKS, h->used_blocks);
		table_number(t, REQUESTED, h->requested);
		table_number(t, FREE, h->free);
		table_number(t, CHUNKS, h->free_chunks);
		table_number(t, KEPT, h->kept);
		table_number(t, KEPT_CHUNKS, h->kept_chunks);
		table_number(t, TOP, h->top);
		if (h->top_resident)
			table_number(t, TOP_RSS, h->top_resident - 1);
	}
	return finish(c, t);
}

struct error *memory_print_arenas(struct context *c, const struct model *m,
				  const struct memory *memory)
{
	enum { ADDRESS, SIZE, USED, BLOCKS, FREE, FREE_BLOCKS, FREE_POOLS, TOP, PINNED, SITE };
	static const struct column columns[] = {
		[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "where it begins"},
		[SIZE] = {"size", "SIZE", CELL_SIZE, .about = "its bytes"},
		[USED] = {"used", "USED", CELL_SIZE, .about = "bytes of live blocks"},
		[BLOCKS] = {"blocks", "BLOCKS", CELL_NUMBER, .about = "live blocks"},
		[FREE] = {"free", "FREE", CELL_SIZE,
			  .about = "bytes of free blocks in partly used pools"},
		[FREE_BLOCKS] = {"free_blocks", "FREE BLOCKS", CELL_NUMBER, .hidden = true,
				 .about = "how many of them"},
		[FREE_POOLS] = {"free_pools", "FREE POOLS", CELL_SIZE,
				.about = "bytes of pools in which nothing lives any more"},
		[TOP] = {"top", "NEVER USED", CELL_SIZE, .about = "bytes that no pool was made of"},
		[PINNED] = {"pinned", "PINNED", CELL_BOOL,
			    .about = "less than a tenth is live: little keeps the arena"},
		[SITE] = {"site", "SITE", CELL_TEXT, .about = "the place that made most of it"},
	};
	struct str place = {0};
	struct table *t;
	struct error *e = NULL;

	TRY(table_create(columns, COLUMNS(columns), &t));
	for (size_t i = 0; i < memory->arenas.list.n && !e; i++) {
		const struct arena *a = &memory->arenas.list.data[i];

		e = memory_place_of_arena(m, a, &place);
		table_row(t);
		table_number(t, ADDRESS, a->address);
		table_number(t, SIZE, a->size);
		table_number(t, USED, a->heap ? a->heap->used : a->live);
		table_number(t, BLOCKS, a->heap ? a->heap->used_blocks : a->objects);
		if (a->heap) {
			table_number(t, FREE, a->heap->free);
			table_number(t, FREE_BLOCKS, a->heap->free_chunks);
			table_number(t, FREE_POOLS, a->heap->kept);
			table_number(t, TOP, a->heap->top);
		}
		table_number(t, PINNED, arena_is_pinned(a));
		table_text(t, SITE, str_text(&place));
	}
	str_free(&place);
	if (e) {
		table_destroy(t);
		return e;
	}
	return finish(c, t);
}

struct error *memory_print_classes(struct context *c, const struct model *m)
{
	enum { BLOCK, POOLS, BLOCKS, USED, FREE_BLOCKS, FREE };
	static const struct column columns[] = {
		[BLOCK] = {"block", "BLOCK", CELL_NUMBER, .about = "bytes of a block"},
		[POOLS] = {"pools", "POOLS", CELL_SIZE,
			   .about = "bytes of the pools in which such blocks live"},
		[BLOCKS] = {"blocks", "BLOCKS", CELL_NUMBER, .about = "live blocks"},
		[USED] = {"used", "USED", CELL_SIZE, .about = "their bytes"},
		[FREE_BLOCKS] = {"free_blocks", "FREE BLOCKS", CELL_NUMBER,
				 .about = "free blocks in these pools"},
		[FREE] = {"free", "FREE", CELL_SIZE, .about = "their bytes"},
	};
	struct table *t;

	TRY(table_create(columns, COLUMNS(columns), &t));
	for (uint32_t i = 0; i < m->nheaps; i++) {
		const struct heap *h = &m->heaps[i];

		if (h->kind != RGD_HEAP_CLASS)
			continue;
		table_row(t);
		table_number(t, BLOCK, h->address);
		table_number(t, POOLS, h->size);
		table_number(t, BLOCKS, h->used_blocks);
		table_number(t, USED, h->used);
		table_number(t, FREE_BLOCKS, h->free_chunks);
		table_number(t, FREE, h->free);
	}
	return finish(c, t);
}
