/* snapshot.c - `refgraph snapshot PID`: a dump of a running process, now. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "control/console.h"

/* The program writes the file, in its own working directory: our relative name must not become relative to that. */
static struct error *absolute(const char *path, char **ret)
{
	char *here;
	int length;

	if (!path || path[0] == '/') {
		*ret = strdup(path ? path : "");
		return *ret ? NULL : error_memory();
	}
	here = getcwd(NULL, 0);
	if (!here)
		return error_system(errno, NULL, "cannot tell the working directory");
	length = asprintf(ret, "%s/%s", here, path);
	free(here);
	return length < 0 ? error_memory() : NULL;
}

static void print_details(const struct rgd_control *answer)
{
	fprintf(stderr,
		"refgraph: %llu objects, %llu edges, %llu bytes; the program paused for %.1f ms, "
		"the dump "
		"took %.1f ms\n",
		(unsigned long long)answer->objects, (unsigned long long)answer->edges,
		(unsigned long long)answer->bytes_written, (double)answer->pause_ns / 1e6,
		(double)answer->total_ns / 1e6);
}

static struct error *print_answer(struct context *context, const struct page *page)
{
	char *path = console_path(page, page->now.answer_path);

	if (!path)
		return error_memory();
	puts(path);
	free(path);
	if (page->now.partial) {
		char text[sizeof(page->now.message)];
		printable(text, sizeof(text), page->now.message, sizeof(page->now.message));
		fprintf(stderr, "refgraph: the dump is marked partial%s%s\n", text[0] ? ": " : "",
			text);
	}
	if (option_flag(context, OPT_VERBOSE, false))
		print_details(&page->now);
	return NULL;
}

static struct error *run(struct context *context)
{
	struct request request = {
		.command = RGC_SNAPSHOT,
		.label = option_text(context, OPT_LABEL, NULL),
		.deadline_ms = (uint32_t)option_number(context, OPT_DEADLINE, 0) * 1000,
		.timeout_ms = (uint32_t)option_number(context, OPT_TIMEOUT, 0) * 1000,
	};
	struct page page = {.fd = -1};
	struct error *error;
	char *path = NULL;

	TRY(console_open(context->args[0], &page));
	error = absolute(option_text(context, OPT_SNAPSHOT_OUTPUT, NULL), &path);
	if (!error) {
		request.path = path;
		error = console_send(&page, &request);
		if (!error)
			error = print_answer(context, &page);
		free(path);
	}
	page_close(&page);
	return error;
}

const struct command cmd_snapshot = {
	.name = "snapshot",
	.usage = "PID",
	.summary = "take a dump of a running process under the shim, now",
	.about = "The dump's path goes to standard output. The program itself writes the file, as "
		 "its own user.",
	.options = OPTIONS_SNAPSHOT,
	.pass_arguments = false,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
