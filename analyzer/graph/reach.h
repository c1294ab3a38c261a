/* reach.h - what can be reached from a set of nodes. */
#ifndef REFGRAPH_REACH_H
#define REFGRAPH_REACH_H

#include <stddef.h>
#include <stdint.h>

#include "graph/csr.h"

/* Sets the bit of every node that `starts` reach, starts included. `reached` (bits_words(nnodes)
 * words) may already hold nodes: they are not expanded again. `follow` NULL: all edges. */
struct error *reach_mark(const struct graph *graph, const struct follow *follow,
			 const uint32_t *starts, size_t nstarts, uint64_t *reached);

#endif
