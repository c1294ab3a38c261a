/* mark.c - `refgraph mark PID [LABEL]`: advances the epoch of a running process without a dump. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "control/console.h"

static struct error *run(struct context *context)
{
	struct request request = {
		.command = RGC_MARK,
		.label = context->nargs > 1 ? context->args[1] : NULL,
		.timeout_ms = (uint32_t)option_number(context, OPT_TIMEOUT, 0) * 1000,
	};
	struct page page = {.fd = -1};
	struct error *error;

	TRY(console_open(context->args[0], &page));
	error = console_send(&page, &request);
	if (!error)
		printf("%llu\n", (unsigned long long)page.now.epoch);
	page_close(&page);
	return error;
}

const struct command cmd_mark = {
	.name = "mark",
	.usage = "PID [LABEL]",
	.summary = "advance the epoch of a running process without a dump",
	.about = "Prints the new epoch. Objects born from now on carry it: `--where 'epoch >= N'` "
		 "finds them in a later "
		 "dump.",
	.options = OPTIONS_MARK,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
