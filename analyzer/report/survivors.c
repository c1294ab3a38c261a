/* survivors.c - see survivors.h. */
#include "report/survivors.h"

#include <stdlib.h>

#include "util/str.h"

#define MERGE_LEAST 65536u /* cells that are gathered before those of one kind become one */

static int by_place(const void *a, const void *b)
{
	const struct survivor_cell *x = a, *y = b;

	if (x->epoch != y->epoch)
		return x->epoch < y->epoch ? -1 : 1;
	return (x->group > y->group) - (x->group < y->group);
}

static void merge(struct survivors *s)
{
	size_t kept = 0;

	if (s->cells.n)
		qsort(s->cells.data, s->cells.n, sizeof *s->cells.data, by_place);
	for (size_t i = 0; i < s->cells.n; i++) {
		const struct survivor_cell *c = &s->cells.data[i];

		if (kept && by_place(&s->cells.data[kept - 1], c) == 0) {
			s->cells.data[kept - 1].count += c->count;
			s->cells.data[kept - 1].bytes += c->bytes;
		} else {
			s->cells.data[kept++] = *c;
		}
	}
	s->cells.n = kept;
}

struct grouping {
	struct model *m;
	struct names *names;
	bool by_site;
	struct ids known; /* by type or by stack + 1: the group's number + 1 */
	struct str text;
};

static struct error *group_of(struct grouping *g, uint32_t o, uint32_t *ret)
{
	struct model *m = g->m;
	uint32_t key = g->by_site ? m->stack[o] : model_type_of(m, o);

	while (g->known.n <= key)
		if (!VEC_PUSH(&g->known, 0))
			return error_memory();
	if (!g->known.data[key]) {
		str_clear(&g->text);
		if (!g->by_site)
			str_add(&g->text, m->types[key].name);
		else if (key && model_site_frame(m, key - 1) != MODEL_NONE)
			model_frame_text(m, model_site_frame(m, key - 1), &g->text);
		else
			str_add(&g->text, "(unknown)");
		*ret = g->text.failed ? NAMES_NONE : names_keep(g->names, str_text(&g->text));
		if (*ret == NAMES_NONE)
			return error_memory();
		g->known.data[key] = *ret + 1;
	}
	*ret = g->known.data[key] - 1;
	return NULL;
}

static bool is_chosen(const struct survivor_choice *c, const struct model *m, uint32_t o)
{
	return m->epoch[o] >= c->first && m->epoch[o] < c->end &&
	       (!c->universe || universe_has(c->universe, m, o)) &&
	       (!c->where || where_test(c->where, o));
}

struct error *survivors_count(struct model *m, const struct survivor_choice *choice,
			      struct names *names, struct survivors *ret)
{
	struct grouping g = {.m = m, .names = names, .by_site = choice->by_site};
	size_t merged = 0;
	struct error *e;

	*ret = (struct survivors){0};
	e = model_load(m, MODEL_SITES | MODEL_FLAGS | MODEL_EPOCH | MODEL_SIZE);
	for (uint32_t o = 0; o < m->nobjects && !e; o++) {
		struct survivor_cell cell = {.bytes = m->size[o]};

		if (!is_chosen(choice, m, o))
			continue;
		cell.epoch = m->epoch[o];
		cell.count = !(m->flags[o] & RGD_OBJ_F_INTERNAL);
		e = group_of(&g, o, &cell.group);
		if (!e && !VEC_PUSH(&ret->cells, cell))
			e = error_memory();
		if (ret->cells.n > 2 * merged + MERGE_LEAST) {
			merge(ret);
			merged = ret->cells.n;
		}
	}
	merge(ret);
	VEC_FREE(&g.known);
	str_free(&g.text);
	return e;
}

void survivors_deinit(struct survivors *s)
{
	VEC_FREE(&s->cells);
}
