/*
 * Strongly connected components against the definition on random small graphs: two nodes share one when each reaches the other;
 * no edge leads to a component with a larger number.
 */
#include "graph/scc.h"

#include <stdio.h>
#include <stdlib.h>

#define MAXN 12
#define MAXE 30

static uint64_t state = 0x9e3779b97f4a7c15ull;
static uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (uint32_t)(state >> 11) % n : 0;
}

static int one(unsigned round)
{
	uint32_t n = rnd(MAXN) + (round % 13 != 0), m = n ? rnd(MAXE) : 0, from[MAXE],
		 first[MAXN + 2], target[MAXE], k = 0;
	uint8_t class[MAXE];
	struct follow follow = {{true, false}};
	bool reach[MAXN][MAXN] = {{false}}, self[MAXN] = {false};
	struct components c;
	uint32_t total = 0;

	for (uint32_t e = 0; e < m; e++)
		from[e] = rnd(n);
	for (uint32_t v = 0; v < n; v++) {
		first[v] = k;
		for (uint32_t e = 0; e < m; e++)
			if (from[e] == v) {
				target[k] = rnd(n);
				class[k] = rnd(8) == 0;
				if (!class[k]) {
					reach[v][target[k]] = true;
					self[v] |= target[k] == v;
				}
				k++;
			}
	}
	first[n] = k;
	for (uint32_t b = 0; b < n; b++) /* Warshall */
		for (uint32_t a = 0; a < n; a++)
			for (uint32_t d = 0; d < n; d++)
				reach[a][d] |= reach[a][b] && reach[b][d];
	struct graph g = {n, k, first, target, class};
	if (components_compute(&g, &follow, &c))
		return 1;
	for (uint32_t a = 0; a < n; a++) {
		for (uint32_t b = 0; b < n; b++) {
			bool together = a == b || (reach[a][b] && reach[b][a]);

			if ((c.of[a] == c.of[b]) != together || c.of[a] >= c.count)
				return 1;
		}
		for (uint32_t e = first[a]; e < first[a + 1]; e++)
			if (!class[e] && c.of[target[e]] > c.of[a])
				return 1;
		if (components_cyclic(&c, &g, &follow, a) != reach[a][a])
			return 1;
	}
	for (uint32_t i = 0; i < c.count; i++)
		total += c.size[i];
	components_deinit(&c);
	return total != n;
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 100000;

	for (unsigned i = 0; i < rounds; i++)
		if (one(i)) {
			printf("not ok scc: random graph %u differs from the definition\n", i);
			return 1;
		}
	printf("ok scc: %u random graphs agree with the definition\n", rounds);
	return 0;
}
