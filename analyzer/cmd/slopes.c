/* slopes.c - `refgraph slopes`: what grows over many dumps, how fast, and how straight. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/epochs.h"
#include "report/slopes.h"
#include "report/stack_sums.h"
#include "report/stats.h"

#define DEFAULT_LIMIT 20u
#define LEAST 1024u /* bytes that an owner retains in the last dump */

enum { NAME, TYPE, SLOPE, LOW, HIGH, FIT, LAST, ID, BYTES, PER };

static const struct column columns[] = {
	[NAME] = {"name", "NAME", CELL_TEXT,
		  .about = "the path of the owner, the same in all dumps; the type or the site"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the owner; null by type or site"},
	[SLOPE] = {"slope", "SLOPE", CELL_SIZE_DELTA,
		   .about = "bytes per hour (--against epoch: per epoch; dump: per dump)"},
	[LOW] = {"low", "LOW", CELL_SIZE_DELTA,
		 .about = "where the true slope is, with 95 % certainty: from here ..."},
	[HIGH] = {"high", "HIGH", CELL_SIZE_DELTA,
		  .about = "... to here; null with fewer than five dumps"},
	[FIT] = {"fit", "FIT %", CELL_REAL,
		 .about = "R² in per cent: 100 is a straight line; null when nothing changed"},
	[LAST] = {"last", "LAST", CELL_SIZE, .about = "bytes in the last dump"},
	[ID] = {"id", "ID", CELL_ID, .hidden = true, .about = "of the owner in the last dump"},
	[BYTES] = {"bytes", "BYTES", CELL_TEXT,
		   .about = "in each dump, in order: what the owner retains, or sums of sizes"},
	[PER] = {"per", "PER", CELL_TEXT, .hidden = true, .about = "hour, epoch or dump"},
};
#define NCOLUMNS (sizeof columns / sizeof *columns)

/* ---- the points ------------------------------------------------------------------------------ */

struct page {
	struct context *context;
	const char *against;
	bool all;
	double *x; /* by dump */
	struct owner_series owners;
	struct series series;
	struct slopes slopes;
};

static struct error *place_of(const struct page *p, size_t dump, struct model *m, double *ret)
{
	const struct rgd_file_header *header = dump_header(m->dump);

	if (strcmp(p->against, "dump") == 0) {
		*ret = dump;
	} else if (strcmp(p->against, "epoch") == 0) {
		uint32_t epoch;

		TRY(epoch_last(m, &epoch));
		*ret = epoch;
	} else {
		*ret = (double)header->time_ns / 3600e9;
	}
	return NULL;
}

/* In order of time, and not all at one instant. */
static struct error *check_order(const struct page *p)
{
	const struct context *c = p->context;

	for (size_t i = 1; i < c->ndumps; i++)
		if (p->x[i] < p->x[i - 1])
			return error_usage("slopes: %s is earlier than %s: give the dumps in order "
					   "of time, or --against dump",
					   c->dumps[i], c->dumps[i - 1]);
	if (p->x[0] == p->x[c->ndumps - 1])
		return error_usage("slopes: all dumps are of one %s: there is no slope; see "
				   "--against",
				   strcmp(p->against, "epoch") == 0 ? "epoch" : "instant");
	return NULL;
}

static struct error *find_places(struct page *p)
{
	struct context *c = p->context;

	for (size_t i = 0; i < c->ndumps; i++) {
		struct model *m;

		TRY(context_model(c, i, &m));
		TRY(place_of(p, i, m, &p->x[i]));
		context_drop_model(c, i);
	}
	return check_order(p);
}

static struct error *read_owners(struct page *p)
{
	struct context *c = p->context;
	size_t last = c->ndumps - 1;
	struct model *m;

	TRY(context_model(c, last, &m));
	TRY(owner_series_last(m, c->ndumps, option_number(c, OPT_SLOPES_MIN, LEAST), &p->owners));
	context_drop_model(c, last);
	for (size_t i = 0; i < last; i++) {
		TRY(context_model(c, i, &m));
		TRY(owner_series_add(&p->owners, i, m));
		context_drop_model(c, i);
	}
	return slopes_of_owners(&p->owners, p->x, p->all, &p->slopes);
}

static struct error *add_types(struct page *p, size_t dump, struct model *m,
			       const struct universe *u)
{
	struct stats stats;
	struct error *e = NULL;

	TRY(stats_collect(m, u, true, option_text(p->context, OPT_WHERE, NULL), &stats));
	for (size_t i = 0; i < stats.n && !e; i++)
		e = series_add(&p->series, dump, stats.rows[i].name, stats.rows[i].bytes);
	stats_deinit(&stats);
	return e;
}

static struct error *add_sites(struct page *p, size_t dump, struct model *m,
			       const struct universe *u)
{
	const char *expression = option_text(p->context, OPT_WHERE, NULL);
	struct stack_choice choice = {.universe = u->chosen ? u : NULL, .end = UINT32_MAX};
	struct stack_sums sums = {.by = STACKS_SITE};
	struct where *where = NULL;
	struct error *e = expression ? where_compile(expression, &where) : NULL;

	if (!e && where)
		e = where_bind(where, m);
	choice.where = where;
	if (!e)
		e = stack_sums_add(&sums, m, &choice, false);
	for (size_t i = 0; i < sums.rows.n && !e; i++)
		e = series_add(&p->series, dump, sums.rows.data[i].place, sums.rows.data[i].bytes);
	where_destroy(where);
	stack_sums_deinit(&sums);
	return e;
}

static struct error *read_sums(struct page *p, bool by_site)
{
	struct context *c = p->context;

	p->series.ndumps = c->ndumps;
	for (size_t i = 0; i < c->ndumps; i++) {
		struct universe universe;
		struct model *m;

		TRY(context_model(c, i, &m));
		TRY(context_universe(c, m, &universe));
		TRY(by_site ? add_sites(p, i, m, &universe) : add_types(p, i, m, &universe));
		context_drop_model(c, i);
	}
	return slopes_of_series(&p->series, p->x, p->all, &p->slopes);
}

/* ---- the table ------------------------------------------------------------------------------- */

static void add_row(struct table *t, const struct page *p, const struct slope_row *r, bool exact,
		    struct str *s)
{
	size_t n = p->context->ndumps;

	table_row(t);
	table_text(t, NAME, r->name);
	table_text(t, TYPE, r->type);
	table_signed(t, SLOPE, llround(r->trend.slope));
	if (r->trend.has_interval) {
		table_signed(t, LOW, llround(r->trend.low));
		table_signed(t, HIGH, llround(r->trend.high));
	}
	if (r->trend.has_fit)
		table_real(t, FIT, r->trend.fit * 100);
	table_number(t, LAST, r->bytes[n - 1]);
	if (r->object != MODEL_NONE)
		table_number(t, ID, r->object);
	str_clear(s);
	for (size_t i = 0; i < n; i++) {
		if (i)
			str_add(s, exact ? " " : ", ");
		if (exact)
			str_number(s, r->bytes[i]);
		else
			str_size(s, r->bytes[i]);
	}
	table_text(t, BYTES, str_text(s));
	table_text(t, PER, strcmp(p->against, "time") == 0 ? "hour" : p->against);
}

static void suit(const struct page *p, bool by_owner, struct column *own)
{
	const char *by = option_text(p->context, OPT_SLOPES_BY, "path");

	memcpy(own, columns, sizeof columns);
	own[SLOPE].title = strcmp(p->against, "time") == 0    ? "SLOPE/HOUR"
			   : strcmp(p->against, "epoch") == 0 ? "SLOPE/EPOCH"
							      : "SLOPE/DUMP";
	own[NAME].title = by_owner ? "OWNER" : strcmp(by, "site") == 0 ? "SITE" : "TYPE";
	own[TYPE].hidden = !by_owner;
	own[LOW].hidden = own[HIGH].hidden = p->context->ndumps < 5;
	own[LAST].hidden = p->context->ndumps <= 8;
	own[BYTES].hidden = !own[LAST].hidden;
}

static struct error *print(const struct page *p, bool by_owner)
{
	struct table_style style = p->context->style;
	bool exact = style.exact_sizes || style.format != TABLE_TEXT;
	struct column own[NCOLUMNS];
	struct table *table;
	struct str s = {0};
	struct error *e;

	style.limit = option_number(p->context, OPT_LIMIT, DEFAULT_LIMIT);
	suit(p, by_owner, own);
	TRY(table_create(own, NCOLUMNS, &table));
	for (size_t i = 0; i < p->slopes.rows.n; i++)
		add_row(table, p, &p->slopes.rows.data[i], exact, &s);
	e = s.failed ? error_memory() : NULL;
	if (!e && !table_rows(table) && style.format == TABLE_TEXT)
		puts("nothing grows");
	else if (!e)
		e = table_print(table, &style, stdout);
	str_free(&s);
	table_destroy(table);
	return e;
}

static struct error *make(struct page *p)
{
	const char *by = option_text(p->context, OPT_SLOPES_BY, "path");
	bool by_owner = strcmp(by, "path") == 0;

	if (by_owner && p->context->options[OPT_WHERE].given)
		return error_usage("slopes: --where chooses objects for --by type and site; owners "
				   "are chosen by what they retain (--min)");
	TRY(find_places(p));
	TRY(by_owner ? read_owners(p) : read_sums(p, strcmp(by, "site") == 0));
	return print(p, by_owner);
}

static struct error *run(struct context *c)
{
	struct page p = {
		.context = c,
		.against = option_text(c, OPT_AGAINST, "time"),
		.all = option_flag(c, OPT_SLOPES_ALL, false),
		.x = calloc(c->ndumps, sizeof *p.x),
	};
	struct error *e = p.x ? make(&p) : error_memory();

	slopes_deinit(&p.slopes);
	series_deinit(&p.series);
	owner_series_deinit(&p.owners);
	free(p.x);
	return e;
}

const struct command cmd_slopes = {
	.name = "slopes",
	.usage = "DUMP DUMP...",
	.summary = "rank what grows over many dumps by slope: owner paths, types or sites",
	.about = "The slope is the median of the slopes between all pairs of dumps (Theil-Sen), "
		 "which single dumps at odd moments do not tilt. An owner is told by its path, the "
		 "same in all dumps, with what it retains in each; the rows are where the growth "
		 "spreads over many objects, not each object on the way there.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_SLOPES,
	.records = RECORDS(RECORD(columns)),
	.min_dumps = 2,
	.max_dumps = UINT32_MAX,
	.run = run,
};
