/* show_backrefs.c - `refgraph show-backrefs SELECTOR DUMP`: draws who refers to an object, step by step. */
#include "cmd/draw.h"

static struct error *run(struct context *context)
{
	return draw_selected(context, true);
}

const struct command cmd_show_backrefs = {
	.name = "show-backrefs",
	.usage = "SELECTOR... DUMP",
	.summary = "draw who refers to an object",
	.about = "Breadth first to --max-depth; modules are drawn but what holds them is not. DOT "
		 "text goes to standard output; a "
		 "file name that ends in .svg, .png or .pdf, or -T, makes a picture with Graphviz.",
	.options = OPTIONS_UNIVERSE | OPTIONS_DRAW | OPTIONS_DEPTH | OPTIONS_IGNORE | OPTIONS_JSON,
	.records = draw_records,
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
