/* ps.c - `refgraph ps`: the processes under the shim that this user may talk to. */
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "cmd/cmd.h"
#include "control/console.h"

#define FRESHEN_MS 500 /* a process that does not answer by then is shown with its last numbers */

enum { PID, OBJECTS, BYTES, EPOCH, SNAPSHOTS, STATE, PROGRAM, PARENT, INNER_PID, PAGE };

static const struct column columns[] = {
	[PID] = {"pid", "PID", CELL_NUMBER, .about = "process"},
	[OBJECTS] = {"objects", "OBJECTS", CELL_NUMBER, .about = "live native blocks"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "their bytes"},
	[EPOCH] = {"epoch", "EPOCH", CELL_NUMBER, .about = "marks and snapshots so far"},
	[SNAPSHOTS] = {"snapshots", "SNAPSHOTS", CELL_NUMBER, .about = "dumps written"},
	[STATE] = {"state", "STATE", CELL_TEXT,
		   .about = "ready, busy, stopped, starting, no-helper, sandboxed, exiting, off"},
	[PROGRAM] = {"program", "PROGRAM", CELL_TEXT, .about = "path of the executable"},
	[PARENT] = {"parent_pid", "PARENT", CELL_NUMBER, .hidden = true,
		    .about = "as the process sees it"},
	[INNER_PID] = {"inner_pid", "INNER", CELL_NUMBER, .hidden = true,
		       .about = "its pid in its own pid namespace"},
	[PAGE] = {"page", "PAGE", CELL_TEXT, .hidden = true, .about = "its control page"},
};

/* The counters are as old as the last request, so each process is asked for them. */
static const char *freshen(struct page *page)
{
	struct request request = {.command = RGC_STAT, .timeout_ms = FRESHEN_MS};
	const char *state = console_state(page);
	char message[256];

	if (strcmp(state, "ready") != 0)
		return state;
	if (flock(page->fd, LOCK_EX | LOCK_NB) < 0)
		return "busy";
	flock(page->fd, LOCK_UN);
	if (!request_send(page, &request, message, sizeof(message)))
		return "busy";
	return state;
}

static bool add_row(struct page *page, void *context)
{
	struct table *table = context;
	const char *state = freshen(page);
	char program[sizeof(page->now.program)];

	printable(program, sizeof(program), page->now.program, sizeof(page->now.program));
	table_row(table);
	table_number(table, PID, (uint64_t)page->process.pid);
	table_number(table, OBJECTS, page->now.live_objects);
	table_number(table, BYTES, page->now.live_bytes);
	table_number(table, EPOCH, page->now.epoch);
	table_number(table, SNAPSHOTS, page->now.snapshots);
	table_text(table, STATE, state);
	table_text(table, PROGRAM, program);
	table_number(table, PARENT, page->now.parent_pid);
	table_number(table, INNER_PID, page->now.pid);
	table_text(table, PAGE, page->file);
	return true;
}

static struct error *run(struct context *context)
{
	struct table_style style = context->style;
	struct table *table;
	struct error *error;

	TRY(table_create(columns, sizeof(columns) / sizeof(*columns), &table));
	page_each(add_row, table);
	if (!style.sort)
		style.sort = "pid";
	error = table_print(table, &style, stdout);
	table_destroy(table);
	return error;
}

const struct command cmd_ps = {
	.name = "ps",
	.usage = "",
	.summary = "list the processes under the shim",
	.about = "Shows the processes of this user; root sees those of all users, also in "
		 "containers.",
	.options = OPTIONS_OUTPUT,
	.records = RECORDS(RECORD(columns)),
	.run = run,
};
