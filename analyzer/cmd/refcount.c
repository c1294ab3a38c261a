/* refcount.c - `refgraph refcount`: a reference count, reference by reference. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/replay.h"
#include "report/edge_name.h"
#include "report/references.h"
#include "report/repr.h"

enum { OF, COUNT, KIND, EDGE, TYPE, REPR, ADDRESS, ID };

static const struct column columns[] = {
	[OF] = {"of", "OF", CELL_ID, .about = "the object that was asked about"},
	[COUNT] = {"count", "COUNT", CELL_SIGNED,
		   .about = "what the row adds to the reference count"},
	[KIND] = {"kind", "KIND", CELL_TEXT,
		  .about =
			  "refcount (the number itself), strong, root, unexplained (what is left), "
			  "missing (more references "
			  "than the count); not counted: weak, borrowed, conservative, internal"},
	[EDGE] = {"edge", "REFERENCE", CELL_TEXT, .about = "name of the reference, or of the root"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the object that refers"},
	[REPR] = {"repr", "WHAT", CELL_TEXT, .about = "it in a few words"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "where it begins"},
	[ID] = {"id", "ID", CELL_ID, .about = "its number in this dump"},
};

struct rows {
	struct model *m;
	struct table *table;
	struct references in;
	struct str text;
};

static void add_head(struct rows *r, uint32_t of, int64_t count, const char *kind, const char *name)
{
	table_row(r->table);
	table_number(r->table, OF, of);
	table_signed(r->table, COUNT, count);
	table_text(r->table, KIND, kind);
	table_text(r->table, EDGE, name);
}

static void add_object(struct rows *r, uint32_t o)
{
	table_text(r->table, TYPE, model_type_name(r->m, o));
	str_clear(&r->text);
	repr_object(r->m, o, &r->text);
	table_text(r->table, REPR, str_text(&r->text));
	table_number(r->table, ADDRESS, r->m->address[o]);
	table_number(r->table, ID, o);
}

/* References that count come first, then those that do not. */
static struct error *add_edges(struct rows *r, uint32_t of, bool strong, uint64_t *counted)
{
	size_t first, end;

	references_range(&r->in, of, &first, &end);
	for (size_t i = first; i < end; i++) {
		const struct reference *reference = &r->in.rows.data[i];
		struct edge edge;

		TRY(model_edge(r->m, reference->other, reference->number, &edge));
		if ((edge.kind == RGD_EDGE_STRONG) != strong)
			continue;
		str_clear(&r->text);
		edge_name(r->m, &edge, &r->text);
		add_head(r, of, strong, model_edge_kind_name(edge.kind), str_text(&r->text));
		add_object(r, reference->other);
		*counted += strong;
	}
	return NULL;
}

static void add_roots(struct rows *r, uint32_t of, bool strong, uint64_t *counted)
{
	for (uint32_t i = 0; i < r->m->nroots; i++) {
		const struct root *root = &r->m->roots[i];

		if (root->target != of || (root->kind == RGD_EDGE_STRONG) != strong)
			continue;
		str_clear(&r->text);
		root_name(r->m, root, &r->text);
		add_head(r, of, strong, strong ? "root" : model_edge_kind_name(root->kind),
			 str_text(&r->text));
		table_text(r->table, TYPE, "(root)");
		*counted += strong;
	}
}

static struct error *add_count(struct rows *r, uint32_t o)
{
	bool immortal = r->m->flags[o] & RGD_OBJ_F_IMMORTAL;
	uint64_t count = r->m->refcount[o], counted = 0;

	add_head(r, o, (int64_t)count, "refcount", immortal ? "(immortal: never changes)" : "");
	add_object(r, o);
	TRY(add_edges(r, o, true, &counted));
	add_roots(r, o, true, &counted);
	if (!immortal && count > counted)
		add_head(r, o, (int64_t)(count - counted), "unexplained",
			 "held by something that the dump cannot see");
	if (!immortal && count < counted)
		add_head(r, o, (int64_t)(count - counted), "missing",
			 "more references than it counts: it will be freed too early");
	TRY(add_edges(r, o, false, &counted));
	add_roots(r, o, false, &counted);
	return NULL;
}

/* 0x7f...: of an object that need not live any more. */
static uint64_t address_of(const struct context *c)
{
	return c->nargs == 1 && !strncmp(c->args[0], "0x", 2) ? strtoull(c->args[0], NULL, 16) : 0;
}

static struct error *run_replay(struct context *c)
{
	struct ids objects = {0};
	struct universe universe;
	struct model *m;
	struct error *e = NULL;

	TRY(context_model(c, 0, &m));
	TRY(context_universe(c, m, &universe));
	if (!address_of(c))
		e = context_select(c, m, &universe, &objects);
	if (!e)
		e = replay(c, m, &objects, address_of(c));
	VEC_FREE(&objects);
	return e;
}

static struct error *run(struct context *c)
{
	struct rows r = {0};
	struct ids objects = {0};
	struct universe universe;
	struct error *e;

	if (option_flag(c, OPT_REPLAY, false))
		return run_replay(c);
	TRY(context_model(c, 0, &r.m));
	TRY(context_universe(c, r.m, &universe));
	e = context_select(c, r.m, &universe, &objects);
	if (!e)
		e = model_load(r.m, MODEL_REPR | MODEL_SIZE | MODEL_REFCOUNT | MODEL_EDGES |
					    MODEL_ROOTS | MODEL_THREADS);
	if (!e)
		e = references_in(r.m, &objects, NULL, NULL, &r.in);
	if (!e)
		e = table_create(columns, sizeof columns / sizeof *columns, &r.table);
	for (size_t i = 0; i < objects.n && !e; i++)
		e = add_count(&r, objects.data[i]);
	if (!e)
		e = r.text.failed ? error_memory() : table_print(r.table, &c->style, stdout);
	table_destroy(r.table);
	VEC_FREE(&r.in.rows);
	VEC_FREE(&objects);
	str_free(&r.text);
	return e;
}

const struct command cmd_refcount = {
	.name = "refcount",
	.usage = "SELECTOR... DUMP",
	.summary = "explain a reference count, reference by reference",
	.about = "The first row of an object is its count (sys.getrefcount() says one more, for "
		 "its own argument); the rows below "
		 "add up to it. Weak, borrowed and conservative references stand at the end and "
		 "count 0: what is unexplained may be "
		 "one of the conservative ones. --replay tells the life of an object that rules "
		 "follow: each call that "
		 "took or gave a reference, with the count before and after.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_REPLAY,
	.records = RECORDS(RECORD(columns), &replay_record),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
