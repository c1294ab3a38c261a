/* leaking.h - objgraph.get_leaking_objects(): objects that no object of the same set refers to. */
#ifndef REFGRAPH_LEAKING_H
#define REFGRAPH_LEAKING_H

#include "dump/model.h"
#include "report/universe.h"
#include "util/vec.h"

/*
 * Appends, ascending. The set is the universe, or `objects` when not NULL: then only references
 * from these count too, as with objgraph's parameter. Which references count is the universe's
 * matter. Loads what it needs.
 */
struct error *leaking_objects(struct model *model, const struct universe *universe,
			      const struct ids *objects, struct ids *ret);

#endif
