/*
 * balance_sight.h - counted objects as the graph sees them: which are reached, who holds how many references to each, and which of the lost ones follow from
 * others that are lost.
 */
#ifndef REFGRAPH_REPORT_BALANCE_SIGHT_H
#define REFGRAPH_REPORT_BALANCE_SIGHT_H

#include "report/alive.h"

struct sight {
	struct alive alive;
	uint32_t *
		holders; /* by object: references to it from what is reached, or lost with a counted object that is itself a finding */
	uint64_t *shared;   /* bit set: blocks in which several counted objects lie */
	uint64_t *weakly;   /* bit set: a variable that is cleared when it ends points to it */
	uint64_t *library;  /* bit set: library_held(), when it was asked for */
	uint64_t *indirect; /* bit set: lost objects that others hold which are lost themselves */
	bool some;
};

/* Of a dump without objects `some` stays false: the graph says nothing. */
struct error *sight_make(struct model *m, struct sight *s);
void sight_deinit(struct model *m, struct sight *s);

#endif
