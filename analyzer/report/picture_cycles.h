/* picture_cycles.h - which of the objects that are drawn hold each other in a circle of references that are drawn. */
#ifndef REFGRAPH_PICTURE_CYCLES_H
#define REFGRAPH_PICTURE_CYCLES_H

#include "out/dot.h"

/*
 * Sets drawing_node.cycle: a number from 1 on for each strongly connected component of two nodes or more. Weak and borrowed
 * references make no cycle. Before the drawing is folded: what folding joins may point at itself without being on a cycle.
 */
struct error *picture_cycles(struct drawing *drawing);

#endif
