/*
 * cut.c - see cut.h. Ways are searched backwards, from the target: what holds an object is mostly few, and when no way is left, what
 * the search has seen is the target's side of the cut.
 */
#include "graph/cut.h"

#include <string.h>

#include "util/big.h"
#include "util/bits.h"

struct flow {
	const struct cut_query *q;
	uint64_t *used;	     /* by edge: on a way */
	uint64_t *touched;   /* by node: on a way, maybe */
	uint64_t *is_root;   /* by node: some root refers to it */
	uint64_t *root_used; /* by root */
	uint64_t *seen;	     /* by node: reaches the target over what is left */
	uint32_t *next;	     /* by node: where the search came from */
	uint32_t *queue, n;
};

static void see(struct flow *f, uint32_t node, uint32_t from)
{
	bits_set(f->seen, node);
	f->next[node] = from;
	f->queue[f->n++] = node;
}

/* The first edge from a to b that counts and is used or not; UINT32_MAX none. */
static uint32_t edge_between(const struct flow *f, uint32_t a, uint32_t b, bool used)
{
	const struct graph *g = f->q->graph;

	for (uint32_t e = g->out_first[a]; e < g->out_first[a + 1]; e++)
		if (g->out_target[e] == b && bits_get(f->used, e) == used &&
		    (used || f->q->follow->pass[g->edge_class[e]]))
			return e;
	return UINT32_MAX;
}

/* Against the edges that are left, and along those that are used: taking one of these back is a step, too. */
static void expand(struct flow *f, uint32_t node)
{
	const struct reverse *r = f->q->reverse;
	const struct graph *g = f->q->graph;

	for (uint32_t i = r->in_first[node]; i < r->in_first[node + 1]; i++) {
		uint32_t from = r->in_source[i];

		if (!bits_get(f->seen, from) && (!bits_get(f->touched, from) ||
						 edge_between(f, from, node, false) != UINT32_MAX))
			see(f, from, node);
	}
	if (!bits_get(f->touched, node))
		return;
	for (uint32_t e = g->out_first[node]; e < g->out_first[node + 1]; e++)
		if (bits_get(f->used, e) && !bits_get(f->seen, g->out_target[e]))
			see(f, g->out_target[e], node);
}

static size_t free_root(const struct flow *f, uint32_t node)
{
	if (!bits_get(f->is_root, node))
		return SIZE_MAX;
	for (size_t i = 0; i < f->q->nroots; i++)
		if (f->q->roots[i] == node && !bits_get(f->root_used, i))
			return i;
	return SIZE_MAX;
}

/* The root whose reference begins a way; SIZE_MAX when there is none. */
static size_t search(struct flow *f)
{
	memset(f->seen, 0, bits_words(f->q->graph->nnodes) * sizeof *f->seen);
	f->n = 0;
	see(f, f->q->target, UINT32_MAX);
	for (uint32_t i = 0; i < f->n; i++) {
		size_t root = free_root(f, f->queue[i]);

		if (root != SIZE_MAX)
			return root;
		expand(f, f->queue[i]);
	}
	return SIZE_MAX;
}

static void take_way(struct flow *f, size_t root)
{
	uint32_t node = f->q->roots[root];

	bits_set(f->root_used, root);
	bits_set(f->touched, node);
	while (node != f->q->target) {
		uint32_t to = f->next[node], e = edge_between(f, node, to, false);

		if (e != UINT32_MAX) {
			bits_set(f->used, e);
		} else {
			/* the step took back a used edge from `to` to here */
			e = edge_between(f, to, node, true);
			if (e != UINT32_MAX) /* always, when `reverse` is the graph turned round */
				bits_clear(f->used, e);
		}
		bits_set(f->touched, to);
		node = to;
	}
}

/* Used edges that lead into what still reaches the target. */
static bool collect(const struct flow *f, struct ids *edges, struct ids *roots)
{
	const struct graph *g = f->q->graph;

	for (uint32_t v = 0; v < g->nnodes; v++) {
		if (!bits_get(f->touched, v) || bits_get(f->seen, v))
			continue;
		for (uint32_t e = g->out_first[v]; e < g->out_first[v + 1]; e++)
			if (bits_get(f->used, e) && bits_get(f->seen, g->out_target[e]) &&
			    !VEC_PUSH(edges, e))
				return false;
	}
	for (size_t i = 0; i < f->q->nroots; i++)
		if (bits_get(f->root_used, i) && bits_get(f->seen, f->q->roots[i]) &&
		    !VEC_PUSH(roots, i))
			return false;
	return true;
}

static struct error *prepare(struct flow *f)
{
	const struct graph *g = f->q->graph;

	TRY(big_alloc_sparse(bits_words(g->nedges), sizeof *f->used, &f->used));
	TRY(big_alloc(bits_words(g->nnodes), sizeof *f->touched, &f->touched));
	TRY(big_alloc(bits_words(g->nnodes), sizeof *f->is_root, &f->is_root));
	TRY(big_alloc(bits_words(f->q->nroots), sizeof *f->root_used, &f->root_used));
	TRY(big_alloc(bits_words(g->nnodes), sizeof *f->seen, &f->seen));
	TRY(big_alloc_sparse(g->nnodes, sizeof *f->next, &f->next));
	TRY(big_alloc_sparse(g->nnodes, sizeof *f->queue, &f->queue));
	for (size_t i = 0; i < f->q->nroots; i++)
		bits_set(f->is_root, f->q->roots[i]);
	return NULL;
}

struct error *cut_minimum(const struct cut_query *q, uint32_t *ways, struct ids *edges,
			  struct ids *roots)
{
	struct flow f = {.q = q};
	struct error *e = prepare(&f);
	size_t root;

	*ways = 0;
	while (!e && *ways <= q->limit && (root = search(&f)) != SIZE_MAX) {
		take_way(&f, root);
		++*ways;
	}
	if (!e && *ways <= q->limit && !collect(&f, edges, roots))
		e = error_memory();
	big_free(f.used, bits_words(q->graph->nedges), sizeof *f.used);
	big_free(f.touched, bits_words(q->graph->nnodes), sizeof *f.touched);
	big_free(f.is_root, bits_words(q->graph->nnodes), sizeof *f.is_root);
	big_free(f.root_used, bits_words(q->nroots), sizeof *f.root_used);
	big_free(f.seen, bits_words(q->graph->nnodes), sizeof *f.seen);
	big_free(f.next, q->graph->nnodes, sizeof *f.next);
	big_free(f.queue, q->graph->nnodes, sizeof *f.queue);
	return e;
}
