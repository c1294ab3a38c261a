/*
 * Dominators and retained sizes against the definition, on random small graphs: d dominates v when v cannot be reached once d
 * is taken out; the immediate dominator is the dominator that all others dominate.
 */
#include "graph/dominators.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void make(struct small *g, unsigned round)
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

static int one(const struct small *g)
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
	if (dominators_compute(&d, immediate, order, &reached))
		return 1;
	dominators_retained(immediate, order, reached, weight, retained, g->n);
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
	bad |= dominators_compute(&d, immediate, order, &reached) != NULL || reached != n;
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

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 100000, bad = 0;

	for (unsigned i = 0; i < rounds && bad < 5; i++) {
		struct small g;

		make(&g, i);
		if (one(&g)) {
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
	return bad != 0;
}
