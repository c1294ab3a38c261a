/*
 * picture_fold.h - nodes of a drawing that look alike become one: "996 x Node", held as "[3 ... 998]".
 *
 * Alike are objects of one type and depth whose references, indexes and keys left out, lead to alike nodes both ways: the
 * coarsest such partition, by refinement (P. C. Kanellakis, S. A. Smolka, "CCS expressions, finite state processes, and three
 * problems of equivalence", Information and Computation 86(1), 1990).
 */
#ifndef REFGRAPH_PICTURE_FOLD_H
#define REFGRAPH_PICTURE_FOLD_H

#include "dump/model.h"
#include "out/dot.h"
#include "util/vec.h"

/* objects: by number of the node; nodes behind them (roots) stay what they are. */
struct error *picture_fold(struct model *model, const struct ids *objects, struct drawing *drawing);

#endif
