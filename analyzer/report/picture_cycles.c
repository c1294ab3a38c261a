/* picture_cycles.c - see picture_cycles.h. */
#include "report/picture_cycles.h"

#include <stdlib.h>

#include "graph/scc.h"

struct arrays {
	uint32_t *first, *target;
	uint8_t *class;
};

static bool holds(const struct drawing_edge *edge)
{
	return edge->style != EDGE_WEAK && edge->style != EDGE_BORROWED;
}

static struct error *make_graph(const struct drawing *d, struct arrays *a, struct graph *ret)
{
	a->first = calloc(d->node_count + 2, sizeof *a->first);
	a->target = calloc(d->edge_count + 1, sizeof *a->target);
	a->class = calloc(d->edge_count + 1, sizeof *a->class);
	if (!a->first || !a->target || !a->class)
		return error_memory();
	for (size_t i = 0; i < d->edge_count; i++)
		a->first[d->edges[i].from + 2] += holds(&d->edges[i]);
	for (size_t i = 2; i < d->node_count + 2; i++)
		a->first[i] += a->first[i - 1];
	for (size_t i = 0; i < d->edge_count; i++)
		if (holds(&d->edges[i]))
			a->target[a->first[d->edges[i].from + 1]++] = d->edges[i].to;
	*ret = (struct graph){.nnodes = (uint32_t)d->node_count,
			      .nedges = a->first[d->node_count],
			      .out_first = a->first,
			      .out_target = a->target,
			      .edge_class = a->class};
	return NULL;
}

/* Numbers in order of the nodes. */
static struct error *number_cycles(struct drawing *d, const struct components *c)
{
	uint32_t *number = calloc((size_t)c->count + 1, sizeof *number), last = 0;

	if (!number)
		return error_memory();
	for (size_t i = 0; i < d->node_count; i++) {
		uint32_t of = c->of[i];

		if (c->size[of] < 2)
			continue;
		if (!number[of])
			number[of] = ++last;
		d->nodes[i].cycle = number[of];
	}
	free(number);
	return NULL;
}

struct error *picture_cycles(struct drawing *d)
{
	struct arrays arrays = {0};
	struct components components = {0};
	struct graph graph;
	struct error *e = make_graph(d, &arrays, &graph);

	if (!e)
		e = components_compute(&graph, NULL, &components);
	if (!e)
		e = number_cycles(d, &components);
	components_deinit(&components);
	free(arrays.first);
	free(arrays.target);
	free(arrays.class);
	return e;
}
