/* references.c - see references.h. */
#include "report/references.h"

#include <stdlib.h>

#include "dump/index.h"
#include "util/big.h"
#include "util/bits.h"

static int by_of(const void *a, const void *b)
{
	const struct reference *x = a, *y = b;

	if (x->of != y->of)
		return x->of < y->of ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static uint64_t references_to(const struct reverse *reverse, const struct ids *objects)
{
	uint64_t n = 0;

	for (size_t i = 0; i < objects->n; i++)
		n += reverse->in_first[objects->data[i] + 1] - reverse->in_first[objects->data[i]];
	return n;
}

struct error *references_sources(struct model *m, const struct ids *objects, struct ids *ret,
				 bool *known)
{
	struct reverse reverse;
	bool fits = true;

	*known = index_take_reverse(model_index(m), false, &reverse);
	if (!*known)
		return NULL;
	*known = references_to(&reverse, objects) <= m->nedges / 16;
	for (size_t i = 0; *known && i < objects->n && fits; i++)
		for (uint32_t k = reverse.in_first[objects->data[i]];
		     k < reverse.in_first[objects->data[i] + 1] && fits; k++)
			fits = VEC_PUSH(ret, reverse.in_source[k]);
	reverse_deinit(&reverse);
	if (fits) {
		ids_sort_unique(ret, 0);
		return NULL;
	}
	VEC_FREE(ret);
	return error_memory();
}

struct scan {
	const struct model *m;
	const struct ids *objects;
	const struct follow *follow;
	const uint64_t *closed;
	struct references *ret;
};

/* Of edges [e, end), the first of which is of `source` or an object behind it. */
static struct error *scan(const struct scan *s, uint32_t e, uint32_t end, uint32_t source)
{
	const struct graph *g = &s->m->graph;
	const struct ids *objects = s->objects;

	for (; e < end; e++) {
		uint32_t target = g->out_target[e];

		if (objects->n == 1 ? target != objects->data[0]
				    : !bsearch(&target, objects->data, objects->n, sizeof target,
					       ids_compare))
			continue;
		if (s->follow && !s->follow->pass[g->edge_class[e]])
			continue;
		while (g->out_first[source + 1] <= e)
			source++;
		if (s->closed && bits_get(s->closed, source))
			continue;
		if (!VEC_PUSH(&s->ret->rows, ((struct reference){target, source, e})))
			return error_memory();
	}
	return NULL;
}

/* Turning all edges round would cost more than a scan of them for a few objects, unless an index has it done. */
struct error *references_in(struct model *m, const struct ids *objects, const struct follow *follow,
			    const uint64_t *closed, struct references *ret)
{
	const struct graph *g = &m->graph;
	struct scan s = {m, objects, follow, closed, ret};
	struct ids sources = {0};
	bool known;

	TRY(references_sources(m, objects, &sources, &known));
	if (!known)
		TRY(scan(&s, 0, g->nedges, 0));
	for (size_t i = 0; i < sources.n; i++) {
		uint32_t o = sources.data[i];
		struct error *e = scan(&s, g->out_first[o], g->out_first[o + 1], o);

		if (e) {
			VEC_FREE(&sources);
			return e;
		}
	}
	VEC_FREE(&sources);
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
