/* dominators.c - `refgraph dominators`: who alone keeps how much alive, as a tree. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/draw.h"
#include "cmd/subject.h"
#include "report/edge_name.h"
#include "report/holder.h"
#include "report/repr.h"
#include "report/tree.h"
#include "report/tree_picture.h"

#define DEFAULT_LIMIT 40u
#define PARTS_OF_ALL 100u /* a row retains at least 1 % unless --min says otherwise */

enum {
	RETAINED,
	SHARE,
	OBJECTS,
	SIZE,
	WHAT,
	DEPTH,
	PARENT,
	COUNT,
	HELD,
	TYPE,
	REPR,
	ID,
	ADDRESS,
	HIDDEN,
	HIDDEN_BYTES,
	ACCUMULATES
};

static const struct column columns[] = {
	[RETAINED] = {"retained", "RETAINED", CELL_SIZE, .about = "bytes that would go with it"},
	[SHARE] = {"share", "%", CELL_REAL, .about = "per cent of all that is alive"},
	[OBJECTS] = {"objects", "OBJECTS", CELL_NUMBER,
		     .about = "objects that would go with it, itself included"},
	[SIZE] = {"size", "SIZE", CELL_SIZE, .about = "its own bytes; of a group: of its members"},
	[WHAT] = {"what", "WHAT", CELL_TEXT,
		  .about = "the reference from the row above, and the object in a few words; "
			   "indented by depth"},
	[DEPTH] = {"depth", "DEPTH", CELL_NUMBER, .hidden = true, .about = "levels above it"},
	[PARENT] = {"parent", "PARENT", CELL_ID, .hidden = true,
		    .about = "number of the object one level up; null on top"},
	[COUNT] = {"count", "COUNT", CELL_NUMBER, .hidden = true,
		   .about = "members of a group; else 1"},
	[HELD] = {"held", "HELD", CELL_TEXT, .hidden = true,
		  .about = "the reference from the object one level up, or the root; empty when it "
			   "holds it by detours only"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .hidden = true, .about = "of the object"},
	[REPR] = {"repr", "REPR", CELL_TEXT, .hidden = true, .about = "the object in a few words"},
	[ID] = {"id", "ID", CELL_ID, .hidden = true,
		.about = "of the object; of a group: of the member that retains most"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .hidden = true, .about = "of that object"},
	[HIDDEN] = {"hidden", "HIDDEN", CELL_NUMBER, .hidden = true,
		    .about = "objects one level down that no row shows"},
	[HIDDEN_BYTES] = {"hidden_bytes", "HIDDEN BYTES", CELL_SIZE, .hidden = true,
			  .about = "bytes that they retain"},
	[ACCUMULATES] = {"accumulates", "ACCUMULATES", CELL_NUMBER, .hidden = true,
			 .about = "objects directly below, where what the top row retains spreads "
				  "over many; else null"},
};

struct page {
	struct context *context;
	struct subject subject;
	struct tree_query query;
	struct tree tree;
	struct str text;
};

static void indent(struct str *s, uint32_t depth)
{
	for (uint32_t i = 0; i < depth; i++)
		str_add(s, "  ");
}

/* "['sessions'] dict 400 items #17"; "400 x Session" */
static void add_what(struct page *p, const struct tree_row *row, const char *held, const char *repr)
{
	const char *type = model_type_name(p->subject.m, row->object);

	str_clear(&p->text);
	indent(&p->text, row->depth);
	if (row->members > 1) {
		str_printf(&p->text, "%" PRIu32 " x %s", row->members, type);
		return;
	}
	if (held[0])
		str_printf(&p->text, "%s ", held);
	str_printf(&p->text, "%s%s%s #%" PRIu32, type, repr[0] ? " " : "", repr, row->object);
	if (row->accumulates)
		str_printf(&p->text, " <- %" PRIu32 " accumulate here", row->accumulates);
}

static struct error *add_row(struct page *p, struct table *t, const struct tree_row *row)
{
	uint32_t up = row->parent == TREE_NONE ? MODEL_NONE : p->tree.rows.data[row->parent].object;
	struct str held = {0}, repr = {0};
	struct error *e = NULL;

	if (row->members == 1)
		e = holder_name(&p->subject.alive, up, row->object, &held);
	repr_object(p->subject.m, row->object, &repr);
	table_row(t);
	table_number(t, RETAINED, row->retained);
	table_real(t, SHARE,
		   p->subject.alive.reached_bytes
			   ? 100.0 * (double)row->retained / (double)p->subject.alive.reached_bytes
			   : 0);
	table_number(t, OBJECTS, row->objects);
	table_number(t, SIZE, row->size);
	add_what(p, row, str_text(&held), str_text(&repr));
	table_text(t, WHAT, str_text(&p->text));
	table_number(t, DEPTH, row->depth);
	if (up != MODEL_NONE)
		table_number(t, PARENT, up);
	table_number(t, COUNT, row->members);
	table_text(t, HELD, str_text(&held));
	table_text(t, TYPE, model_type_name(p->subject.m, row->object));
	table_text(t, REPR, str_text(&repr));
	table_number(t, ID, row->object);
	table_number(t, ADDRESS, p->subject.m->address[row->object]);
	table_number(t, HIDDEN, row->hidden);
	table_number(t, HIDDEN_BYTES, row->hidden_bytes);
	if (row->accumulates)
		table_number(t, ACCUMULATES, row->accumulates);
	if (!e && (held.failed || repr.failed))
		e = error_memory();
	str_free(&held);
	str_free(&repr);
	return e;
}

