/* diff.c - `refgraph diff`: what changed between dumps, by type, by site, by owner path, object by object. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/diff.h"
#include "report/fail_if.h"
#include "report/repr.h"
#include "util/str.h"

#define DEFAULT_LIMIT 20u

/* ---- the page -------------------------------------------------------------------------------- */

struct page {
	struct context *context;
	struct table_style style;
	struct diff diff;
	struct alive alive[2];
	struct fail_if *fail_if;
	bool by_identity;
};

static struct error *model_of(struct page *p, unsigned end, struct model **ret)
{
	return context_model(p->context, end ? p->context->ndumps - 1 : 0, ret);
}

/* Both ends; once. */
static struct error *judge(struct page *p, struct alive *ret[2])
{
	for (unsigned end = 0; end < 2; end++) {
		struct model *m;

		TRY(model_of(p, end, &m));
		ret[end] = &p->alive[end];
		if (!p->alive[end].model)
			TRY(alive_init(&p->alive[end], m));
		TRY(alive_reach(&p->alive[end]));
	}
	return NULL;
}

/* ---- rows of groups -------------------------------------------------------------------------- */

enum {
	RECORD,
	GROUP,
	TYPE,
	COUNT,
	DELTA,
	FRESH,
	GONE,
	RESIZED,
	BYTES,
	BYTES_DELTA,
	RETAINED,
	RETAINED_DELTA,
	SURVIVED,
	MOVED,
	FRESH_BYTES,
	GONE_BYTES,
	RESIZED_BYTES,
	COUNTS,
	GREW,
	NCOLUMNS
};

static const struct column columns[] = {
	[RECORD] = {"record", NULL, CELL_TEXT, .hidden = true,
		    .about = "group; total for the first line of --json and --csv"},
	[GROUP] = {"group", "TYPE", CELL_TEXT,
		   .about = "name of the type, the site or the owner path"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .hidden = true,
		  .about = "of the objects; null by site"},
	[COUNT] = {"count", "COUNT", CELL_NUMBER, .about = "objects in the last dump"},
	[DELTA] = {"delta", "DELTA", CELL_DELTA, .about = "more than in the first dump"},
	[FRESH] = {"new", "NEW", CELL_NUMBER,
		   .about =
			   "objects that the first dump has not; null, as all that needs identity, "
			   "between different processes"},
	[GONE] = {"gone", "GONE", CELL_NUMBER, .about = "objects that the last dump has not"},
	[RESIZED] = {"resized", "RESIZED", CELL_NUMBER,
		     .about = "objects of both dumps, with another size"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "sizes in the last dump"},
	[BYTES_DELTA] = {"bytes_delta", "BYTES DELTA", CELL_SIZE_DELTA,
			 .about = "more than in the first dump"},
	[RETAINED] = {"retained", "RETAINED", CELL_SIZE, .hidden = true,
		      .about = "bytes that would go with all objects of the row, in the last dump"},
	[RETAINED_DELTA] = {"retained_delta", "RETAINED DELTA", CELL_SIZE_DELTA,
			    .about = "more than in the first dump"},
	[SURVIVED] = {"survived", "SURVIVED", CELL_NUMBER, .hidden = true,
		      .about = "objects of both dumps"},
	[MOVED] = {"moved", "MOVED", CELL_DELTA, .hidden = true,
		   .about = "objects of both dumps that came from other rows (another owner), less "
			    "those that left: delta = new - gone + moved"},
	[FRESH_BYTES] = {"new_bytes", "NEW BYTES", CELL_SIZE, .hidden = true,
			 .about = "sizes of new objects"},
	[GONE_BYTES] = {"gone_bytes", "GONE BYTES", CELL_SIZE, .hidden = true,
			.about = "sizes of gone objects"},
	[RESIZED_BYTES] = {"resized_bytes", "RESIZED BYTES", CELL_SIZE_DELTA, .hidden = true,
			   .about = "what resized objects grew by"},
	[COUNTS] = {"counts", "COUNTS", CELL_TEXT, .hidden = true,
		    .about = "objects in each dump, in order; shown when there are more than two"},
	[GREW] = {"grew", "GREW", CELL_NUMBER, .hidden = true,
		  .about = "from how many dumps to the next it grew"},
};

