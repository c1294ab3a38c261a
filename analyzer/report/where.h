/*
 * where.h - the expressions of --where, --filter, --predicate, --highlight: size > 1k and type ~
 * "Session" or not ...
 *
 *   expression  and ("or" and)*
 *   and         not ("and" not)*
 *   not         "not" not | "(" expression ")" | test
 *   test        FIELD OP VALUE, or FIELD alone: true when that number is not 0
 *   FIELD       type size retained refcount unexplained generation age epoch indegree outdegree runtime
 *               module site name id address tracked internal immortal finalized is-proper-module
 *               is-root
 *   OP          == = != < <= > >= ~ !~
 *   VALUE       number with k M G T (1024s), 0x..., a word, or "text" or 'text'; ~ takes a POSIX
 *               extended regular expression
 *
 * retained is 0 where no root reaches; unexplained is the refcount less the strong references and roots that the dump holds; age counts
 * epochs; indegree leaves weak references out.
 */
#ifndef REFGRAPH_WHERE_H
#define REFGRAPH_WHERE_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/model.h"
#include "util/err.h"

struct where;

/* An error shows the expression with a caret under the place. */
struct error *where_compile(const char *expression, struct where **ret);
void where_destroy(struct where *where);
/* Loads what the expression's fields need and prepares them. Before where_test(). */
struct error *where_bind(struct where *where, struct model *model);
bool where_test(const struct where *where, uint32_t object);

/* ---- the fields by themselves, by number from 0 ------------------------------------------------ */

/* NULL behind the last one. */
const char *where_field_name(unsigned field);
bool where_field_is_text(unsigned field);
/* Prepares the fields whose bits are set in `fields`; where_destroy() ends it. */
struct error *where_open_fields(uint64_t fields, struct model *model, struct where **ret);
uint64_t where_number(const struct where *where, unsigned field, uint32_t object);
/* Appended. A runtime is called as where expressions do: "native", "cpython", ... */
void where_text(const struct where *where, unsigned field, uint32_t object, struct str *out);

#endif
