/*
 * query_text.h - from what users write to what SQLite reads.
 *
 *   a ~ "b"        a regexp "b"; a !~ b likewise
 *   size > 1.5M    1572864; k M G T are 1024s
 *   is-root        is_root
 *   select x where ...   the table is objects where a select names none
 */
#ifndef REFGRAPH_QUERY_TEXT_H
#define REFGRAPH_QUERY_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/str.h"
#include "util/vec.h"

struct query_text {
	struct str sql;
	VEC(uint32_t) from; /* by byte of sql: place in the query where it comes from */
};

struct error *query_text_make(const char *query, struct query_text *ret);
void query_text_deinit(struct query_text *text);

#endif
