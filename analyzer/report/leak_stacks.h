/* leak_stacks.h - the stack of a record of leaks, for people: from the allocator's caller out to main(). */
#ifndef REFGRAPH_REPORT_LEAK_STACKS_H
#define REFGRAPH_REPORT_LEAK_STACKS_H

#include "report/leaks.h"
#include "util/str.h"

/*
 * "#17 definite, 24 blocks of node" and a line a frame, "at" the first and "by" the others, at most `callers` of them. What started main()
 * is left out. Nothing of a record of which one frame is known: the table has that.
 */
void leak_stack_text(struct model *m, const struct leak_record *r, uint64_t callers,
		     struct str *out);

#endif
