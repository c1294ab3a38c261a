/* reach_without.c - see reach_without.h. */
#include "graph/reach_without.h"

#include "util/big.h"

struct walk {
	const uint8_t *group;
	uint64_t *reached,
		*fresh; /* fresh: bits that came and were not passed on; a node with any is in the ring */
	uint32_t *ring, nnodes, first, n;
};

static void arrive(struct walk *w, uint32_t node, uint64_t bits)
{
	if (w->group[node] < REACH_WITHOUT_GROUPS)
		bits &= ~(1ull << w->group[node]);
	bits &= ~w->reached[node];
	if (!bits)
		return;
	w->reached[node] |= bits;
	if (!w->fresh[node]) {
		uint64_t at = (uint64_t)w->first + w->n++;

		w->ring[at < w->nnodes ? at : at - w->nnodes] = node;
	}
	w->fresh[node] |= bits;
}

static void walk(struct walk *w, const struct graph *g, const struct follow *follow)
{
	while (w->n) {
		uint32_t node = w->ring[w->first];
		uint64_t bits = w->fresh[node];

		w->fresh[node] = 0;
		w->first = w->first + 1 == w->nnodes ? 0 : w->first + 1;
		w->n--;
		for (uint32_t e = g->out_first[node]; e < g->out_first[node + 1]; e++)
			if (!follow || follow->pass[g->edge_class[e]])
				arrive(w, g->out_target[e], bits);
	}
}

struct error *reach_without(const struct graph *g, const struct follow *follow,
			    const uint32_t *starts, size_t nstarts, const uint8_t *group,
			    uint64_t *reached)
{
	struct walk w = {.group = group, .reached = reached, .nnodes = g->nnodes};
	struct error *e = big_alloc(g->nnodes, sizeof *w.fresh, &w.fresh);

	if (!e)
		e = big_alloc(g->nnodes, sizeof *w.ring, &w.ring);
	if (!e) {
		for (size_t i = 0; i < nstarts; i++)
			arrive(&w, starts[i], UINT64_MAX);
		walk(&w, g, follow);
	}
	big_free(w.fresh, g->nnodes, sizeof *w.fresh);
	big_free(w.ring, g->nnodes, sizeof *w.ring);
	return e;
}
