/* find_chain.c - `refgraph find-backref-chain`, `refgraph find-ref-chain`: the shortest way from
 * a root to an object. */
#include "cmd/cmd.h"
#include "report/chain.h"
#include "report/contents.h"
#include "report/edge_name.h"
#include "report/repr.h"
#include "report/select.h"

#include <inttypes.h>

enum { EDGE, TYPE, REPR, ADDRESS, ID, SIZE };

static const struct column columns[] = {
	[EDGE] = {"edge", "EDGE", CELL_TEXT,
		  .about = "how the object of the line before refers to this one; of the first, "
			   "its root"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the object"},
	[REPR] = {"repr", "WHAT", CELL_TEXT, .about = "the object in a few words"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "of the object"},
	[ID] = {"id", "ID", CELL_ID, .about = "of the object in this dump"},
	[SIZE] = {"size", "SIZE", CELL_SIZE, .hidden = true, .about = "of the object"},
};

/* What tells most: a module's place in sys.modules; then a counted reference, rather than a word that may be anything. */
static unsigned rank(const struct root *r)
{
	return r->class == RGD_ROOT_MODULE ? 2 : r->kind == RGD_EDGE_STRONG;
}

/* What holds the first object, if a root does. */
static void add_root(struct model *m, uint32_t object, struct str *out)
{
	const struct root *best = NULL;

	for (uint32_t i = 0; i < m->nroots; i++) {
		const struct root *r = &m->roots[i];

		if (r->target != object || r->kind == RGD_EDGE_WEAK)
			continue;
		if (!best || rank(r) > rank(best))
			best = r;
	}
	if (best)
		root_name(m, best, out);
}

static void add_row(struct table *t, struct model *m, uint32_t object, const char *edge,
		    struct str *scratch)
{
	table_row(t);
	table_text(t, EDGE, edge);
	table_text(t, TYPE, model_type_name(m, object));
	str_clear(scratch);
	repr_object(m, object, scratch);
	table_text(t, REPR, str_text(scratch));
	table_number(t, ADDRESS, m->address[object]);
	table_number(t, ID, object);
	table_number(t, SIZE, m->size[object]);
}

/* How the chain comes to its object number i. */
static struct error *name_step(struct model *m, const struct universe *u, const struct ids *chain,
			       size_t i, struct str *out)
{
	struct edge edge;

	if (i == 0) {
		add_root(m, chain->data[0], out);
		return NULL;
	}
	TRY(chain_edge(m, u, chain->data[i - 1], chain->data[i], &edge));
	if (edge.number != MODEL_NONE)
		edge_name(m, &edge, out);
	return NULL;
}

static struct error *add_rows(struct table *t, struct model *m, const struct universe *u,
			      const struct ids *chain)
{
	struct str text = {0}, way = {0}, scratch = {0};
	struct contents contents = {0};
	struct error *e = NULL;

	for (size_t i = 0; i < chain->n && !e; i++) {
		str_clear(&text);
		e = name_step(m, u, chain, i, &text);
		if (i && m->block_owner)
			contents_add(m, chain->data[i - 1], str_text(&text), &contents, &way);
		else if (m->block_owner)
			contents_clean(str_text(&text), &way);
		else
			str_add(&way, str_text(&text));
		if (e || contents_passed(m, chain->data[i], i + 1 == chain->n))
			continue;
		contents_end(&contents, &way);
		add_row(t, m, chain->data[i], str_text(&way), &scratch);
		str_clear(&way);
	}
	if (!e && (text.failed || way.failed || scratch.failed))
		e = error_memory();
	str_free(&text);
	str_free(&way);
	str_free(&scratch);
	return e;
}

static struct error *start_of(struct context *c, struct model *m, const struct universe *u,
			      uint32_t *ret)
{
	struct ids ids = {0};
	struct error *e = context_select(c, m, u, &ids);

	if (!e && !ids.n)
		e = error_usage("no object for which %s", option_text(c, OPT_WHERE, ""));
	if (!e) {
		*ret = ids.data[0];
		if (ids.n > 1)
			fprintf(stderr,
				"refgraph: %zu objects match; this is the chain of the first, "
				"#%" PRIu32 "\n",
				ids.n, *ret);
	}
	VEC_FREE(&ids);
	return e;
}

static struct error *print(struct context *c, struct model *m, const struct universe *u,
			   const struct ids *chain)
{
	struct table_style style = c->style;
	struct table *table;
	struct error *e;

	TRY(model_load_for(m, MODEL_REPR | MODEL_SIZE | MODEL_ROOTS | MODEL_THREADS, chain->data,
			   chain->n));
	TRY(table_create(columns, sizeof columns / sizeof *columns, &table));
	e = add_rows(table, m, u, chain);
	style.no_header = true;
	if (!e)
		e = table_print(table, &style, stdout);
	table_destroy(table);
	return e;
}

static struct error *run(struct context *c, bool backwards)
{
	struct chain_query query = {
		.backwards = backwards,
		.predicate = option_text(c, OPT_PREDICATE, NULL),
		.any_root = option_flag(c, OPT_ALL_ROOTS, false),
		.extra_ignore = option_text(c, OPT_EXTRA_IGNORE, NULL),
		.max_depth = option_number(c, OPT_MAX_DEPTH, 20) < UINT32_MAX
				     ? option_number(c, OPT_MAX_DEPTH, 20)
				     : UINT32_MAX,
	};
	struct universe universe;
	struct ids chain = {0};
	struct model *m;
	bool found;
	struct error *e;

	TRY(context_model(c, 0, &m));
	TRY(context_universe(c, m, &universe));
	TRY(start_of(c, m, &universe, &query.start));
	query.universe = &universe;
	e = chain_find(m, &query, &chain, &found);
	if (!e && !found)
		fprintf(stderr,
			"refgraph: no chain within %" PRIu32
			" references; --max-depth, --all-roots and --universe all look "
			"further\n",
			query.max_depth);
	if (!e)
		e = print(c, m, &universe, &chain);
	VEC_FREE(&chain);
	return e;
}

static struct error *run_backwards(struct context *context)
{
	return run(context, true);
}

static struct error *run_forwards(struct context *context)
{
	return run(context, false);
}

const struct command cmd_find_backref_chain = {
	.name = "find-backref-chain",
	.usage = "SELECTOR DUMP",
	.summary = "find the shortest chain of references from a module (or root) to an object",
	.about = "One object a line, from the root to the object, each with the name of the "
		 "reference that leads to it. When nothing is "
		 "found: the object alone.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_CHAIN,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run_backwards,
};

const struct command cmd_find_ref_chain = {
	.name = "find-ref-chain",
	.usage = "SELECTOR DUMP",
	.summary = "find the shortest chain of references from an object to a module, or to what "
		   "--predicate says",
	.about = "One object a line, from the object on. When nothing is found: the object alone.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_CHAIN,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run_forwards,
};
