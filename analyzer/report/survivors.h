/*
 * survivors.h - what is left of what was made in each epoch: live objects by epoch of birth, and by type or site.
 *
 * A free list may hand an object's memory out again without the allocator: its epoch is then that of the memory, too old.
 */
#ifndef REFGRAPH_SURVIVORS_H
#define REFGRAPH_SURVIVORS_H

#include "dump/model.h"
#include "report/universe.h"
#include "report/where.h"
#include "util/hash.h"
#include "util/vec.h"

struct survivor_choice {
	bool by_site;			 /* else by type */
	const struct universe *universe; /* NULL: all; storage of others counts in bytes only */
	const struct where *where;	 /* bound to the dump; NULL: all */
	uint32_t first, end;		 /* epochs of birth: [first, end) */
};

struct survivor_cell {
	uint32_t epoch, group; /* group: a number in the names */
	uint64_t count, bytes;
};

struct survivors {
	VEC(struct survivor_cell) cells; /* ascending by epoch, then by group; each pair once */
};

/* Groups of several dumps meet by name: `names` (kept: names_free_kept()) may have some already. Loads what it needs. */
struct error *survivors_count(struct model *model, const struct survivor_choice *choice,
			      struct names *names, struct survivors *ret);
void survivors_deinit(struct survivors *survivors);

#endif
