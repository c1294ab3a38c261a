/* tasks.c - `refgraph tasks`: asyncio's tasks, what they wait for, and which of them holds an
 * object. */
#include "cmd/cmd.h"
#include "report/repr.h"
#include "report/tasks.h"

enum { ID, RUNS, IN, WAITS_FOR, HOLDS, ADDRESS };

static const struct column columns[] = {
	[ID] = {"id", "TASK", CELL_ID, .about = "number of the task in this dump"},
	[RUNS] = {"runs", "RUNS", CELL_TEXT, .about = "its coroutine, and the state of that"},
	[IN] = {"in", "IN", CELL_TEXT, .about = "the innermost coroutine that it awaits"},
	[WAITS_FOR] = {"waits_for", "WAITS FOR", CELL_TEXT, .about = "type of what that waits for"},
	[HOLDS] = {"holds", "HOLDS", CELL_NUMBER, .hidden = true,
		   .about = "of the objects asked about: those that its coroutines hold"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "where the task begins"},
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

static void add_row(struct table *t, struct model *m, const struct task *k, struct str *s)
{
	table_row(t);
	table_number(t, ID, k->object);
	add_text(t, RUNS, m, k->coroutine, s);
	add_text(t, IN, m, k->inner, s);
	if (k->waits_for != MODEL_NONE)
		table_text(t, WAITS_FOR, model_type_name(m, k->waits_for));
	table_number(t, HOLDS, k->holds);
	table_number(t, ADDRESS, m->address[k->object]);
}

static struct error *print(struct context *c, struct model *m, const struct tasks *tasks,
			   bool chosen)
{
	struct column shown[NCOLUMNS];
	struct table *table;
	struct str s = {0};
	struct error *e;

	for (size_t i = 0; i < NCOLUMNS; i++)
		shown[i] = columns[i];
	shown[HOLDS].hidden = !chosen;
	TRY(table_create(shown, NCOLUMNS, &table));
	for (size_t i = 0; i < tasks->rows.n; i++)
		if (!chosen || tasks->rows.data[i].holds)
			add_row(table, m, &tasks->rows.data[i], &s);
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
	struct tasks tasks;
	struct model *m;
	struct error *e = NULL;

	TRY(context_model(c, 0, &m));
	TRY(context_universe(c, m, &universe));
	if (chosen)
		e = context_select(c, m, &universe, &objects);
	if (!e)
		e = tasks_find(m, chosen ? &objects : NULL, &tasks);
	if (!e) {
		e = print(c, m, &tasks, chosen);
		tasks_deinit(&tasks);
	}
	VEC_FREE(&objects);
	return e;
}

const struct command cmd_tasks = {
	.name = "tasks",
	.usage = "[SELECTOR...] DUMP",
	.summary = "list asyncio's tasks and what they wait for, or which of them hold an object",
	.about = "With selectors or --where: only the tasks whose coroutines hold one of these "
		 "objects, not through modules, types, functions, the event loop or other tasks.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
