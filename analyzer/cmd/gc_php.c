/* gc_php.c - see gc_php.h. */
#include "cmd/gc_php.h"

#include <inttypes.h>
#include <string.h>

/* GC_THRESHOLD_DEFAULT of zend_gc.c: 10000 roots and one. */
#define THRESHOLD_AT_START 10001u

/* ---- rows of GC ------------------------------------------------------------------------------ */

bool gc_php_known(const struct model *m)
{
	for (uint32_t i = 0; i < m->ngc; i++)
		if (m->gc[i].runtime == RGD_RT_PHP)
			return true;
	return false;
}

static bool value_of(const struct model *m, const char *name, uint64_t *ret)
{
	for (uint32_t i = 0; i < m->ngc; i++)
		if (m->gc[i].runtime == RGD_RT_PHP && m->gc[i].index == 0 &&
		    strcmp(model_string(m, m->gc[i].name), name) == 0) {
			*ret = m->gc[i].value;
			return true;
		}
	return false;
}

static uint64_t number(const struct model *m, const char *name)
{
	uint64_t value = 0;

	value_of(m, name, &value);
	return value;
}

/* ---- the collector --------------------------------------------------------------------------- */

enum { RUNS, COLLECTED, FULL, ROOTS, THRESHOLD, HIGHEST, WALL, LONGEST, CPU, NCOLUMNS };

static const struct column columns[] = {
	[RUNS] = {"runs", "RUNS", CELL_NUMBER,
		  .about = "PHP: how often it ran in this process, over all requests"},
	[COLLECTED] = {"collected", "COLLECTED", CELL_NUMBER,
		       .about = "what gc_collect_cycles() returned, summed up"},
	[FULL] = {"full", "BUFFER FULL", CELL_NUMBER,
		  .about = "of the runs: because the roots had come to the threshold"},
	[ROOTS] = {"roots", "ROOTS", CELL_NUMBER,
		   .about = "possible roots in its buffer, gc_status()['roots']"},
	[THRESHOLD] = {"threshold", "THRESHOLD", CELL_NUMBER,
		       .about = "gc_status()['threshold']: so many start a run"},
	[HIGHEST] = {"highest_threshold", "HIGHEST", CELL_NUMBER,
		     .about = "the highest that a run left it at"},
	[WALL] = {"wall_us", "US", CELL_NUMBER, .about = "microseconds that the runs took"},
	[LONGEST] = {"longest_us", "LONGEST US", CELL_NUMBER, .about = "the longest of them"},
	[CPU] = {"cpu_us", "CPU US", CELL_NUMBER,
		 .about = "microseconds of processor time that they took"},
};
const struct record gc_php_record = {COLUMNS_OF(columns)};

static void fill(struct table *t, const struct model *m)
{
	static const struct {
		unsigned column;
		const char *name;
		unsigned divisor;
	} cells[] = {
		{RUNS, "events.total", 1},	 {COLLECTED, "events.collected", 1},
		{FULL, "events.full", 1},	 {ROOTS, "roots", 1},
		{THRESHOLD, "threshold", 1},	 {HIGHEST, "events.highest_threshold", 1},
		{WALL, "events.span", 1000},	 {LONGEST, "events.longest", 1000},
		{CPU, "events.processor", 1000},
	};
	uint64_t value;

	table_row(t);
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
		if (value_of(m, cells[i].name, &value))
			table_number(t, cells[i].column,
				     (value + cells[i].divisor - 1) / cells[i].divisor);
}

static void line(const char *name, const char *text)
{
	printf("%-10s %s\n", name, text);
}

/* Zend raises its threshold by 10000 when a run found less than 100, and lowers it again when one found more. */
static void print_state(const struct model *m)
{
	uint64_t roots = number(m, "roots"), threshold = number(m, "threshold");
	uint64_t highest = number(m, "events.highest_threshold");
	struct str s = {0};

	line("enabled", number(m, "enabled") ? "yes" : "no");
	if (number(m, "running"))
		line("running", "yes: the dump is of the middle of a run");
	if (number(m, "protected"))
		line("protected", "yes: the engine allows no roots any more");
	if (!number(m, "enabled"))
		str_add(&s, "nothing: collection is disabled");
	else if (roots < threshold)
		str_printf(&s, "a run, in %" PRIu64 " possible roots", threshold - roots);
	else
		str_add(&s, "a run, now");
	line("due", str_text(&s));
	if (highest > THRESHOLD_AT_START || threshold > THRESHOLD_AT_START) {
		str_clear(&s);
		str_printf(&s,
			   "it began at %u and is at %" PRIu64 ": runs found little to free, the "
			   "buffer fills with what is alive",
			   THRESHOLD_AT_START, threshold);
		line("threshold", str_text(&s));
	}
	putchar('\n');
	str_free(&s);
}

struct error *gc_php_print(struct context *c, const struct model *m)
{
	struct table *t;
	struct error *e;

