/* get_new_ids.c - `refgraph get-new-ids`: which objects are new since the dump before. */
#include <inttypes.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/new_ids.h"

enum { TYPE, OLD, CURRENT, NEW, DELTAS, BYTES };

static const struct column columns[] = {
	[TYPE] = {"type", "Type", CELL_TEXT, .about = "name of the type"},
	[OLD] = {"old_ids", "Old_ids", CELL_NUMBER, .width = 13, .tight = true,
		 .about = "objects in the dump before"},
	[CURRENT] = {"current_ids", "Current_ids", CELL_NUMBER, .width = 13, .tight = true,
		     .about = "objects in the last dump"},
	[NEW] = {"new_ids", "New_ids", CELL_DELTA, .width = 13, .tight = true,
		 .about = "objects in the last dump that are not in the one before"},
	[DELTAS] = {"count_deltas", "Count_Deltas", CELL_DELTA, .width = 13, .tight = true,
		    .about = "current less old"},
	[BYTES] = {"new_bytes", "New_bytes", CELL_SIZE, .hidden = true, .width = 13, .tight = true,
		   .about = "bytes of the new objects"},
};

static enum new_ids_order order_of(const char *text)
{
	static const char *const names[] = {"old", "current", "new", "deltas"};
	enum new_ids_order order = NEW_IDS_DELTAS;

	for (unsigned i = 0; i < 4; i++)
		if (strcmp(text, names[i]) == 0)
			order = i;
	return order;
}

static struct error *fill(struct table *t, const struct new_ids *ids, uint64_t limit)
{
	for (size_t i = 0; i < ids->n && (!limit || i < limit); i++) {
		const struct new_ids_row *r = &ids->rows[i];

		table_row(t);
		table_text(t, TYPE, r->name);
		table_number(t, OLD, r->old);
		table_number(t, CURRENT, r->current);
		table_signed(t, NEW, (int64_t)r->new);
		table_signed(t, DELTAS, (int64_t)(r->current - r->old));
		table_number(t, BYTES, r->bytes);
	}
	return NULL;
}

static void rule(size_t width)
{
	for (size_t i = 0; i < width; i++)
		putchar('=');
	putchar('\n');
}

/* objgraph's frame: a rule above, below the titles, and at the end. */
static void print_framed(const struct new_ids *ids, uint64_t limit)
{
	size_t shown = limit && limit < ids->n ? limit : ids->n;
	int width = 0;

	for (size_t i = 0; i < shown; i++)
		if ((int)text_width(ids->rows[i].name) > width)
			width = (int)text_width(ids->rows[i].name);
	if (!shown)
		return;
	rule((size_t)width + 52);
	printf("%-*s%13s%13s%13s%13s\n", width, columns[TYPE].title, columns[OLD].title,
	       columns[CURRENT].title, columns[NEW].title, columns[DELTAS].title);
	rule((size_t)width + 52);
	for (size_t i = 0; i < shown; i++) {
		const struct new_ids_row *r = &ids->rows[i];
		int pad = width - (int)text_width(r->name);
		struct str name = {0};

		str_printable(&name, r->name);
		printf("%s%*s%13" PRIu64 "%13" PRIu64 "%+13" PRId64 "%+13" PRId64 "\n",
		       str_text(&name), pad > 0 ? pad : 0, "", r->old, r->current, (int64_t)r->new,
		       (int64_t)(r->current - r->old));
		str_free(&name);
	}
	rule((size_t)width + 52);
}

/* The frame is objgraph's alone: who asks for columns, an order or a format gets the table. */
static struct error *print(struct context *c, const struct new_ids *ids)
{
	uint64_t limit = option_number(c, OPT_LIMIT, 10);
	struct table_style style = c->style;
	struct table *table;
	struct error *e;

	if (style.format == TABLE_TEXT && !style.columns && !style.sort && !style.no_header) {
		print_framed(ids, limit);
		return NULL;
	}
	TRY(table_create(columns, sizeof columns / sizeof *columns, &table));
	e = fill(table, ids, style.sort ? 0 : limit);
	style.limit = limit;
	if (!e)
		e = table_print(table, &style, stdout);
	table_destroy(table);
	return e;
}

/* Without a common past, addresses and epochs mean nothing. */
static void warn_of_strangers(const struct context *c, const struct model *old,
			      const struct model *current)
{
	if (dump_header(old->dump)->process_key != dump_header(current->dump)->process_key)
		fprintf(stderr,
			"refgraph: %s and %s are of different processes: what is new is told by "
			"addresses that need not mean the same\n",
			old->path, current->path);
}

static struct error *run(struct context *c)
{
	const char *filter = option_text(c, OPT_FILTER, option_text(c, OPT_WHERE, NULL));
	bool skip = option_flag(c, OPT_SKIP_UPDATE, false);
	size_t last = c->ndumps - 1;
	struct model *old = NULL, *current;
	struct new_ids ids;
	struct error *e;

	if (skip && last == 0)
		return error_usage("get-new-ids: --skip-update answers as of the dump before the "
				   "last: give at least two");
	last -= skip;
	TRY(context_model(c, last, &current));
	if (last)
		TRY(context_model(c, last - 1, &old));
	if (old)
		warn_of_strangers(c, old, current);
	TRY(new_ids_collect(old, current, option_text(c, OPT_UNIVERSE, NULL),
			    option_flag(c, OPT_SHORTNAMES, true), filter, &ids));
	new_ids_sort(&ids, order_of(option_text(c, OPT_SORTBY, "deltas")));
	if (skip || option_flag(c, OPT_LIST, false))
		e = print_objects(c, current, &ids.objects, NULL);
	else
		e = print(c, &ids);
	new_ids_deinit(&ids);
	return e;
}

const struct command cmd_get_new_ids = {
	.name = "get-new-ids",
	.usage = "DUMP...",
	.summary = "list the types with new objects since the dump before, or the new objects",
	.about = "Give the dumps in order of time; the last two are compared, with one dump "
		 "everything is new. An object is the same when "
		 "address, epoch of birth and type are: what was put where another died is new. "
		 "--list prints the objects themselves.",
	.options =
		OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_TYPES | OPTIONS_NEW_IDS | OPTIONS_LIST,
	.records = RECORDS(RECORD(columns), &object_record),
	.min_dumps = 1,
	.max_dumps = UINT32_MAX,
	.run = run,
};
