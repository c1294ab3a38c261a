/* stacks.c - `refgraph stacks`: what is alive, by where it was made; what grew since, by where it
 * was made. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/epochs.h"
#include "report/estimate.h"
#include "report/stack_sums.h"

enum {
	OBJECTS,
	OBJECTS_ERROR,
	BYTES,
	BYTES_ERROR,
	MADE,
	MADE_ERROR,
	OBJECTS_DELTA,
	BYTES_DELTA,
	DEPTH,
	REUSED,
	PLACE
};

/* The deltas are shown when there are two dumps. */
static const struct column columns[] = {
	[OBJECTS] = {"objects", "OBJECTS", CELL_NUMBER, .about = "live objects made there"},
	[OBJECTS_ERROR] = {"objects_error", "+/-", CELL_NUMBER, .hidden = true,
			   .about = "standard error of that number, where it is an estimate"},
	[BYTES_ERROR] = {"bytes_error", "+/-", CELL_SIZE, .hidden = true,
			 .about = "standard error of these bytes"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE,
		   .about = "bytes of them and of their storage; in a tree: of all below too"},
	[MADE] = {"made", "MADE", CELL_NUMBER, .hidden = true,
		  .about = "allocations there since the start, those that are gone included, as "
			   "hybrid "
			   "counted them"},
	[MADE_ERROR] = {"made_error", "+/-", CELL_NUMBER, .hidden = true,
			.about = "standard error of that number"},
	[OBJECTS_DELTA] = {"objects_delta", "+OBJECTS", CELL_DELTA, .hidden = true,
			   .about = "objects more than in the dump before"},
	[BYTES_DELTA] = {"bytes_delta", "+BYTES", CELL_SIZE_DELTA, .hidden = true,
			 .about = "bytes more than in the dump before"},
	[DEPTH] = {"depth", "DEPTH", CELL_NUMBER, .hidden = true,
		   .about = "in a tree: callers above it"},
	[REUSED] = {"reused", "REUSED?", CELL_NUMBER, .hidden = true,
		    .about = "of the objects: those whose memory may come from a free list; they "
			     "were made "
			     "elsewhere then"},
	[PLACE] = {"place", "MADE BY", CELL_TEXT,
		   .about = "the line or function; a stack has its innermost frame first"},
};
#define NCOLUMNS (sizeof columns / sizeof *columns)

static const struct stack_sums *sorting; /* qsort has no context */

static int64_t weight(const struct stack_row *r)
{
	return (int64_t)(r->bytes - r->old_bytes);
}

/* By caller; then by what grew most, with one dump by what is most; then by name. */
static int by_weight(const void *a, const void *b)
{
	const struct stack_row *x = &sorting->rows.data[*(const uint32_t *)a],
			       *y = &sorting->rows.data[*(const uint32_t *)b];
	int64_t more =
		(int64_t)(x->objects - x->old_objects) - (int64_t)(y->objects - y->old_objects);

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (weight(x) != weight(y))
		return weight(x) < weight(y) ? 1 : -1;
	return more ? (more < 0 ? 1 : -1) : strcmp(x->place, y->place);
}

static struct error *sort_rows(const struct stack_sums *s, struct ids *order)
{
	for (uint32_t i = 0; i < s->rows.n; i++)
		if (!VEC_PUSH(order, i))
			return error_memory();
	sorting = s;
	if (order->n)
		qsort(order->data, order->n, sizeof *order->data, by_weight);
	return NULL;
}

