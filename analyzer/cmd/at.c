/* at.c - `refgraph at ADDRESS...`: the objects whose memory holds these addresses. */
#include <errno.h>
#include <stdlib.h>

#include "cmd/cmd.h"

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
	.min_args = 1,
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};

const struct command cmd_at_addrs = {
	.name = "at-addrs",
	.usage = "ADDRESS... DUMP",
	.summary = "the same as at",
	.options = OPTIONS_OUTPUT,
	.min_args = 1,
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
