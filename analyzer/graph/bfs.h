/* bfs.h - shortest paths by breadth-first search. */
#ifndef REFGRAPH_BFS_H
#define REFGRAPH_BFS_H

#include <stdint.h>

#include "graph/csr.h"
#include "util/vec.h"

struct bfs_query {
	const struct graph *graph;
	/* given: walk edges against their direction (it was made with a follow) */
	const struct reverse *reverse;
	const struct follow *follow; /* forwards: NULL all */
	const uint32_t *starts;	     /* at distance 0, in this order */
	size_t nstarts;
	const uint64_t *goals; /* bit set: where a path may end */
	/* bit set, NULL none: nodes that are never entered (but starts and goals are) */
	const uint64_t *closed;
	uint32_t max_depth; /* edges in a path, at most */
};

/*
 * The shortest path from a start to the first goal that is met; neighbours are taken in the order
 * of the edges, so the answer is always the same one. `path` gets start, ..., goal; it stays empty
 * when there is none.
 */
struct error *bfs_path(const struct bfs_query *query, struct ids *path);

/* Distance of every node from the starts (UINT32_MAX: not reached); goals are ignored.
 * `distance` has nnodes entries. */
struct error *bfs_distances(const struct bfs_query *query, uint32_t *distance);

#endif
