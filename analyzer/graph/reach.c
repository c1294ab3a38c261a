/* reach.c - see reach.h. Depth first with a stack of its own: a list of ten million nodes must
 * not need a deep C stack. */
#include "graph/reach.h"

#include "util/big.h"
#include "util/bits.h"

/* On a big graph each look is at memory that is far away: what will be popped soon is on its way by then. */
#define AHEAD 4u

static inline void fetch(const struct graph *g, const uint32_t *stack, size_t n)
{
	if (n > AHEAD)
		__builtin_prefetch(&g->out_target[g->out_first[stack[n - AHEAD]]]);
}

struct error *reach_mark(const struct graph *g, const struct follow *follow, const uint32_t *starts,
			 size_t nstarts, uint64_t *reached)
{
	uint32_t *stack;
	size_t n = 0;

	TRY(big_alloc(g->nnodes, sizeof *stack, &stack));
	for (size_t i = 0; i < nstarts; i++) {
		if (bits_get(reached, starts[i]))
			continue;
		bits_set(reached, starts[i]);
		stack[n++] = starts[i];
		while (n) {
			uint32_t node = stack[--n];

			fetch(g, stack, n);
			for (uint32_t e = g->out_first[node]; e < g->out_first[node + 1]; e++) {
				uint32_t v = g->out_target[e];

				if (bits_get(reached, v) ||
				    (follow && !follow->pass[g->edge_class[e]]))
					continue;
				bits_set(reached, v);
				__builtin_prefetch(&g->out_first[v]);
				stack[n++] = v;
			}
		}
	}
	big_free(stack, g->nnodes, sizeof *stack);
	return NULL;
}
