/*
 * reach_without.h - what would still be reached if a group of nodes were gone, for up to 64 groups in one walk.
 *
 * One bit a group travels along every edge, as in M. Then et al., "The More the Merrier: Efficient Multi-Source Graph
 * Traversal", PVLDB 8(4), 2014; a group's bit does not enter its own nodes.
 */
#ifndef REFGRAPH_REACH_WITHOUT_H
#define REFGRAPH_REACH_WITHOUT_H

#include <stddef.h>
#include <stdint.h>

#include "graph/csr.h"

#define REACH_WITHOUT_GROUPS 64u

/* group: by node, below 64, or 255 for none. reached (by node, zeroed): bit g is set when a start reaches the node without passing
 * a node of group g. 12 bytes a node while it works. */
struct error *reach_without(const struct graph *graph, const struct follow *follow,
			    const uint32_t *starts, size_t nstarts, const uint8_t *group,
			    uint64_t *reached);

#endif
