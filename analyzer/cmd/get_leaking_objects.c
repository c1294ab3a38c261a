/* get_leaking_objects.c - `refgraph get-leaking-objects`: objects that nothing of the collector's
 * refers to. */
#include "cmd/cmd.h"
#include "report/leaking.h"

static struct error *run(struct context *c)
{
	struct ids objects = {0}, found = {0};
	struct universe universe;
	struct model *m;
	bool chosen = c->nargs || c->options[OPT_WHERE].given;
	struct error *e = NULL;

	TRY(context_model(c, 0, &m));
	TRY(context_universe(c, m, &universe));
	if (chosen)
		e = context_select(c, m, &universe, &objects);
	if (!e)
		e = leaking_objects(m, &universe, chosen ? &objects : NULL, &found);
	if (!e)
		e = print_objects(c, m, &found, NULL);
	VEC_FREE(&objects);
	VEC_FREE(&found);
	return e;
}

const struct command cmd_get_leaking_objects = {
	.name = "get-leaking-objects",
	.usage = "[SELECTOR...] DUMP",
	.summary = "list the objects that no other object refers to",
	.about = "They may be leaked by C code that forgot a decref, or held by something that is "
		 "no object: a frame that runs, the "
		 "interpreter. With selectors or --where: among "
		 "these objects alone.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE,
	.records = RECORDS(&object_record),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
