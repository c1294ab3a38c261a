/* suspects_more.h - detectors that are not in suspects.c; each adds its findings, or stays silent. */
#ifndef REFGRAPH_SUSPECTS_MORE_H
#define REFGRAPH_SUSPECTS_MORE_H

#include "report/suspects.h"

/* suspects_memory.c: memory that was freed and does not go back, because something small lives in it. */
struct error *find_pinned(struct suspects *suspects);

/* suspects_life.c: what lives although it is over: resurrected by its finalizer, or a generator that has ended. */
struct error *find_zombies(struct suspects *suspects);
/* Of two dumps: types of which nearly all were replaced in between. */
struct error *find_churn(struct suspects *suspects);

#endif
