/*
 * worker_tasks.c - which task made an object: from its allocation stack.
 *
 * A stack that passes the place where a library calls tasks belongs to the task that is called there: celery's trace_task, asyncio's
 * Handle._run, the loops of multiprocessing, concurrent.futures and gunicorn. Celery's tasks have names of their own: its registry, which
 * is in the dump, leads to the functions, and the first function of a task inside of trace_task names it. Elsewhere the task is called
 * by its function.
 */
#include <stdlib.h>
#include <string.h>

#include "report/workers.h"
#include "util/str.h"

/* ---- functions of celery's tasks --------------------------------------------------------------- */

struct functions {
	struct names keys; /* "file\nfunction" */
	struct ids task;   /* by key: number of the task, NAMES_NONE when it is of several */
	unsigned
		left; /* objects that may still be looked at for this task: a dump may hold any graph */
};

static struct error *function_key(struct functions *f, const char *file, const char *function,
				  bool add, uint32_t *ret)
{
	struct str s = {0};

	str_printf(&s, "%s\n%s", file, function);
	if (s.failed)
		return error_memory();
	*ret = add ? names_keep(&f->keys, str_text(&s)) : names_find(&f->keys, str_text(&s));
	str_free(&s);
	return add && *ret == NAMES_NONE ? error_memory() : NULL;
}

static struct error *add_function(struct functions *f, const char *file, const char *function,
				  uint32_t task)
{
	uint32_t key;

	TRY(function_key(f, file, function, true, &key));
	if (key == f->task.n)
		return VEC_PUSH(&f->task, task) ? NULL : error_memory();
	if (f->task.data[key] != task)
		f->task.data[key] = NAMES_NONE;
	return NULL;
}

static bool leads_to_code(const struct model *m, const struct edge *e)
{
	static const char *const labels[] = {"run",	 "_orig_run", "__wrapped__", "__func__",
					     "__code__", "__dict__",  "__call__"};

	if (e->class != RGD_LABEL_ATTRIBUTE && e->class != RGD_LABEL_KEY &&
	    e->class != RGD_LABEL_PART)
		return false;
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		if (strcmp(model_string(m, e->string), labels[i]) == 0)
			return true;
	return false;
}

#define DEPTH_MOST 8u
#define OBJECTS_MOST 1000u

/* The code objects of a task: of its run(), of what that wraps. `from` is the task, or its class. */
static struct error *add_code_of(struct model *m, struct functions *f, uint32_t from, uint32_t task,
				 unsigned depth)
{
	struct edge e;

	if (!f->left)
		return NULL;
	f->left--;
	if (strcmp(model_type_name(m, from), "code") == 0) {
		const char *file = model_property_text(m, from, RGD_PROP_FILE),
			   *name = model_property_text(m, from, RGD_PROP_QUALNAME);

		if (!name)
			name = model_property_text(m, from, RGD_PROP_NAME);
		return file && name ? add_function(f, file, name, task) : NULL;
	}
	for (uint32_t i = m->graph.out_first[from]; i < m->graph.out_first[from + 1]; i++) {
		TRY(model_edge(m, from, i, &e));
		if (depth < DEPTH_MOST && leads_to_code(m, &e))
			TRY(add_code_of(m, f, e.target, task, depth + 1));
	}
	return NULL;
}

static struct error *add_task(struct model *m, struct functions *f, const struct edge *entry,
			      struct names *names)
{
	uint32_t task, class = m->types[m->type[entry->target]].object;

	task = names_keep(names, model_string(m, entry->string));
	if (task == NAMES_NONE)
		return error_memory();
	f->left = OBJECTS_MOST;
	TRY(add_code_of(m, f, entry->target, task, 0));
	return class == MODEL_NONE ? NULL : add_code_of(m, f, class, task, 0);
}

static struct error *add_registry(struct model *m, struct functions *f, uint32_t registry,
				  struct names *names)
{
	struct edge e;

	for (uint32_t i = m->graph.out_first[registry]; i < m->graph.out_first[registry + 1]; i++) {
		TRY(model_edge(m, registry, i, &e));
		if (e.class == RGD_LABEL_KEY && e.kind == RGD_EDGE_STRONG)
			TRY(add_task(m, f, &e, names));
	}
	return NULL;
}

static struct error *find_functions(struct model *m, struct names *names, struct functions *ret)
{
	for (uint32_t o = 0; o < m->nobjects; o++) {
		const struct type *t = &m->types[m->type[o]];

		if (strcmp(t->name, "TaskRegistry") == 0 &&
		    strcmp(t->module, "celery.app.registry") == 0)
			TRY(add_registry(m, ret, o, names));
	}
	return NULL;
}

static bool has_registry(const struct model *m)
{
	for (uint32_t i = 0; i < m->ntypes; i++)
		if (strcmp(m->types[i].name, "TaskRegistry") == 0)
			return true;
	return false;
}

/* ---- stacks -------------------------------------------------------------------------------------- */

/* Where a library calls tasks, and the library's files, whose frames are not yet the task's. `name`: all its tasks have this. */
static const struct boundary {
	const char *function, *file, *within, *name;
	bool registered; /* only functions of celery's registry are tasks */
} boundaries[] = {
	{"trace_task", "celery/app/trace.py", NULL, NULL, true},
	{"Handle._run", "asyncio/events.py", "/asyncio/", NULL, false},
	{"worker", "multiprocessing/pool.py", "/multiprocessing/", NULL, false},
	{"_process_worker", "concurrent/futures/process.py", "/concurrent/futures/", NULL, false},
	{"Process.run", "multiprocessing/process.py", "/multiprocessing/", NULL, false},
	{"BaseProcess.run", "multiprocessing/process.py", "/multiprocessing/", NULL, false},
	{"SyncWorker.handle_request", "gunicorn/workers/sync.py", NULL, "request", false},
	{"ThreadWorker.handle_request", "gunicorn/workers/gthread.py", NULL, "request", false},
	{"AsyncWorker.handle_request", "gunicorn/workers/base_async.py", NULL, "request", false},
};
#define BOUNDARIES (sizeof boundaries / sizeof *boundaries)

