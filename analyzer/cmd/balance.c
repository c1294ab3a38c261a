/* balance.c - `refgraph balance`: who took the reference that was never given back. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/draw.h"
#include "report/balance.h"
#include "report/balance_picture.h"

enum {
	TYPE,
	FINDING,
	OBJECTS,
	EXAMPLE,
	NET,
	PER_OBJECT,
	REFS,
	UNREFS,
	NORMAL,
	DEPTH,
	USUALLY,
	PATH
};

static const struct column columns[] = {
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the objects"},
	[FINDING] = {"finding", "FINDING", CELL_TEXT,
		     .about =
			     "leak (should be gone), surplus (released once too often), kept (only "
			     "the library holds them), asked (named by the user)"},
	[OBJECTS] = {"objects", "OBJECTS", CELL_NUMBER,
		     .about = "so many of the type: the row is about these"},
	[EXAMPLE] = {"example", "EXAMPLE", CELL_ADDRESS, .optional = true,
		     .about = "address of one of them, for refcount --replay, why and show"},
	[NET] = {"net", "NET", CELL_DELTA,
		 .about = "references taken there and not given back by what usually gives them "
			  "back; "
			  "below 0: given back and not taken"},
	[PER_OBJECT] = {"per_object", "EACH", CELL_REAL, .about = "the same, of an average object"},
	[REFS] = {"refs", "+REFS", CELL_NUMBER, .about = "references taken there"},
	[UNREFS] = {"unrefs", "-UNREFS", CELL_NUMBER, .about = "references given back there"},
	[NORMAL] = {"normal", "NORMAL", CELL_REAL,
		    .about = "how often that happens to an average object of the type that ended "
			     "properly"},
	[DEPTH] = {"depth", "DEPTH", CELL_NUMBER, .hidden = true,
		   .about = "in a tree: callers above it"},
	[USUALLY] = {"usually", "USUALLY BALANCED BY", CELL_TEXT,
		     .about = "the other half in the lives of objects that ended properly"},
	[PATH] = {"path", "CALLED BY", CELL_TEXT, .about = "the line, then its callers"},
};
#define NCOLUMNS (sizeof columns / sizeof *columns)

static const char *const findings[] = {
	[BALANCE_LEAK] = "leak",
	[BALANCE_SURPLUS] = "surplus",
	[BALANCE_KEPT] = "kept",
	[BALANCE_ASKED] = "asked",
};

struct page {
	struct context *context;
	struct model *m;
	struct balance balance;
	struct str text;
};

static void add_numbers(struct table *t, uint64_t objects, int64_t net, uint64_t plus,
			uint64_t minus)
{
	table_number(t, OBJECTS, objects);
	table_signed(t, NET, net);
	table_real(t, PER_OBJECT, objects ? (double)net / (double)objects : 0);
	table_number(t, REFS, plus);
	table_number(t, UNREFS, minus);
}

static void add_flat(struct page *p, struct table *t, const struct balance_row *r)
{
	table_row(t);
	table_text(t, TYPE, p->m->types[r->type].name);
	table_text(t, FINDING, findings[r->verdict]);
	if (r->example)
		table_number(t, EXAMPLE, r->example);
	add_numbers(t, r->objects, r->net, r->plus, r->minus);
	table_real(t, NORMAL, r->normal);
	table_number(t, DEPTH, 0);
	str_clear(&p->text);
	call_paths_text(&p->balance.paths, r->site, &p->text);
	table_text(t, PATH, str_text(&p->text));
	if (r->partner != MODEL_NONE)
		table_text(t, USUALLY, call_paths_place(&p->balance.paths, r->partner));
}

/* ---- the tree of calls ----------------------------------------------------------------------------------------------- */

static void add_branch(struct page *p, struct table *t, const struct balance_tree *tree,
		       uint32_t at)
{
	const struct balance_branch *b = &tree->branches.data[at];

	table_row(t);
	table_text(t, TYPE, p->m->types[b->type].name);
	table_text(t, FINDING, findings[b->verdict]);
	add_numbers(t, b->objects, b->net, b->plus, b->minus);
	table_number(t, DEPTH, b->depth);
	str_clear(&p->text);
	str_printf(&p->text, "%*s", (int)b->depth * 2, "");
	balance_tree_text(tree, at, &p->text);
	table_text(t, PATH, str_text(&p->text));
}

/* ---- printing ---------------------------------------------------------------------------------------------------------- */

/* What --track-objects of refgraph run left out. */
static void print_sample(const struct page *p)
{
	uint64_t every;

	if (model_counter(p->m, RGD_COUNTER_HOOKS_EVERY, &every) && every > 1)
		printf("one object in %" PRIu64
		       " was followed: the numbers are those of the sample\n",
		       every);
}

static void print_balanced(const struct page *p)
{
	print_sample(p);
	printf("balanced: %" PRIu64 " objects ended, %" PRIu64
	       " live; none has a reference that nobody gave back\n",
	       p->balance.ended, p->balance.live);
}

