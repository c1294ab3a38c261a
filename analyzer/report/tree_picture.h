/* tree_picture.h - the rows of a dominator tree as a drawing: the larger and yellower a box, the more would go with it. */
#ifndef REFGRAPH_TREE_PICTURE_H
#define REFGRAPH_TREE_PICTURE_H

#include "out/dot.h"
#include "report/tree.h"

/* `whole`: the rows on top hang on one ellipse, the roots, with what is alive in all. Loaded: MODEL_REPR, MODEL_ROOTS,
 * MODEL_THREADS of the rows. The caller frees the drawing, also after an error. */
struct error *tree_picture(const struct alive *alive, const struct tree *tree, bool whole,
			   struct drawing *ret);

#endif
