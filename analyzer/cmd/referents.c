/* referents.c - `refgraph referents`, `refgraph referrers`: gc.get_referents() and
 * gc.get_referrers(), with names. */
#include "cmd/cmd.h"
#include "report/edge_name.h"
#include "report/references.h"
#include "report/repr.h"
#include "util/big.h"
#include "util/bits.h"

enum { OF, EDGE, KIND, TRAVERSED, TYPE, REPR, SIZE, REFCOUNT, ADDRESS, ID };

static const struct column columns[] = {
	[OF] = {"of", "OF", CELL_ID, .about = "the object that was asked about"},
	[EDGE] = {"edge", "REFERENCE", CELL_TEXT, .about = "name of the reference, or of the root"},
	[KIND] = {"kind", "KIND", CELL_TEXT, .hidden = true,
		  .about = "strong, weak, internal, conservative, borrowed"},
	[TRAVERSED] = {"traversed", "TRAVERSED", CELL_BOOL, .hidden = true,
		       .about = "whether the runtime's own collector sees it"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the object at the other end"},
	[REPR] = {"repr", "WHAT", CELL_TEXT, .about = "it in a few words"},
	[SIZE] = {"size", "SIZE", CELL_SIZE, .about = "bytes of it"},
	[REFCOUNT] = {"refcount", "REFS", CELL_NUMBER, .hidden = true,
		      .about = "its reference count"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "where it begins"},
	[ID] = {"id", "ID", CELL_ID, .about = "its number in this dump"},
};

struct rows {
	struct context *context;
	struct model *m;
	struct universe universe;
	struct table *table;
	struct str text;
};

static void add_object(struct rows *r, uint32_t o)
{
	str_clear(&r->text);
	repr_object(r->m, o, &r->text);
	table_text(r->table, TYPE, model_type_name(r->m, o));
	table_text(r->table, REPR, str_text(&r->text));
	table_number(r->table, SIZE, r->m->size[o]);
	table_number(r->table, REFCOUNT, r->m->refcount[o]);
	table_number(r->table, ADDRESS, r->m->address[o]);
	table_number(r->table, ID, o);
}

static struct error *add_reference(struct rows *r, const struct reference *reference, bool out)
{
	struct edge edge;

	TRY(model_edge(r->m, out ? reference->of : reference->other, reference->number, &edge));
	table_row(r->table);
	table_number(r->table, OF, reference->of);
	str_clear(&r->text);
	edge_name(r->m, &edge, &r->text);
	table_text(r->table, EDGE, str_text(&r->text));
	table_text(r->table, KIND, model_edge_kind_name(edge.kind));
	table_number(r->table, TRAVERSED, !!(edge.flags & RGD_LABEL_F_TRAVERSED));
	add_object(r, reference->other);
	return NULL;
}

/* Roots are no objects: gc.get_referrers() knows nothing of them, so they are told outside of its
 * universe only. */
static void add_roots(struct rows *r, uint32_t object)
{
	for (uint32_t i = 0; i < r->m->nroots; i++) {
		const struct root *root = &r->m->roots[i];

		if (root->target != object)
			continue;
		table_row(r->table);
		table_number(r->table, OF, object);
		str_clear(&r->text);
		if (root->kind == RGD_EDGE_CONSERVATIVE)
			str_char(&r->text, '~');
		root_name(r->m, root, &r->text);
		table_text(r->table, EDGE, str_text(&r->text));
		table_text(r->table, KIND, model_edge_kind_name(root->kind));
		table_text(r->table, TYPE, "(root)");
	}
}

/* What is told of an object. */
#define ROW_PARTS (MODEL_REPR | MODEL_SIZE | MODEL_REFCOUNT)

static struct error *load_rows(struct rows *r, const struct references *references)
{
	struct ids others = {0};
	struct error *e = NULL;

	for (size_t i = 0; i < references->rows.n && !e; i++)
		if (!VEC_PUSH(&others, references->rows.data[i].other))
			e = error_memory();
	if (!e)
		e = model_load_for(r->m, ROW_PARTS, others.data, others.n);
	VEC_FREE(&others);
	return e;
}

static struct error *add_referents(struct rows *r, const struct ids *objects)
{
	struct references references = {0};
	struct follow follow;
	struct error *e;

	universe_follow(&r->universe, &follow);
	e = references_out(r->m, objects, &follow, &references);
	if (!e)
		e = load_rows(r, &references);
	for (size_t i = 0; i < references.rows.n && !e; i++)
		e = add_reference(r, &references.rows.data[i], true);
	VEC_FREE(&references.rows);
	return e;
}

static struct error *add_referrers(struct rows *r, const struct ids *objects)
{
	struct references references = {0};
	struct follow follow;
	uint64_t *closed = NULL;
	struct error *e;
	size_t row = 0;

	universe_follow(&r->universe, &follow);
	TRY(universe_closed(&r->universe, r->m, &closed));
	e = references_in(r->m, objects, &follow, closed, &references);
	big_free(closed, bits_words(r->m->nobjects), sizeof *closed);
	if (!e)
		e = load_rows(r, &references);
	for (size_t i = 0; i < objects->n && !e; i++) {
		for (; row < references.rows.n &&
		       references.rows.data[row].of == objects->data[i] && !e;
		     row++)
			e = add_reference(r, &references.rows.data[row], false);
		if (!e && r->universe.kind != UNIVERSE_GC)
			add_roots(r, objects->data[i]);
	}
	VEC_FREE(&references.rows);
	return e;
}

static struct error *print(struct context *c,
			   struct error *(*add)(struct rows *, const struct ids *))
{
	struct rows r = {.context = c};
	struct ids objects = {0};
	struct error *e;

	TRY(context_model(c, 0, &r.m));
	TRY(context_universe(c, r.m, &r.universe));
	e = context_select(c, r.m, &r.universe, &objects);
	if (!e)
		e = model_load(r.m, MODEL_EDGES | MODEL_ROOTS | MODEL_THREADS);
	if (!e)
		e = model_load_for(r.m, ROW_PARTS, objects.data, objects.n);
	if (!e)
		e = table_create(columns, sizeof columns / sizeof *columns, &r.table);
	if (!e)
		e = add(&r, &objects);
	if (!e)
		e = r.text.failed ? error_memory() : table_print(r.table, &c->style, stdout);
	table_destroy(r.table);
	VEC_FREE(&objects);
	str_free(&r.text);
	return e;
}

static struct error *run_referents(struct context *c)
{
	return print(c, add_referents);
}

static struct error *run_referrers(struct context *c)
{
	return print(c, add_referrers);
}

const struct command cmd_referents = {
	.name = "referents",
	.usage = "SELECTOR... DUMP",
	.summary = "list what objects refer to directly: gc.get_referents(), with names",
	.about = "One row a reference, items by their index. In other "
		 "universes than gc: all references "
		 "that keep alive.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run_referents,
};

const struct command cmd_referrers = {
	.name = "referrers",
	.usage = "SELECTOR... DUMP",
	.summary = "list what refers to objects directly: gc.get_referrers(), with names",
	.about = "One row a reference. In the universe gc these are tracked containers, as in "
		 "Python; --universe all adds "
		 "everything else that keeps the objects alive, native blocks and roots too.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run_referrers,
};
