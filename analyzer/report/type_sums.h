/* type_sums.h - a set of objects, summed by type. */
#ifndef REFGRAPH_TYPE_SUMS_H
#define REFGRAPH_TYPE_SUMS_H

#include "dump/model.h"
#include "util/err.h"
#include "util/vec.h"

struct type_sum {
	uint32_t type; /* as model_type_of() */
	uint64_t count, bytes;
	uint64_t marked; /* of `count`: those in the second set */
};

struct type_sums {
	VEC(struct type_sum) rows; /* by bytes, descending; then count, then name, then number */
	uint64_t count, bytes;	   /* of all rows */
};

/* Objects of the bit set `objects`; `marked`, NULL none, is a second one. Internal storage counts to its type. Loads what it
 * needs. */
struct error *type_sums_collect(struct model *model, const uint64_t *objects,
				const uint64_t *marked, struct type_sums *ret);
void type_sums_deinit(struct type_sums *sums);

#endif
