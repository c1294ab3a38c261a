/*
 * slopes.h - what grows over many dumps, and how fast: a straight line (trend.h) through the bytes of each owner, type or site.
 *
 * Of owners, which keep each other alive, those are chosen where the growth spreads: from what keeps most down to what keeps
 * most of it, as long as these are few, or keep a tenth, and have been there most of the time.
 */
#ifndef REFGRAPH_SLOPES_H
#define REFGRAPH_SLOPES_H

#include "report/owner_series.h"
#include "report/trend.h"
#include "util/hash.h"
#include "util/vec.h"

struct slope_row {
	const char *name;    /* a path, type or site */
	const char *type;    /* of an owner; else NULL */
	uint32_t object;     /* an owner in the last dump, else MODEL_NONE */
	const double *bytes; /* by dump */
	struct trend trend;  /* bytes per unit of x */
};

struct slopes {
	VEC(struct slope_row) rows; /* slope descending, then name */
};

/* Bytes by name over dumps: an empty one is filled by series_add(). */
struct series {
	size_t ndumps;
	struct names names;
	VEC(double) bytes; /* [name * ndumps + dump] */
};
struct error *series_add(struct series *series, size_t dump, const char *name, uint64_t bytes);
void series_deinit(struct series *series);

/* x: by dump, at least two different ones. The source must outlive the result. Rows that do not grow are left out unless `all`. */
struct error *slopes_of_series(const struct series *series, const double *x, bool all,
			       struct slopes *ret);
struct error *slopes_of_owners(const struct owner_series *series, const double *x, bool all,
			       struct slopes *ret);
void slopes_deinit(struct slopes *slopes);

#endif
