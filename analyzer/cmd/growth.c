/* growth.c - `refgraph growth`, `refgraph show-growth`: types with more objects than ever
 * before. */
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/growth.h"

enum { TYPE, COUNT, DELTA, BYTES, BYTES_DELTA };

static const struct column columns[] = {
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "name of the type"},
	[COUNT] = {"count", "COUNT", CELL_NUMBER, .about = "objects in the last dump"},
	[DELTA] = {"delta", "DELTA", CELL_DELTA, .about = "more than in the baseline"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "their sizes together"},
	[BYTES_DELTA] = {"bytes_delta", "BYTES DELTA", CELL_SIZE_DELTA,
			 .about = "more bytes than in the baseline"},
};

/* objgraph's shape: '%-*s%9d %+9d'. */
static const struct column bare_columns[] = {
	[TYPE] = {"type", NULL, CELL_TEXT},
	[COUNT] = {"count", NULL, CELL_NUMBER, .width = 9, .tight = true},
	[DELTA] = {"delta", NULL, CELL_DELTA, .width = 9},
	[BYTES] = {"bytes", NULL, CELL_SIZE, .hidden = true},
	[BYTES_DELTA] = {"bytes_delta", NULL, CELL_SIZE_DELTA, .hidden = true},
};

/* One dump after the other: their models need not be in memory together. */
static struct error *collect(struct context *c, struct stats *dumps)
{
	const char *filter = option_text(c, OPT_FILTER, option_text(c, OPT_WHERE, NULL));

	for (size_t i = 0; i < c->ndumps; i++) {
		struct universe universe;
		struct model *model;

		TRY(context_model(c, i, &model));
		TRY(context_universe(c, model, &universe));
		TRY(stats_collect(model, &universe, option_flag(c, OPT_SHORTNAMES, true), filter,
				  &dumps[i]));
		context_drop_model(c, i);
	}
	return NULL;
}

static struct error *compute(struct context *c, struct growth *ret)
{
	bool previous = strcmp(option_text(c, OPT_BASELINE, "peak"), "previous") == 0;
	struct stats *dumps = calloc(c->ndumps, sizeof *dumps);
	struct error *e = dumps ? collect(c, dumps) : error_memory();

	if (!e)
		e = growth_compute(dumps, c->ndumps, previous, ret);
	for (size_t i = 0; dumps && i < c->ndumps; i++)
		stats_deinit(&dumps[i]);
	free(dumps);
	return e;
}

static struct error *print(struct context *c, const struct column *what, struct table_style *style)
{
	struct growth growth;
	struct table *table;
	struct error *e;

	style->limit = option_number(c, OPT_LIMIT, 10);
	TRY(compute(c, &growth));
	e = table_create(what, 5, &table);
	for (size_t i = 0; i < growth.n && !e; i++) {
		const struct growth_row *r = &growth.rows[i];

		table_row(table);
		table_text(table, TYPE, r->name);
		table_number(table, COUNT, r->count);
		table_signed(table, DELTA, r->count - r->base);
		table_number(table, BYTES, r->bytes);
		table_signed(table, BYTES_DELTA, r->bytes - r->base_bytes);
	}
	growth_deinit(&growth);
	if (e)
		return e;
	e = table_print(table, style, stdout);
	table_destroy(table);
	return e;
}

static struct error *run_table(struct context *c)
{
	struct table_style style = c->style;

	return print(c, columns, &style);
}

static struct error *run_show(struct context *c)
{
	struct table_style style = c->style;

	style.no_header = true;
	style.gap = 1;
	return print(c, bare_columns, &style);
}

#define ABOUT                                                                                      \
	"Give the dumps in order of time. Per type, the objects in the last dump minus the most "  \
	"in any dump before it "                                                                   \
	"(--baseline previous: in the one before it), where positive. With one dump everything "   \
	"is new."

const struct command cmd_growth = {
	.name = "growth",
	.usage = "DUMP...",
	.summary = "list the types that have more objects than in earlier dumps",
	.about = ABOUT,
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_TYPES | OPTIONS_GROWTH,
	.records = RECORDS(RECORD(columns)),
	.min_dumps = 1,
	.max_dumps = UINT32_MAX,
	.run = run_table,
};

const struct command cmd_show_growth = {
	.name = "show-growth",
	.usage = "DUMP...",
	.summary = "the same in objgraph's own shape",
	.about = ABOUT,
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_TYPES | OPTIONS_GROWTH,
	.records = RECORDS(RECORD(columns)),
	.min_dumps = 1,
	.max_dumps = UINT32_MAX,
	.run = run_show,
};
