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
					    [RGD_HEAP_MAPPED] = "mapped",
					    [RGD_HEAP_HUGE] = "huge",
					    [RGD_HEAP_CACHED] = "cached"};

	return kind < COLUMNS(names) && names[kind] ? names[kind] : "other";
}

enum {
	HEAP_NAME,
	HEAP_ADDRESS,
	HEAP_SIZE,
	HEAP_USED,
	HEAP_BLOCKS,
	HEAP_REQUESTED,
	HEAP_FREE,
	HEAP_CHUNKS,
	HEAP_KEPT,
	HEAP_KEPT_CHUNKS,
	HEAP_TOP,
	HEAP_TOP_RSS
};

static const struct column heap_columns[] = {
	[HEAP_NAME] = {"heap", "HEAP", CELL_TEXT,
		       .about = "main, thread (of another arena), mapped (all blocks that are "
				"mappings of their own); of PHP: huge, cached (an empty chunk)"},
	[HEAP_ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "where it begins"},
	[HEAP_SIZE] = {"size", "SIZE", CELL_SIZE, .about = "bytes of address space"},
	[HEAP_USED] = {"used", "USED", CELL_SIZE, .about = "bytes of live blocks, with headers"},
	[HEAP_BLOCKS] = {"blocks", "BLOCKS", CELL_NUMBER, .about = "live blocks"},
	[HEAP_REQUESTED] = {"requested", "REQUESTED", CELL_SIZE, .hidden = true,
			    .about = "bytes that the program asked for"},
	[HEAP_FREE] = {"free", "FREE", CELL_SIZE, .about = "bytes free between live blocks"},
	[HEAP_CHUNKS] = {"free_chunks", "CHUNKS", CELL_NUMBER, .about = "in as many pieces"},
	[HEAP_KEPT] = {"kept", "KEPT", CELL_SIZE,
		       .about = "bytes kept for the next request of their size (tcache, fast "
				"bins), or allocated unseen"},
	[HEAP_KEPT_CHUNKS] = {"kept_chunks", "KEPT CHUNKS", CELL_NUMBER, .hidden = true,
			      .about = "in as many pieces"},
	[HEAP_TOP] = {"top", "TOP", CELL_SIZE,
		      .about = "bytes free at the end: what can go back to the system"},
	[HEAP_TOP_RSS] = {"top_rss", "TOP RSS", CELL_SIZE, .about = "of them in memory"},
};

struct error *memory_print_heaps(struct context *c, const struct model *m)
{
	struct table *t;

	TRY(table_create(heap_columns, COLUMNS(heap_columns), &t));
	for (uint32_t i = 0; i < m->nheaps; i++) {
		const struct heap *h = &m->heaps[i];

		if (h->kind > RGD_HEAP_MAPPED && h->kind != RGD_HEAP_HUGE &&
		    h->kind != RGD_HEAP_CACHED)
			continue;
		table_row(t);
		table_text(t, HEAP_NAME, heap_kind(h->kind));
		if (h->address)
			table_number(t, HEAP_ADDRESS, h->address);
		table_number(t, HEAP_SIZE, h->size);
		table_number(t, HEAP_USED, h->used);
		table_number(t, HEAP_BLOCKS, h->used_blocks);
		table_number(t, HEAP_REQUESTED, h->requested);
		table_number(t, HEAP_FREE, h->free);
		table_number(t, HEAP_CHUNKS, h->free_chunks);
		table_number(t, HEAP_KEPT, h->kept);
		table_number(t, HEAP_KEPT_CHUNKS, h->kept_chunks);
		table_number(t, HEAP_TOP, h->top);
		if (h->top_resident)
			table_number(t, HEAP_TOP_RSS, h->top_resident - 1);
	}
	return finish(c, t);
}

enum {
	ARENA_ADDRESS,
	ARENA_SIZE,
	ARENA_USED,
	ARENA_BLOCKS,
	ARENA_FREE,
	ARENA_FREE_BLOCKS,
	ARENA_FREE_POOLS,
	ARENA_TOP,
	ARENA_PINNED,
	ARENA_SITE
};

