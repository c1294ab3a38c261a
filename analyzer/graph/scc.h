/*
 * scc.h - strongly connected components: sets of nodes that all reach each other. A component of more than one node, or of
 * one with an edge to itself, is a cycle.
 *
 * Algorithm: R. E. Tarjan, "Depth-first search and linear graph algorithms", SIAM Journal on Computing 1(2), 1972, with
 * explicit stacks and one word a node (D. J. Pearce, "A Space-Efficient Algorithm for Finding Strongly Connected
 * Components", Information Processing Letters 116(1), 2016). O(n + m); 12 bytes a node while it works.
 */
#ifndef GRAPH_SCC_H
#define GRAPH_SCC_H

#include "graph/csr.h"

struct components {
	uint32_t count;
	uint32_t *
		of; /* component of each node; in reverse topological order: an edge never leads to a larger number */
	uint32_t *size; /* nodes of each component */
};

/* `follow` NULL: all edges. */
struct error *components_compute(const struct graph *graph, const struct follow *follow,
				 struct components *ret);
void components_deinit(struct components *components);

/* True when the node lies on a cycle. */
bool components_cyclic(const struct components *components, const struct graph *graph,
		       const struct follow *follow, uint32_t node);

#endif
