/* track.c - `refgraph track PID [MODE]`: how a running process is followed, and from now on otherwise. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "control/console.h"

static const char *const modes[] = {"none", "caller", "sampled", "hybrid", "exact"};
#define MODES (sizeof modes / sizeof *modes)

static struct error *check_mode(const char *mode)
{
	for (size_t i = 0; i < MODES; i++)
		if (strcmp(modes[i], mode) == 0)
			return NULL;
	return error_usage(
		"track: '%s' is no mode; there are: none, caller, sampled, hybrid, exact", mode);
}

static void print_mode(const struct page *page)
{
	uint64_t mode = page->now.tracking;

	puts(mode && mode <= MODES ? modes[mode - 1] : "unknown");
}

static struct error *run(struct context *context)
{
	const char *mode = context->nargs > 1 ? context->args[1] : NULL;
	struct request request = {
		.command = mode ? RGC_TRACK : RGC_STAT,
		.label = mode,
		.timeout_ms = (uint32_t)option_number(context, OPT_TIMEOUT, 0) * 1000,
	};
	struct page page = {.fd = -1};
	struct error *error;

	if (mode)
		TRY(check_mode(mode));
	TRY(console_open(context->args[0], &page));
	error = console_send(&page, &request);
	if (!error)
		print_mode(&page);
	page_close(&page);
	return error;
}

const struct command cmd_track = {
	.name = "track",
	.usage = "PID [none|caller|sampled|hybrid|exact]",
	.summary = "tell or change what is kept of each allocation of a running process",
	.about = "Prints the mode in force. A change begins a new epoch, so a later dump tells of "
		 "each block in which mode it was born; `refgraph info` lists the changes.",
	.options = OPTIONS_MARK,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
