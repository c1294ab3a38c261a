/*
 * picture_reduce.h - makes a drawing small enough to be laid out and read: lines between the same two boxes become one, and of too
 * many boxes the nearest stay.
 */
#ifndef REFGRAPH_PICTURE_REDUCE_H
#define REFGRAPH_PICTURE_REDUCE_H

#include "out/dot.h"

/* Lines of one style from one box to another become one, with up to four names. */
struct error *picture_join_lines(struct drawing *drawing);

#define PICTURE_LINES_PER_NODE                                                                     \
	2u /* of a drawing as large as it may be: more cannot be followed by the eye */

/* Start objects and highlighted ones stay first, then the nearest, of these what stands for most. What is cut off is counted by its
 * neighbours' stubs. `fit`: boxes that stay, at most, more than 0; fewer, when they had too many lines between them. */
struct error *picture_trim(struct drawing *drawing, uint64_t fit);

#endif
