/*
 * steps.h - the last step of the shortest path to each object, as text without index and key.
 *
 * Edges are read in the order of the dump: their labels are packed in runs, and in the order of a breadth-first search nearly every
 * step would be in another run.
 */
#ifndef REFGRAPH_STEPS_H
#define REFGRAPH_STEPS_H

#include "graph/bfs_tree.h"
#include "report/alive.h"
#include "util/hash.h"
#include "util/str.h"

struct steps {
	uint32_t nobjects;
	uint32_t *of; /* by object: number in texts */
	struct names texts;
};

/* wanted: by object, not 0; NULL all that the tree reaches. Starts have no step. After an error, too, steps_deinit() is due. */
struct error *steps_make(const struct alive *alive, const struct bfs_tree *tree,
			 const uint32_t *wanted, struct steps *ret);
void steps_deinit(struct steps *steps);

/* Goes on from what `path` says by the object's step: ".handlers", "[]"; after "app.__dict__" a key is a name: "app.cache". */
void steps_add(const struct steps *steps, uint32_t object, struct str *path);

#endif