static const struct column arena_columns[] = {
	[ARENA_ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "where it begins"},
	[ARENA_SIZE] = {"size", "SIZE", CELL_SIZE, .about = "its bytes"},
	[ARENA_USED] = {"used", "USED", CELL_SIZE, .about = "bytes of live blocks"},
	[ARENA_BLOCKS] = {"blocks", "BLOCKS", CELL_NUMBER, .about = "live blocks"},
	[ARENA_FREE] = {"free", "FREE", CELL_SIZE,
			.about = "bytes of free blocks in partly used pools"},
	[ARENA_FREE_BLOCKS] = {"free_blocks", "FREE BLOCKS", CELL_NUMBER, .hidden = true,
			       .about = "how many of them"},
	[ARENA_FREE_POOLS] = {"free_pools", "FREE POOLS", CELL_SIZE,
			      .about = "bytes of pools in which nothing lives any more"},
	[ARENA_TOP] = {"top", "NEVER USED", CELL_SIZE, .about = "bytes that no pool was made of"},
	[ARENA_PINNED] = {"pinned", "PINNED", CELL_BOOL,
			  .about = "less than a tenth is live: little keeps the arena"},
	[ARENA_SITE] = {"site", "SITE", CELL_TEXT, .about = "the place that made most of it"},
};

struct error *memory_print_arenas(struct context *c, const struct model *m,
				  const struct memory *memory)
{
	struct str place = {0};
	struct table *t;
	struct error *e = NULL;

	TRY(table_create(arena_columns, COLUMNS(arena_columns), &t));
	for (size_t i = 0; i < memory->arenas.list.n && !e; i++) {
		const struct arena *a = &memory->arenas.list.data[i];

		e = memory_place_of_arena(m, a, &place);
		table_row(t);
		table_number(t, ARENA_ADDRESS, a->address);
		table_number(t, ARENA_SIZE, a->size);
		table_number(t, ARENA_USED, a->heap ? a->heap->used : a->live);
		table_number(t, ARENA_BLOCKS, a->heap ? a->heap->used_blocks : a->objects);
		if (a->heap) {
			table_number(t, ARENA_FREE, a->heap->free);
			table_number(t, ARENA_FREE_BLOCKS, a->heap->free_chunks);
			table_number(t, ARENA_FREE_POOLS, a->heap->kept);
			table_number(t, ARENA_TOP, a->heap->top);
		}
		table_number(t, ARENA_PINNED, arena_is_pinned(a));
		table_text(t, ARENA_SITE, str_text(&place));
	}
	str_free(&place);
	if (e) {
		table_destroy(t);
		return e;
	}
	return finish(c, t);
}

enum { CLASS_BLOCK, CLASS_POOLS, CLASS_BLOCKS, CLASS_USED, CLASS_FREE_BLOCKS, CLASS_FREE };

static const struct column class_columns[] = {
	[CLASS_BLOCK] = {"block", "BLOCK", CELL_NUMBER, .about = "bytes of a block"},
	[CLASS_POOLS] = {"pools", "POOLS", CELL_SIZE,
			 .about = "bytes of the pools in which such blocks live"},
	[CLASS_BLOCKS] = {"blocks", "BLOCKS", CELL_NUMBER, .about = "live blocks"},
	[CLASS_USED] = {"used", "USED", CELL_SIZE, .about = "their bytes"},
	[CLASS_FREE_BLOCKS] = {"free_blocks", "FREE BLOCKS", CELL_NUMBER,
			       .about = "free blocks in these pools"},
	[CLASS_FREE] = {"free", "FREE", CELL_SIZE, .about = "their bytes"},
};

struct error *memory_print_classes(struct context *c, const struct model *m)
{
	struct table *t;

	TRY(table_create(class_columns, COLUMNS(class_columns), &t));
	for (uint32_t i = 0; i < m->nheaps; i++) {
		const struct heap *h = &m->heaps[i];

		if (h->kind != RGD_HEAP_CLASS && h->kind != RGD_HEAP_BIN)
			continue;
		table_row(t);
		table_number(t, CLASS_BLOCK, h->address);
		table_number(t, CLASS_POOLS, h->size);
		table_number(t, CLASS_BLOCKS, h->used_blocks);
		table_number(t, CLASS_USED, h->used);
		table_number(t, CLASS_FREE_BLOCKS, h->free_chunks);
		table_number(t, CLASS_FREE, h->free);
	}
	return finish(c, t);
}
const struct record heap_record = {COLUMNS_OF(heap_columns)};
const struct record arena_record = {COLUMNS_OF(arena_columns)};
const struct record class_record = {COLUMNS_OF(class_columns)};
