/* keeps.h - which references keep their target alive; alive.h has the rule. */
#ifndef REFGRAPH_KEEPS_H
#define REFGRAPH_KEEPS_H

#include <stdint.h>

#include "dump/model.h"
#include "util/err.h"

/* Class of edges that keep nothing alive; MODEL_CLASS_KIND() of it is no kind of the format. */
#define KEEPS_NONE 0xffu

/*
 * Adds to strong[object] (zeroed) the references that are counted in its refcount, and sets edge_class[edge] to the edge's class or
 * to KEEPS_NONE. *explained (big_alloc()ed) becomes the bit set of the objects that a conservative reference does not keep
 * alive. EDGES and ROOTS must be loaded.
 */
struct error *keeps_judge(struct model *model, uint32_t *strong, uint8_t *edge_class,
			  uint64_t **explained);

#endif