/* Where the rows of this caller begin in the order. */
static size_t first_below(const struct stack_sums *s, const struct ids *order, uint32_t parent)
{
	size_t low = 0, high = order->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->rows.data[order->data[middle]].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct print {
	const struct stack_sums *sums;
	struct table *table;
	bool two;	/* dumps */
	uint64_t least; /* in a tree: bytes (or bytes more) that a row must have */
	struct str text;
};

static void add_row(struct print *p, const struct stack_row *r)
{
	table_row(p->table);
	table_number(p->table, OBJECTS, r->objects);
	table_number(p->table, BYTES, r->bytes);
	table_number(p->table, OBJECTS_ERROR, estimate_error(r->objects_variance));
	table_number(p->table, MADE, estimate_round(r->made));
	table_number(p->table, MADE_ERROR, estimate_error(r->made_variance));
	table_number(p->table, BYTES_ERROR, estimate_error(r->bytes_variance));
	table_signed(p->table, OBJECTS_DELTA, (int64_t)(r->objects - r->old_objects));
	table_signed(p->table, BYTES_DELTA, (int64_t)(r->bytes - r->old_bytes));
	table_number(p->table, DEPTH, r->depth);
	table_number(p->table, REUSED, r->reused);
	str_clear(&p->text);
	str_printf(&p->text, "%*s%s", (int)r->depth * 2, "", r->place);
	table_text(p->table, PLACE, str_text(&p->text));
}

static bool is_shown(const struct print *p, const struct stack_row *r)
{
	if (p->two && r->objects == r->old_objects && r->bytes == r->old_bytes)
		return false;
	return (uint64_t)llabs(weight(r)) >= p->least;
}

/* Puts the rows below a caller on the pile, the heaviest on top. */
static struct error *pile_up(const struct print *p, const struct ids *order, uint32_t parent,
			     struct ids *pile)
{
	size_t first = first_below(p->sums, order, parent), end = first;

	while (end < order->n && p->sums->rows.data[order->data[end]].parent == parent)
		end++;
	while (end > first)
		if (!VEC_PUSH(pile, order->data[--end]))
			return error_memory();
	return NULL;
}

static struct error *add_rows(struct print *p)
{
	struct ids order = {0}, pile = {0};
	struct error *e = sort_rows(p->sums, &order);

	if (!e)
		e = pile_up(p, &order, MODEL_NONE, &pile);
	while (!e && pile.n) {
		uint32_t row = pile.data[--pile.n];

		if (!is_shown(p, &p->sums->rows.data[row]))
			continue;
		add_row(p, &p->sums->rows.data[row]);
		if (p->sums->by == STACKS_TREE)
			e = pile_up(p, &order, row, &pile);
	}
	VEC_FREE(&order);
	VEC_FREE(&pile);
	return e;
}

/* Places that may be wrong are told, once. */
static void print_doubt(const struct context *c, const struct stack_sums *s)
{
	if (s->reused && c->style.format == TABLE_TEXT && !c->style.no_header && !c->style.columns)
		printf("%" PRIu64
		       " of these objects are of types that the interpreter keeps free lists "
		       "of: they may have been made elsewhere, later\n",
		       s->reused);
}

static struct error *print(struct context *c, const struct stack_sums *s)
{
	struct print p = {.sums = s, .two = c->ndumps > 1};
	struct column shown[NCOLUMNS];
	struct table_style style = c->style;
	struct error *e;

	for (size_t i = 0; i < NCOLUMNS; i++)
		shown[i] = columns[i];
	shown[OBJECTS_ERROR].hidden = shown[BYTES_ERROR].hidden = !s->estimated;
	shown[MADE].hidden = shown[MADE_ERROR].hidden = !s->counted || p.two;
	shown[OBJECTS_DELTA].hidden = shown[BYTES_DELTA].hidden = !p.two;
	if (s->by == STACKS_TREE && !c->options[OPT_LIMIT].given)
		p.least = (p.two ? (uint64_t)llabs((int64_t)(s->bytes - s->old_bytes)) : s->bytes) /
			  100;
	else
		style.limit = option_number(c, OPT_LIMIT, 20);
	TRY(table_create(shown, NCOLUMNS, &p.table));
	e = add_rows(&p);
	if (!e)
		e = p.text.failed ? error_memory() : table_print(p.table, &style, stdout);
	if (!e)
		print_doubt(c, s);
	str_free(&p.text);
	table_destroy(p.table);
	return e;
}

/* ---- which objects --------------------------------------------------------------------------- */

static struct error *add_dump(struct context *c, size_t dump, bool old, struct stack_sums *sums)
{
	const char *since = option_text(c, OPT_SINCE, NULL),
		   *until = option_text(c, OPT_UNTIL, NULL),
		   *expression = option_text(c, OPT_WHERE, NULL);
	struct stack_choice choice = {.end = UINT32_MAX};
	struct universe universe;
	struct where *where = NULL;
	struct model *m;
	struct error *e = NULL;

	TRY(context_model(c, dump, &m));
	TRY(context_universe(c, m, &universe));
	if (universe.chosen)
		choice.universe = &universe;
	if (since)
		TRY(epoch_find(m, "stacks", since, &choice.first));
	if (until)
		TRY(epoch_find(m, "stacks", until, &choice.end));
	if (expression) {
		TRY(where_compile(expression, &where));
		e = where_bind(where, m);
		choice.where = where;
	}
	/* of the objects that were chosen nobody counted them */
	choice.made = !since && !until && !expression && !universe.chosen && c->ndumps == 1;
	if (!e)
		e = stack_sums_add(sums, m, &choice, old);
	where_destroy(where);
	return e;
}

static struct error *run(struct context *c)
{
	const char *by = option_text(c, OPT_STACKS_BY, "site");
	struct stack_sums sums = {.by = strcmp(by, "tree") == 0	   ? STACKS_TREE
					: strcmp(by, "stack") == 0 ? STACKS_WHOLE
								   : STACKS_SITE};
	struct error *e = NULL;

	if (c->ndumps > 1) {
		e = add_dump(c, 0, true, &sums);
		context_drop_model(c, 0);
	}
	if (!e)
		e = add_dump(c, c->ndumps - 1, false, &sums);
	if (!e)
		e = print(c, &sums);
	stack_sums_deinit(&sums);
	return e;
}

const struct command cmd_stacks = {
	.name = "stacks",
	.usage = "[BEFORE] DUMP",
	.summary = "list where the live objects were made, by bytes; with two dumps, what grew",
	.about = "By place, by whole stack, or as a tree from the outermost caller inwards, whose "
		 "rows "
		 "include those below them (under 1 % is left out, unless --limit is given). "
		 "--since and --until choose by marks: made after this one, before that one, and "
		 "still alive. Without --universe: everything, storage and native blocks too.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_STACKS,
	.records = RECORDS(RECORD(columns)),
	.min_dumps = 1,
	.max_dumps = 2,
	.run = run,
};
