/*
 * query.h - SQL over a dump, by SQLite: its objects, references and roots are tables. See refgraph-query(1).
 *
 * A query only reads. It can open, write or load no file (an authorizer refuses all but reading), sorts in memory, and its memory is
 * bounded. Columns of the dump are decoded when a query uses them.
 */
#ifndef REFGRAPH_QUERY_H
#define REFGRAPH_QUERY_H

#include <stdbool.h>

#include "dump/model.h"
#include "report/universe.h"
#include "util/str.h"
#include "util/vec.h"

struct query_cell {
	enum { QUERY_NULL, QUERY_NUMBER, QUERY_REAL, QUERY_TEXT } kind;
	int64_t number;
	double real;
	size_t text; /* in query_result.text */
};

struct query_result {
	size_t ncolumns;
	VEC(char *) names;
	VEC(struct query_cell) cells; /* row by row */
	struct str text;	      /* each text ended by a NUL */
};

/* Takes the rows one by one instead of all at the end: `result` has the names and one row. */
struct query_sink {
	struct error *(*row)(void *context, const struct query_result *result);
	void *context;
	bool enough; /* set by row(): no more are wanted */
};

/* where: an expression that further limits the table of objects; NULL none. explain: SQLite's plan instead. sink: NULL: all rows are in *ret. An error in the query
 * shows it with a caret. query_result_deinit() is due even then. */
struct error *query_run(struct model *model, const struct universe *universe, const char *where,
			const char *query, bool explain, struct query_sink *sink,
			struct query_result *ret);
void query_result_deinit(struct query_result *result);

#endif