static void print_head(const struct page *p)
{
	print_sample(p);
	for (size_t i = 0; i < p->balance.types.n; i++) {
		const struct balance_sum *s = &p->balance.types.data[i];

		if (s->leaked)
			printf("%s: %" PRIu64 " of %" PRIu64 " that live should be gone; %" PRIu64
			       " ended\n",
			       p->m->types[s->type].name, s->leaked, s->live, s->ended);
		if (s->kept)
			printf("%s: %" PRIu64 " of %" PRIu64
			       " that live are held by the library alone, and none that began so "
			       "ever ended; %" PRIu64 " ended\n",
			       p->m->types[s->type].name, s->kept, s->live, s->ended);
		if (s->surplus)
			printf("%s: %" PRIu64 " were released once too often\n",
			       p->m->types[s->type].name, s->surplus);
		if (s->surplus && s->inlined)
			printf("%s: %" PRIu64 " of them by inlined code after their end, which no "
			       "call tells of: that release is shown where they ended\n",
			       p->m->types[s->type].name, s->inlined);
	}
}

static struct error *print(struct page *p)
{
	struct context *c = p->context;
	bool as_tree = option_flag(c, OPT_CALL_TREE, false);
	struct balance_tree tree = {0};
	struct table_style style = c->style;
	struct table *t;
	struct error *e;

	if (!p->balance.rows.n && style.format == TABLE_TEXT) {
		print_balanced(p);
		return NULL;
	}
	TRY(table_create(columns, NCOLUMNS, &t));
	if (as_tree) {
		e = balance_tree_make(&p->balance, &tree);
		for (uint32_t i = 0; !e && i < tree.branches.n; i++)
			add_branch(p, t, &tree, i);
	} else {
		e = NULL;
		for (size_t i = 0; i < p->balance.rows.n; i++)
			add_flat(p, t, &p->balance.rows.data[i]);
		style.limit = option_number(c, OPT_LIMIT, 40);
	}
	if (!e && style.format == TABLE_TEXT && !style.no_header && !style.columns)
		print_head(p);
	if (!e)
		e = p->text.failed ? error_memory() : table_print(t, &style, stdout);
	balance_tree_deinit(&tree);
	table_destroy(t);
	return e;
}

static struct error *draw(struct page *p)
{
	struct balance_tree tree = {0};
	struct drawing drawing = {0};
	struct error *e = balance_tree_make(&p->balance, &tree);

	if (!e)
		e = balance_picture(&p->balance, &tree, &drawing);
	if (!e)
		e = draw_output(p->context, &drawing);
	drawing_free(&drawing);
	balance_tree_deinit(&tree);
	return e;
}

static bool is_drawing(const struct context *c)
{
	return c->style.format == TABLE_TEXT &&
	       (draw_filename(c) || option_text(c, OPT_FORMAT, NULL));
}

/* 0x7f...: of an object that need not live. */
static uint64_t address_of(const struct context *c)
{
	char *end;
	uint64_t address;

	if (c->nargs != 1 || strncmp(c->args[0], "0x", 2) != 0)
		return 0;
	address = strtoull(c->args[0], &end, 16);
	return *end ? 0 : address;
}

static bool has_findings(const struct balance *b)
{
	for (size_t i = 0; i < b->types.n; i++)
		if (b->types.data[i].leaked || b->types.data[i].surplus)
			return true;
	return false;
}

static struct error *make(struct page *p, struct ids *objects)
{
	struct context *c = p->context;
	struct balance_query query = {.type = option_text(c, OPT_TYPE_NAME, NULL),
				      .all = option_flag(c, OPT_ALL, false)};
	struct universe universe;

	TRY(context_model(c, 0, &p->m));
	TRY(model_load(p->m, MODEL_COUNTED | MODEL_TYPES | MODEL_COUNTERS));
	if (!p->m->nhooks)
		return error_usage("%s knows of no counted references: start the program with "
				   "refgraph run --rules NAMES",
				   p->m->path);
	query.address = address_of(c);
	if (c->nargs && !query.address) {
		TRY(context_universe(c, p->m, &universe));
		TRY(context_select(c, p->m, &universe, objects));
		query.objects = objects;
	}
	TRY(balance_make(p->m, &query, &p->balance));
	TRY(is_drawing(c) ? draw(p) : print(p));
	if (option_flag(c, OPT_FAIL, false) && has_findings(&p->balance))
		return error_findings("references are out of balance");
	return NULL;
}

static struct error *run(struct context *context)
{
	struct page p = {.context = context};
	struct ids objects = {0};
	struct error *e = make(&p, &objects);

	balance_deinit(&p.balance);
	VEC_FREE(&objects);
	str_free(&p.text);
	return e;
}

const struct command cmd_balance = {
	.name = "balance",
	.usage = "[SELECTOR...] DUMP",
	.summary = "who took the reference that was never given back",
	.about = "Of a program that ran under rules (refgraph run --rules). Without selectors: the "
		 "objects that "
		 "should be gone, then those that only the library still holds and that began "
		 "otherwise than "
		 "any that ended. References and releases that belong together, as in the lives of "
		 "objects of the "
		 "type that ended, are folded away; the first row is the call that took what "
		 "nobody gave back. "
		 "With selectors, or an address: these objects.",
	.options = OPTIONS_OUTPUT | OPTIONS_WHERE | OPTIONS_BALANCE,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
