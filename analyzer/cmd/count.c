/* count.c - `refgraph count TYPE`: how many objects of a type there are, as a number alone. */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "report/select.h"
#include "report/where.h"
#include "util/bits.h"

enum { TYPE, COUNT, BYTES };

static const struct column columns[] = {
	[TYPE] = {"type", "TYPE", CELL_TEXT, .hidden = true, .about = "as it was asked for"},
	[COUNT] = {"count", "COUNT", CELL_NUMBER, .about = "objects"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .hidden = true, .about = "their sizes together"},
};

/* From SUMMARY alone. `types` NULL: of every type. */
static void add_up(struct model *m, const struct universe *u, const struct selected_types *types,
		   uint64_t *count, uint64_t *bytes)
{
	for (uint32_t i = 0; i < m->nsummary; i++) {
		const struct summary *s = &m->summary[i];

		if (!universe_has_summary(u, m, s) ||
		    (types && !bits_get(types->bits, model_type_at(m, s->type, s->stack))))
			continue;
		*count += s->count;
		*bytes += s->bytes;
	}
}

/* `types` and `expression` NULL: all. */
static struct error *add_objects(struct model *m, const struct universe *u,
				 const struct selected_types *types, const char *expression,
				 uint64_t *count, uint64_t *bytes)
{
	struct where *where = NULL;
	struct error *e;

	if (expression)
		TRY(where_compile(expression, &where));
	e = model_load(m, MODEL_SITES | MODEL_FLAGS | MODEL_SIZE);
	if (!e && where)
		e = where_bind(where, m);
	for (uint32_t i = 0; i < m->nobjects && !e; i++) {
		if (!universe_has(u, m, i) ||
		    (types && !bits_get(types->bits, selected_type_of(types, m, i))) ||
		    (where && !where_test(where, i)))
			continue;
		++*count;
		*bytes += m->size[i];
	}
	where_destroy(where);
	return e;
}

static struct error *count(struct context *c, struct model *m, const char *name, uint64_t *number,
			   uint64_t *bytes)
{
	const char *expression = option_text(c, OPT_WHERE, NULL);
	struct universe u;
	struct selected_types types = {0};
	struct error *e = NULL;

	*number = *bytes = 0;
	if (!name && !expression)
		return error_usage("count: a TYPE or --where is needed");
	TRY(context_universe(c, m, &u));
	TRY(model_load(m, MODEL_SUMMARY));
	if (name)
		e = select_types(m, name, &types);
	if (!e && (!name || types.found)) {
		if (expression || types.by == SELECT_BY_BLOCK)
			e = add_objects(m, &u, name ? &types : NULL, expression, number, bytes);
		else
			add_up(m, &u, name ? &types : NULL, number, bytes);
	}
	free(types.bits);
	return e;
}

static struct error *fill(struct context *c, struct table *t)
{
	const char *name = c->nargs ? c->args[0] : NULL;

	for (size_t i = 0; i < c->ndumps; i++) {
		uint64_t number, bytes;
		struct model *m;

		TRY(context_model(c, i, &m));
		TRY(count(c, m, name, &number, &bytes));
		table_row(t);
		table_text(t, TYPE, name);
		table_number(t, COUNT, number);
		table_number(t, BYTES, bytes);
		context_drop_model(c, i);
	}
	return NULL;
}

static struct error *run(struct context *context)
{
	struct table_style style = context->style;
	struct table *table;
	struct error *e;

	TRY(table_create(columns, sizeof columns / sizeof *columns, &table));
	e = fill(context, table);
	style.no_header = true;
	if (!e)
		e = table_print(table, &style, stdout);
	table_destroy(table);
	return e;
}

const struct command cmd_count = {
	.name = "count",
	.usage = "[TYPE] DUMP...",
	.summary = "count the objects of a type",
	.about = "Prints the number alone; of several dumps, one a line. A TYPE with a dot is "
		 "compared with module.name. A type that "
		 "does not occur counts 0. With --where the TYPE may be left out.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE,
	.records = RECORDS(RECORD(columns)),
	.max_args = 1,
	.min_dumps = 1,
	.max_dumps = UINT32_MAX,
	.run = run,
};
