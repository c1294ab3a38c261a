/* watch.c - `refgraph watch PID`: live counters. A terminal gets one line that is redrawn, a pipe a line a second. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "control/console.h"
#include "out/json.h"
#include "util/str.h"

struct sample {
	uint64_t objects, bytes, rss, epoch, snapshots;
	double seconds; /* since the first sample */
};

struct watch {
	struct page *page;
	bool json, terminal, exact;
	struct sample first, now;
	double start;
};

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void wait_until(double when)
{
	struct timespec t = {(time_t)when, 0};

	t.tv_nsec = (long)((when - (double)t.tv_sec) * 1e9);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
		;
}

/* Resident bytes from /proc/PID/statm, 0 when it cannot be read. */
static uint64_t resident(const struct page *page)
{
	char text[128], *second;
	int fd = openat(page->process.dir, "statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	second = strchr(text, ' ');
	return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static struct error *take_sample(struct watch *watch)
{
	struct request request = {.command = RGC_STAT};

	TRY(console_send(watch->page, &request));
	watch->now = (struct sample){
		.objects = watch->page->now.live_objects,
		.bytes = watch->page->now.live_bytes,
		.epoch = watch->page->now.epoch,
		.snapshots = watch->page->now.snapshots,
		.rss = resident(watch->page),
		.seconds = seconds_now() - watch->start,
	};
	return NULL;
}

static void add_size(const struct watch *watch, struct str *line, uint64_t bytes)
{
	if (watch->exact)
		str_printf(line, "%" PRIu64, bytes);
	else
		str_size(line, bytes);
}

static void add_change(const struct watch *watch, struct str *line, uint64_t now, uint64_t first,
		       bool size)
{
	str_add(line, now >= first ? " (+" : " (-");
	if (size)
		add_size(watch, line, now >= first ? now - first : first - now);
	else
		str_printf(line, "%" PRIu64, now >= first ? now - first : first - now);
	str_char(line, ')');
}

static void print_text(const struct watch *watch)
{
	const struct sample *now = &watch->now, *first = &watch->first;
	struct str line = {0};

	str_printf(&line, "%.0f s: %" PRIu64 " objects", now->seconds, now->objects);
	add_change(watch, &line, now->objects, first->objects, false);
	str_add(&line, ", ");
	add_size(watch, &line, now->bytes);
	add_change(watch, &line, now->bytes, first->bytes, true);
	str_add(&line, ", resident ");
	add_size(watch, &line, now->rss);
	add_change(watch, &line, now->rss, first->rss, true);
	str_printf(&line, ", epoch %" PRIu64 ", %" PRIu64 " snapshots", now->epoch, now->snapshots);
	printf(watch->terminal ? "\r%s\x1b[K" : "%s\n", str_text(&line));
	str_free(&line);
}

static void print_json(const struct watch *watch)
{
	struct json json;

	json_begin(&json, stdout);
	json_number(&json, "pid", (uint64_t)watch->page->process.pid);
	json_number(&json, "milliseconds", (uint64_t)(watch->now.seconds * 1000));
	json_number(&json, "objects", watch->now.objects);
	json_number(&json, "bytes", watch->now.bytes);
	json_number(&json, "resident", watch->now.rss);
	json_number(&json, "epoch", watch->now.epoch);
	json_number(&json, "snapshots", watch->now.snapshots);
	json_end(&json);
}

static bool ended(const struct watch *watch)
{
	struct process again;
	bool there = process_open(watch->page->process.pid, &again);
	bool gone = !there || again.start_time != watch->page->process.start_time ||
		    again.state == 'Z' || again.state == 'X';

	if (there)
		process_close(&again);
	return gone;
}

/* The end of the watched process is the ordinary end of watching, not an error. */
static struct error *run_watch(struct watch *watch, uint64_t count, double interval)
{
	for (uint64_t i = 0; !count || i < count; i++) {
		struct error *error;
		if (i)
			wait_until(watch->start + (double)i * interval);
		error = take_sample(watch);
		if (error && i && ended(watch)) {
			error_destroy(error);
			break;
		}
		if (error)
			return error;
		if (i == 0)
			watch->first = watch->now;
		if (watch->json)
			print_json(watch);
		else
			print_text(watch);
		fflush(stdout);
		if (ferror(stdout))
			break;
	}
	return NULL;
}

static struct error *run(struct context *context)
{
	struct page page = {.fd = -1};
	struct watch watch = {
		.page = &page,
		.json = context->style.format == TABLE_JSON,
		.exact = context->style.exact_sizes,
		.start = seconds_now(),
	};
	uint64_t interval = option_number(context, OPT_INTERVAL, 1);
	struct error *error;

	if (interval == 0 || interval > 86400)
		return error_usage("--interval takes 1 to 86400 seconds");
	TRY(console_open(context->args[0], &page));
	watch.terminal = !watch.json && isatty(STDOUT_FILENO);
	error = run_watch(&watch, option_number(context, OPT_COUNT_TIMES, 0), (double)interval);
	if (watch.terminal)
		putchar('\n');
	page_close(&page);
	return error;
}

/* Fields of --json. */
static const struct column json_columns[] = {
	{"pid", NULL, CELL_NUMBER, .about = "of the process"},
	{"milliseconds", NULL, CELL_NUMBER, .about = "since the start of watching"},
	{"objects", NULL, CELL_NUMBER, .about = "live native blocks"},
	{"bytes", NULL, CELL_SIZE, .about = "of them"},
	{"resident", NULL, CELL_SIZE, .about = "memory of the process"},
	{"epoch", NULL, CELL_NUMBER, .about = "of what is born now"},
	{"snapshots", NULL, CELL_NUMBER, .about = "taken so far"},
};

const struct command cmd_watch = {
	.name = "watch",
	.usage = "PID",
	.summary = "show the live counters of a process under the shim",
	.about = "Each line: seconds, live native blocks, their bytes, resident memory, each with "
		 "its change since the "
		 "start. Ends with the process, after --count lines, or by Ctrl-C.",
	.options = OPTIONS_WATCH | OPTIONS_JSON,
	.records = RECORDS(RECORD(json_columns)),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
