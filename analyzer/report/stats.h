/* stats.h - counts and bytes per type: what typestats, most-common-types and growth are made of. */
#ifndef REFGRAPH_STATS_H
#define REFGRAPH_STATS_H

#include "dump/model.h"
#include "report/universe.h"

struct type_count {
	char *name; /* short or long */
	uint64_t count, bytes;
	double count_variance, bytes_variance; /* of a sample (estimate.h); 0: exact */
};

struct stats {
	struct type_count *rows; /* ascending by name, each name once */
	size_t n;
};

/*
 * Types of one name are one row, as in objgraph. Without `filter` (an expression, NULL none)
 * SUMMARY alone is read, unless the dump has a sample of the blocks: then all objects are weighed. `model` may be closed while the result lives.
 */
struct error *stats_collect(struct model *model, const struct universe *universe, bool short_names,
			    const char *filter, struct stats *ret);
void stats_deinit(struct stats *stats);
/* NULL when the name does not occur. */
const struct type_count *stats_find(const struct stats *stats, const char *name);
/* By count, descending, then by name. */
void stats_sort_by_count(struct stats *stats);

#endif
