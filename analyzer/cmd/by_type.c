/* by_type.c - `refgraph by-type TYPE`: the objects of a type, or of any selection. */
#include "cmd/cmd.h"

static struct error *run(struct context *context)
{
	struct ids objects = {0};
	struct universe universe;
	struct model *model;
	struct error *e;

	TRY(context_model(context, 0, &model));
	TRY(context_universe(context, model, &universe));
	e = context_select(context, model, &universe, &objects);
	if (!e)
		e = print_objects(context, model, &objects, NULL);
	VEC_FREE(&objects);
	return e;
}

const struct command cmd_by_type = {
	.name = "by-type",
	.usage = "TYPE... DUMP",
	.summary = "list the objects of a type, in order of their addresses",
	.about = "Any selector will do. The order is that of TYPE[0], TYPE[1], ...",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE,
	.records = RECORDS(&object_record),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
