/*
 * Reversed edges with many buckets, blocks and parts, which a small graph has only when they are made small; and a graph
 * that is large enough for the real sizes. Against a plain search over all edges, or a plain counting sort.
 */
#define BUCKET_SHIFT 2u
#define BLOCK_EDGES 4u
#define PART_EDGES 5u
#define graph_source_of small_graph_source_of
#define graph_reverse small_graph_reverse
#define reverse_deinit small_reverse_deinit
#include "../../analyzer/graph/csr.c"
#undef graph_reverse
#undef reverse_deinit

#include <stdio.h>
#include <string.h>

struct error *graph_reverse(const struct graph *graph, const struct follow *follow,
			    struct reverse *ret);
void reverse_deinit(struct reverse *reverse);

static uint64_t state = 0x2545f4914f6cdd1dull;
static uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (uint32_t)(state >> 20) % n : 0;
}

/* A graph of n nodes and m edges; every second edge goes to one hub. */
static struct graph make(uint32_t n, uint32_t m)
{
	uint32_t *first = calloc(n + 2, sizeof *first), *target = calloc(m + 1, sizeof *target);
	uint8_t *class = calloc(m + 1, 1);

	for (uint32_t e = 0; e < m; e++) {
		first[rnd(n) + 1]++;
		target[e] = e % 2 ? rnd(n) : n / 2;
		class[e] = rnd(4);
	}
	for (uint32_t v = 0; v < n; v++)
		first[v + 1] += first[v];
	return (struct graph){n, m, first, target, class};
}

static void drop(struct graph *g)
{
	free((void *)g->out_first);
	free((void *)g->out_target);
	free((void *)g->edge_class);
}

/* A plain counting sort. */
static bool same(const struct graph *g, const struct follow *follow, const struct reverse *r)
{
	uint32_t *at = calloc(g->nnodes + 1, sizeof *at), total = 0;
	bool good = true;

	for (uint32_t e = 0; e < g->nedges; e++)
		if (!follow || follow->pass[g->edge_class[e]]) {
			at[g->out_target[e]]++;
			total++;
		}
	for (uint32_t v = 0, sum = 0; v < g->nnodes; v++) {
		good &= r->in_first[v] == sum;
		sum += at[v];
		at[v] = r->in_first[v];
	}
	good &= r->nedges == total && r->in_first[g->nnodes] == total;
	for (uint32_t s = 0; s < g->nnodes && good; s++)
		for (uint32_t e = g->out_first[s]; e < g->out_first[s + 1] && good; e++)
			if (!follow || follow->pass[g->edge_class[e]])
				good = r->in_source[at[g->out_target[e]]++] == s;
	free(at);
	return good;
}

static bool small(void)
{
	for (unsigned round = 0; round < 20000; round++) {
		struct follow follow = {{true, rnd(2), rnd(2), rnd(2)}};
		uint32_t n = rnd(40);
		struct graph g = make(n, n && round % 11 ? rnd(120) : 0);
		struct follow *some = rnd(2) ? &follow : NULL;
		struct reverse r;
		bool good;

		if (small_graph_reverse(&g, some, &r))
			return printf("not ok reverse: round %u: an error\n", round), false;
		good = same(&g, some, &r);
		if (!good)
			printf("not ok reverse: round %u: %u nodes, %u edges\n", round, g.nnodes,
			       g.nedges);
		small_reverse_deinit(&r);
		drop(&g);
		if (!good)
			return false;
	}
	printf("ok reverse: many buckets, blocks and parts\n");
	return true;
}

/* Four buckets, some blocks, and two parts: the hub's bucket is more than a part by itself. */
static bool large(void)
{
	struct graph g = make(250000, 17000000);
	struct reverse r;
	bool good;

	if (graph_reverse(&g, NULL, &r))
		return printf("not ok reverse: large: an error\n"), false;
	good = same(&g, NULL, &r);
	printf("%sok reverse: a large graph%s\n", good ? "" : "not ",
	       good ? "" : ": another result");
	reverse_deinit(&r);
	drop(&g);
	return good;
}

int main(void)
{
	bool good = small();

	return !(large() && good);
}
