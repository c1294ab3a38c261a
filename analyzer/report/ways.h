/*
 * ways.h - why one object is alive: the shortest ways to it from roots, of which no two share a reference, and the fewest references
 * that must go to free it.
 */
#ifndef REFGRAPH_WAYS_H
#define REFGRAPH_WAYS_H

#include <stdbool.h>

#include "report/alive.h"
#include "report/spell.h"

struct way {
	struct ids nodes; /* from what a root holds to the object */
	struct ids
		edges; /* by node: number of the edge to it; of the first: its root's place in alive->roots */
};

struct ways {
	struct alive *alive;
	struct reverse reverse;
	/* by object: its place when the dominator tree is walked depth first, and how many places its subtree takes; 0 = not alive */
	uint32_t *place, *span;
	uint32_t object;
	VEC(struct way) list; /* shortest first */
	/* references that must go; limit + 1 when more than limit. The cut is empty then. */
	uint32_t needed, limit;
	struct ids cut_edges, cut_roots;     /* ascending; roots: places in alive->roots */
	uint64_t freed_objects, freed_bytes; /* by the cut, the object among them */
	/* the references to the object itself, but from what it keeps alive; empty when there are more than limit. Without them it
	 * goes too, and frees no more than what it retains. */
	struct ids direct_edges, direct_roots;
};

/* avoid (bit set, NULL none): objects that no way passes; the cut does not heed it. At most `show` ways, and a cut of at most
 * `limit` references. alive gets what it reaches and its dominators. After an error, too, ways_deinit() is due. */
struct error *ways_find(struct alive *alive, uint32_t object, const uint64_t *avoid, uint32_t show,
			uint32_t limit, struct ways *ret);
void ways_deinit(struct ways *ways);

/* Whether the loss of the reference to nodes[i] frees the object, and the bytes that it frees. */
bool ways_is_cut(const struct ways *ways, const struct way *way, size_t i, uint64_t *bytes);
/* RGD_EDGE_* of the reference to nodes[i]. */
unsigned ways_kind(const struct ways *ways, const struct way *way, size_t i);
/* The way up to nodes[until] as a programmer would write it; of a long one the middle is left out. Appended. */
struct error *ways_spell(const struct ways *ways, const struct spell *spell, const struct way *way,
			 size_t until, struct str *out);

#endif
