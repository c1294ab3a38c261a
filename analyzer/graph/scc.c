/*
 * scc.c - Pearce's variant of Tarjan's algorithm. One word per node, `index`, is in turn: 0 not met; the smallest number
 * reachable while the node is open; and at last, counted down from the top, the number of its component. Components are
 * numbered in the order in which they close, which is the reverse of a topological order.
 */
#include "graph/scc.h"

#include <stdlib.h>

#include "util/progress.h"

struct search {
	const struct graph *g;
	const struct follow *follow;
	uint32_t *index;
	uint32_t *path;	  /* nodes from the start of the search to the current one */
	uint32_t *cursor; /* next edge of each node on the path */
	uint32_t *open;	  /* nodes met whose component is not closed, that left the path */
	uint32_t depth, nopen, next, closed;
};

#define CLOSED_TOP 0xffffffffu

static void enter(struct search *s, uint32_t node, uint32_t *low)
{
	s->path[s->depth] = node;
	s->cursor[s->depth] = s->g->out_first[node];
	s->index[node] = s->next;
	low[s->depth++] = s->next++;
}

/* All nodes of `node`'s component: itself and what was left open with a number not below its own. */
static void close_component(struct search *s, uint32_t node)
{
	uint32_t number = s->index[node], mark = CLOSED_TOP - s->closed++;

	s->next--;
	while (s->nopen && s->index[s->open[s->nopen - 1]] >= number) {
		s->index[s->open[--s->nopen]] = mark;
		s->next--;
	}
	s->index[node] = mark;
}

/* `low` keeps each path node's own number: when index[] fell below it, the node is not the first of its component. */
static void search_from(struct search *s, uint32_t start, uint32_t *low)
{
	const struct graph *g = s->g;

	enter(s, start, low);
	while (s->depth) {
		uint32_t d = s->depth - 1, node = s->path[d], end = g->out_first[node + 1],
			 edge = s->cursor[d];

		for (; edge < end; edge++) {
			uint32_t to = g->out_target[edge];

			if (s->follow && !s->follow->pass[g->edge_class[edge]])
				continue;
			if (!s->index[to])
				break;
			if (s->index[to] < s->index[node])
				s->index[node] = s->index[to];
		}
		if (edge < end) {
			s->cursor[d] =
				edge; /* looked at again when the target is done: then its index counts */
			enter(s, g->out_target[edge], low);
			continue;
		}
		s->depth--;
		if (s->index[node] == low[d])
			close_component(s, node);
		else
			s->open[s->nopen++] = node;
	}
}

static struct error *finish(struct search *s, struct components *ret)
{
	ret->count = s->closed;
	ret->of = s->index;
	ret->size = calloc(s->closed + 1u, sizeof *ret->size);
	if (!ret->size)
		return error_memory();
	for (uint32_t v = 0; v < s->g->nnodes; v++) {
		s->index[v] = CLOSED_TOP - s->index[v];
		ret->size[s->index[v]]++;
	}
	s->index = NULL;
	return NULL;
}

struct error *components_compute(const struct graph *graph, const struct follow *follow,
				 struct components *ret)
{
	size_t n = (size_t)graph->nnodes + 1;
	struct search s = {.g = graph, .follow = follow, .next = 1};
	uint32_t *low = malloc(n * sizeof *low);
	const char *outer = progress_begin("finding cycles");
	struct error *error = error_memory();

	*ret = (struct components){0};
	s.index = calloc(n, sizeof *s.index);
	s.path = malloc(n * sizeof *s.path);
	s.cursor = malloc(n * sizeof *s.cursor);
	s.open = malloc(n * sizeof *s.open);
	if (low && s.index && s.path && s.cursor && s.open) {
		for (uint32_t v = 0; v < graph->nnodes; v++)
			if (!s.index[v])
				search_from(&s, v, low);
		error = finish(&s, ret);
	}
	free(low);
	free(s.index);
	free(s.path);
	free(s.cursor);
	free(s.open);
	progress_end(outer);
	return error;
}

void components_deinit(struct components *components)
{
	free(components->of);
	free(components->size);
	*components = (struct components){0};
}

bool components_cyclic(const struct components *components, const struct graph *graph,
		       const struct follow *follow, uint32_t node)
{
	if (components->size[components->of[node]] > 1)
		return true;
	for (uint32_t e = graph->out_first[node]; e < graph->out_first[node + 1]; e++)
		if (graph->out_target[e] == node && (!follow || follow->pass[graph->edge_class[e]]))
			return true;
	return false;
}
