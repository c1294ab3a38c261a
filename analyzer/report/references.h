/*
 * references.h - the references to and from a few objects, as rows: what referents, referrers,
 * refcount and show are made of.
 */
#ifndef REFGRAPH_REFERENCES_H
#define REFGRAPH_REFERENCES_H

#include "dump/model.h"
#include "report/universe.h"
#include "util/vec.h"

struct reference {
	uint32_t of;	 /* the object that was asked about */
	uint32_t other;	 /* what it refers to, or what refers to it */
	uint32_t number; /* of the edge, from edge_source() */
};

struct references {
	VEC(struct reference) rows;
};

/*
 * What refers to the objects (ascending, each once): ascending by `of`, then in the order of the
 * edges, that is by `other`. `follow` NULL: all edges; `closed` (bit set, NULL none): objects that
 * are no referrers. One pass over all edges, unless an index says where to look. MODEL_EDGES.
 */
struct error *references_in(struct model *model, const struct ids *objects,
			    const struct follow *follow, const uint64_t *closed,
			    struct references *ret);
/*
 * Objects that refer to any of these: ascending, each once. *known false: that would take a pass over all edges, because the dump
 * has no index, or because they are many.
 */
struct error *references_sources(struct model *model, const struct ids *objects, struct ids *ret,
				 bool *known);
/* What the objects refer to, in the order of `objects` and of their edges. MODEL_EDGES. */
struct error *references_out(const struct model *model, const struct ids *objects,
			     const struct follow *follow, struct references *ret);
/* The rows of one object: [*first, *end). Rows as references_in() made them. */
void references_range(const struct references *references, uint32_t of, size_t *first, size_t *end);

/*
 * Counted references that the dump holds, by object: strong edges and strong roots. What a refcount
 * exceeds it by is held by something that the dump cannot see. big_alloc()ed, nobjects entries.
 * Loads what it needs.
 */
struct error *references_counted(struct model *model, uint32_t **ret);

#endif
