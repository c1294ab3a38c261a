/*
 * stack_sums.h - live objects and bytes by where they were made: by place, by whole stack, or as a
 * tree from the outermost caller inwards, of one dump or of two beside each other.
 *
 * Of a sample, the rows are estimates of all (estimate.h). Under hybrid, a share of the stacks of each site is known in full: the other
 * blocks of the site are given to these stacks in the proportion of that share, so that the sums of a site stay exact.
 *
 * Rows of two dumps meet by their text: the numbers of frames and stacks mean nothing in another
 * dump.
 */
#ifndef REFGRAPH_STACK_SUMS_H
#define REFGRAPH_STACK_SUMS_H

#include "dump/model.h"
#include "report/universe.h"
#include "report/where.h"
#include "util/hash.h"
#include "util/vec.h"

enum stacks_by {
	STACKS_SITE,  /* the innermost frame that is no allocator's wrapper */
	STACKS_WHOLE, /* all frames, the innermost first */
	STACKS_TREE,  /* rows include those below them */
};

struct stack_row {
	char *place;	 /* one frame, or all of them with " < " between */
	uint32_t parent; /* row of the caller, always an earlier one; MODEL_NONE none */
	unsigned depth;
	uint64_t objects, bytes, old_objects, old_bytes;
	/* squares of standard errors, those of both dumps together; 0: the numbers are exact */
	double objects_variance, bytes_variance;
	double made, made_variance; /* allocations ever, as far as hybrid counted them */
	/* in the dump: those that may be of a free list's memory, made elsewhere later */
	uint64_t reused;
};

/* Which objects. Storage of a runtime's objects adds to bytes, not to objects. */
struct stack_choice {
	const struct universe *universe; /* NULL: all */
	const struct where *where;	 /* bound to the dump; NULL: all */
	uint32_t first, end;		 /* epochs of birth: [first, end) */
	bool made;			 /* by site: count the allocations ever, too */
};

struct stack_sums {
	enum stacks_by by;
	VEC(struct stack_row) rows;
	struct names keys;
	uint64_t objects, bytes, old_objects, old_bytes; /* of all that was chosen */
	uint64_t reused;				 /* the same */
	bool counted;					 /* some row has `made` */
	bool estimated;					 /* some row has an error */
};

/* Adds the objects of a dump: to old_objects and old_bytes when `old`. Loads what it needs. */
struct error *stack_sums_add(struct stack_sums *sums, struct model *model,
			     const struct stack_choice *choice, bool old);
void stack_sums_deinit(struct stack_sums *sums);

#endif
