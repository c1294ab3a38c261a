/* roots.c - `refgraph roots`: where reachability starts. */
#include "cmd/cmd.h"
#include "report/edge_name.h"
#include "report/repr.h"
#include "util/big.h"
#include "util/bits.h"

enum { NAME, CLASS, KIND, INTERIOR, DECLARED, TYPE, REPR, SIZE, ADDRESS, ID };

static const struct column columns[] = {
	[NAME] = {"root", "ROOT", CELL_TEXT, .about = "what refers to the object"},
	[CLASS] = {"class", "CLASS", CELL_TEXT,
		   .about = "global, stack, register, tls, runtime, local, module, ..."},
	[KIND] = {"kind", "KIND", CELL_TEXT, .hidden = true,
		  .about = "strong, weak, conservative, ..."},
	[INTERIOR] = {"interior", "INTERIOR", CELL_NUMBER, .hidden = true,
		      .about = "bytes behind the beginning of the object that it points to"},
	[DECLARED] = {"declared", "DECLARED", CELL_TEXT, .hidden = true,
		      .about = "what debug information says of the word: pointer; other, when "
			       "something else is declared there and the reference is a "
			       "coincidence, likely; null: nothing"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the object"},
	[REPR] = {"repr", "WHAT", CELL_TEXT, .about = "the object in a few words"},
	[SIZE] = {"size", "SIZE", CELL_SIZE, .about = "of the object"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "of the object"},
	[ID] = {"id", "ID", CELL_ID, .about = "of the object"},
};

static void add_row(struct table *t, struct model *m, const struct root *r, struct str *scratch)
{
	table_row(t);
	str_clear(scratch);
	root_name(m, r, scratch);
	table_text(t, NAME, str_text(scratch));
	table_text(t, CLASS, model_root_class_name(r->class));
	table_text(t, KIND, model_edge_kind_name(r->kind));
	table_number(t, INTERIOR, r->interior);
	if (root_declared(m, r))
		table_text(t, DECLARED, root_declared(m, r));
	table_text(t, TYPE, model_type_name(m, r->target));
	str_clear(scratch);
	repr_object(m, r->target, scratch);
	table_text(t, REPR, str_text(scratch));
	table_number(t, SIZE, m->size[r->target]);
	table_number(t, ADDRESS, m->address[r->target]);
	table_number(t, ID, r->target);
}

/* Bit set of the objects that were selected, NULL when nothing was said. */
static struct error *wanted(struct context *c, struct model *m, uint64_t **ret)
{
	struct universe universe;
	struct ids ids = {0};
	struct error *e;

	*ret = NULL;
	if (!c->nargs && !c->options[OPT_WHERE].given)
		return NULL;
	TRY(context_universe(c, m, &universe));
	e = context_select(c, m, &universe, &ids);
	if (!e)
		e = big_alloc(bits_words(m->nobjects), sizeof **ret, ret);
	for (size_t i = 0; i < ids.n && !e; i++)
		bits_set(*ret, ids.data[i]);
	VEC_FREE(&ids);
	return e;
}

static struct error *run(struct context *context)
{
	struct str scratch = {0};
	struct table *table;
	struct model *m;
	uint64_t *bits;
	struct error *e;

	TRY(context_model(context, 0, &m));
	TRY(model_load(m, MODEL_REPR | MODEL_SIZE | MODEL_ROOTS | MODEL_THREADS));
	TRY(wanted(context, m, &bits));
	e = table_create(columns, sizeof columns / sizeof *columns, &table);
	if (!e) {
		e = table_stream(table, &context->style, stdout);
		for (uint32_t i = 0; i < m->nroots && !e; i++)
			if (!bits || bits_get(bits, m->roots[i].target))
				add_row(table, m, &m->roots[i], &scratch);
		if (!e)
			e = scratch.failed ? error_memory()
					   : table_print(table, &context->style, stdout);
		table_destroy(table);
	}
	str_free(&scratch);
	big_free(bits, bits_words(m->nobjects), sizeof *bits);
	return e;
}

const struct command cmd_roots = {
	.name = "roots",
	.usage = "[SELECTOR...] DUMP",
	.summary = "list where reachability starts: modules, globals, stacks, the interpreter's "
		   "tables",
	.about = "With selectors: only the roots of these objects.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
