/* query.c - `refgraph query`: SQL over a dump. */
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/query.h"

/* ---- from cells to a table ------------------------------------------------------------------- */

/* A column of sizes, by its name: shown as such when all its values can be one. */
static bool is_about_bytes(const char *name)
{
	return strstr(name, "size") || strstr(name, "retained") || strstr(name, "bytes");
}

static enum cell_type type_of(const struct query_result *r, size_t column)
{
	bool number = true, real = true, negative = false, any = false;

	for (size_t i = column; i < r->cells.n; i += r->ncolumns) {
		const struct query_cell *c = &r->cells.data[i];

		if (c->kind == QUERY_NULL)
			continue;
		any = true;
		number &= c->kind == QUERY_NUMBER;
		real &= c->kind == QUERY_NUMBER || c->kind == QUERY_REAL;
		negative |= c->kind == QUERY_NUMBER && c->number < 0;
	}
	if (!any || !real)
		return CELL_TEXT;
	if (!number)
		return CELL_REAL;
	return is_about_bytes(r->names.data[column]) && !negative ? CELL_SIZE : CELL_SIGNED;
}

static void add_cell(struct table *t, unsigned column, enum cell_type type,
		     const struct query_result *r, const struct query_cell *c)
{
	char text[32];

	switch (c->kind) {
	case QUERY_NULL:
		break;
	case QUERY_TEXT:
		table_text(t, column, r->text.data + c->text);
		break;
	case QUERY_REAL:
		if (type == CELL_REAL) {
			table_real(t, column, c->real);
			break;
		}
		snprintf(text, sizeof text, "%.15g", c->real);
		table_text(t, column, text);
		break;
	case QUERY_NUMBER:
		if (type == CELL_REAL) {
			table_real(t, column, (double)c->number);
		} else if (type == CELL_TEXT) {
			snprintf(text, sizeof text, "%lld", (long long)c->number);
			table_text(t, column, text);
		} else {
			table_signed(t, column, c->number);
		}
	}
}

static struct error *print(struct context *c, const struct query_result *r)
{
	struct column *columns = calloc(r->ncolumns + 1, sizeof *columns);
	struct table *t = NULL;
	struct error *e = columns ? NULL : error_memory();

	for (size_t i = 0; i < r->ncolumns && !e; i++)
		columns[i] = (struct column){.name = r->names.data[i], .type = type_of(r, i)};
	if (!e)
		e = table_create(columns, r->ncolumns, &t);
	for (size_t i = 0, column = 0; i < r->cells.n && !e; i++) {
		if (column == 0)
			table_row(t);
		add_cell(t, column, columns[column].type, r, &r->cells.data[i]);
		column = column + 1 < r->ncolumns ? column + 1 : 0;
	}
	if (!e)
		e = table_print(t, &c->style, stdout);
	table_destroy(t);
	free(columns);
	return e;
}

/* ---- rows as they come ------------------------------------------------------------------------ */

/* A value is printed as what it is: each row has types of its own. */
struct stream {
	struct context *c;
	struct table *table;
	struct column *columns;
	struct query_sink sink;
};

static struct error *begin(struct stream *s, const struct query_result *r)
{
	s->columns = calloc(r->ncolumns + 1, sizeof *s->columns);
	if (!s->columns)
		return error_memory();
	for (size_t i = 0; i < r->ncolumns; i++)
		s->columns[i].name = r->names.data[i];
	/* the stream's owner frees the columns */
	TRY(table_create(s->columns, r->ncolumns, &s->table)); // NOLINT(clang-analyzer-unix.Malloc)
	return table_stream(s->table, &s->c->style, stdout);
}

static struct error *add_row(void *context, const struct query_result *r)
{
	struct stream *s = context;

	if (!s->table)
		TRY(begin(s, r));
	table_row(s->table);
	for (size_t i = 0; i < r->ncolumns; i++) {
		s->columns[i].type = type_of(r, i);
		add_cell(s->table, i, s->columns[i].type, r, &r->cells.data[i]);
	}
	table_flush(s->table);
	s->sink.enough = table_is_full(s->table);
	return NULL;
}

static struct error *finish(struct stream *s, const struct query_result *r)
{
	if (!s->table)
		TRY(begin(s, r));
	return table_print(s->table, &s->c->style, stdout);
}

/* ---- the command ----------------------------------------------------------------------------- */

static struct error *run(struct context *c)
{
	bool streams = c->style.format != TABLE_TEXT && !c->style.sort;
	struct stream stream = {.c = c, .sink = {add_row, &stream}};
	struct query_result result = {0};
	struct universe universe;
	struct model *m;
	struct error *e;

	TRY(context_model(c, 0, &m));
	TRY(universe_parse(m, option_text(c, OPT_UNIVERSE, "all"), &universe));
	e = query_run(m, &universe, option_text(c, OPT_WHERE, NULL), c->args[0],
		      option_flag(c, OPT_EXPLAIN, false), streams ? &stream.sink : NULL, &result);
	if (!e)
		e = streams ? finish(&stream, &result) : print(c, &result);
	table_destroy(stream.table);
	free(stream.columns);
	query_result_deinit(&result);
	return e;
}

/* The columns are those of the query. */
static const struct record any_record = {.open = true};

const struct command cmd_query = {
	.name = "query",
	.usage = "SQL DUMP",
	.summary = "ask in SQL: select type, count(*), sum(size) where age > 3 group by type",
	.about = "The tables are objects (its columns are the fields of --where, and path), edges "
		 "(source, target, kind, label) and roots (target, class, kind, name); objects is "
		 "taken where a query names none. a ~ 'b' matches a regular expression; numbers "
		 "may end in k, M, G, T. A query only reads.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_QUERY,
	.records = RECORDS(&any_record),
	.min_args = 1,
	.max_args = 1,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
