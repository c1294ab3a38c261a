/*
 * dominators.c - SEMI-NCA over a graph with a virtual root.
 *
 * Everything after the depth-first search works on preorder numbers, not nodes: number 0 is the virtual root, number i the
 * i-th node met. In these numbers parents are smaller than children, and the predecessor lists that the second pass walks
 * lie in the order in which it walks them.
 */
#include "dominators.h"

#include <stdlib.h>
#include <string.h>

struct work {
	const struct dominators_graph *g;
	uint32_t count;     /* preorder numbers used, the virtual root included */
	uint32_t *number;   /* node -> preorder number, 0 = not met */
	uint32_t *node;     /* preorder number -> node */
	uint32_t *parent;   /* in the depth-first tree; later the path-compressed ancestor */
	uint32_t *semi;
	uint32_t *label;    /* number of minimal semidominator on the compressed path */
	uint32_t *idom;
	uint32_t *pred_off; /* predecessors of each number, in CSR */
	uint32_t *pred;
	uint32_t *stack;
};

static bool edge_skipped(const struct dominators_graph *g, uint32_t edge)
{
	return g->skip && (g->skip[edge >> 6] >> (edge & 63) & 1);
}

static void *array(size_t n)
{
	return malloc((n ? n : 1) * sizeof(uint32_t));
}

/* Numbers `root` and everything behind it that has no number yet. `cursor` holds, per number, the next edge to look at. */
static void search_from(struct work *w, uint32_t root, uint32_t *cursor)
{
	const struct dominators_graph *g = w->g;
	uint32_t top = w->count;

	w->number[root] = w->count;
	w->node[w->count] = root;
	w->parent[w->count] = 0;
	cursor[w->count++] = g->offset[root];

	while (top) {
		uint32_t from = w->node[top], end = g->offset[from + 1], edge = cursor[top];
		uint32_t to = 0;

		for (; edge < end; edge++) {
			to = g->target[edge];
			if (!w->number[to] && !edge_skipped(g, edge))
				break;
		}
		if (edge == end) {
			cursor[top] = edge;
			top = w->parent[top];
			continue;
		}
		cursor[top] = edge + 1;
		w->number[to] = w->count;
		w->node[w->count] = to;
		w->parent[w->count] = top;
		cursor[w->count] = g->offset[to];
		top = w->count++;
	}
}

static bool search(struct work *w)
{
	uint32_t *cursor = array((size_t)w->g->nodes + 1);

	if (!cursor)
		return false;
	w->count = 1;
	for (size_t i = 0; i < w->g->nroots; i++)
		if (!w->number[w->g->roots[i]])
			search_from(w, w->g->roots[i], cursor);
	free(cursor);
	return true;
}

/* Predecessor lists in preorder numbers, without the tree edges (the parent is known) and the virtual root's edges. */
static bool collect_predecessors(struct work *w)
{
	const struct dominators_graph *g = w->g;
	uint64_t total = 0;

	w->pred_off = calloc((size_t)w->count + 2, sizeof(uint32_t));
	if (!w->pred_off)
		return false;
	for (uint32_t i = 1; i < w->count; i++) {
		uint32_t from = w->node[i];

		for (uint32_t e = g->offset[from]; e < g->offset[from + 1]; e++) {
			uint32_t to = w->number[g->target[e]];

			if (edge_skipped(g, e) || w->parent[to] == i || to == i)
				continue;
			w->pred_off[to + 2]++;
			total++;
		}
	}
	for (uint32_t i = 2; i < w->count + 2; i++)
		w->pred_off[i] += w->pred_off[i - 1];
	w->pred = array(total);
	if (!w->pred)
		return false;
	for (uint32_t i = 1; i < w->count; i++) {
		uint32_t from = w->node[i];

		for (uint32_t e = g->offset[from]; e < g->offset[from + 1]; e++) {
			uint32_t to = w->number[g->target[e]];

			if (edge_skipped(g, e) || w->parent[to] == i || to == i)
				continue;
			w->pred[w->pred_off[to + 1]++] = i;
		}
	}
	return true;
}

/*
 * The number with the smallest semidominator on the tree path from v up to, not including, the first number below
 * `limit` (numbers below it are not linked yet). Compresses the path: `ancestor` shares the array of a copy of parent.
 */
