/*
 * last_held.h - of blocks that are lost now: what held them in an earlier dump of the same process.
 *
 * A block is the same one when address and epoch of birth agree (diff.h). What held it is told by its owner path there
 * (owner_path.h), so that a thousand lost nodes of one list are one answer.
 */
#ifndef REFGRAPH_LAST_HELD_H
#define REFGRAPH_LAST_HELD_H

#include "report/leaks.h"

struct last_held {
	char *path;	 /* "head->next*"; NULL: none of them was held then */
	uint64_t blocks; /* of the record's own blocks, those that were held so */
	uint64_t held;	 /* those that were held, by whatever path */
};

/* By record of `now`, which are its definitely lost ones; others stay empty. last_held_free() frees it, after an error, too. Dumps
 * of different processes are a usage error. */
struct error *last_held_find(const struct leaks *now, struct model *earlier,
			     struct last_held **ret);
void last_held_free(struct last_held *held, size_t records);

#endif
