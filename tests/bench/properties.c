/*
 * properties DUMP [SEED] - what must hold of dominators, retained sizes, components and cuts on a graph that is too large for a second
 * opinion about all of it: sums and orders everywhere, and the definitions at nodes that are drawn by lot.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/model.h"
#include "graph/cut.h"
#include "graph/dominators.h"
#include "graph/reach.h"
#include "graph/scc.h"
#include "report/alive.h"
#include "util/big.h"
#include "util/bits.h"

#define SAMPLES 12u
#define LIMIT 8u

static uint64_t state = 88172645463325252ull;
static uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 11) % n;
}

static void must(struct error *e)
{
	if (e)
		errx(3, "%s", e->text ? e->text : e->message);
}

static int bad;
static void judge(const char *name, bool good)
{
	printf("%s properties: %s\n", good ? "ok" : "not ok", name);
	bad += !good;
}

/* What a node retains is its own size and what those retain that it dominates, and all that no node dominates is all that is reached. */
static bool sums_hold(const struct alive *a, uint64_t *left)
{
	const struct model *m = a->model;
	uint64_t top = 0;
	bool good = true;

	for (uint32_t v = 0; v < m->nobjects; v++)
		left[v] = a->retained[v];
	for (uint32_t v = 0; v < m->nobjects; v++) {
		if (a->immediate[v] == DOM_ROOT)
			top += a->retained[v];
		else if (a->immediate[v] != DOM_NONE)
			left[a->immediate[v]] -= a->retained[v];
	}
	for (uint32_t v = 0; v < m->nobjects; v++) {
		bool alive = bits_get(a->reached, v);

		good &= alive == (a->immediate[v] != DOM_NONE);
		good &= alive ? left[v] == m->size[v] : a->retained[v] == RETAINED_NONE;
	}
	return good && top == a->reached_bytes;
}

/* Every reference comes from the target's dominator or from somewhere below it; roots have none. */
static bool edges_agree(const struct alive *a, const uint32_t *depth)
{
	const struct graph *g = &a->graph;
	uint64_t wrong = 0;

	for (uint32_t v = 0; v < g->nnodes; v++)
		for (uint32_t e = g->out_first[v]; e < g->out_first[v + 1]; e++) {
			uint32_t to = g->out_target[e];

			if (alive_edge(a, e) && bits_get(a->reached, v) && to != v)
				wrong += !bits_get(a->reached, to) || depth[to] > depth[v] + 1;
		}
	for (size_t i = 0; i < a->roots.n; i++)
		wrong += a->immediate[a->roots.data[i]] != DOM_ROOT;
	return !wrong;
}

static uint32_t *depths(const struct alive *a)
{
	uint32_t *depth;

	must(big_alloc(a->model->nobjects, sizeof *depth, &depth));
	for (uint32_t i = 0; i < a->npreorder; i++) {
		uint32_t v = a->preorder[i], up = a->immediate[v];

		depth[v] = up == DOM_ROOT ? 1 : depth[up] + 1;
	}
	return depth;
}

/* Bytes that nothing reaches any more when the node is gone, by walking again. */
static uint64_t lost_without(struct alive *a, uint32_t node, uint64_t **lost)
{
	struct ids set = {0};
	uint64_t objects, bytes;

	if (!VEC_PUSH(&set, node))
		must(error_memory());
	must(alive_retained_set(a, &set, lost));
	alive_sum(a, *lost, &objects, &bytes);
	VEC_FREE(&set);
	return bytes;
}

/* A node and what it dominates: dominators come before what they dominate. */
static uint64_t *subtree(const struct alive *a, uint32_t node)
{
	uint32_t n = a->model->nobjects;
	uint64_t *bits;

	must(big_alloc(bits_words(n), sizeof *bits, &bits));
	bits_set(bits, node);
	for (uint32_t i = 0; i < a->npreorder; i++) {
		uint32_t up = a->immediate[a->preorder[i]];

		if (up < n && bits_get(bits, up))
			bits_set(bits, a->preorder[i]);
	}
	return bits;
}

