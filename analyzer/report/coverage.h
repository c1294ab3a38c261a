/* coverage.h - how much of a dump has a type and a name, and what has none. */
#ifndef REFGRAPH_COVERAGE_H
#define REFGRAPH_COVERAGE_H

#include "dump/model.h"
#include "util/err.h"

enum coverage_row {
	/* objects: enum type_source, then */
	COVERAGE_UNKNOWN = TYPE_SOURCES, /* native blocks without even an allocation site */
	/* references */
	COVERAGE_NAMED,	 /* attribute, key, index, member, local, part */
	COVERAGE_FIELD,	 /* a field of a native block of known type */
	COVERAGE_OFFSET, /* exact, but an offset is all that is known */
	COVERAGE_GUESS,	 /* a word of a native block that looks like a pointer */
	COVERAGE_BARE,	 /* exact, and nothing is known of its place */
	COVERAGE_ROWS,
};
#define COVERAGE_REFERENCES COVERAGE_NAMED /* the first row of references */
#define COVERAGE_MOST 3

struct coverage {
	uint64_t objects, bytes, edges; /* of all */
	struct {
		uint64_t count, bytes;
		struct {
			uint32_t type; /* as model_type_of(); of references: of what holds them */
			uint64_t count;
		} most[COVERAGE_MOST]; /* descending; count 0 = no more */
	} row[COVERAGE_ROWS];
};

/* Loads what it needs, all edges too. */
struct error *coverage_collect(struct model *model, struct coverage *ret);

#endif
