/*
 * dominators.c - SEMI-NCA over a graph with a virtual root.
 *
 * Everything after the depth-first search works on preorder numbers, not nodes: number 0 is the virtual root, number i the
 * i-th node met. In these numbers parents are smaller than children, and the predecessor lists that the second pass walks
 * lie in the order in which it walks them.
 */
#include "graph/dominators.h"

#include <stdlib.h>
#include <string.h>

#include "util/progress.h"

/* What evaluate() follows from number to number: side by side, because each step is a cache miss. */
struct link {
	uint32_t ancestor; /* path-compressed tree parent */
	uint32_t minimum;  /* smallest semidominator on the compressed path */
};

struct work {
	const struct dominators_query *q;
	const struct graph *g;
	uint32_t count;	  /* preorder numbers used, the virtual root included */
	uint32_t *number; /* node -> preorder number, 0 = not met */
	uint32_t *node;	  /* preorder number -> node */
	uint32_t *parent; /* in the depth-first tree */
	uint32_t *semi;
	uint32_t *idom;
	uint32_t *pred_off; /* predecessors of each number, in CSR */
	uint32_t *pred;
	uint32_t *stack;
	struct link *link;
};

/* How far ahead the linear passes fetch what they will look up at random. */
#define AHEAD 24

static bool follows(const struct dominators_query *q, uint32_t edge)
{
	return !q->follow || q->follow->pass[q->graph->edge_class[edge]];
}

static void *array(size_t n)
{
	return malloc((n ? n : 1) * sizeof(uint32_t));
}

