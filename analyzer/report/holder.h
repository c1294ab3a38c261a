/* holder.h - by what name one object holds another. */
#ifndef REFGRAPH_HOLDER_H
#define REFGRAPH_HOLDER_H

#include "report/alive.h"

/* The first reference from `holder` to `object` that keeps it alive: its number, MODEL_NONE when there is none. */
uint32_t holder_edge(const struct alive *alive, uint32_t holder, uint32_t object);
/* The root that says most about why `object` lives (a module, a local, a global, ... a register): a place in alive->roots,
 * MODEL_NONE when none holds it. */
uint32_t holder_root(const struct alive *alive, uint32_t object);
/* The name of that reference, or with holder MODEL_NONE of that root, appended; nothing when there is none. Loaded: MODEL_REPR,
 * MODEL_THREADS. */
struct error *holder_name(const struct alive *alive, uint32_t holder, uint32_t object,
			  struct str *out);

#endif
