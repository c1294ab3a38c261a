/* retained.h - the bytes that would go if an object went: its subtree in the dominator tree of all that roots reach. */
#ifndef REFGRAPH_RETAINED_H
#define REFGRAPH_RETAINED_H

#include "dump/model.h"
#include "report/alive.h"
#include "util/err.h"

/* `*ret` by object, RETAINED_NONE where no root reaches it; big_alloc()ed. What keeps alive: see alive.h. Loads what it needs. */
struct error *retained_sizes(struct model *model, uint64_t **ret);

#endif
