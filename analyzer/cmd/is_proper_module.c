/* is_proper_module.c - `refgraph is-proper-module`: is it a module that sys.modules holds under its
 * own name? */
#include <string.h>

#include "cmd/cmd.h"
#include "report/repr.h"

enum { ANSWER, TYPE, NAME, WHY, ADDRESS, ID };

static const struct column columns[] = {
	[ANSWER] = {"proper", "PROPER", CELL_BOOL, .about = "true or false"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the object"},
	[NAME] = {"name", "NAME", CELL_TEXT, .about = "its __name__"},
	[WHY] = {"why", "WHY", CELL_TEXT, .about = "what the answer rests on"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "where it begins"},
	[ID] = {"id", "ID", CELL_ID, .about = "its number in this dump"},
};

/* Under which name sys.modules has it, NULL none; its own before others. */
static const char *name_there(const struct model *m, uint32_t object)
{
	const char *found = NULL, *own = model_property_text(m, object, RGD_PROP_NAME);

	for (uint32_t i = 0; i < m->nroots; i++) {
		const struct root *r = &m->roots[i];

		if (r->class != RGD_ROOT_MODULE || r->target != object)
			continue;
		if (own && strcmp(own, model_string(m, r->label)) == 0)
			return own;
		if (!found)
			found = model_string(m, r->label);
	}
	return found;
}

static void add_row(struct table *t, struct model *m, uint32_t o, struct str *why)
{
	const struct type *type = model_type(m, model_type_of(m, o));
	const char *there = name_there(m, o);

	str_clear(why);
	if (there && type->runtime == RGD_RT_PHP)
		str_printf(why, "known by its name");
	else if (there)
		str_printf(why, "sys.modules['%s']", there);
	else
		str_add(why,
			type->flags & RGD_TYPE_F_IS_MODULE ? "not in sys.modules" : "no module");
	table_row(t);
	table_number(t, ANSWER, is_proper_module(m, o));
	table_text(t, TYPE, type->name);
	table_text(t, NAME, model_property_text(m, o, RGD_PROP_NAME));
	table_text(t, WHY, str_text(why));
	table_number(t, ADDRESS, m->address[o]);
	table_number(t, ID, o);
}

static struct error *print(struct context *c, struct model *m, const struct ids *objects)
{
	struct str why = {0};
	struct table *table;
	struct error *e;

	TRY(model_load(m, MODEL_REPR | MODEL_ROOTS));
	TRY(table_create(columns, sizeof columns / sizeof *columns, &table));
	for (size_t i = 0; i < objects->n; i++)
		add_row(table, m, objects->data[i], &why);
	e = why.failed ? error_memory() : table_print(table, &c->style, stdout);
	str_free(&why);
	table_destroy(table);
	return e;
}

static struct error *run(struct context *c)
{
	struct ids objects = {0};
	struct universe universe;
	struct model *m;
	struct error *e;

	TRY(context_model(c, 0, &m));
	TRY(context_universe(c, m, &universe));
	e = context_select(c, m, &universe, &objects);
	if (!e)
		e = print(c, m, &objects);
	VEC_FREE(&objects);
	return e;
}

const struct command cmd_is_proper_module = {
	.name = "is-proper-module",
	.usage = "SELECTOR... DUMP",
	.summary = "tell whether objects are modules that sys.modules holds under their own name",
	.about = "Such a module is where find-backref-chain ends and show-backrefs stops.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
