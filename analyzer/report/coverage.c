/* coverage.c - see coverage.h. */
#include "report/coverage.h"

#include <stdlib.h>

#include "report/edge_name.h"

/* By row and type: how many. */
struct counts {
	uint64_t *of[COVERAGE_ROWS];
	size_t room; /* types */
};

static void counts_deinit(struct counts *c)
{
	for (unsigned row = 0; row < COVERAGE_ROWS; row++)
		free(c->of[row]);
}

/* All types exist once each object was asked for its own. */
static struct error *counts_init(struct counts *c, struct model *m)
{
	for (uint32_t i = 0; i < m->nobjects; i++)
		model_type_of(m, i);
	*c = (struct counts){.room = m->nall_types + 1};
	for (unsigned row = 0; row < COVERAGE_ROWS; row++) {
		c->of[row] = calloc(c->room, sizeof *c->of[row]);
		if (!c->of[row]) {
			counts_deinit(c);
			return error_memory();
		}
	}
	return NULL;
}

static void count(struct coverage *r, struct counts *c, struct model *m, unsigned row,
		  uint32_t object, uint64_t bytes)
{
	uint32_t type = model_type_of(m, object);

	r->row[row].count++;
	r->row[row].bytes += bytes;
	if (type < c->room)
		c->of[row][type]++;
}

static void find_most(struct coverage *r, const struct counts *c, unsigned row)
{
	for (uint32_t type = 0; type < c->room; type++) {
		uint64_t n = c->of[row][type];
		unsigned at = COVERAGE_MOST;

		while (at > 0 && n > r->row[row].most[at - 1].count)
			at--;
		if (at == COVERAGE_MOST)
			continue;
		for (unsigned k = COVERAGE_MOST - 1; k > at; k--)
			r->row[row].most[k] = r->row[row].most[k - 1];
		r->row[row].most[at].type = type;
		r->row[row].most[at].count = n;
	}
}

static unsigned object_row(struct model *m, uint32_t object)
{
	enum type_source source = model_type_source(m, object);

	return source == SOURCE_FUNCTION && !m->stack[object] ? COVERAGE_UNKNOWN : source;
}

static unsigned edge_row(struct model *m, const struct edge *e, struct str *s)
{
	str_clear(s);
	if (edge_field(m, e, false, s))
		return COVERAGE_FIELD;
	if (e->kind == RGD_EDGE_CONSERVATIVE)
		return COVERAGE_GUESS;
	if (e->class == RGD_LABEL_OFFSET)
		return COVERAGE_OFFSET;
	return e->class == RGD_LABEL_NONE ? COVERAGE_BARE : COVERAGE_NAMED;
}

static struct error *count_edges(struct coverage *r, struct counts *c, struct model *m)
{
	struct str s = {0};
	struct error *err = NULL;

	for (uint32_t i = 0; i < m->nobjects && !err; i++)
		for (uint32_t k = m->graph.out_first[i]; k < m->graph.out_first[i + 1]; k++) {
			struct edge e;

			if ((err = model_edge(m, i, k, &e)))
				break;
			count(r, c, m, edge_row(m, &e, &s), i, 0);
		}
	str_free(&s);
	return err;
}

struct error *coverage_collect(struct model *m, struct coverage *r)
{
	struct counts c;
	struct error *e;

	*r = (struct coverage){0};
	TRY(model_load(m, MODEL_REPR | MODEL_SIZE | MODEL_EDGES | MODEL_LABELS));
	model_infer(m);
	TRY(counts_init(&c, m));
	for (uint32_t i = 0; i < m->nobjects; i++) {
		count(r, &c, m, object_row(m, i), i, m->size[i]);
		r->bytes += m->size[i];
	}
	r->objects = m->nobjects;
	r->edges = m->nedges;
	e = count_edges(r, &c, m);
	for (unsigned row = 0; row < COVERAGE_ROWS; row++)
		find_most(r, &c, row);
	counts_deinit(&c);
	return e;
}