/* A name of 3.8 to 3.10 is that of the function alone. */
static bool is_function(const char *name, const char *known)
{
	const char *dot = strrchr(known, '.'), *inner = strrchr(name, '.');

	return strcmp(name, known) == 0 || (dot && strcmp(name, dot + 1) == 0) ||
	       /* celery's is within build_tracer */
	       (!dot && inner && strcmp(inner + 1, known) == 0 && strstr(name, "<locals>"));
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);

	return n >= k && strcmp(text + n - k, end) == 0;
}

/* Its number + 1, 0 none. */
static uint8_t boundary_of(const struct model *m, const struct frame *f)
{
	const char *name = model_string(m, f->function), *file = model_string(m, f->file);

	for (size_t i = 0; i < BOUNDARIES; i++)
		if (is_function(name, boundaries[i].function) &&
		    ends_with(file, boundaries[i].file))
			return (uint8_t)(i + 1);
	return 0;
}

/* Of a stack: the boundary that was passed last, and the task, once its function was met inside of it. */
struct state {
	uint8_t boundary; /* +1 */
	uint32_t task;	  /* +1 */
};

struct search {
	struct model *model;
	struct functions functions;
	struct names *names;
	struct state *states;
	uint8_t *boundary; /* by frame: + 1 */
};

static struct error *registered(struct search *s, const struct frame *f, uint32_t *ret)
{
	uint32_t key;

	*ret = NAMES_NONE;
	TRY(function_key(&s->functions, model_string(s->model, f->file),
			 model_string(s->model, f->function), false, &key));
	if (key == NAMES_NONE) { /* code objects tell their bare name up to 3.10 */
		const char *dot = strrchr(model_string(s->model, f->function), '.');

		if (dot)
			TRY(function_key(&s->functions, model_string(s->model, f->file), dot + 1,
					 false, &key));
	}
	if (key != NAMES_NONE)
		*ret = s->functions.task.data[key];
	return NULL;
}

static struct error *task_of_frame(struct search *s, const struct boundary *b,
				   const struct frame *f, uint32_t *ret)
{
	const char *text = model_string(s->model, f->function);

	*ret = NAMES_NONE;
	if (b->registered)
		return registered(s, f, ret);
	if (b->within && strstr(model_string(s->model, f->file), b->within))
		return NULL;
	if (!text[0])
		return NULL;
	*ret = names_keep(s->names, text);
	return *ret == NAMES_NONE ? error_memory() : NULL;
}

static struct error *step(struct search *s, uint32_t stack)
{
	const struct model *m = s->model;
	const struct stack *k = &m->stacks[stack];
	const struct frame *f = &m->frames[k->frame];
	struct state *at = &s->states[stack];
	const struct boundary *b;
	uint32_t task = NAMES_NONE;

	if (k->parent != MODEL_NONE)
		*at = s->states[k->parent];
	if (f->kind != RGD_FRAME_PYTHON)
		return NULL;
	b = s->boundary[k->frame] ? &boundaries[s->boundary[k->frame] - 1] : NULL;
	/* a loop of a library within a task is the task's own affair, but for celery's, which says so */
	if (b && (!at->task || b->registered)) {
		*at = (struct state){.boundary = (uint8_t)(b - boundaries + 1)};
		if (b->name) {
			task = names_keep(s->names, b->name);
			if (task == NAMES_NONE)
				return error_memory();
			at->task = task + 1;
		}
		return NULL;
	}
	if (!at->task && at->boundary)
		TRY(task_of_frame(s, &boundaries[at->boundary - 1], f, &task));
	else if (!at->task && k->parent == MODEL_NONE) /* one frame is all that is known */
		TRY(registered(s, f, &task));
	if (task != NAMES_NONE)
		at->task = task + 1;
	return NULL;
}

struct error *worker_tasks_of_stacks(struct model *m, struct names *names, uint32_t **ret)
{
	struct search s = {.model = m, .names = names};
	uint32_t *tasks = NULL;
	struct error *e = NULL;

	*ret = NULL;
	s.states = calloc((size_t)m->nstacks + 1, sizeof *s.states);
	tasks = malloc(((size_t)m->nstacks + 1) * sizeof *tasks);
	s.boundary = calloc((size_t)m->nframes + 1, sizeof *s.boundary);
	if (!s.states || !tasks || !s.boundary)
		e = error_memory();
	for (uint32_t i = 0; i < m->nframes && !e; i++)
		if (m->frames[i].kind == RGD_FRAME_PYTHON)
			s.boundary[i] = boundary_of(m, &m->frames[i]);
	if (!e && has_registry(m)) {
		e = model_load(m, MODEL_EDGES | MODEL_REPR);
		if (!e)
			e = find_functions(m, names, &s.functions);
	}
	for (uint32_t k = 0; k < m->nstacks && !e; k++)
		e = step(&s, k);
	if (!e) {
		tasks[0] = NAMES_NONE;
		for (uint32_t k = 0; k < m->nstacks; k++)
			tasks[k + 1] = s.states[k].task ? s.states[k].task - 1 : NAMES_NONE;
		*ret = tasks;
	} else {
		free(tasks);
	}
	names_free_kept(&s.functions.keys);
	VEC_FREE(&s.functions.task);
	free(s.states);
	free(s.boundary);
	return e;
}
