/* memory_pools.c - `refgraph memory --by pool`: what pools hold, and how much of it their blocks use. */
#include <stdlib.h>
#include <string.h>

#include "cmd/memory_views.h"

enum { KIND, NAME, COUNT, ADDRESS, PARENT, BLOCKS, USED, PIECES, HELD, FREE, SHARE, SITE };

static const struct column columns[] = {
	[KIND] = {"kind", "KIND", CELL_TEXT,
		  .about = "annotated (refgraph.h), apr, talloc, obstack"},
	[NAME] = {"name", "POOL", CELL_TEXT, .about = "its name"},
	[COUNT] = {"pools", "POOLS", CELL_NUMBER, .about = "how many pools the row is about"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "what the pool is known by"},
	[PARENT] = {"parent", "PARENT", CELL_TEXT, .about = "name of the pool that it is part of"},
	[BLOCKS] = {"blocks", "BLOCKS", CELL_NUMBER, .about = "live blocks"},
	[USED] = {"used", "USED", CELL_SIZE, .about = "their bytes"},
	[PIECES] = {"pieces", "PIECES", CELL_NUMBER,
		    .about = "blocks of malloc, or mappings, that they lie in"},
	[HELD] = {"held", "HELD", CELL_SIZE, .about = "bytes of these"},
	[FREE] = {"free", "FREE", CELL_SIZE, .about = "bytes of them that no block uses"},
	[SHARE] = {"free_share", "FREE %", CELL_NUMBER, .about = "the same, of a hundred"},
	[SITE] = {"site", "CREATED BY", CELL_TEXT, .about = "the place that created it"},
};

static const char *kind_name(unsigned kind)
{
	static const char *const names[] = {[RGD_POOL_ANNOTATED] = "annotated",
					    [RGD_POOL_APR] = "apr",
					    [RGD_POOL_TALLOC] = "talloc",
					    [RGD_POOL_OBSTACK] = "obstack"};

	return kind && kind < sizeof names / sizeof *names ? names[kind] : "other";
}

/* Pools of one kind and name become one. */
struct group {
	struct pool sum;
	uint64_t pools;
};

static int by_name(const void *left, const void *right)
{
	const struct group *a = left, *b = right;

	if (a->sum.kind != b->sum.kind)
		return a->sum.kind < b->sum.kind ? -1 : 1;
	return a->sum.name < b->sum.name ? -1 : a->sum.name > b->sum.name;
}

static void group_add(struct pool *sum, const struct pool *p)
{
	sum->blocks += p->blocks;
	sum->bytes += p->bytes;
	sum->pieces += p->pieces;
	sum->held += p->held;
	if (sum->parent != p->parent)
		sum->parent = MODEL_NONE;
	if (sum->stack != p->stack)
		sum->stack = MODEL_NONE;
}

static size_t merge(struct group *groups, size_t n)
{
	size_t used = 0;

	qsort(groups, n, sizeof *groups, by_name);
	for (size_t i = 0; i < n; i++) {
		if (!used || by_name(&groups[used - 1], &groups[i])) {
			groups[used++] = groups[i];
			continue;
		}
		group_add(&groups[used - 1].sum, &groups[i].sum);
		groups[used - 1].pools++;
	}
	return used;
}

static int by_held(const void *left, const void *right)
{
	const struct pool *a = &((const struct group *)left)->sum,
			  *b = &((const struct group *)right)->sum;

	if (a->held != b->held)
		return a->held > b->held ? -1 : 1;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return a->address < b->address ? -1 : a->address > b->address;
}

static void print_site(struct table *t, const struct model *m, const struct pool *p)
{
	uint32_t frame = p->stack == MODEL_NONE ? MODEL_NONE : model_site_frame(m, p->stack);
	struct str text = {0};

	if (frame != MODEL_NONE)
		model_frame_text(m, frame, &text);
	table_text(t, SITE, str_text(&text));
	str_free(&text);
}

static void print_row(struct table *t, const struct model *m, const struct group *g)
{
	const struct pool *p = &g->sum;

	table_row(t);
	table_text(t, KIND, kind_name(p->kind));
	table_text(t, NAME, model_string(m, p->name));
	table_number(t, COUNT, g->pools);
	if (g->pools == 1)
		table_number(t, ADDRESS, p->address);
	if (p->parent != MODEL_NONE)
		table_text(t, PARENT, model_string(m, m->pools[p->parent].name));
	table_number(t, BLOCKS, p->blocks);
	table_number(t, USED, p->bytes);
	table_number(t, PIECES, p->pieces);
	table_number(t, HELD, p->held);
	if (p->held >= p->bytes && p->held) {
		table_number(t, FREE, p->held - p->bytes);
		table_number(t, SHARE,
			     (uint64_t)((double)(p->held - p->bytes) * 100 / (double)p->held));
	}
	print_site(t, m, p);
}

struct error *memory_print_pools(struct context *c, struct model *m, bool by_name_alone)
{
	struct group *groups;
	struct table *t;
	struct error *e;
	size_t n;

	TRY(model_load(m, MODEL_POOLS));
	TRY(table_create(columns, sizeof columns / sizeof *columns, &t));
	n = m->npools;
	groups = calloc(n + 1, sizeof *groups);
	for (size_t i = 0; groups && i < n; i++)
		groups[i] = (struct group){m->pools[i], 1};
	if (groups && by_name_alone)
		n = merge(groups, n);
	if (groups)
		qsort(groups, n, sizeof *groups, by_held);
	for (size_t i = 0; groups && i < n; i++)
		print_row(t, m, &groups[i]);
	e = groups ? table_print(t, &c->style, stdout) : error_memory();
	free(groups);
	table_destroy(t);
	return e;
}

const struct record pool_record = {COLUMNS_OF(columns)};
