/*
 * cut.h - the fewest edges whose loss parts a node from all roots.
 *
 * As many ways from a root to the node exist that share no edge as edges must go (L. R. Ford, D. R. Fulkerson, "Maximal Flow
 * through a Network", Canadian Journal of Mathematics 8, 1956; K. Menger, 1927). So one way after the other is searched, each by the
 * fewest steps, up to a limit.
 */
#ifndef GRAPH_CUT_H
#define GRAPH_CUT_H

#include <stddef.h>
#include <stdint.h>

#include "graph/csr.h"
#include "util/vec.h"

struct cut_query {
	const struct graph *graph;
	const struct follow *follow;
	const struct reverse *reverse; /* made with the same follow */
	const uint32_t *roots;	       /* nodes; may repeat: each reference counts */
	size_t nroots;
	uint32_t target;
	uint32_t limit;
};

/*
 * *ways: edges that must go at least, or limit + 1 when these are more than the limit. Up to the limit, edges (numbers) and roots
 * (places in query->roots) get such a set, both ascending: of several the one that is nearest to the target.
 */
struct error *cut_minimum(const struct cut_query *query, uint32_t *ways, struct ids *edges,
			  struct ids *roots);

#endif
