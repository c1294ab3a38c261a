/* retained.c - `refgraph retained`: what would be freed if a selection of objects went. */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/subject.h"
#include "report/type_sums.h"
#include "util/big.h"
#include "util/bits.h"

enum { RECORD, TYPE, MODULE, COUNT, SELECTED, BYTES };

static const struct column columns[] = {
	[RECORD] = {"record", NULL, CELL_TEXT, .hidden = true,
		    .about = "type; total for the first line of --json and --csv"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the objects that would be freed"},
	[MODULE] = {"module", "MODULE", CELL_TEXT, .hidden = true, .about = "of the type"},
	[COUNT] = {"count", "COUNT", CELL_NUMBER, .about = "objects that would be freed"},
	[SELECTED] = {"selected", "SELECTED", CELL_NUMBER, .about = "of them: those selected"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "their sizes together"},
};

struct answer {
	struct context *context;
	struct subject subject;
	uint64_t *selected, *freed;
	uint64_t bytes, garbage; /* of the selection; selected objects that no root reaches */
	struct type_sums sums;
};

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* "400 objects of 18.8 KiB: 2800 objects, 412.3 KiB would be freed with them, 38.0 % of what is alive" */
static void print_head(const struct answer *a)
{
	uint64_t n = a->subject.chosen.n, all = a->subject.alive.reached_bytes;
	bool exact = a->context->style.exact_sizes;
	struct str s = {0};

	str_printf(&s, "%" PRIu64 " object%s of ", n, plural(n));
	str_size_words(&s, a->bytes, exact);
	if (a->garbage == n) {
		str_printf(&s, ", which no root reaches: nothing is kept alive");
	} else {
		str_printf(&s, " retain%s %" PRIu64 " object%s, ", n == 1 ? "s" : "", a->sums.count,
			   plural(a->sums.count));
		str_size_words(&s, a->sums.bytes, exact);
		str_printf(&s, ": %.1f %% of what is alive",
			   all ? 100.0 * (double)a->sums.bytes / (double)all : 0.0);
		if (a->garbage)
			str_printf(&s, " (%" PRIu64 " of the objects: no root reaches them)",
				   a->garbage);
	}
	puts(str_text(&s));
	str_free(&s);
}

static void add_rows(const struct answer *a, struct table *t)
{
	if (a->context->style.format != TABLE_TEXT) {
		table_row(t);
		table_text(t, RECORD, "total");
		table_number(t, COUNT, a->sums.count);
		table_number(t, SELECTED, a->subject.chosen.n - a->garbage);
		table_number(t, BYTES, a->sums.bytes);
	}
	for (size_t i = 0; i < a->sums.rows.n; i++) {
		const struct type_sum *r = &a->sums.rows.data[i];
		const struct type *type = model_type(a->subject.m, r->type);

		table_row(t);
		table_text(t, RECORD, "type");
		table_text(t, TYPE, type->name);
		table_text(t, MODULE, type->module);
		table_number(t, COUNT, r->count);
		table_number(t, SELECTED, r->marked);
		table_number(t, BYTES, r->bytes);
	}
}

static struct error *print(const struct answer *a)
{
	struct table *t;
	struct error *e;

	TRY(table_create(columns, sizeof columns / sizeof *columns, &t));
	add_rows(a, t);
	if (a->context->style.format == TABLE_TEXT && !a->context->style.no_header)
		print_head(a);
	e = a->sums.rows.n || a->context->style.format != TABLE_TEXT
		    ? table_print(t, &a->context->style, stdout)
		    : NULL;
	table_destroy(t);
	return e;
}

static struct error *answer(struct answer *a)
{
	TRY(subject_init(a->context, true, &a->subject));
	TRY(big_alloc(bits_words(a->subject.m->nobjects), sizeof *a->selected, &a->selected));
	TRY(alive_retained_set(&a->subject.alive, &a->subject.chosen, &a->freed));
	for (size_t i = 0; i < a->subject.chosen.n; i++) {
		uint32_t o = a->subject.chosen.data[i];

		bits_set(a->selected, o);
		a->bytes += a->subject.m->size[o];
		a->garbage += !bits_get(a->subject.alive.reached, o);
	}
	TRY(type_sums_collect(a->subject.m, a->freed, a->selected, &a->sums));
	return print(a);
}

static struct error *run(struct context *context)
{
	struct answer a = {.context = context};
	struct error *e = answer(&a);
	size_t words = a.subject.m ? bits_words(a.subject.m->nobjects) : 0;

	big_free(a.selected, words, sizeof *a.selected);
	big_free(a.freed, words, sizeof *a.freed);
	type_sums_deinit(&a.sums);
	subject_deinit(&a.subject);
	return e;
}

const struct command cmd_retained = {
	.name = "retained",
	.usage = "SELECTOR... DUMP",
	.summary = "tell what would be freed if these objects went, all together",
	.about = "The retained size of a set is what only the set keeps alive: more than the sum "
		 "of each object's own, since things that several of them share count too, and "
		 "nothing counts twice. Weak references keep nothing alive.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
