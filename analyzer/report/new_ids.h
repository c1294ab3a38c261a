/*
 * new_ids.h - objgraph.get_new_ids(): which objects are new since an earlier dump of the same
 * process.
 *
 * objgraph knows an object by its address, and so takes a new one that was put where an old one
 * died for the old one. Here an object is the same when address, epoch of birth and type name are:
 * every snapshot begins an epoch.
 */
#ifndef REFGRAPH_NEW_IDS_H
#define REFGRAPH_NEW_IDS_H

#include "dump/model.h"
#include "report/universe.h"
#include "util/vec.h"

struct new_ids_row {
	char *name;
	uint64_t old, current, new; /* objects */
	uint64_t bytes;		    /* of the new ones */
};

struct new_ids {
	struct new_ids_row *rows; /* ascending by name; each occurs in one of the dumps */
	size_t n;
	struct ids objects; /* the new ones, in the current dump; ascending */
};

enum new_ids_order { NEW_IDS_OLD, NEW_IDS_CURRENT, NEW_IDS_NEW, NEW_IDS_DELTAS };

/* `old` NULL: everything is new. `filter` is an expression, NULL none. Loads what it needs. */
struct error *new_ids_collect(struct model *old, struct model *current, const char *universe,
			      bool short_names, const char *filter, struct new_ids *ret);
void new_ids_deinit(struct new_ids *ids);
/* Descending by that column, then by name: objgraph's order. */
void new_ids_sort(struct new_ids *ids, enum new_ids_order order);

#endif
