/* tasks.c - `refgraph tasks`: asyncio's tasks, what they wait for; and which task, thread, context or generator holds an
 * object. */
#include <inttypes.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/holders.h"
#include "report/repr.h"

enum { KIND, ID, RUNS, IN, WAITS_FOR, HOLDS, PATH, ADDRESS };

static const struct column columns[] = {
	[KIND] = {"kind", "KIND", CELL_TEXT, .hidden = true,
		  .about = "task, thread, thread-local, context or generator"},
	[ID] = {"id", "TASK", CELL_ID,
		.about = "number of the task, threading.local, Context or generator in this dump"},
	[RUNS] = {"runs", "RUNS", CELL_TEXT,
		  .about = "a task's coroutine, a fiber or a generator, and its state; the thread; "
			   "the task "
			   "or thread that "
			   "runs in the context, or the handle that will"},
	[IN] = {"in", "IN", CELL_TEXT,
		.about = "the innermost coroutine that it awaits, a fiber's innermost function"},
	[WAITS_FOR] = {"waits_for", "WAITS FOR", CELL_TEXT,
		       .about = "type of what that waits for; of a fiber that no reference leads "
				"to: nobody"},
	[HOLDS] = {"holds", "HOLDS", CELL_NUMBER, .hidden = true,
		   .about = "of the objects asked about: those that it holds"},
	[PATH] = {"path", "AS", CELL_TEXT, .hidden = true,
		  .about = "how it holds the first of them that was found"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "where that object begins"},
};
#define NCOLUMNS (sizeof columns / sizeof *columns)

static void add_text(struct table *t, unsigned column, struct model *m, uint32_t o, struct str *s)
{
	if (o == MODEL_NONE)
		return;
	str_clear(s);
	repr_object(m, o, s);
	table_text(t, column, str_text(s));
}

static void add_thread(struct table *t, struct model *m, uint32_t thread, struct str *s)
{
	if (thread == MODEL_NONE)
		return;
	str_clear(s);
	str_printf(s, "thread %" PRIu64 " (", m->threads[thread].tid);
	str_printable(s, model_string(m, m->threads[thread].name));
	str_char(s, ')');
	table_text(t, RUNS, str_text(s));
}

static void add_runs(struct table *t, struct model *m, const struct holder *h, struct str *s)
{
	switch (h->kind) {
	case HOLDER_TASK:
		add_text(t, RUNS, m, h->task->coroutine, s);
		add_text(t, IN, m, h->task->inner, s);
		if (h->task->waits_for != MODEL_NONE)
			table_text(t, WAITS_FOR, model_type_name(m, h->task->waits_for));
		else if (h->task->unreachable)
			table_text(t, WAITS_FOR, "nobody: unreachable");
		break;
	case HOLDER_GENERATOR:
		add_text(t, RUNS, m, h->object, s);
		break;
	default:
		add_thread(t, m, h->thread, s);
		if (h->user != MODEL_NONE) {
			str_clear(s);
			str_printf(s, "%s #%" PRIu32, model_type_name(m, h->user), h->user);
			table_text(t, RUNS, str_text(s));
		}
	}
}

static void add_row(struct table *t, struct model *m, const struct holder *h, struct str *s)
{
	table_row(t);
	table_text(t, KIND, holder_kinds[h->kind]);
	add_runs(t, m, h, s);
	table_number(t, HOLDS, h->holds);
	table_text(t, PATH, h->path);
	if (h->object == MODEL_NONE)
		return;
	table_number(t, ID, h->object);
	table_number(t, ADDRESS, m->address[h->object]);
}

/* Without a choice: the tasks, or of the kind that was asked for. */
static bool is_shown(const struct context *c, const struct holder *h, bool chosen)
{
	const char *kind = option_text(c, OPT_HOLDER, chosen ? "all" : "task");

	return (!chosen || h->holds) &&
	       (strcmp(kind, "all") == 0 || strcmp(kind, holder_kinds[h->kind]) == 0);
}

static struct error *print(struct context *c, struct model *m, const struct holders *holders,
			   bool chosen)
{
	const char *kind = option_text(c, OPT_HOLDER, chosen ? "all" : "task");
	struct column shown[NCOLUMNS];
	struct table *table;
	struct str s = {0};
	struct error *e;

	for (size_t i = 0; i < NCOLUMNS; i++)
		shown[i] = columns[i];
	shown[HOLDS].hidden = shown[PATH].hidden = !chosen;
	shown[KIND].hidden = strcmp(kind, "task") == 0;
	if (!shown[KIND].hidden)
		shown[ID].title = "ID";
	shown[IN].hidden = shown[WAITS_FOR].hidden = shown[ADDRESS].hidden = chosen;
	TRY(table_create(shown, NCOLUMNS, &table));
	for (size_t i = 0; i < holders->rows.n; i++)
		if (is_shown(c, &holders->rows.data[i], chosen))
			add_row(table, m, &holders->rows.data[i], &s);
	e = s.failed ? error_memory() : table_print(table, &c->style, stdout);
	str_free(&s);
	table_destroy(table);
	return e;
}

static struct error *run(struct context *c)
{
	bool chosen = c->nargs || c->options[OPT_WHERE].given;
	struct ids objects = {0};
	struct universe universe;
	struct holders holders;
	struct model *m;
	struct error *e = NULL;

	TRY(context_model(c, 0, &m));
	TRY(context_universe(c, m, &universe));
	if (chosen)
		e = context_select(c, m, &universe, &objects);
	if (!e)
		e = holders_find(m, chosen ? &objects : NULL, &holders);
	if (!e) {
		e = print(c, m, &holders, chosen);
		holders_deinit(&holders);
	}
	VEC_FREE(&objects);
	return e;
}

const struct command cmd_tasks = {
	.name = "tasks",
	.usage = "[SELECTOR...] DUMP",
	.summary = "list asyncio's tasks and PHP's fibers and what they wait for; or which task, "
		   "thread, context "
		   "variable or "
		   "generator holds an object",
	.about = "With selectors or --where: those that hold one of these objects, and how: a task "
		 "by "
		 "its coroutines, a thread by the locals of its calls or a threading.local, a "
		 "context by "
		 "its variables, a suspended generator; not through modules, types, functions, the "
		 "event "
		 "loop or other tasks.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_TASKS,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
