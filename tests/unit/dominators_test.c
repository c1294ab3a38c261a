/*
 * Dominators and retained sizes against the definition, on random small graphs: d dominates v when v cannot be reached once d
 * is taken out; the immediate dominator is the dominator that all others dominate. Some of them with batches of three numbers
 * and with helping threads, which only a large graph has.
 */
#define BATCH_NUMBERS 3u
#define HELP_NODES 4u
#define dominators_compute batched_compute
#define dominators_retained batched_retained
#include "../../analyzer/graph/dominators.c"
#undef dominators_compute
#undef dominators_retained

#include <stdio.h>

struct error *dominators_compute(const struct dominators_query *query, uint32_t *immediate,
				 uint32_t *preorder, uint32_t *reached, uint64_t *work);
void dominators_retained(const uint32_t *immediate, const uint32_t *preorder, uint32_t reached,
			 const uint64_t *weight, uint64_t *retained, uint32_t nodes);

#define MAXN 12
#define MAXE 40

static uint64_t state = 88172645463325252ull;
static uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (uint32_t)(state >> 11) % n : 0;
}

struct small {
	uint32_t n, m, nroots;
	uint32_t from[MAXE], to[MAXE], roots[4], offset[MAXN + 1], target[MAXE];
	uint64_t skip;
};

static void draw(struct small *g, unsigned round)
{
	uint32_t k = 0;

	g->n = rnd(MAXN) + (round % 17 != 0);
	g->m = g->n ? rnd(round % 5 ? 2 * g->n : MAXE) : 0;
	g->nroots = g->n ? rnd(4) : 0;
	g->skip = round % 3 ? 0 : (uint64_t)rnd(1u << 20) << 3;
	for (uint32_t i = 0; i < g->nroots; i++)
		g->roots[i] = rnd(g->n);
	for (uint32_t i = 0; i < g->m; i++) {
		g->from[i] = rnd(g->n);
		g->to[i] = rnd(g->n);
	}
	for (uint32_t v = 0; v < g->n; v++) {
		g->offset[v] = k;
		for (uint32_t i = 0; i < g->m; i++)
			if (g->from[i] == v)
				g->target[k++] = g->to[i];
	}
	g->offset[g->n] = k;
}

/* Bits of what the roots reach when `without` (or nothing: n) is taken out. */
static uint32_t reach(const struct small *g, uint32_t without)
{
	uint32_t seen = 0, before;

	for (uint32_t i = 0; i < g->nroots; i++)
		if (g->roots[i] != without)
			seen |= 1u << g->roots[i];
	do {
		before = seen;
		for (uint32_t v = 0; v < g->n; v++)
			for (uint32_t e = g->offset[v]; e < g->offset[v + 1]; e++)
				if ((seen >> v & 1) && !(g->skip >> e & 1) &&
				    g->target[e] != without)
					seen |= 1u << g->target[e];
	} while (seen != before);
	return seen;
}

static int one(const struct small *g, bool batched)
{
	uint32_t immediate[MAXN + 1], order[MAXN + 1], reached = 0, all = reach(g, g->n);
	uint64_t retained[MAXN + 1], weight[MAXN + 1];
	uint8_t class[MAXE];
	struct follow follow = {{true, false}};
	struct graph graph = {g->n, g->offset[g->n], g->offset, g->target, class};
	struct dominators_query d = {&graph, &follow, g->roots, g->nroots};
	uint32_t dominated[MAXN + 1]; /* bits of v that d dominates strictly */

	for (uint32_t v = 0; v < g->n; v++)
		weight[v] = 1 + 3 * v;
	for (uint32_t e = 0; e < g->m; e++)
		class[e] = g->skip >> e & 1;
	if ((batched ? batched_compute : dominators_compute)(&d, immediate, order, &reached, retained))
		return 1;
	(batched ? batched_retained : dominators_retained)(immediate, order, reached, weight, retained, g->n);
	for (uint32_t v = 0; v < g->n; v++)
		dominated[v] = (all >> v & 1) ? all & ~reach(g, v) & ~(1u << v) : 0;
	for (uint32_t v = 0; v < g->n; v++) {
		uint32_t want = DOM_NONE;
		uint64_t bytes = 0;

		if (all >> v & 1) {
			want = DOM_ROOT;
			for (uint32_t c = 0; c < g->n; c++) {
				if (!(dominated[c] >> v & 1))
					continue;
				if (want == DOM_ROOT || (dominated[want] >> c & 1))
					want = c;
			}
			bytes = weight[v];
			for (uint32_t c = 0; c < g->n; c++)
				if (dominated[v] >> c & 1)
					bytes += weight[c];
		}
		if (immediate[v] != want || retained[v] != bytes)
			return 1;
	}
	return reached != (uint32_t)__builtin_popcount(all);
}