/* The tests of --fail-if, in the order of `columns`. */
static const struct {
	const char *name;
	unsigned column;
} fail_fields[] = {{"count", COUNT},	   {"delta", DELTA},
		   {"bytes", BYTES},	   {"bytes_delta", BYTES_DELTA},
		   {"retained", RETAINED}, {"retained_delta", RETAINED_DELTA},
		   {"new", FRESH},	   {"gone", GONE},
		   {"resized", RESIZED},   {"survived", SURVIVED}};
#define NFAIL (sizeof fail_fields / sizeof *fail_fields)

static bool number_of(const struct diff *d, const struct diff_row *r, unsigned column, int64_t *ret)
{
	bool known = true;

	switch (column) {
	case COUNT:
		*ret = r->count[1];
		break;
	case DELTA:
		*ret = r->count[1] - r->count[0];
		break;
	case BYTES:
		*ret = r->bytes[1];
		break;
	case BYTES_DELTA:
		*ret = r->bytes[1] - r->bytes[0];
		break;
	case RETAINED:
		*ret = r->retained[1];
		known = r->retained_known;
		break;
	case RETAINED_DELTA:
		*ret = r->retained[1] - r->retained[0];
		known = r->retained_known;
		break;
	default: {
		const uint64_t values[] = {
			[FRESH] = r->fresh,	      [GONE] = r->gone,
			[RESIZED] = r->resized,	      [SURVIVED] = r->survived,
			[MOVED] = r->moved,	      [FRESH_BYTES] = r->fresh_bytes,
			[GONE_BYTES] = r->gone_bytes, [RESIZED_BYTES] = r->resized_bytes};

		*ret = values[column];
		known = d->identity;
	}
	}
	return known;
}

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

struct order {
	const struct diff *d;
	uint64_t bytes, count;
	uint32_t group;
};

/* By the change of bytes, then of counts, either way; then by name. */
static int by_change(const void *a, const void *b)
{
	const struct order *x = a, *y = b;
	int order;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	order = strcmp(x->d->groups.names[x->group], y->d->groups.names[y->group]);
	if (order || !diff_type(x->d, x->group))
		return order;
	return strcmp(diff_type(x->d, x->group), diff_type(y->d, y->group));
}

/* Those that changed, in their order, as many as will be shown. */
static struct error *choose(struct page *p, struct ids *ret)
{
	const struct diff *d = &p->diff;
	struct order *order = calloc(d->rows.n + 1, sizeof *order);
	size_t n = 0;
	bool failed = false;

	if (!order)
		return error_memory();
	for (uint32_t g = 0; g < d->rows.n; g++) {
		const struct diff_row *r = &d->rows.data[g];

		if (diff_changed(r))
			order[n++] = (struct order){d, magnitude(r->bytes[1] - r->bytes[0]),
						    magnitude(r->count[1] - r->count[0]), g};
	}
	qsort(order, n, sizeof *order, by_change);
	if (p->style.limit && !p->style.sort && n > p->style.limit)
		n = p->style.limit;
	for (size_t i = 0; i < n; i++)
		failed |= !VEC_PUSH(ret, order[i].group);
	free(order);
	return failed ? error_memory() : NULL;
}

static bool names_column(const char *list, const char *name)
{
	return list && strstr(list, name);
}

static bool wants_retained(const struct table_style *style)
{
	return !style->columns || names_column(style->columns, "retained") ||
	       names_column(style->sort, "retained");
}

static struct error *measure(struct page *p, const struct ids *shown)
{
	struct diff *d = &p->diff;
	struct alive *ends[2];
	bool *wanted, asked = false;
	struct error *e;

	wanted = calloc(d->rows.n + 1, sizeof *wanted);
	if (!wanted)
		return error_memory();
	if (wants_retained(&p->style))
		for (size_t i = 0; i < shown->n; i++)
			wanted[shown->data[i]] = true;
	for (unsigned f = 0; p->fail_if && f < NFAIL; f++) {
		if (fail_fields[f].column != RETAINED && fail_fields[f].column != RETAINED_DELTA)
			continue;
		asked |= fail_if_asks(p->fail_if, f, NULL);
		for (uint32_t g = 0; g < d->rows.n; g++)
			wanted[g] |= fail_if_asks(p->fail_if, f, d->groups.names[g]);
	}
	e = asked || wants_retained(&p->style) ? judge(p, ends) : NULL;
	if (!e && (asked || wants_retained(&p->style)))
		e = diff_retained(d, ends, wanted);
	free(wanted);
	return e;
}

