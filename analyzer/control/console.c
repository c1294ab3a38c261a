/* console.c - see console.h. */
#include "control/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUIET_MS 1000 /* nothing is shown before */

struct error *console_open(const char *text, struct page *page)
{
	char message[1024], *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || end == text || *end || pid <= 0 || pid > 0x7fffffff)
		return error_usage("'%s' is no process number; `refgraph ps` lists the processes "
				   "under the shim",
				   text);
	if (!page_open((pid_t)pid, page, message, sizeof(message)))
		return error_input(NULL, NULL, ERROR_NO_OFFSET, "%s", message);
	return NULL;
}

static void show_progress(void *context, uint32_t waited_ms, uint32_t done)
{
	bool *shown = context;

	if (waited_ms < QUIET_MS || !isatty(STDERR_FILENO))
		return;
	*shown = true;
	fprintf(stderr, "\rrefgraph: waiting, %u s", waited_ms / 1000);
	if (done)
		fprintf(stderr, ", %u %% done", (done < 1000 ? done : 1000) / 10);
	fputs("\x1b[K", stderr);
	fflush(stderr);
}

struct error *console_send(struct page *page, struct request *request)
{
	char message[1024];
	bool good;

	request->progress = show_progress;
	request->context = &request->shown;
	good = request_send(page, request, message, sizeof(message));
	if (request->shown)
		fputs("\r\x1b[K", stderr);
	return good ? NULL : error_input(NULL, NULL, ERROR_NO_OFFSET, "%s", message);
}

char *console_path(const struct page *page, const char *path)
{
	char clean[sizeof(page->now.answer_path)], *inside = NULL;

	printable(clean, sizeof(clean), path, strnlen(path, sizeof(clean)));
	if (page->other_root && clean[0] == '/') {
		if (asprintf(&inside, "/proc/%ld/root%s", (long)page->process.pid, clean) < 0)
			return NULL;
		if (access(inside, F_OK) == 0)
			return inside;
		free(inside);
	}
	return strdup(clean);
}

const char *console_state(const struct page *page)
{
	static const char *const names[] = {
		[RGC_STARTING] = "starting",   [RGC_READY] = "ready",
		[RGC_NO_HELPER] = "no-helper", [RGC_SANDBOXED] = "sandboxed",
		[RGC_EXITING] = "exiting",     [RGC_OFF] = "off",
	};
	uint32_t state = page->now.state;

	if (page->process.state == 'T' || page->process.state == 't')
		return "stopped";
	return state < sizeof(names) / sizeof(*names) ? names[state] : "unknown";
}
