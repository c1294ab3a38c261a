/* typestats.c - `refgraph typestats`, `most-common-types`, `show-most-common-types`: live
 * objects per type. */
#include "cmd/cmd.h"
#include "report/estimate.h"
#include "report/stats.h"

/* The errors are there only where something is estimated. */
enum { TYPE, COUNT, BYTES, COUNT_ERROR, BYTES_ERROR, ESTIMATED, EXACT = COUNT_ERROR };

static const struct column columns[] = {
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "name of the type"},
	[COUNT] = {"count", "COUNT", CELL_NUMBER, .about = "live objects"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "their sizes together"},
	[COUNT_ERROR] = {"count_error", "+/- COUNT", CELL_NUMBER,
			 .about = "standard error of the count, where it is an estimate",
			 .optional = true},
	[BYTES_ERROR] = {"bytes_error", "+/- BYTES", CELL_SIZE,
			 .about = "standard error of these bytes", .optional = true},
};

/* objgraph's shape: name, one space, count. */
static const struct column bare_columns[] = {
	[TYPE] = {"type", NULL, CELL_TEXT},
	[COUNT] = {"count", NULL, CELL_NUMBER},
	[BYTES] = {"bytes", NULL, CELL_SIZE, .hidden = true},
	[COUNT_ERROR] = {"count_error", NULL, CELL_NUMBER, .hidden = true},
	[BYTES_ERROR] = {"bytes_error", NULL, CELL_SIZE, .hidden = true},
};

static struct error *collect(struct context *c, struct stats *ret)
{
	const char *filter = option_text(c, OPT_FILTER, option_text(c, OPT_WHERE, NULL));
	struct universe universe;
	struct model *model;

	TRY(context_model(c, 0, &model));
	TRY(context_universe(c, model, &universe));
	TRY(stats_collect(model, &universe, option_flag(c, OPT_SHORTNAMES, true), filter, ret));
	stats_sort_by_count(ret);
	return NULL;
}

static struct error *print(struct context *c, const struct column *what,
			   const struct table_style *style)
{
	size_t ncolumns = EXACT;
	struct stats stats;
	struct table *table;
	struct error *e;

	TRY(collect(c, &stats));
	for (size_t i = 0; i < stats.n; i++)
		if (stats.rows[i].count_variance > 0)
			ncolumns = ESTIMATED;
	e = table_create(what, ncolumns, &table);
	for (size_t i = 0; i < stats.n && !e; i++) {
		const struct type_count *row = &stats.rows[i];

		table_row(table);
		table_text(table, TYPE, row->name);
		table_number(table, COUNT, row->count);
		table_number(table, BYTES, row->bytes);
		if (ncolumns == EXACT)
			continue;
		table_number(table, COUNT_ERROR, estimate_error(row->count_variance));
		table_number(table, BYTES_ERROR, estimate_error(row->bytes_variance));
	}
	stats_deinit(&stats);
	if (e)
		return e;
	e = table_print(table, style, stdout);
	table_destroy(table);
	return e;
}

static struct error *run_all(struct context *c)
{
	return print(c, columns, &c->style);
}

static struct error *run_most(struct context *c)
{
	struct table_style style = c->style;

	style.limit = option_number(c, OPT_LIMIT, 10);
	return print(c, columns, &style);
}

static struct error *run_show(struct context *c)
{
	struct table_style style = c->style;

	style.limit = option_number(c, OPT_LIMIT, 10);
	style.no_header = true;
	style.left = true;
	style.gap = 1;
	return print(c, bare_columns, &style);
}

#define OPTIONS (OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_TYPES)

const struct command cmd_typestats = {
	.name = "typestats",
	.usage = "DUMP",
	.summary = "count the objects of every type",
	.options = OPTIONS,
	.records = RECORDS(RECORD(columns)),
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run_all,
};

const struct command cmd_most_common_types = {
	.name = "most-common-types",
	.usage = "DUMP",
	.summary = "list the types with the most objects",
	.about = "By count, descending; ties by name. --limit 0 lists all.",
	.options = OPTIONS,
	.records = RECORDS(RECORD(columns)),
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run_most,
};

const struct command cmd_show_most_common_types = {
	.name = "show-most-common-types",
	.usage = "DUMP",
	.summary = "the same in objgraph's own shape",
	.options = OPTIONS,
	.records = RECORDS(RECORD(columns)),
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run_show,
};
