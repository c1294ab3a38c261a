/*
 * owner_series.h - what the same owners retain in each of several dumps.
 *
 * An owner is an object with its path in full, app.cache['x'], as spell.h writes it: objects of the last dump that retain something.
 * In the other dumps it is what has the same path; where nothing has, the same object (address, epoch of birth, type), if the dumps
 * are of one process; where neither is, it retained nothing.
 */
#ifndef REFGRAPH_OWNER_SERIES_H
#define REFGRAPH_OWNER_SERIES_H

#include "dump/model.h"
#include "util/hash.h"
#include "util/vec.h"

struct owner {
	uint32_t object;       /* in the last dump; MODEL_NONE: all that no root reaches */
	uint32_t above;	       /* row of the nearest owner that alone keeps it; MODEL_NONE none */
	uint32_t path;	       /* in owner_series.texts */
	uint32_t type, module; /* names of its type, there too */
	uint32_t step;	       /* its path's last step, there too */
	uint64_t address;
	uint32_t epoch;
	uint32_t present; /* dumps that have it */
};

struct owner_series {
	size_t ndumps;
	uint64_t least;
	struct names texts;
	VEC(struct owner)
	owners; /* an owner comes after the one above; what no root reaches is the last */
	VEC(double) bytes; /* [row * ndumps + dump] */
	uint64_t process;
	uint32_t pid;
};

/*
 * First owner_series_last() with the last dump, then owner_series_add() with each of the others, in any order; a model may go after
 * its call. least: bytes that an owner retains at least in the last dump. After an error, too, owner_series_deinit() is due.
 */
struct error *owner_series_last(struct model *last, size_t ndumps, uint64_t least,
				struct owner_series *ret);
struct error *owner_series_add(struct owner_series *series, size_t dump, struct model *model);
void owner_series_deinit(struct owner_series *series);

static inline const double *owner_bytes(const struct owner_series *s, size_t row)
{
	return s->bytes.data + row * s->ndumps;
}

#endif
