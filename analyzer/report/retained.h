/* retained.h - the bytes that would go if an object went: its subtree in the dominator tree of all that roots reach. */
#ifndef REFGRAPH_RETAINED_H
#define REFGRAPH_RETAINED_H

#include "dump/model.h"
#include "util/err.h"

#define RETAINED_NONE UINT64_MAX

/*
 * `*ret` by object, RETAINED_NONE where no root reaches it; big_alloc()ed. Strong, internal and conservative references keep alive, weak and
 * borrowed ones do not; nor does a conservative one to an object whose refcount certain references explain. Loads what it needs.
 */
struct error *retained_sizes(struct model *model, uint64_t **ret);

#endif
