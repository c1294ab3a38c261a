/* gc.c - `refgraph gc`: the state of CPython's collector at the instant of the dump; PHP's is in gc_php.c. */
#include <inttypes.h>
#include <string.h>

#include "cmd/gc_php.h"
#include "out/json.h"
#include "report/gc_events.h"
#include "report/repr.h"

enum {
	GENERATION,
	TRACKED,
	THRESHOLD,
	COUNT,
	COLLECTIONS,
	COLLECTED,
	UNCOLLECTABLE,
	SEEN,
	WALL,
	LONGEST,
	CPU,
	NCOLUMNS
};

static const struct column columns[] = {
	[GENERATION] = {"generation", "GENERATION", CELL_TEXT, .about = "0, 1, 2 or permanent"},
	[TRACKED] = {"tracked", "OBJECTS", CELL_NUMBER, .about = "objects in its list"},
	[THRESHOLD] = {"threshold", "THRESHOLD", CELL_NUMBER, .about = "gc.get_threshold()"},
	[COUNT] = {"count", "COUNT", CELL_NUMBER, .about = "gc.get_count()"},
	[COLLECTIONS] = {"collections", "COLLECTIONS", CELL_NUMBER,
			 .about = "how often it was collected"},
	[COLLECTED] = {"collected", "COLLECTED", CELL_NUMBER,
		       .about = "objects that these collections freed"},
	[UNCOLLECTABLE] = {"uncollectable", "UNCOLLECTABLE", CELL_NUMBER,
			   .about = "objects that they could not free"},
	[SEEN] = {"seen", "SEEN", CELL_NUMBER, .hidden = true,
		  .about =
			  "of the collections: those that the shim saw, and that the times are of"},
	[WALL] = {"wall_us", "US <=", CELL_NUMBER,
		  .about = "microseconds that these took together, at most"},
	[LONGEST] = {"longest_us", "LONGEST <=", CELL_NUMBER, .about = "the longest, at most"},
	[CPU] = {"cpu_us", "CPU US <=", CELL_NUMBER,
		 .about = "microseconds of processor time that they took together, at most; where "
			  "the "
			  "program slept besides, the better bound"},
};

/* The value of a row of GC; false when the dump has none. */
static bool value_of(const struct model *m, const char *name, uint64_t index, uint64_t *ret)
{
	for (uint32_t i = 0; i < m->ngc; i++) {
		const struct gc_value *v = &m->gc[i];

		if (v->runtime == RGD_RT_CPYTHON && v->index == index &&
		    strcmp(model_string(m, v->name), name) == 0) {
			*ret = v->value;
			return true;
		}
	}
	return false;
}

static uint64_t number(const struct model *m, const char *name, uint64_t index)
{
	uint64_t value = 0;

	value_of(m, name, index, &value);
	return value;
}

/* As the gc module names them. */
static void debug_words(uint64_t flags, struct str *out)
{
	static const char *const names[] = {"STATS", "COLLECTABLE", "UNCOLLECTABLE",
					    NULL,    NULL,	    "SAVEALL"};

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i] && (flags >> i & 1))
			str_printf(out, "%sDEBUG_%s", out->n ? "|" : "", names[i]);
	if (!out->n)
		str_add(out, "0");
}

/* What a list of the collector's holds; it is found as the target of its root. */
static uint32_t list_of(const struct model *m, const char *root)
{
	for (uint32_t i = 0; i < m->nroots; i++)
		if (m->roots[i].class == RGD_ROOT_RUNTIME &&
		    strcmp(model_string(m, m->roots[i].label), root) == 0)
			return m->roots[i].target;
	return MODEL_NONE;
}

static uint64_t length_of(const struct model *m, uint32_t list)
{
	uint64_t length = 0;

	if (list != MODEL_NONE)
		model_property(m, list, RGD_PROP_LENGTH, &length);
	return length;
}

/*
 * Which generation the next allocation past the threshold would collect, by the collector's own
 * rule: the oldest whose count exceeds its threshold; the oldest of all only when a quarter of it
 * is new.
 */
static void due_text(const struct model *m, struct str *out)
{
	uint64_t pending, total;

	for (unsigned g = 3; g-- > 0;) {
		if (number(m, "count", g) <= number(m, "threshold", g))
			continue;
		if (g == 2 && value_of(m, "long_lived_pending", 0, &pending) &&
		    value_of(m, "long_lived_total", 0, &total) && pending < total / 4)
			continue;
		str_printf(out, "generation %u, at the next allocation", g);
		return;
	}
	str_printf(out, "generation 0, in %" PRIu64 " net allocations",
		   number(m, "threshold", 0) - number(m, "count", 0) + 1);
}

static void line(const char *name, const char *text)
{
	printf("%-10s %s\n", name, text);
}

