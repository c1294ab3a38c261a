/* show_refs.c - `refgraph show-refs SELECTOR DUMP`: draws what an object refers to, step by step. */
#include "cmd/draw.h"

static struct error *run(struct context *context)
{
	return draw_selected(context, false);
}

const struct command cmd_show_refs = {
	.name = "show-refs",
	.usage = "SELECTOR... DUMP",
	.summary = "draw what an object refers to",
	.about = "Breadth first to --max-depth. DOT text goes to standard output; a file name that "
		 "ends in .svg, .png or .pdf, or "
		 "-T, makes a picture with Graphviz.",
	.options = OPTIONS_UNIVERSE | OPTIONS_DRAW | OPTIONS_DEPTH | OPTIONS_IGNORE | OPTIONS_JSON,
	.records = draw_records,
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