/* Numbers `root` and everything behind it that has no number yet. `cursor` holds, per number, the next edge to look at. */
static void search_from(struct work *w, uint32_t root, uint32_t *cursor)
{
	const struct graph *g = w->g;
	uint32_t top = w->count;

	w->number[root] = w->count;
	w->node[w->count] = root;
	w->parent[w->count] = 0;
	cursor[w->count++] = g->out_first[root];

	while (top) {
		uint32_t from = w->node[top], end = g->out_first[from + 1], edge = cursor[top];
		uint32_t to = 0;

		for (; edge < end; edge++) {
			to = g->out_target[edge];
			if (!w->number[to] && follows(w->q, edge))
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
		cursor[w->count] = g->out_first[to];
		top = w->count++;
	}
}

static bool search(struct work *w)
{
	uint32_t *cursor = array((size_t)w->g->nnodes + 1);

	if (!cursor)
		return false;
	w->count = 1;
	for (size_t i = 0; i < w->q->nroots; i++)
		if (!w->number[w->q->roots[i]])
			search_from(w, w->q->roots[i], cursor);
	free(cursor);
	return true;
}

/*
 * Calls for every edge that counts, with both ends as preorder numbers. Goes through the edges as they lie, so that what
 * each needs at random can be fetched ahead: the number of its target, then that number's slot.
 */
#define EACH_EDGE(w, from, to, body)                                                               \
	do {                                                                                       \
		const struct graph *g_ = (w)->g;                                                   \
		uint32_t m_ = g_->out_first[g_->nnodes];                                           \
		for (uint32_t v_ = 0; v_ < g_->nnodes; v_++) {                                     \
			uint32_t from = (w)->number[v_];                                           \
			for (uint32_t e_ = g_->out_first[v_]; e_ < g_->out_first[v_ + 1]; e_++) {  \
				if (e_ + 2 * AHEAD < m_) {                                         \
					__builtin_prefetch(                                        \
						&(w)->number[g_->out_target[e_ + 2 * AHEAD]]);     \
					__builtin_prefetch(                                        \
						&(w)->pred_off[(w)->number[g_->out_target          \
										   [e_ + AHEAD]] + \
							       1],                                 \
						1);                                                \
				}                                                                  \
				uint32_t to = (w)->number[g_->out_target[e_]];                     \
				if (from && from != to && follows((w)->q, e_))                     \
					body;                                                      \
			}                                                                          \
		}                                                                                  \
	} while (0)

/* Predecessor lists in preorder numbers, without the virtual root's edges. */
static bool collect_predecessors(struct work *w)
{
	uint32_t total = 0;

	w->pred_off = calloc((size_t)w->count + 2, sizeof(uint32_t));
	if (!w->pred_off)
		return false;
	EACH_EDGE(w, from, to, w->pred_off[to + 1]++);
	for (uint32_t i = 1; i <= w->count; i++) {
		uint32_t n = w->pred_off[i];

		w->pred_off[i] = total;
		total += n;
	}
	w->pred = array(total);
	if (!w->pred)
		return false;
	/* Each slot ends where the next list starts: [i] becomes the start of list i again, shifted by one. */
	EACH_EDGE(w, from, to, w->pred[w->pred_off[to + 1]++] = from);
	return true;
}

/*
 * The smallest semidominator on the tree path from v up to, not including, the first number below `limit` (numbers below it
 * are not linked yet; such a v is its own answer). Compresses the path.
 */
static uint32_t evaluate(struct work *w, uint32_t v, uint32_t limit)
{
	struct link *link = w->link;
	uint32_t depth = 0;

	if (v < limit)
		return v;
	while (link[v].ancestor >= limit) {
		w->stack[depth++] = v;
		v = link[v].ancestor;
	}
	while (depth) {
		uint32_t u = w->stack[--depth];

		if (link[v].minimum < link[u].minimum)
			link[u].minimum = link[v].minimum;
		link[u].ancestor = link[v].ancestor;
		v = u;
	}
	return link[v].minimum;
}

static void semidominators(struct work *w)
{
	for (uint32_t i = w->count; i-- > 1;) {
		uint32_t semi = w->parent[i], first = w->pred_off[i], end = w->pred_off[i + 1];

		if (first >= AHEAD)
			__builtin_prefetch(&w->link[w->pred[first - AHEAD]]);
		for (uint32_t p = first; p < end; p++) {
			uint32_t s = evaluate(w, w->pred[p], i + 1);

			if (s < semi)
				semi = s;
		}
		w->semi[i] = semi;
		w->link[i].minimum = semi;
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
	size_t n = (size_t)w->g->nnodes + 1;

	w->number = calloc(n, sizeof(uint32_t));
	w->node = array(n);
	w->parent = array(n);
	return w->number && w->node && w->parent;
}

static bool allocate_second(struct work *w)
{
	w->semi = array(w->count);
	w->stack = array(w->count);
	w->idom = array(w->count);
	w->link = malloc((size_t)w->count * sizeof *w->link);
	return w->semi && w->stack && w->idom && w->link;
}

static void release(struct work *w)
{
	free(w->number);
	free(w->node);
	free(w->parent);
	free(w->semi);
	free(w->link);
	free(w->stack);
	free(w->idom);
	free(w->pred_off);
	free(w->pred);
}

static void publish(const struct work *w, uint32_t *immediate, uint32_t *preorder,
		    uint32_t *reached)
{
	for (uint32_t v = 0; v < w->g->nnodes; v++)
		immediate[v] = DOM_NONE;
	for (uint32_t i = 1; i < w->count; i++)
		immediate[w->node[i]] = w->idom[i] ? w->node[w->idom[i]] : DOM_ROOT;
	if (preorder)
		memcpy(preorder, w->node + 1, (w->count - 1) * sizeof *preorder);
	if (reached)
		*reached = w->count - 1;
}

struct error *dominators_compute(const struct dominators_query *query, uint32_t *immediate,
				 uint32_t *preorder, uint32_t *reached)
{
	struct work w = {.q = query, .g = query->graph};
	const char *outer = progress_begin("finding dominators");
	struct error *error = error_memory();

	if (!allocate(&w) || !search(&w) || !collect_predecessors(&w) || !allocate_second(&w))
		goto out;
	for (uint32_t i = 0; i < w.count; i++)
		w.link[i].ancestor = w.parent[i];
	/* The virtual root's edges are in no predecessor list. A root that another root reached first would miss its own: with
	 * parent 0, its semidominator and its dominator are the virtual root, as they must be. The tree path through it
	 * stays in link[].ancestor. */
	for (size_t i = 0; i < query->nroots; i++)
		w.parent[w.number[query->roots[i]]] = 0;
	semidominators(&w);
	immediate_dominators(&w);
	publish(&w, immediate, preorder, reached);
	error = NULL;
out:
	release(&w);
	progress_end(outer);
	return error;
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
