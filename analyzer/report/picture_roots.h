/* picture_roots.h - adds to a picture the roots that hold its objects. */
#ifndef REFGRAPH_PICTURE_ROOTS_H
#define REFGRAPH_PICTURE_ROOTS_H

#include "report/picture.h"

/*
 * `node` is by object: its number in the drawing + 1, 0 when it is not drawn. Roots of one name become one ellipse; at most
 * query->too_many lines end at an object, what is beyond counts as more backreferences. A conservative root is left out where
 * the object's refcount is explained by references that are certain, unless the object was asked for.
 */
struct error *picture_roots(struct model *model, const struct picture_query *query,
			    const uint32_t *node, struct drawing *drawing);

/* How a reference of this enum rgd_edge_kind is drawn; kinds from the future like a guess. */
enum drawing_edge_style picture_edge_style(unsigned kind);

#endif