/* A list of `n` nodes, each of which also points back to the head: deep, and every idom is the node before. */
static int long_list(uint32_t n)
{
	uint32_t *offset = malloc((n + 1) * 4), *target = malloc(2ull * n * 4),
		 *immediate = malloc(n * 4ull), *order = malloc(n * 4ull), root = 0, reached,
		 bad = 0;
	uint64_t *retained = malloc(n * 8ull);

	for (uint32_t v = 0; v < n; v++) {
		offset[v] = 2 * v;
		target[2 * v] = v + 1 < n ? v + 1 : 0;
		target[2 * v + 1] = 0;
	}
	offset[n] = 2 * n;
	struct graph graph = {n, 2 * n, offset, target, NULL};
	struct dominators_query d = {&graph, NULL, &root, 1};
	bad |= dominators_compute(&d, immediate, order, &reached, retained) != NULL || reached != n;
	dominators_retained(immediate, order, reached, NULL, retained, n);
	for (uint32_t v = 0; v < n; v++)
		bad |= immediate[v] != (v ? v - 1 : DOM_ROOT) || retained[v] != n - v;
	free(offset);
	free(target);
	free(immediate);
	free(order);
	free(retained);
	return bad;
}

/*
 * A graph large enough for real batches and helpers: a binary tree whose nodes are also chained by number, in runs of a
 * thousand. No edge leads backwards, so a node's dominator is the nearest that its predecessors have in common.
 */
static int large(uint32_t n)
{
	uint32_t *first = malloc((n + 1) * 4ull), *target = malloc(3ull * n * 4), *up = malloc(n * 4ull),
		 *depth = malloc(n * 4ull), *immediate = malloc(n * 4ull), *order = malloc(n * 4ull), k = 0,
		 root = 0, reached = 0, bad = 0;
	struct dominators_query d = {.roots = &root, .nroots = 1};
	uint64_t *work = malloc(n * 8ull);

	for (uint32_t v = 0; v < n; v++) {
		first[v] = k;
		if (v + 1 < n && v % 1000 != 999)
			target[k++] = v + 1;
		for (uint64_t to = 2ull * v; to < 2ull * v + 2; to++)
			if (to > v && to < n)
				target[k++] = to;
	}
	first[n] = k;
	/* every edge leads to a larger number: the dominator is what all predecessors have in common */
	up[0] = depth[0] = 0;
	for (uint32_t v = 1; v < n; v++) {
		uint32_t a = v / 2, b = v % 1000 ? v - 1 : a;

		while (a != b) {
			if (depth[a] < depth[b])
				b = up[b];
			else
				a = up[a];
		}
		up[v] = a;
		depth[v] = depth[a] + 1;
	}
	struct graph graph = {n, k, first, target, NULL};
	d.graph = &graph;
	bad |= dominators_compute(&d, immediate, order, &reached, work) != NULL || reached != n;
	for (uint32_t v = 1; v < n; v++)
		bad |= immediate[v] != up[v];
	free(first);
	free(target);
	free(up);
	free(depth);
	free(work);
	free(immediate);
	free(order);
	return bad;
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 100000, bad = 0;

	for (unsigned i = 0; i < rounds && bad < 5; i++) {
		struct small g;

		draw(&g, i);
		if (one(&g, i % 32 == 1)) {
			printf("not ok dominators: random graph %u differs from the definition\n",
			       i);
			bad++;
		}
	}
	if (!bad)
		printf("ok dominators: %u random graphs agree with the definition\n", rounds);
	if (long_list(3000000))
		printf("not ok dominators: a list of 3 M nodes\n"), bad++;
	else
		printf("ok dominators: a list of 3 M nodes\n");
	if (large(400000))
		printf("not ok dominators: 400 k nodes with two predecessors each\n"), bad++;
	else
		printf("ok dominators: 400 k nodes with two predecessors each\n");
	return bad != 0;
}
