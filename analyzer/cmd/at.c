/* at.c - `refgraph at`, `refgraph at-addrs`: the objects at addresses. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/where.h"

static struct error *parse_address(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	if (errno || end == text || *end || text[0] == '-')
		return error_usage("'%s' is no address", text);
	return NULL;
}

static struct error *find(struct context *c, struct model *m, struct ids *objects,
			  uint64_t *offsets)
{
	TRY(model_load(m, MODEL_ADDRESS | MODEL_SIZE));
	for (size_t i = 0; i < c->nargs; i++) {
		uint64_t address;
		uint32_t object;

		TRY(parse_address(c->args[i], &address));
		object = model_find_address(m, address, &offsets[i]);
		if (object == MODEL_NONE)
			return error_usage("no object at %s in %s", c->args[i], m->path);
		if (!VEC_PUSH(objects, object))
			return error_memory();
	}
	return NULL;
}

static struct error *run(struct context *context)
{
	uint64_t *offsets = calloc(context->nargs, sizeof *offsets);
	struct ids objects = {0};
	struct model *model = NULL;
	struct error *e = offsets ? context_model(context, 0, &model) : error_memory();

	if (!e)
		e = find(context, model, &objects, offsets);
	if (!e)
		e = print_objects(context, model, &objects, offsets);
	VEC_FREE(&objects);
	free(offsets);
	return e;
}

const struct command cmd_at = {
	.name = "at",
	.usage = "ADDRESS... DUMP",
	.summary = "tell which object lies at an address, or around it",
	.about = "The column `offset` (--columns id,type,offset) says how far into the object the "
		 "address points.",
	.options = OPTIONS_OUTPUT,
	.records = RECORDS(&object_record),
	.min_args = 1,
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};

/* ---- at-addrs: objgraph's, exact and forgiving ----------------------------------------------- */

/* Words of standard input, for the argument "-": a list may be longer than a command line. */
static struct error *read_addresses(struct model *m, struct ids *objects, uint64_t *absent);

static struct error *add_exact(struct model *m, const char *text, struct ids *objects,
			       uint64_t *absent)
{
	uint64_t address, offset;
	uint32_t object;

	if (strcmp(text, "-") == 0)
		return read_addresses(m, objects, absent);
	TRY(parse_address(text, &address));
	object = model_find_address(m, address, &offset);
	if (object == MODEL_NONE || offset) {
		++*absent;
		return NULL;
	}
	return VEC_PUSH(objects, object) ? NULL : error_memory();
}

static struct error *read_addresses(struct model *m, struct ids *objects, uint64_t *absent)
{
	char *line = NULL, *word, *rest;
	struct error *e = NULL;
	size_t room = 0;

	while (!e && getline(&line, &room, stdin) >= 0)
		for (word = strtok_r(line, " \t\n,", &rest); word && !e;
		     word = strtok_r(NULL, " \t\n,", &rest))
			e = strcmp(word, "-") == 0 ? error_usage("'-' is no address")
						   : add_exact(m, word, objects, absent);
	free(line);
	return e;
}

/* A set: sorted, each once, of the universe when the user chose one, and as --where says. */
static void keep(const struct model *m, const struct universe *u, const struct where *where,
		 struct ids *ids)
{
	size_t kept = 0;

	ids_sort_unique(ids, 0);
	for (size_t i = 0; i < ids->n; i++)
		if ((!u->chosen || universe_has(u, m, ids->data[i])) &&
		    (!where || where_test(where, ids->data[i])))
			ids->data[kept++] = ids->data[i];
	ids->n = kept;
}

static struct error *find_exact(struct context *c, struct model *m, struct ids *objects,
				uint64_t *absent)
{
	const char *expression = option_text(c, OPT_WHERE, NULL);
	struct where *where = NULL;
	struct universe universe;
	struct error *e = NULL;

	TRY(model_load(m, MODEL_ADDRESS | MODEL_SIZE | MODEL_FLAGS | MODEL_SITES));
	TRY(context_universe(c, m, &universe));
	for (size_t i = 0; i < c->nargs; i++)
		TRY(add_exact(m, c->args[i], objects, absent));
	if (expression)
		TRY(where_compile(expression, &where));
	if (where)
		e = where_bind(where, m);
	if (!e)
		keep(m, &universe, where, objects);
	where_destroy(where);
	return e;
}

static struct error *run_addrs(struct context *c)
{
	struct ids objects = {0};
	struct model *m = NULL;
	uint64_t absent = 0;
	struct error *e = context_model(c, 0, &m);

	if (!e)
		e = find_exact(c, m, &objects, &absent);
	if (!e)
		e = print_objects(c, m, &objects, NULL);
	if (!e && absent)
		fprintf(stderr, "refgraph: no object begins at %" PRIu64 " of the addresses\n",
			absent);
	VEC_FREE(&objects);
	return e;
}

const struct command cmd_at_addrs = {
	.name = "at-addrs",
	.usage = "ADDRESS... DUMP",
	.summary = "list the objects that begin at these addresses",
	.about = "Addresses where none begins are passed over, as objgraph does; how many, goes to "
		 "standard error. The address - stands for a list on "
		 "standard input. Every object is found, tracked or not, unless --universe says "
		 "otherwise.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE,
	.records = RECORDS(&object_record),
	.min_args = 1,
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run_addrs,
};
