/* leak_check.h - `refgraph run --leak-check`: the program as a child, a dump at the end of it and of each of its children, and
 * what `refgraph leaks` says of them. */
#ifndef REFGRAPH_LEAK_CHECK_H
#define REFGRAPH_LEAK_CHECK_H

#include "cmd/cmd.h"

struct leak_check {
	char *folder; /* of the dumps */
	bool own;     /* made for this run: it goes with its dumps */
};

/* Tells the program's refgraph_leak_check() who judges, and how. */
struct error *leak_check_offer(const struct context *context);
/* Chooses the folder and sets the REFGRAPH_* variables that a check at the end needs, but those that options gave. */
struct error *leak_check_begin(const struct context *context, struct leak_check *ret);
/*
 * Forks. Returns in the child, which is to become the program. The parent waits, passes on the signals that are sent to it,
 * reports to standard error and never returns: it ends as the program did, by the same signal if it was one, or with --error-exitcode
 * when blocks of the kinds in --errors-for-leak-kinds (definite and possible ones) were found.
 */
void leak_check_fork(const struct context *context, struct leak_check *check);

#endif
