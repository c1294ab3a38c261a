/*
 * fail_if.h - the conditions of --fail-if: retained_delta(Cache) > 1M or delta >= 100 and gone(Session) == 0
 *
 *   condition  all ("or" all)*
 *   all        test ("and" test)*
 *   test       FIELD [ "(" NAME ")" ] OP NUMBER
 *   OP         == = != < <= > >=
 *   NUMBER     decimal, maybe negative, with k M G T (1024s)
 *
 * A test without NAME holds when it does so for any row. NAME may be quoted; * is all rows together.
 */
#ifndef REFGRAPH_FAIL_IF_H
#define REFGRAPH_FAIL_IF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/str.h"

struct fail_if;

/* Where values come from. Rows have numbers below nrows. */
struct fail_source {
	size_t nrows;
	const char *(*name)(void *context, size_t row);
	/* of a row, or of all together (row == nrows); false: not known, and no test holds for it */
	bool (*value)(void *context, size_t row, unsigned field, int64_t *ret);
	void *context;
};

/* fields: their names, ending with NULL; they outlive the condition. An error shows it with a caret under the place. */
struct error *fail_if_compile(const char *condition, const char *const *fields,
			      struct fail_if **ret);
void fail_if_destroy(struct fail_if *condition);
/* Some test asks for this field; of rows of this name, unless that is NULL. */
bool fail_if_asks(const struct fail_if *condition, unsigned field, const char *name);
/* Holds the condition? Then `why` gets what made it: "retained_delta(Cache) is 1200". */
bool fail_if_holds(const struct fail_if *condition, const struct fail_source *source,
		   struct str *why);
/* The i-th name that is asked for and that no row has; NULL when there are no more. */
const char *fail_if_unknown(const struct fail_if *condition, const struct fail_source *source,
			    size_t i);

#endif
