/* growth.h - which types have more objects in the last dump than before. */
#ifndef REFGRAPH_GROWTH_H
#define REFGRAPH_GROWTH_H

#include "report/stats.h"

struct growth_row {
	char *name;
	uint64_t count, bytes;	   /* in the last dump */
	uint64_t base, base_bytes; /* of the baseline; base < count */
};

struct growth {
	struct growth_row *rows; /* by count - base, descending, then by name */
	size_t n;
};

/* `dumps` in order of time, at least one. The baseline is the highest count in any dump before
 * the last, or (`previous`) the count in the dump before it; with one dump it is 0. */
struct error *growth_compute(const struct stats *dumps, size_t ndumps, bool previous,
			     struct growth *ret);
void growth_deinit(struct growth *growth);

#endif
