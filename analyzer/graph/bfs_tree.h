/* bfs_tree.h - for every node the shortest way to it, all at once. */
#ifndef REFGRAPH_BFS_TREE_H
#define REFGRAPH_BFS_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "graph/csr.h"

#define BFS_TREE_START 0xfffffffeu /* instead of an edge: the node is a start */
#define BFS_TREE_NONE 0xffffffffu  /* no start reaches it */

struct bfs_tree {
	uint32_t nnodes;
	uint32_t *parent; /* by node; of a start: its first place in `starts` */
	uint32_t *edge;	  /* by node: the edge from its parent, or one of the above */
	uint32_t *order;  /* the n nodes that are reached, nearest first: parents before children */
	uint32_t n;
};

/*
 * Starts come in their order, and so do a node's edges: where several shortest ways lead to a node, the tree has the one that
 * was found first. `closed` (bit set, NULL none): nodes that are not entered; starts are, unless they are closed too.
 */
struct error *bfs_tree_make(const struct graph *graph, const struct follow *follow,
			    const uint32_t *starts, size_t nstarts, const uint64_t *closed,
			    struct bfs_tree *ret);
void bfs_tree_deinit(struct bfs_tree *tree);

#endif
