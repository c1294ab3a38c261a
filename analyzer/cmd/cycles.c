/* cycles.c - `refgraph cycles`: reference cycles, gathered by what they are made of. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/subject.h"
#include "report/cycles.h"
#include "util/bits.h"

#define DEFAULT_LIMIT 20u

enum {
	STATE,
	COUNT,
	OBJECTS,
	BYTES,
	RETAINED,
	PATTERN,
	WEAK,
	ID,
	KINDS,
	FINALIZERS,
	UNCOLLECTABLE
};

static const struct column columns[] = {
	[STATE] = {"state", "STATE", CELL_TEXT, .about = "garbage: no root reaches them; live"},
	[COUNT] = {"count", "CYCLES", CELL_NUMBER, .about = "how many there are"},
	[OBJECTS] = {"objects", "OBJECTS", CELL_NUMBER, .about = "on all of them"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "their sizes together"},
	[RETAINED] = {"retained", "RETAINED", CELL_SIZE,
		      .about = "bytes that would go with them all: of garbage, what is reachable "
			       "from them"},
	[PATTERN] = {"pattern", "PATTERN", CELL_TEXT, .about = "a shortest way round"},
	[WEAK] = {"weak", "MAKE WEAK", CELL_TEXT,
		  .about = "the kind of reference that breaks the cycle and is the natural one to "
			   "make weak; empty when no single one does"},
	[ID] = {"id", "EXAMPLE", CELL_ID, .about = "an object on one of them"},
	[KINDS] = {"kinds", "KINDS", CELL_NUMBER, .hidden = true,
		   .about = "of references on them: type, label, type"},
	[FINALIZERS] = {"finalizers", "FINALIZERS", CELL_NUMBER, .hidden = true,
			.about = "objects on them that have a finalizer"},
	[UNCOLLECTABLE] = {"uncollectable", "UNCOLLECTABLE", CELL_NUMBER, .hidden = true,
			   .about = "objects on them that the collector does not free"},
};

struct page {
	struct context *context;
	struct subject subject;
	struct cycles cycles;
	uint8_t *wanted; /* by pattern; NULL all */
};

static struct error *add_row(struct page *p, struct table *t, uint32_t pattern)
{
	const struct cycle_pattern *c = &p->cycles.patterns.data[pattern];
	uint64_t objects, retained;
	struct str words = {0}, weak = {0};
	struct error *e;

	e = cycles_words(&p->cycles, pattern, &words);
	if (!e)
		e = cycles_weak(&p->cycles, pattern, &weak);
	if (!e)
		e = cycles_retained(&p->cycles, pattern, &objects, &retained);
	if (!e) {
		table_row(t);
		table_text(t, STATE, c->garbage ? "garbage" : "live");
		table_number(t, COUNT, c->count);
		table_number(t, OBJECTS, c->objects);
		table_number(t, BYTES, c->bytes);
		table_number(t, RETAINED, retained);
		table_text(t, PATTERN, str_text(&words));
		table_text(t, WEAK, str_text(&weak));
		table_number(t, ID, c->example);
		table_number(t, KINDS, c->nsteps);
		table_number(t, FINALIZERS, c->finalizers);
		table_number(t, UNCOLLECTABLE, c->legacy);
		if (words.failed || weak.failed)
			e = error_memory();
	}
	str_free(&words);
	str_free(&weak);
	return e;
}

/* Rows that a limit would cut off are not made: each costs a walk through the graph. */
static struct error *add_rows(struct page *p, struct table *t)
{
	const char *state = option_text(p->context, OPT_STATE, "all");
	uint64_t limit = p->context->style.sort ? 0 : p->context->style.limit;

	for (uint32_t i = 0; i < p->cycles.patterns.n; i++) {
		bool garbage = p->cycles.patterns.data[i].garbage;

		if (strcmp(state, garbage ? "live" : "garbage") == 0 ||
		    (p->wanted && !p->wanted[i]))
			continue;
		if (limit && table_rows(t) == limit)
			break;
		TRY(add_row(p, t, i));
	}
	return NULL;
}

static struct error *choose(struct page *p)
{
	const struct ids *chosen = &p->subject.chosen;

	if (!p->subject.selected)
		return NULL;
	p->wanted = calloc(p->cycles.patterns.n + 1, 1);
	if (!p->wanted)
		return error_memory();
	for (size_t i = 0; i < chosen->n; i++)
		if (p->cycles.pattern_of[chosen->data[i]])
			p->wanted[p->cycles.pattern_of[chosen->data[i]] - 1] = 1;
	return NULL;
}

static struct error *print(struct page *p)
{
	struct table *t;
	struct error *e;

	p->context->style.limit = option_number(p->context, OPT_LIMIT, DEFAULT_LIMIT);
	TRY(table_create(columns, sizeof columns / sizeof *columns, &t));
	e = add_rows(p, t);
	if (!e && !table_rows(t) && p->context->style.format == TABLE_TEXT)
		fputs("refgraph: no cycles\n", stderr);
	else if (!e)
		e = table_print(t, &p->context->style, stdout);
	table_destroy(t);
	return e;
}

static struct error *make(struct page *p)
{
	TRY(subject_init(p->context, false, &p->subject));
	TRY(cycles_find(&p->subject.alive, option_flag(p->context, OPT_WITH_TYPES, false),
			&p->cycles));
	TRY(choose(p));
	return print(p);
}

static struct error *run(struct context *context)
{
	struct page p = {.context = context};
	struct error *e = make(&p);

	free(p.wanted);
	cycles_deinit(&p.cycles);
	subject_deinit(&p.subject);
	return e;
}

const struct command cmd_cycles = {
	.name = "cycles",
	.usage = "[SELECTOR...] DUMP",
	.summary = "list reference cycles by what they are made of, garbage apart from live ones",
	.about = "A cycle is a set of objects that all reach each other by references that keep "
		 "alive. Those of the same kinds of references are one row. With selectors: the "
		 "patterns in which these objects are.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_CYCLES,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
