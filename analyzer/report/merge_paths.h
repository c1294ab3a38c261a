/*
 * merge_paths.h - the shortest paths from roots to many objects as one tree, with counts: what do these 20 000 objects hang on?
 *
 * Steps of one kind (holder's row, label without index and key, type) are one row. Where everything below a row goes through a
 * single row, the two become one whose label is the path of both: rows are where ways part, or end.
 */
#ifndef REFGRAPH_MERGE_PATHS_H
#define REFGRAPH_MERGE_PATHS_H

#include "report/alive.h"
#include "util/str.h"

struct merge_row {
	uint32_t parent, depth; /* row above; MODEL_NONE on top */
	uint64_t count, bytes;	/* selected objects at and below it, and their sizes */
	uint64_t here;		/* of them: at this row's end */
	uint32_t members;	/* objects at this row's end, selected or not */
	uint32_t object;	/* the smallest of them */
	uint32_t type;
	size_t path; /* of its label in `text` */
	bool whole;  /* the label is a module's name: it does not go on from the row above */
};

struct merge {
	VEC(struct merge_row) rows; /* depth first; siblings by count, descending, then by object */
	uint64_t total;		    /* rows before the limit */
	uint64_t missed;	    /* selected objects that no path reaches */
	struct str text;	    /* labels, each ended by a NUL */
};

/* avoid (bit set, NULL none): objects that no path passes. limit: the rows with the largest counts, 0 = all. After an error, too,
 * merge_deinit() is due. */
struct error *merge_paths(struct alive *alive, const struct ids *selected, const uint64_t *avoid,
			  uint64_t limit, struct merge *ret);
void merge_deinit(struct merge *merge);

#endif