	TRY(table_create(columns, NCOLUMNS, &t));
	fill(t, m);
	if (c->style.format == TABLE_TEXT && !c->style.columns)
		print_state(m);
	e = table_print(t, &c->style, stdout);
	table_destroy(t);
	return e;
}

/* ---- its runs -------------------------------------------------------------------------------- */

enum {
	E_NUMBER,
	E_AT,
	E_CAUSE,
	E_ROOTS,
	E_ROOTS_AFTER,
	E_COLLECTED,
	E_THRESHOLD,
	E_THRESHOLD_AFTER,
	E_WALL,
	E_CPU,
	E_PLACE,
	E_NCOLUMNS
};

static const struct column event_columns[] = {
	[E_NUMBER] = {"number", "NUMBER", CELL_NUMBER, .about = "PHP: from 0, of all runs"},
	[E_AT] = {"at_ms", "AT MS", CELL_NUMBER,
		  .about = "it was over so many milliseconds after the start of the program"},
	[E_CAUSE] = {"cause", "CAUSE", CELL_TEXT,
		     .about = "full (the buffer), script (it called gc_collect_cycles()), engine"},
	[E_ROOTS] = {"roots_before", "ROOTS", CELL_NUMBER, .about = "in the buffer before"},
	[E_ROOTS_AFTER] = {"roots_after", "AFTER", CELL_NUMBER, .about = "and after"},
	[E_COLLECTED] = {"collected", "COLLECTED", CELL_NUMBER, .about = "what it freed"},
	[E_THRESHOLD] = {"threshold_before", "THRESHOLD", CELL_NUMBER, .about = "before"},
	[E_THRESHOLD_AFTER] = {"threshold_after", "AFTER", CELL_NUMBER, .about = "and after"},
	[E_WALL] = {"wall_us", "US", CELL_NUMBER, .about = "microseconds that it took"},
	[E_CPU] = {"cpu_us", "CPU US", CELL_NUMBER, .about = "microseconds of processor time"},
	[E_PLACE] = {"place", "PLACE", CELL_TEXT, .about = "where PHP was"},
};
const struct record gc_php_event_record = {COLUMNS_OF(event_columns)};

static const char *cause_name(uint64_t cause)
{
	static const char *const names[] = {"full", "script", "engine"};

	return cause < sizeof names / sizeof *names ? names[cause] : "other";
}

static uint64_t start_of(const struct model *m)
{
	for (uint32_t i = 0; i < m->nepochs; i++)
		if (m->epochs[i].kind == 0)
			return m->epochs[i].time_ns;
	return 0;
}

static void event_field(struct table *t, const struct model *m, const char *name, uint64_t value)
{
	static const struct {
		const char *name;
		unsigned column;
	} numbers[] = {
		{"roots_before", E_ROOTS},
		{"roots_after", E_ROOTS_AFTER},
		{"collected", E_COLLECTED},
		{"threshold_before", E_THRESHOLD},
		{"threshold_after", E_THRESHOLD_AFTER},
	};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (strcmp(name, numbers[i].name) == 0)
			table_number(t, numbers[i].column, value);
	if (strcmp(name, "cause") == 0)
		table_text(t, E_CAUSE, cause_name(value));
	else if (strcmp(name, "span") == 0)
		table_number(t, E_WALL, (value + 999) / 1000);
	else if (strcmp(name, "processor") == 0)
		table_number(t, E_CPU, (value + 999) / 1000);
	else if (strcmp(name, "place") == 0 && value < m->nstrings)
		table_text(t, E_PLACE, model_string(m, (uint32_t)value));
}

/* The rows of one event follow one another, "event.until" first. */
static uint64_t fill_events(struct table *t, const struct model *m)
{
	uint64_t rows = 0, last = 0, start = start_of(m);

	for (uint32_t i = 0; i < m->ngc; i++) {
		const struct gc_value *v = &m->gc[i];
		const char *name = model_string(m, v->name);

		if (v->runtime != RGD_RT_PHP || strncmp(name, "event.", 6) != 0)
			continue;
		if (strcmp(name, "event.until") == 0) {
			table_row(t);
			table_number(t, E_NUMBER, v->index);
			if (start && v->value > start)
				table_number(t, E_AT, (v->value - start) / 1000000);
			last = v->index;
			rows++;
		} else if (rows && v->index == last) {
			event_field(t, m, name + 6, v->value);
		}
	}
	return rows;
}

struct error *gc_php_print_events(struct context *c, const struct model *m)
{
	uint64_t total = number(m, "events.total"), rows;
	struct table *t;
	struct error *e;

	TRY(table_create(event_columns, E_NCOLUMNS, &t));
	rows = fill_events(t, m);
	if (total > rows && c->style.format == TABLE_TEXT && !c->style.no_header)
		printf("the last %" PRIu64 " of %" PRIu64 " runs\n", rows, total);
	e = table_print(t, &c->style, stdout);
	table_destroy(t);
	return e;
}