/* A line of text for what is below a row (or on top) and too small to be shown, if together it is not. */
static void add_hidden(struct page *p, struct table *t, uint32_t depth, uint64_t n, uint64_t bytes)
{
	if (!n || p->context->style.format != TABLE_TEXT || bytes < p->query.min)
		return;
	str_clear(&p->text);
	indent(&p->text, depth);
	str_printf(&p->text, "... %" PRIu64 " more", n);
	table_row(t);
	table_number(t, RETAINED, bytes);
	table_real(t, SHARE,
		   p->subject.alive.reached_bytes
			   ? 100.0 * (double)bytes / (double)p->subject.alive.reached_bytes
			   : 0);
	table_text(t, WHAT, str_text(&p->text));
}

/* What is hidden below a row stands after the rows below it. */
static struct error *add_rows(struct page *p, struct table *t)
{
	const struct tree_row *rows = p->tree.rows.data;
	size_t n = p->tree.rows.n;

	for (size_t i = 0; i < n; i++) {
		uint32_t next = i + 1 < n ? rows[i + 1].depth : 0;

		TRY(add_row(p, t, &rows[i]));
		for (uint32_t at = i; at != TREE_NONE && rows[at].depth >= next;
		     at = rows[at].parent) {
			/* the last row below `at` was printed when what comes next is no deeper than it */
			add_hidden(p, t, rows[at].depth + 1, rows[at].hidden,
				   rows[at].hidden_bytes);
			if (rows[at].depth == 0)
				break;
		}
	}
	add_hidden(p, t, 0, p->tree.hidden, p->tree.hidden_bytes);
	return NULL;
}

static void print_head(struct page *p)
{
	bool exact = p->context->style.exact_sizes;

	str_clear(&p->text);
	str_size_words(&p->text, p->subject.alive.reached_bytes, exact);
	str_printf(&p->text, " in %" PRIu64 " objects are alive", p->subject.alive.reached_objects);
	if (p->query.min) {
		str_add(&p->text, "; below: what retains ");
		str_size_words(&p->text, p->query.min, exact);
		str_add(&p->text, " or more");
	}
	puts(str_text(&p->text));
}

/* What the rows say is read of their objects only. */
static struct error *load_rows(struct page *p)
{
	struct ids objects = {0};
	struct error *e = NULL;

	for (size_t i = 0; i < p->tree.rows.n && !e; i++)
		if (!VEC_PUSH(&objects, p->tree.rows.data[i].object))
			e = error_memory();
	if (!e)
		e = model_load_for(p->subject.m, MODEL_REPR | MODEL_ROOTS | MODEL_THREADS,
				   objects.data, objects.n);
	VEC_FREE(&objects);
	return e;
}

static bool is_drawing(const struct context *c)
{
	return c->style.format == TABLE_TEXT &&
	       (draw_filename(c) || option_text(c, OPT_FORMAT, NULL));
}

static struct error *draw(struct page *p)
{
	struct drawing drawing = {0};
	struct error *e = load_rows(p);

	if (!e)
		e = tree_picture(&p->subject.alive, &p->tree, !p->subject.selected, &drawing);
	drawing.legend = option_flag(p->context, OPT_LEGEND, false);
	if (!e)
		e = draw_output(p->context, &drawing);
	drawing_free(&drawing);
	return e;
}

static struct error *print(struct page *p)
{
	struct table_style style = p->context->style;
	struct table *t;
	struct error *e;

	TRY(load_rows(p));
	TRY(table_create(columns, sizeof columns / sizeof *columns, &t));
	style.limit = 0; /* the tree was cut by its own rule */
	e = add_rows(p, t);
	if (!e && p->text.failed)
		e = error_memory();
	if (!e && style.format == TABLE_TEXT && !style.no_header)
		print_head(p);
	if (!e)
		e = table_print(t, &style, stdout);
	table_destroy(t);
	return e;
}

static struct error *make(struct page *p)
{
	struct context *c = p->context;

	TRY(subject_init(c, false, &p->subject));
	p->query.starts = p->subject.selected ? &p->subject.chosen : NULL;
	TRY(alive_dominators(&p->subject.alive));
	TRY(alive_reach(&p->subject.alive)); /* costs next to nothing after the dominators */
	p->query.min = option_number(c, OPT_MIN, p->subject.alive.reached_bytes / PARTS_OF_ALL);
	p->query.limit = option_number(c, OPT_LIMIT, DEFAULT_LIMIT);
	p->query.max_depth = option_number(c, OPT_LEVELS, UINT32_MAX) < UINT32_MAX
				     ? option_number(c, OPT_LEVELS, UINT32_MAX)
				     : UINT32_MAX;
	p->query.by_type = strcmp(option_text(c, OPT_GROUP_BY, "none"), "type") == 0;
	TRY(tree_make(&p->subject.alive, &p->query, &p->tree));
	return is_drawing(c) ? draw(p) : print(p);
}

static struct error *run(struct context *context)
{
	struct page p = {.context = context};
	struct error *e = make(&p);

	tree_deinit(&p.tree);
	subject_deinit(&p.subject);
	str_free(&p.text);
	return e;
}

const struct command cmd_dominators = {
	.name = "dominators",
	.usage = "[SELECTOR...] DUMP",
	.summary = "show who alone keeps how much alive, as a tree",
	.about =
		"Each object stands below the one that alone keeps it alive; what several things "
		"hold stands below what holds them all, or on top. With selectors: the trees below "
		"these objects. The rows are the --limit largest. With --output the tree is drawn.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_TREE,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
