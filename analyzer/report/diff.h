/*
 * diff.h - what changed between dumps: counts and bytes by type, by site or by owner path, and what became of each object.
 *
 * An object of one dump is that of another of the same process when address, epoch of birth and type agree: every snapshot advances
 * the epoch, so memory that was freed and handed out again in between has another one. (What a runtime's free list hands out again
 * was never freed; only another type gives it away.) Objects of different processes have no identity; names are compared.
 */
#ifndef REFGRAPH_DIFF_H
#define REFGRAPH_DIFF_H

#include <stdbool.h>

#include "dump/model.h"
#include "report/alive.h"
#include "report/universe.h"
#include "util/hash.h"
#include "util/vec.h"

enum diff_by { DIFF_TYPE, DIFF_SITE, DIFF_PATH };

struct diff_query {
	enum diff_by by;
	bool long_names;    /* of types */
	const char *filter; /* an expression; NULL none */
	size_t ndumps;
};

/* Sums of one group; [0] of the first dump, [1] of the last. What follows bytes is known with diff.identity only. */
struct diff_row {
	uint64_t count[2], bytes[2];
	uint64_t fresh, fresh_bytes; /* in the last dump only */
	uint64_t gone, gone_bytes;   /* in the first one only */
	uint64_t survived, resized;  /* in both; resized: of those, with another size */
	int64_t resized_bytes;
	int64_t moved; /* survivors that came from other groups less those that left: count = old + fresh - gone + moved */
	uint64_t retained[2]; /* diff_retained() */
	bool retained_known;
};

/* One end: what is kept of a dump, by object. */
struct diff_side {
	uint32_t nobjects;
	uint64_t *address, *size;
	uint32_t *epoch, *type; /* type: number of its long name in diff.types */
	uint32_t *group;	/* NAMES_NONE: not in question */
	uint32_t *match;	/* the object of the other end, MODEL_NONE none */
	uint64_t process, pid, time_ns;
};

struct diff {
	struct diff_query query;
	bool identity;		    /* both ends are of one process */
	struct names groups, types; /* groups by path: the type's name follows the path's NUL */
	VEC(struct diff_row) rows;  /* by group */
	VEC(uint64_t) * counts;	    /* by dump, then by group; shorter when its last ones are 0 */
	struct diff_row total;
	struct diff_side side[2];
};

/* diff_add() for each dump in order, then diff_finish(). After an error, too, diff_deinit() is due. */
struct error *diff_init(const struct diff_query *query, struct diff *ret);
struct error *diff_add(struct diff *diff, size_t dump, struct model *model,
		       const struct universe *universe);
struct error *diff_finish(struct diff *diff);
void diff_deinit(struct diff *diff);

static inline uint64_t diff_count(const struct diff *d, size_t dump, uint32_t group)
{
	return group < d->counts[dump].n ? d->counts[dump].data[group] : 0;
}
/* The group's type; NULL by site. */
const char *diff_type(const struct diff *diff, uint32_t group);
/* Something can be seen of it in counts, bytes or objects. */
bool diff_changed(const struct diff_row *row);
/* Fills retained of the wanted groups (NULL all) and of the total. `ends`: liveness of the first and the last dump. */
struct error *diff_retained(struct diff *diff, struct alive *const ends[2], const bool *wanted);

#endif
