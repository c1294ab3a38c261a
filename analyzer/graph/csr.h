/*
 * csr.h - a directed graph as dense arrays: for each node a run of out-edges, and when asked for,
 * of in-edges.
 *
 * graph/ knows ids only: no names, no addresses, no dump. A node is a number below nnodes; an edge
 * is a number below nedges, edges of a node are neighbours in out_target. Each edge has a class, an
 * opaque byte; who asks a question says which classes count (struct follow).
 */
#ifndef REFGRAPH_CSR_H
#define REFGRAPH_CSR_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct graph {
	uint32_t nnodes, nedges;
	const uint32_t
		*out_first; /* nnodes + 1: edges of node v are [out_first[v], out_first[v + 1]) */
	const uint32_t *out_target; /* nedges */
	const uint8_t *edge_class;  /* nedges */
};

/* Which classes of edges count. */
struct follow {
	bool pass[256];
};

/* The node whose out-edge this is: the last one from `low` on (0, or one that is known not to be behind it) whose run begins at or before it. */
uint32_t graph_source_of(const struct graph *graph, uint32_t edge, uint32_t low);

/* In-edges of every node, of those edges that were followed. Sources ascend; parallel edges
 * appear each. */
struct reverse {
	uint32_t nnodes, nedges;
	const uint32_t *in_first;  /* nnodes + 1 */
	const uint32_t *in_source; /* nedges */
};

/* `follow` NULL: all edges. Parallel; deterministic. */
struct error *graph_reverse(const struct graph *graph, const struct follow *follow,
			    struct reverse *ret);
void reverse_deinit(struct reverse *reverse);

#endif
