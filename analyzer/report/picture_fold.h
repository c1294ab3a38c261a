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

/* How far was looked until nodes were alike. */
enum fold_depth {
	FOLD_ALL_AROUND, /* whatever can be told apart in the drawing is */
	FOLD_NEIGHBOURS, /* one step: the types of what they refer to and are referred to by */
	FOLD_TYPES,	 /* type and depth alone; and the roots are one */
};

/*
 * objects: by number of the node; nodes behind them are roots, which stay what they are. fit: look less far when more nodes than
 * this would be left, or more than twice as many lines; 0 any number. *ret says how far it was.
 */
struct error *picture_fold(struct model *model, const struct ids *objects, uint64_t fit,
			   struct drawing *drawing, enum fold_depth *ret);

#endif