static void add_number(const struct diff *d, const struct diff_row *r, struct table *t,
		       unsigned column)
{
	int64_t value;

	if (!number_of(d, r, column, &value))
		return;
	if (columns[column].type == CELL_DELTA || columns[column].type == CELL_SIZE_DELTA)
		table_signed(t, column, value);
	else
		table_number(t, column, value);
}

static void add_numbers(const struct diff *d, const struct diff_row *r, struct table *t)
{
	for (unsigned c = COUNT; c <= RESIZED_BYTES; c++)
		add_number(d, r, t, c);
}

static void add_history(const struct diff *d, uint32_t group, struct table *t)
{
	struct str text = {0};
	uint64_t grew = 0;

	for (size_t i = 0; i < d->query.ndumps; i++) {
		uint64_t n = diff_count(d, i, group);

		str_printf(&text, "%s%" PRIu64, i ? " " : "", n);
		grew += i && n > diff_count(d, i - 1, group);
	}
	table_text(t, COUNTS, str_text(&text));
	table_number(t, GREW, grew);
	str_free(&text);
}

static void add_rows(const struct page *p, const struct ids *shown, struct table *t)
{
	if (p->style.format != TABLE_TEXT) {
		table_row(t);
		table_text(t, RECORD, "total");
		add_numbers(&p->diff, &p->diff.total, t);
	}
	for (size_t i = 0; i < shown->n; i++) {
		table_row(t);
		table_text(t, RECORD, "group");
		table_text(t, GROUP, p->diff.groups.names[shown->data[i]]);
		table_text(t, TYPE, diff_type(&p->diff, shown->data[i]));
		add_numbers(&p->diff, &p->diff.rows.data[shown->data[i]], t);
		add_history(&p->diff, shown->data[i], t);
	}
}