static uint32_t evaluate(struct work *w, uint32_t *ancestor, uint32_t v, uint32_t limit)
{
	uint32_t depth = 0;

	if (v < limit)
		return v;
	while (ancestor[v] >= limit) {
		w->stack[depth++] = v;
		v = ancestor[v];
	}
	while (depth) {
		uint32_t u = w->stack[--depth];

		if (w->semi[w->label[v]] < w->semi[w->label[u]])
			w->label[u] = w->label[v];
		ancestor[u] = ancestor[v];
		v = u;
	}
	return w->label[v];
}

static void semidominators(struct work *w, uint32_t *ancestor)
{
	for (uint32_t i = w->count; i-- > 1;) {
		uint32_t semi = w->parent[i];

		for (uint32_t p = w->pred_off[i]; p < w->pred_off[i + 1]; p++) {
			uint32_t u = evaluate(w, ancestor, w->pred[p], i + 1);
			uint32_t s = u > i ? w->semi[u] : u;

			if (s < semi)
				semi = s;
		}
		w->semi[i] = semi;
		w->label[i] = i;
	}
}

/* The nearest common ancestor step: in preorder, so that the idom of every smaller number is final. */
static void immediate_dominators(struct work *w)
{
	w->idom[0] = 0;
	for (uint32_t i = 1; i < w->count; i++) {
		uint32_t d = w->parent[i];

		while (d > w->semi[i])
			d = w->idom[d];
		w->idom[i] = d;
	}
}

static bool allocate(struct work *w)
{
	size_t n = (size_t)w->g->nodes + 1;

	w->number = calloc(n, sizeof(uint32_t));
	w->node = array(n);
	w->parent = array(n);
	return w->number && w->node && w->parent;
}

static bool allocate_second(struct work *w)
{
	w->semi = array(w->count);
	w->label = array(w->count);
	w->stack = array(w->count);
	return w->semi && w->label && w->stack;
}

static void release(struct work *w)
{
	free(w->number);
	free(w->node);
	free(w->parent);
	free(w->semi);
	free(w->label);
	free(w->stack);
	free(w->idom);
	free(w->pred_off);
	free(w->pred);
}

static void publish(const struct work *w, uint32_t *immediate, uint32_t *preorder, uint32_t *reached)
{
	for (uint32_t v = 0; v < w->g->nodes; v++)
		immediate[v] = DOM_NONE;
	for (uint32_t i = 1; i < w->count; i++)
		immediate[w->node[i]] = w->idom[i] ? w->node[w->idom[i]] : DOM_ROOT;
	if (preorder)
		memcpy(preorder, w->node + 1, (w->count - 1) * sizeof *preorder);
	if (reached)
		*reached = w->count - 1;
}

bool dominators_compute(const struct dominators_graph *graph, uint32_t *immediate, uint32_t *preorder,
			uint32_t *reached)
{
	struct work w = {.g = graph};
	uint32_t *ancestor = NULL;
	bool done = false;

	if (!allocate(&w) || !search(&w) || !collect_predecessors(&w) || !allocate_second(&w))
		goto out;
	ancestor = array(w.count);
	if (!ancestor)
		goto out;
	memcpy(ancestor, w.parent, w.count * sizeof *ancestor);
	/* The virtual root's edges are in no predecessor list. A root that another root reached first would miss its own: with
	 * parent 0, its semidominator and its dominator are the virtual root, as they must be. The tree path through it
	 * stays in `ancestor`. */
	for (size_t i = 0; i < graph->nroots; i++)
		w.parent[w.number[graph->roots[i]]] = 0;
	semidominators(&w, ancestor);
	w.idom = w.label;
	w.label = NULL;
	immediate_dominators(&w);
	publish(&w, immediate, preorder, reached);
	done = true;
out:
	free(ancestor);
	release(&w);
	return done;
}

void dominators_retained(const uint32_t *immediate, const uint32_t *preorder, uint32_t reached,
			 const uint64_t *weight, uint64_t *retained, uint32_t nodes)
{
	memset(retained, 0, nodes * sizeof *retained);
	for (uint32_t i = 0; i < reached; i++)
		retained[preorder[i]] = weight ? weight[preorder[i]] : 1;
	for (uint32_t i = reached; i-- > 0;) {
		uint32_t v = preorder[i];

		if (immediate[v] != DOM_ROOT)
			retained[immediate[v]] += retained[v];
	}
}
