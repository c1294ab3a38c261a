/*
 * alive.h - which references keep objects alive, what the roots reach by them, and who alone keeps what.
 *
 * Strong, internal and conservative references keep alive, weak and borrowed ones do not; nor does a conservative one to an
 * object whose refcount certain references explain, or to an immortal one. The same holds for roots. Every command that
 * says "alive", "retained" or "garbage" asks here, so that they agree.
 */
#ifndef REFGRAPH_ALIVE_H
#define REFGRAPH_ALIVE_H

#include <stdbool.h>

#include "dump/model.h"
#include "util/err.h"
#include "util/vec.h"

struct alive {
	struct model *model;
	/* the model's, but references that keep nothing alive have a class that `follow` does not pass */
	struct graph graph;
	struct follow follow;
	/* roots that keep alive: their targets (may repeat), and their numbers in model->roots */
	struct ids roots, root_rows;
	uint32_t *strong;  /* by object: references that are counted in its refcount */
	uint64_t *reached; /* alive_reach(): bit set of what the roots reach */
	uint64_t reached_objects, reached_bytes;
	/* alive_dominators(): see graph/dominators.h. retained: RETAINED_NONE where no root reaches */
	uint32_t *immediate, *preorder, npreorder;
	uint64_t *retained;
	uint8_t *edge_class; /* what graph.edge_class is */
};

#define RETAINED_NONE UINT64_MAX

/* Loads what it needs. `model` must outlive it. After an error it is empty. */
struct error *alive_init(struct alive *alive, struct model *model);
void alive_deinit(struct alive *alive);

/* Both: once, later calls are free. */
struct error *alive_reach(struct alive *alive);
/* As alive_reach(), by a caller who marked `some` of it: what those refer to is looked at, but not walked through again. */
struct error *alive_reach_with(struct alive *alive, const uint64_t *some);
struct error *alive_dominators(struct alive *alive);

/* Edge `number` keeps its target alive. */
static inline bool alive_edge(const struct alive *a, uint32_t number)
{
	return a->follow.pass[a->edge_class[number]];
}

/* The references that keep alive, turned round. */
struct error *alive_reverse(struct alive *alive, struct reverse *ret);

/* Takes edge `number` out, or back in, for what-if questions; what alive_reach() found stays. */
void alive_cut_edge(struct alive *alive, uint32_t number);

/*
 * What would be freed if the objects of `set` went: bit set of them and of all that only they keep alive (big_alloc()ed).
 * What no root reaches is not in it.
 */
struct error *alive_retained_set(struct alive *alive, const struct ids *set, uint64_t **ret);
/*
 * retained[g]: bytes that would be freed if all objects of group g went, for groups [0, ngroups); `wanted` (by group, NULL all): the
 * others stay as they are. group: by object, numbers from ngroups up belong to none.
 */
struct error *alive_retained_groups(struct alive *alive, const uint32_t *group, uint32_t ngroups,
				    const bool *wanted, uint64_t *retained);
/* What would be freed if edges (numbers) and roots (places in alive->roots, ascending) went. Either may be NULL. */
struct error *alive_freed_by_cut(struct alive *alive, const struct ids *edges,
				 const struct ids *roots, uint64_t **ret);
/* Objects and bytes of a bit set. */
void alive_sum(const struct alive *alive, const uint64_t *bits, uint64_t *objects, uint64_t *bytes);

#endif