static void add_seconds(struct str *s, const struct diff *d)
{
	int64_t ns = d->side[1].time_ns - d->side[0].time_ns;
	double seconds = (double)(ns < 0 ? -ns : ns) / 1e9;

	if (seconds < 600)
		str_printf(s, "%.1f s", seconds);
	else
		str_printf(s, "%.1f h", seconds / 3600);
	str_add(s, ns < 0 ? " earlier" : " later");
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "1.rgd -> 2.rgd, 3.2 s later: +1200 objects (1500 new, 300 gone, 4 resized), +312.4 KiB" */
static void print_head(const struct page *p)
{
	const struct diff *d = &p->diff;
	const struct diff_row *t = &d->total;
	int64_t delta = t->count[1] - t->count[0], bytes = t->bytes[1] - t->bytes[0];
	struct str s = {0};

	str_printf(&s, "%s -> %s, ", base_name(p->context->dumps[0]),
		   base_name(p->context->dumps[p->context->ndumps - 1]));
	add_seconds(&s, d);
	str_printf(&s, ": %+" PRId64 " objects", delta);
	if (d->identity)
		str_printf(&s, " (%" PRIu64 " new, %" PRIu64 " gone, %" PRIu64 " resized)",
			   t->fresh, t->gone, t->resized);
	str_printf(&s, ", %c", bytes < 0 ? '-' : '+');
	str_size_words(&s, magnitude(bytes), p->style.exact_sizes);
	if (!d->identity)
		str_add(&s, "; different processes: compared by name, objects have no identity");
	puts(str_text(&s));
	str_free(&s);
}

/* Titles and hidden columns depend on what a row is. */
static void suit(const struct page *p, struct column *own)
{
	static const char *const titles[] = {
		[DIFF_TYPE] = "TYPE", [DIFF_SITE] = "SITE", [DIFF_PATH] = "PATH"};

	memcpy(own, columns, sizeof columns);
	own[GROUP].title = titles[p->diff.query.by];
	own[TYPE].hidden = p->diff.query.by != DIFF_PATH;
	own[COUNTS].hidden = p->context->ndumps < 3;
	own[FRESH].hidden = own[GONE].hidden = own[RESIZED].hidden = !p->diff.identity;
}

static struct error *print_groups(struct page *p)
{
	struct column own[NCOLUMNS];
	struct ids shown = {0};
	struct table *t;
	struct error *e;

	suit(p, own);
	TRY(table_create(own, NCOLUMNS, &t));
	e = choose(p, &shown);
	if (!e)
		e = measure(p, &shown);
	if (!e)
		add_rows(p, &shown, t);
	if (!e && p->style.format == TABLE_TEXT && !p->style.no_header)
		print_head(p);
	if (!p->style.sort)
		p->style.limit = 0; /* the rows were chosen; the total does not count */
	if (!e && (shown.n || p->style.format != TABLE_TEXT))
		e = table_print(t, &p->style, stdout);
	VEC_FREE(&shown);
	table_destroy(t);
	return e;
}

/* ---- rows of objects ------------------------------------------------------------------------- */

enum {
	O_STATE,
	O_TYPE,
	O_REPR,
	O_ID,
	O_SIZE,
	O_SIZE_DELTA,
	O_RETAINED,
	O_RETAINED_DELTA,
	O_BEFORE,
	O_ADDRESS,
	O_EPOCH,
};

static const struct column object_columns[] = {
	[O_STATE] = {"state", "STATE", CELL_TEXT, .about = "new, gone, resized or survived"},
	[O_TYPE] = {"type", "TYPE", CELL_TEXT, .about = "short name of its type"},
	[O_REPR] = {"repr", "WHAT", CELL_TEXT,
		    .about = "in a few words, in the last dump that has it"},
	[O_ID] = {"id", "ID", CELL_ID, .about = "its number in the last dump; null when gone"},
	[O_SIZE] = {"size", "SIZE", CELL_SIZE, .about = "in the last dump that has it"},
	[O_SIZE_DELTA] = {"size_delta", "DELTA", CELL_SIZE_DELTA, .about = "what it grew by"},
	[O_RETAINED] = {"retained", "RETAINED", CELL_SIZE,
			.about = "bytes that would go with it, in the last dump that has it; null "
				 "where no root reaches it"},
	[O_RETAINED_DELTA] = {"retained_delta", "RETAINED DELTA", CELL_SIZE_DELTA,
			      .about = "what that grew by"},
	[O_BEFORE] = {"before", "BEFORE", CELL_ID, .hidden = true,
		      .about = "its number in the first dump; null when new"},
	[O_ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .hidden = true,
		       .about = "where it begins"},
	[O_EPOCH] = {"epoch", "EPOCH", CELL_NUMBER, .hidden = true, .about = "of its birth"},
};

struct change {
	uint32_t object[2]; /* MODEL_NONE: not in this dump */
	uint64_t size[2], retained[2];
};

static const char *state_of(const struct change *c)
{
	if (c->object[0] == MODEL_NONE)
		return "new";
	if (c->object[1] == MODEL_NONE)
		return "gone";
	return c->size[0] != c->size[1] ? "resized" : "survived";
}

static bool is_wanted(const char *wish, const struct change *c)
{
	if (strcmp(wish, "changed") == 0)
		return c->size[0] != c->size[1] || c->retained[0] != c->retained[1];
	return strcmp(wish, "all") == 0 || strcmp(wish, state_of(c)) == 0;
}

static int by_retained_change(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	uint64_t dx = magnitude(x->retained[1] - x->retained[0]),
		 dy = magnitude(y->retained[1] - y->retained[0]);

	if (dx != dy)
		return dx < dy ? 1 : -1;
	dx = magnitude(x->size[1] - x->size[0]);
	dy = magnitude(y->size[1] - y->size[0]);
	if (dx != dy)
		return dx < dy ? 1 : -1;
	/* those of the last dump first, each by number */
	if (x->object[1] != y->object[1])
		return x->object[1] < y->object[1] ? -1 : 1;
	return x->object[0] < y->object[0] ? -1 : 1;
}

struct changes {
	VEC(struct change) list;
};

static struct error *add_change(struct page *p, struct changes *changes, const char *wish,
				uint32_t x, uint32_t y)
{
	struct change c = {{x, y}};

	for (unsigned end = 0; end < 2; end++) {
		uint32_t o = c.object[end];
		uint64_t retained = o == MODEL_NONE ? 0 : p->alive[end].retained[o];

		c.size[end] = o == MODEL_NONE ? 0 : p->diff.side[end].size[o];
		c.retained[end] = retained == RETAINED_NONE ? 0 : retained;
	}
	if (!is_wanted(wish, &c))
		return NULL;
	return VEC_PUSH(&changes->list, c) ? NULL : error_memory();
}

static struct error *list_changes(struct page *p, struct changes *changes)
{
	const char *wish = option_text(p->context, OPT_DIFF_STATE, "changed");
	const struct diff_side *a = &p->diff.side[0], *b = &p->diff.side[1];
	struct alive *ends[2];

	TRY(judge(p, ends));
	TRY(alive_dominators(ends[0]));
	TRY(alive_dominators(ends[1]));
	for (uint32_t y = 0; y < b->nobjects; y++)
		if (b->group[y] != NAMES_NONE)
			TRY(add_change(p, changes, wish, b->match[y], y));
	for (uint32_t x = 0; x < a->nobjects; x++)
		if (a->group[x] != NAMES_NONE && a->match[x] == MODEL_NONE)
			TRY(add_change(p, changes, wish, x, MODEL_NONE));
	if (changes->list.n)
		qsort(changes->list.data, changes->list.n, sizeof *changes->list.data,
		      by_retained_change);
	return NULL;
}

static struct error *add_object(struct page *p, const struct change *c, struct table *t,
				struct str *scratch)
{
	unsigned end = c->object[1] != MODEL_NONE;
	uint32_t o = c->object[end];
	struct model *m;

	TRY(model_of(p, end, &m));
	TRY(model_load(m, MODEL_REPR | MODEL_EPOCH));
	str_clear(scratch);
	repr_object(m, o, scratch);
	table_row(t);
	table_text(t, O_STATE, state_of(c));
	table_text(t, O_TYPE, model_type_name(m, o));
	table_text(t, O_REPR, str_text(scratch));
	if (end)
		table_number(t, O_ID, o);
	table_number(t, O_SIZE, m->size[o]);
	table_signed(t, O_SIZE_DELTA, c->size[1] - c->size[0]);
	if (p->alive[end].retained[o] != RETAINED_NONE)
		table_number(t, O_RETAINED, p->alive[end].retained[o]);
	table_signed(t, O_RETAINED_DELTA, c->retained[1] - c->retained[0]);
	if (c->object[0] != MODEL_NONE)
		table_number(t, O_BEFORE, c->object[0]);
	table_number(t, O_ADDRESS, m->address[o]);
	table_number(t, O_EPOCH, m->epoch[o]);
	return NULL;
}

static struct error *fill_objects(struct page *p, struct table *t)
{
	struct changes changes = {0};
	struct str scratch = {0};
	struct error *e = list_changes(p, &changes);
	size_t n = changes.list.n;

	if (p->style.limit && !p->style.sort && n > p->style.limit)
		n = p->style.limit;
	for (size_t i = 0; i < n && !e; i++)
		e = add_object(p, &changes.list.data[i], t, &scratch);
	if (!e && scratch.failed)
		e = error_memory();
	str_free(&scratch);
	VEC_FREE(&changes.list);
	return e;
}

static struct error *print_objects_changed(struct page *p)
{
	struct ids none = {0};
	struct table *t;
	struct error *e;

	if (!p->diff.identity)
		return error_usage("diff: these dumps are of different processes: their objects "
				   "have no identity; --by type, site or path compares names");
	if (p->fail_if)
		TRY(measure(p, &none));
	TRY(table_create(object_columns, sizeof object_columns / sizeof *object_columns, &t));
	e = table_stream(t, &p->style, stdout);
	if (!e)
		e = fill_objects(p, t);
	if (!e && p->style.format == TABLE_TEXT && !p->style.no_header)
		print_head(p);
	if (!e && (table_rows(t) || p->style.format != TABLE_TEXT))
		e = table_print(t, &p->style, stdout);
	table_destroy(t);
	return e;
}

/* ---- the condition --------------------------------------------------------------------------- */

static const char *row_name(void *context, size_t row)
{
	const struct page *p = context;

	return p->diff.groups.names[row];
}

static bool row_value(void *context, size_t row, unsigned field, int64_t *ret)
{
	const struct page *p = context;
	const struct diff_row *r = row < p->diff.rows.n ? &p->diff.rows.data[row] : &p->diff.total;

	return number_of(&p->diff, r, fail_fields[field].column, ret);
}

static struct error *compile_condition(struct page *p)
{
	static const char *names[NFAIL + 1];

	for (size_t i = 0; i < NFAIL; i++)
		names[i] = fail_fields[i].name;
	if (!p->context->options[OPT_FAIL_IF].given)
		return NULL;
	return fail_if_compile(option_text(p->context, OPT_FAIL_IF, ""), names, &p->fail_if);
}

static struct error *judge_condition(struct page *p)
{
	const struct fail_source source = {p->diff.rows.n, row_name, row_value, p};
	struct str why = {0};
	struct error *e = NULL;
	const char *unknown;

	if (!p->fail_if)
		return NULL;
	for (size_t i = 0; (unknown = fail_if_unknown(p->fail_if, &source, i)); i++)
		fprintf(stderr, "refgraph: no dump has '%s': it counts as 0\n", unknown);
	if (fail_if_holds(p->fail_if, &source, &why))
		e = error_findings("%s", str_text(&why));
	str_free(&why);
	return e;
}

/* ---- the command ----------------------------------------------------------------------------- */

static enum diff_by grouping(const char *by)
{
	if (strcmp(by, "site") == 0)
		return DIFF_SITE;
	return strcmp(by, "path") == 0 ? DIFF_PATH : DIFF_TYPE;
}

static struct error *read_dumps(struct page *p)
{
	struct context *c = p->context;

	for (size_t i = 0; i < c->ndumps; i++) {
		struct universe universe;
		struct model *m;

		TRY(context_model(c, i, &m));
		TRY(context_universe(c, m, &universe));
		TRY(diff_add(&p->diff, i, m, &universe));
		if (i && i + 1 < c->ndumps)
			context_drop_model(c, i);
	}
	return diff_finish(&p->diff);
}

static struct error *make(struct page *p)
{
	struct context *c = p->context;
	const char *by = option_text(c, OPT_DIFF_BY, "type");
	struct diff_query query = {
		.by = grouping(by),
		.long_names = !option_flag(c, OPT_SHORTNAMES, true),
		.filter = option_text(c, OPT_FILTER, option_text(c, OPT_WHERE, NULL)),
		.ndumps = c->ndumps,
	};

	p->by_identity = strcmp(by, "identity") == 0;
	p->style = c->style;
	p->style.limit = option_number(c, OPT_LIMIT, DEFAULT_LIMIT);
	TRY(compile_condition(p));
	TRY(diff_init(&query, &p->diff));
	TRY(read_dumps(p));
	TRY(p->by_identity ? print_objects_changed(p) : print_groups(p));
	return judge_condition(p);
}

static struct error *run(struct context *context)
{
	struct page p = {.context = context};
	struct error *e = make(&p);

	alive_deinit(&p.alive[0]);
	alive_deinit(&p.alive[1]);
	diff_deinit(&p.diff);
	fail_if_destroy(p.fail_if);
	return e;
}

const struct command cmd_diff = {
	.name = "diff",
	.usage = "DUMP DUMP...",
	.summary = "tell what changed between dumps: new, gone, resized, what is retained more",
	.about = "Compares the last dump with the first; dumps between them give the history of "
		 "counts. Objects are told apart by address and epoch of birth, so memory that was "
		 "used again is another object. Dumps of different processes are compared by name.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_TYPES | OPTIONS_DIFF,
	.records = RECORDS(RECORD(columns), RECORD(object_columns)),
	.min_dumps = 2,
	.max_dumps = UINT32_MAX,
	.run = run,
};