/* gc.callbacks, one line each. */
static void print_callbacks(struct model *m)
{
	uint32_t list = list_of(m, "gc.callbacks");
	struct str what = {0}, safe = {0};

	if (list == MODEL_NONE)
		return;
	for (uint32_t e = m->graph.out_first[list]; e < m->graph.out_first[list + 1]; e++) {
		if (!(m->graph.edge_class[e] & MODEL_CLASS_TRAVERSED))
			continue;
		str_clear(&what);
		str_clear(&safe);
		repr_full(m, m->graph.out_target[e], &what);
		str_printable(&safe, str_text(&what));
		str_printf(&safe, "  #%" PRIu32, m->graph.out_target[e]);
		line("callback", str_text(&safe));
	}
	str_free(&what);
	str_free(&safe);
}

static void print_state(struct model *m)
{
	struct str s = {0};

	line("enabled", number(m, "enabled", 0) ? "yes" : "no");
	debug_words(number(m, "debug", 0), &s);
	line("debug", str_text(&s));
	str_clear(&s);
	if (!number(m, "enabled", 0))
		str_add(&s, "nothing: collection is disabled");
	else if (!number(m, "threshold", 0))
		str_add(&s, "nothing: the threshold is 0");
	else
		due_text(m, &s);
	line("due", str_text(&s));
	str_clear(&s);
	str_printf(&s, "%" PRIu64 " objects in gc.garbage", length_of(m, list_of(m, "gc.garbage")));
	line("garbage", str_text(&s));
	print_callbacks(m);
	putchar('\n');
	str_free(&s);
}

static void json_state(struct model *m)
{
	struct str debug = {0};
	uint64_t value;
	struct json j;

	debug_words(number(m, "debug", 0), &debug);
	json_begin(&j, stdout);
	json_text(&j, "record", "collector");
	json_bool(&j, "enabled", number(m, "enabled", 0));
	json_text(&j, "debug", str_text(&debug));
	json_number(&j, "freeze_count", number(m, "freeze_count", 0));
	json_number(&j, "garbage", length_of(m, list_of(m, "gc.garbage")));
	json_number(&j, "callbacks", length_of(m, list_of(m, "gc.callbacks")));
	if (value_of(m, "long_lived_pending", 0, &value))
		json_number(&j, "long_lived_pending", value);
	if (value_of(m, "long_lived_total", 0, &value))
		json_number(&j, "long_lived_total", value);
	json_end(&j);
	str_free(&debug);
}

/* Nothing when the dump has no record of collections. */
static void fill_times(struct table *t, const struct model *m, unsigned g)
{
	static const struct {
		const char *name;
		unsigned column;
	} times[] = {{"events.span", WALL}, {"events.longest", LONGEST}, {"events.processor", CPU}};
	uint64_t value;

	if (!value_of(m, "events.collections", g, &value))
		return;
	table_number(t, SEEN, value);
	for (unsigned i = 0; i < sizeof times / sizeof *times; i++)
		if (value_of(m, times[i].name, g, &value))
			table_number(t, times[i].column, (value + 999) / 1000);
}

static void fill(struct table *t, const struct model *m)
{
	static const char *const names[] = {
		[TRACKED] = "tracked",	   [THRESHOLD] = "threshold",
		[COUNT] = "count",	   [COLLECTIONS] = "collections",
		[COLLECTED] = "collected", [UNCOLLECTABLE] = "uncollectable"};

	for (unsigned g = 0; g < 3; g++) {
		char digit[2] = {(char)('0' + g), 0};

		table_row(t);
		table_text(t, GENERATION, digit);
		for (unsigned c = TRACKED; c <= UNCOLLECTABLE; c++)
			table_number(t, c, number(m, names[c], g));
		fill_times(t, m, g);
	}
	table_row(t);
	table_text(t, GENERATION, "permanent");
	table_number(t, TRACKED, number(m, "freeze_count", 0));
}

/* ---- the collections ------------------------------------------------------------------------- */

enum { E_NUMBER, E_AT, E_GENERATION, E_COLLECTIONS, E_COLLECTED, E_UNCOLLECTABLE, E_WALL, E_CPU };

static const struct column event_columns[] = {
	[E_NUMBER] = {"number", "NUMBER", CELL_NUMBER, .about = "from 0, of all that were seen"},
	[E_AT] = {"at_ms", "AT MS", CELL_NUMBER,
		  .about = "it was over by so many milliseconds after the start of the program"},
	[E_GENERATION] = {"generation", "GENERATION", CELL_NUMBER,
			  .about = "the oldest that was collected"},
	[E_COLLECTIONS] = {"collections", "COLLECTIONS", CELL_NUMBER, .hidden = true,
			   .about = "more than one of this generation, when the program allocated "
				    "nothing between them"},
	[E_COLLECTED] = {"collected", "COLLECTED", CELL_NUMBER, .about = "objects that it freed"},
	[E_UNCOLLECTABLE] = {"uncollectable", "UNCOLLECTABLE", CELL_NUMBER,
			     .about = "objects that it could not free"},
	[E_WALL] = {"wall_us", "US <=", CELL_NUMBER, .about = "microseconds that it took, at most"},
	[E_CPU] = {"cpu_us", "CPU US <=", CELL_NUMBER,
		   .about = "microseconds of processor time, at most; where the program slept "
			    "besides, the better bound; null in a sandbox and right after fork()"},
};

