/* references.c - see references.h. */
#include "report/references.h"

#include <stdlib.h>

#include "util/big.h"
#include "util/bits.h"

static int by_of(const void *a, const void *b)
{
	const struct reference *x = a, *y = b;

	if (x->of != y->of)
		return x->of < y->of ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Reverse edges of all objects would cost more than this scan for a few. */
struct error *references_in(const struct model *m, const struct ids *objects,
			    const struct follow *follow, const uint64_t *closed,
			    struct references *ret)
{
	const struct graph *g = &m->graph;
	uint32_t source = 0;

	for (uint32_t e = 0; e < g->nedges; e++) {
		uint32_t target = g->out_target[e];

		if (objects->n == 1
			    ? target != objects->data[0]
			    : !bsearch(&target, objects->data, objects->n, sizeof target, by_id))
			continue;
		if (follow && !follow->pass[g->edge_class[e]])
			continue;
		while (g->out_first[source + 1] <= e)
			source++;
		if (closed && bits_get(closed, source))
			continue;
		if (!VEC_PUSH(&ret->rows, ((struct reference){target, source, e})))
			return error_memory();
	}
	if (ret->rows.n)
		qsort(ret->rows.data, ret->rows.n, sizeof *ret->rows.data, by_of);
	return NULL;
}

struct error *references_out(const struct model *m, const struct ids *objects,
			     const struct follow *follow, struct references *ret)
{
	const struct graph *g = &m->graph;

	for (size_t i = 0; i < objects->n; i++) {
		uint32_t o = objects->data[i];

		for (uint32_t e = g->out_first[o]; e < g->out_first[o + 1]; e++) {
			if (follow && !follow->pass[g->edge_class[e]])
				continue;
			if (!VEC_PUSH(&ret->rows, ((struct reference){o, g->out_target[e], e})))
				return error_memory();
		}
	}
	return NULL;
}

void references_range(const struct references *r, uint32_t of, size_t *first, size_t *end)
{
	size_t low = 0, high = r->rows.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->rows.data[middle].of < of)
			low = middle + 1;
		else
			high = middle;
	}
	*first = *end = low;
	while (*end < r->rows.n && r->rows.data[*end].of == of)
		++*end;
}

struct error *references_counted(struct model *m, uint32_t **ret)
{
	const struct graph *g = &m->graph;
	uint32_t *counted;

	TRY(model_load(m, MODEL_EDGES | MODEL_ROOTS));
	TRY(big_alloc(m->nobjects, sizeof *counted, &counted));
	for (uint32_t e = 0; e < g->nedges; e++)
		counted[g->out_target[e]] += MODEL_CLASS_KIND(g->edge_class[e]) == RGD_EDGE_STRONG;
	for (uint32_t i = 0; i < m->nroots; i++)
		counted[m->roots[i].target] += m->roots[i].kind == RGD_EDGE_STRONG;
	*ret = counted;
	return NULL;
}
