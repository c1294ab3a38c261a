/*
 * suspects.h - the automatic report: what in a dump (or between two) looks like a leak or waste, with evidence and the next command.
 *
 * Each kind of finding is one detector, a row of the table in suspects.c. A detector stays silent below a threshold, so that a
 * program without problems has an empty report.
 */
#ifndef REFGRAPH_SUSPECTS_H
#define REFGRAPH_SUSPECTS_H

#include "graph/bfs_tree.h"
#include "report/alive.h"
#include "report/diff.h"
#include "report/spell.h"
#include "util/str.h"

struct finding {
	const char *kind; /* "owner", "growing", ...: static */
	uint64_t bytes;	  /* that hang on it */
	uint64_t count;	  /* of what the finding is about */
	double slope;	  /* bytes a second, 0 unknown */
	uint32_t object;  /* MODEL_NONE none */
	/* malloc()ed texts: a sentence, why we think so, what to ask next; path may be NULL */
	char *what, *evidence, *next, *path;
};

struct suspects_query {
	struct alive *alive;	 /* the dump in question */
	struct alive *earlier;	 /* NULL: one dump only */
	const struct diff *diff; /* of both; identity or not; NULL with one dump */
	const char *dump;	 /* its name, for the commands */
	const char *earlier_dump;
	uint64_t min; /* findings of this size or more; 0: by what is alive */
	bool exact_sizes;
};

struct suspects {
	struct suspects_query q;
	struct spell spell;
	struct bfs_tree tree;
	uint64_t large, small; /* thresholds: of what one owner may keep; of waste and growth */
	VEC(struct finding)
	list; /* what grows first; then by bytes, descending, then by kind and object */
};

/* After an error, too, suspects_deinit() is due. */
struct error *suspects_find(const struct suspects_query *query, struct suspects *ret);
void suspects_deinit(struct suspects *suspects);

#endif
