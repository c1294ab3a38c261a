/*
 * dominators.h - who alone keeps what alive: the dominator tree of everything that the roots reach, and retained
 * sizes.
 *
 * Knows nothing of objects, types or dumps: nodes and edges are numbers (csr.h), and so are weights.
 *
 * Algorithm: SEMI-NCA. L. Georgiadis, R. E. Tarjan, R. F. Werneck, "Finding Dominators in Practice", Journal of Graph
 * Algorithms and Applications 10(1), 2006; semidominators after T. Lengauer, R. E. Tarjan, "A Fast Algorithm for Finding
 * Dominators in a Flowgraph", TOPLAS 1(1), 1979. All loops are iterative: a list of ten million nodes is no
 * deeper for us than a short one.
 *
 * Cost: O(m log n) in theory, close to linear in practice. Memory while it works: 40 MiB, and 12 bytes a node + 4 bytes an
 * edge beside the arrays of the caller. Two threads have work all the time.
 */
#ifndef GRAPH_DOMINATORS_H
#define GRAPH_DOMINATORS_H

#include <stddef.h>
#include <stdint.h>

#include "graph/csr.h"

#define DOM_NONE 0xffffffffu /* not reachable from any root */
#define DOM_ROOT                                                                                   \
	0xfffffffeu /* kept by more than one root, or by a root itself: its dominator is the virtual root */

struct dominators_query {
	const struct graph *graph;
	const struct follow *follow; /* edges that keep their target alive; NULL: all */
	const uint32_t *roots;	     /* may repeat */
	size_t nroots;
};

/*
 * Fills immediate[node] with the immediate dominator; preorder with the reachable nodes in an order in which every node comes
 * after its dominator; and *reached with their number. All arrays are the caller's and have room for all nodes; `work` holds
 * nothing of use afterwards: the array for retained sizes will do.
 */
struct error *dominators_compute(const struct dominators_query *query, uint32_t *immediate,
				 uint32_t *preorder, uint32_t *reached, uint64_t *work);

/*
 * retained[node] = sum of weight over the node's subtree in the dominator tree; 0 for what is not reachable. `weight`
 * may be NULL: then subtrees are counted. `preorder` as dominators_compute() gave it.
 */
void dominators_retained(const uint32_t *immediate, const uint32_t *preorder, uint32_t reached,
			 const uint64_t *weight, uint64_t *retained, uint32_t nodes);

#endif