static void add_event(struct table *t, const struct gc_events *events, const struct gc_event *e)
{
	table_row(t);
	table_number(t, E_NUMBER, e->number);
	if (events->start && e->until > events->start)
		table_number(t, E_AT, (e->until - events->start) / 1000000);
	table_number(t, E_GENERATION, e->generation);
	table_number(t, E_COLLECTIONS, e->collections);
	table_number(t, E_COLLECTED, e->collected);
	table_number(t, E_UNCOLLECTABLE, e->uncollectable);
	table_number(t, E_WALL, (e->span + 999) / 1000);
	if (e->processor)
		table_number(t, E_CPU, (e->processor + 999) / 1000);
}

static struct error *print_events(struct context *c, struct model *m)
{
	struct gc_events events;
	struct table *t = NULL;
	struct error *e;

	TRY(gc_events_read(m, &events));
	e = events.known
		    ? table_create(event_columns, sizeof event_columns / sizeof *event_columns, &t)
		    : error_usage("gc: %s has no record of collections: none was kept, or the "
				  "collector was not found",
				  m->path);
	for (size_t i = 0; i < events.list.n && !e; i++)
		add_event(t, &events, &events.list.data[i]);
	if (!e && events.total > events.list.n && c->style.format == TABLE_TEXT &&
	    !c->style.no_header)
		printf("the last %zu of %" PRIu64 " collections\n", events.list.n, events.total);
	if (!e)
		e = table_print(t, &c->style, stdout);
	table_destroy(t);
	gc_events_deinit(&events);
	return e;
}

static struct error *run(struct context *c)
{
	struct table *table;
	struct model *m;
	struct error *e;

	TRY(context_model(c, 0, &m));
	TRY(model_load(m, MODEL_GC | MODEL_STRINGS | MODEL_EPOCHS));
	if (!m->ngc)
		return error_usage("gc: %s knows of no collector: neither CPython nor PHP was in "
				   "the process, or it was not followed",
				   m->path);
	if (gc_php_known(m))
		return option_flag(c, OPT_EVENTS, false) ? gc_php_print_events(c, m)
							 : gc_php_print(c, m);
	TRY(model_load(m, MODEL_ROOTS | MODEL_REPR | MODEL_EDGES));
	if (option_flag(c, OPT_EVENTS, false))
		return print_events(c, m);
	TRY(table_create(columns, NCOLUMNS, &table));
	fill(table, m);
	if (c->style.format == TABLE_JSON)
		json_state(m);
	else if (c->style.format == TABLE_TEXT && !c->style.columns)
		print_state(m);
	e = table_print(table, &c->style, stdout);
	table_destroy(table);
	return e;
}

/* Fields of --json. */
static const struct column json_columns[] = {
	{"record", NULL, CELL_TEXT, .about = "collector: the last line, of all generations"},
	{"enabled", NULL, CELL_BOOL, .about = "gc.isenabled()"},
	{"debug", NULL, CELL_TEXT, .about = "gc.get_debug() in words"},
	{"freeze_count", NULL, CELL_NUMBER, .about = "objects in the permanent generation"},
	{"garbage", NULL, CELL_NUMBER, .about = "objects in gc.garbage"},
	{"callbacks", NULL, CELL_NUMBER, .about = "functions in gc.callbacks"},
	{"long_lived_pending", NULL, CELL_NUMBER,
	 .about = "survivors that no full collection has seen", .optional = true},
	{"long_lived_total", NULL, CELL_NUMBER, .about = "survivors of the last full collection",
	 .optional = true},
};

const struct command cmd_gc = {
	.name = "gc",
	.usage = "DUMP",
	.summary = "show the state of the collector: thresholds, counts, statistics, what is due",
	.about = "What gc.get_threshold(), get_count(), get_stats(), get_freeze_count(), "
		 "isenabled() and get_debug() would have said, and "
		 "gc.callbacks and the length of gc.garbage; and how long collections took. "
		 "--events lists each. They are seen between two allocations, not by a callback "
		 "that the program would find: times are the most that they can have been. "
		 "Of PHP: roots, threshold and how it grew, runs and what started them.",
	.options = OPTIONS_OUTPUT | OPTIONS_GC,
	.records = RECORDS(RECORD(columns), RECORD_IF("record", "collector", json_columns),
			   RECORD(event_columns), &gc_php_record, &gc_php_event_record),
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
