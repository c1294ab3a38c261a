/*
 * gc_events.h - the collections that the shim saw a runtime's collector make, out of the rows of GC.
 *
 * A collection was found between two allocations: it ended before `until`, and took at most `span` by the clock and `processor` by the
 * process's processor time. A dump holds the last ones; the sums by generation are of all.
 */
#ifndef REFGRAPH_GC_EVENTS_H
#define REFGRAPH_GC_EVENTS_H

#include "dump/model.h"
#include "util/vec.h"

struct gc_event {
	uint64_t number;    /* from 0, of all that were seen */
	uint64_t until;	    /* ns since 1970 */
	uint64_t span;	    /* ns */
	uint64_t processor; /* ns; 0 unknown */
	uint64_t generation;
	uint64_t collections; /* that lie between the two allocations, of this generation */
	uint64_t collected, uncollectable;
};

struct gc_events {
	VEC(struct gc_event) list; /* ascending by number */
	uint64_t total;		   /* seen; more than the list has when it was long */
	uint64_t start;		   /* of the process, ns since 1970; 0 unknown */
	bool known;		   /* the dump tells of them */
};

struct error *gc_events_read(struct model *model, struct gc_events *ret);
void gc_events_deinit(struct gc_events *events);

#endif