static bool sample_dominators(struct alive *a)
{
	uint32_t n = a->model->nobjects;
	bool good = true;

	for (unsigned k = 0; k < SAMPLES && a->npreorder; k++) {
		uint32_t v = a->preorder[rnd(a->npreorder)];
		uint64_t *lost, *below;

		/* climb half of the time: leaves are many and dull */
		for (unsigned up = rnd(4); up && a->immediate[v] < n; up--)
			v = a->immediate[v];
		good &= lost_without(a, v, &lost) == a->retained[v];
		below = subtree(a, v);
		good &= memcmp(lost, below, bits_words(n) * sizeof *lost) == 0;
		big_free(below, bits_words(n), sizeof *below);
		big_free(lost, bits_words(n), sizeof *lost);
	}
	return good;
}

/* References lead to smaller components only; a cycle cannot leave one then. Two of one component reach each other. */
static bool components_hold(const struct alive *a)
{
	const struct graph *g = &a->graph;
	struct components c;
	uint64_t sum = 0, *seen;
	bool good = true;

	must(components_compute(g, &a->follow, &c));
	for (uint32_t v = 0; v < g->nnodes; v++)
		for (uint32_t e = g->out_first[v]; e < g->out_first[v + 1]; e++)
			good &= !alive_edge(a, e) || c.of[g->out_target[e]] <= c.of[v];
	for (uint32_t i = 0; i < c.count; i++)
		sum += c.size[i];
	good &= sum == g->nnodes;
	for (unsigned k = 0; k < SAMPLES / 3 && g->nnodes; k++) {
		uint32_t v = rnd(g->nnodes);

		must(big_alloc(bits_words(g->nnodes), sizeof *seen, &seen));
		must(reach_mark(g, &a->follow, &v, 1, seen));
		for (uint32_t o = 0; o < g->nnodes; o++)
			good &= c.of[o] != c.of[v] || bits_get(seen, o);
		big_free(seen, bits_words(g->nnodes), sizeof *seen);
	}
	components_deinit(&c);
	return good;
}

/* Without the references of a cut the target is gone, and with any one of them back it is there again. */
static bool cut_parts(struct alive *a, uint32_t target, struct ids *edges, struct ids *roots)
{
	uint64_t *freed;
	bool good;

	must(alive_freed_by_cut(a, edges, roots, &freed));
	good = bits_get(freed, target);
	big_free(freed, bits_words(a->model->nobjects), sizeof *freed);
	if (edges->n) {
		edges->n--; /* the last one is back */
		must(alive_freed_by_cut(a, edges, roots, &freed));
		good &= !bits_get(freed, target);
		big_free(freed, bits_words(a->model->nobjects), sizeof *freed);
		edges->n++;
	}
	return good;
}

static bool sample_cuts(struct alive *a)
{
	struct reverse reverse;
	bool good = true;

	must(alive_reverse(a, &reverse));
	for (unsigned k = 0; k < SAMPLES && a->npreorder; k++) {
		struct cut_query q = {&a->graph,    &a->follow, &reverse, a->roots.data,
				      a->roots.n,   a->preorder[rnd(a->npreorder)], LIMIT};
		struct ids edges = {0}, roots = {0};
		uint32_t ways;

		must(cut_minimum(&q, &ways, &edges, &roots));
		/* what has a dominator may still need two cuts, but never none */
		good &= ways > 0 && (ways > LIMIT || (edges.n + roots.n == ways && cut_parts(a, q.target, &edges, &roots)));
		VEC_FREE(&edges);
		VEC_FREE(&roots);
	}
	reverse_deinit(&reverse);
	return good;
}

int main(int argc, char **argv)
{
	struct model *m;
	struct alive a;
	uint64_t *left;
	uint32_t *depth;

	if (argc < 2)
		errx(2, "usage: properties DUMP [SEED]");
	if (argc > 2)
		state ^= strtoull(argv[2], NULL, 0) * 0x2545f4914f6cdd1dull;
	setenv("REFGRAPH_INDEX", "off", 1);
	must(model_open(argv[1], &m));
	must(alive_init(&a, m));
	must(alive_reach(&a));
	must(alive_dominators(&a));
	must(big_alloc(m->nobjects, sizeof *left, &left));
	judge("retained sizes are sums over the dominator tree", sums_hold(&a, left));
	big_free(left, m->nobjects, sizeof *left);
	depth = depths(&a);
	judge("every reference agrees with the dominator tree", edges_agree(&a, depth));
	big_free(depth, m->nobjects, sizeof *depth);
	judge("retained sizes and subtrees are what a walk without the node loses", sample_dominators(&a));
	judge("components", components_hold(&a));
	judge("cuts part, and no reference of one is too many", sample_cuts(&a));
	alive_deinit(&a);
	model_close(m);
	return bad != 0;
}
