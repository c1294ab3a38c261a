/* workers.c - `refgraph workers`: a pool of processes, what a task leaves behind in them, what they share. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/worker_advice.h"
#include "report/worker_sharing.h"
#include "report/workers.h"

enum {
	PID,
	PARENT,
	ROLE,
	TASKS,
	AGE,
	RSS,
	SHARED,
	PRIVATE,
	OBJECTS,
	GROWTH,
	PER_TASK,
	NAME,
	METHOD,
	TASK,
	CPU,
	BYTES,
	OBJECTS_GROWTH,
	GROWTH_TASKS,
	GARBAGE,
	SHIM,
	FIRST,
	LAST
};

static const struct column pool_columns[] = {
	[PID] = {"pid", "PID", CELL_NUMBER, .about = "as the process sees itself"},
	[PARENT] = {"parent", "PARENT", CELL_NUMBER,
		    .about = "pid of who made it, which behind a fork server is not who forked it"},
	[ROLE] = {"role", "ROLE", CELL_TEXT, .about = "what it is in the pool"},
	[TASKS] = {"tasks", "TASKS", CELL_NUMBER, .about = "done since it began"},
	[AGE] = {"age", "AGE", CELL_REAL, .about = "seconds since its start or fork"},
	[RSS] = {"rss", "RSS", CELL_SIZE, .about = "bytes in memory"},
	[SHARED] = {"shared", "SHARED", CELL_SIZE,
		    .about =
			    "bytes of memory, other than files, that another process of the family "
			    "has too"},
	[PRIVATE] = {"private", "PRIVATE", CELL_SIZE, .about = "bytes that are its own"},
	[OBJECTS] = {"objects", "OBJECTS", CELL_NUMBER, .about = "that live"},
	[GROWTH] =
		{"growth", "GROWTH", CELL_SIZE_DELTA,
		 .about = "bytes of live objects more than in its first dump, or than at the fork"},
	[PER_TASK] = {"per_task", "PER TASK", CELL_REAL, .about = "the same by tasks: bytes"},
	[NAME] = {"name", "NAME", CELL_TEXT, .hidden = true,
		  .about = "that multiprocessing or billiard gave it"},
	[METHOD] = {"method", "METHOD", CELL_TEXT, .hidden = true,
		    .about = "how it was made: fork, spawn, forkserver"},
	[TASK] = {"task", "TASK", CELL_TEXT, .hidden = true,
		  .about = "celery's task that it was doing, or asyncio's by its function"},
	[CPU] = {"cpu", "CPU", CELL_REAL, .hidden = true, .about = "seconds of processor time"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .hidden = true, .about = "of live objects"},
	[OBJECTS_GROWTH] = {"objects_growth", "+OBJECTS", CELL_DELTA, .hidden = true,
			    .about = "live objects more, as growth"},
	[GROWTH_TASKS] = {"growth_tasks", "+TASKS", CELL_NUMBER, .hidden = true,
			  .about = "tasks that were done while it grew so"},
	[GARBAGE] = {"garbage", "GARBAGE", CELL_SIZE, .hidden = true,
		     .about =
			     "bytes of cyclic garbage that waits for the collector; not in growth"},
	[SHIM] =
		{"refgraph", "REFGRAPH", CELL_SIZE, .hidden = true,
		 .about =
			 "refgraph's own memory, of a forked process: in rss, in neither of shared "
			 "and private"},
	[FIRST] = {"first", "FIRST", CELL_TEXT, .hidden = true,
		   .about = "dump that growth counts from; empty: the fork"},
	[LAST] = {"last", "LAST", CELL_TEXT, .hidden = true, .about = "dump that the row is of"},
};

enum { G_TASK, G_TYPE, G_DONE, G_OBJECTS, G_BYTES, G_OBJECTS_EACH, G_BYTES_EACH, G_WORKERS };

static const struct column growth_columns[] = {
	[G_TASK] = {"task", "TASK", CELL_TEXT,
		    .about = "name of the task whose code made the objects; (none) when no task is "
			     "known"},
	[G_TYPE] = {"type", "TYPE", CELL_TEXT,
		    .about = "of the objects; empty: all objects of the task"},
	[G_DONE] = {"tasks", "TASKS", CELL_NUMBER,
		    .about = "done while the pool grew, as far as they were counted"},
	[G_OBJECTS] = {"objects", "OBJECTS", CELL_DELTA,
		       .about = "more of them live in all workers"},
	[G_BYTES] = {"bytes", "BYTES", CELL_SIZE_DELTA, .about = "and their bytes"},
	[G_OBJECTS_EACH] = {"objects_per_task", "OBJECTS/TASK", CELL_REAL, .about = "by tasks"},
	[G_BYTES_EACH] = {"bytes_per_task", "BYTES/TASK", CELL_REAL, .about = "by tasks"},
	[G_WORKERS] = {"workers", "WORKERS", CELL_NUMBER, .about = "in how many their bytes grew"},
};

enum {
	S_PID,
	S_PARENT,
	S_SHARED,
	S_OWN,
	S_CONTENTS,
	S_REFCOUNT,
	S_COLLECTOR,
	S_OTHER,
	S_SHIM,
	S_COLLECTED,
	S_COMPARED
};

static const struct column sharing_columns[] = {
	[S_PID] = {"pid", "PID", CELL_NUMBER, .about = "a forked process"},
	[S_PARENT] = {"parent", "PARENT", CELL_NUMBER, .about = "who made it"},
	[S_SHARED] = {"shared", "SHARED", CELL_SIZE, .about = "bytes still shared"},
	[S_OWN] = {"own", "OWN", CELL_SIZE,
		   .about = "private: nothing on the page was there at the fork"},
	[S_CONTENTS] = {"contents", "CONTENTS", CELL_SIZE,
			.about = "private: objects were made, changed or freed on the page"},
	[S_REFCOUNT] = {"refcounts", "REFCOUNTS", CELL_SIZE,
			.about = "private, and no object on it changed but reference counts"},
	[S_COLLECTOR] = {"collector", "COLLECTOR", CELL_SIZE,
			 .about = "private, and nothing changed but what the collector writes: "
				  "gc.freeze() before the fork saves at most this"},
	[S_OTHER] = {"other", "OTHER", CELL_SIZE,
		     .about = "private for another reason: counts that went up and came back, "
			      "caches, data of C"},
	[S_SHIM] = {"refgraph", "REFGRAPH", CELL_SIZE, .hidden = true,
		    .about = "refgraph's own memory, shared or not"},
	[S_COLLECTED] = {"collected", "COLLECTED", CELL_BOOL, .hidden = true,
			 .about = "a full collection ran in it"},
	[S_COMPARED] = {"compared", "COMPARED", CELL_BOOL, .hidden = true,
			.about = "there was a dump of who forked it; without one, reference counts "
				 "and contents are not told from the collector's writes"},
};

enum { R_TYPE, R_OBJECTS, R_PAGES, R_BYTES, R_WORKERS };

static const struct column refcount_columns[] = {
	[R_TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the objects"},
	[R_OBJECTS] =
		{"objects", "OBJECTS", CELL_NUMBER,
		 .about = "whose counts differ from those in who forked them, on pages that are "
			  "private for no other reason"},
	[R_PAGES] = {"pages", "PAGES", CELL_NUMBER, .about = "on so many pages, of all workers"},
	[R_BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "that is"},
	[R_WORKERS] = {"workers", "WORKERS", CELL_NUMBER, .about = "in how many"},
};

enum {
	A_SETTING,
	A_NOTE,
	A_TASKS,
	A_MEMORY,
	A_BY_MEMORY,
	A_BY_COST,
	A_BYTES_EACH,
	A_FRESH,
	A_START,
	A_TASK
};

static const struct column advice_columns[] = {
	[A_SETTING] = {"setting", "SETTING", CELL_TEXT, .about = "to be pasted"},
	[A_NOTE] = {"note", "NOTE", CELL_TEXT, .about = "what to mind"},
	[A_TASKS] = {"tasks", "TASKS", CELL_NUMBER, .hidden = true,
		     .about = "after which a worker should be replaced"},
	[A_MEMORY] = {"memory", "MEMORY", CELL_NUMBER, .hidden = true,
		      .about = "KiB resident that it will have then"},
	[A_BY_MEMORY] = {"by_memory", "BY MEMORY", CELL_NUMBER, .hidden = true,
			 .about = "tasks until a worker has grown by a quarter, or by 16 MiB if "
				  "that is more"},
	[A_BY_COST] =
		{"by_cost", "BY COST", CELL_NUMBER, .hidden = true,
		 .about = "tasks below which starting workers takes more than 1 % of the work"},
	[A_BYTES_EACH] = {"bytes_per_task", "BYTES/TASK", CELL_REAL, .hidden = true,
			  .about = "that a task leaves behind"},
	[A_FRESH] = {"fresh", "FRESH", CELL_SIZE, .hidden = true,
		     .about = "bytes resident in a worker that has done nothing"},
	[A_START] = {"start", "START", CELL_REAL, .hidden = true,
		     .about = "milliseconds of processor time that a worker takes to start"},
	[A_TASK] = {"each", "EACH", CELL_REAL, .hidden = true,
		    .about = "milliseconds of processor time that a task takes"},
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- the pool ------------------------------------------------------------------------------------ */

static struct error *gather(struct context *c, bool objects, struct workers *w)
{
	struct model *m;

	for (size_t i = 0; i < c->ndumps; i++) {
		TRY(context_model(c, i, &m));
		TRY(workers_add(w, m, i));
		context_drop_model(c, i);
	}
	TRY(workers_arrange(w));
	for (size_t i = 0; i < c->ndumps && objects; i++) {
		if (!workers_wants(w, i))
			continue;
		TRY(context_model(c, i, &m));
		TRY(workers_count(w, m, i));
		context_drop_model(c, i);
	}
	return workers_finish(w);
}

static const char *method_of(const struct worker *k)
{
	if (k->last->method[0])
		return k->last->method;
	return k->last->fork_epoch ? "fork" : "";
}

static void pool_row(const struct context *c, struct table *t, const struct worker *k)
{
	const struct worker_dump *d = k->last;

	table_row(t);
	table_number(t, PID, d->pid);
	table_number(t, PARENT, d->parent);
	table_text(t, ROLE, d->role);
	if (d->tasks != WORKERS_UNKNOWN)
		table_number(t, TASKS, d->tasks);
	if (d->started_ns && d->time_ns >= d->started_ns)
		table_real(t, AGE, (double)(d->time_ns - d->started_ns) / 1e9);
	table_number(t, RSS, d->rss);
	table_number(t, SHARED, d->shared);
	table_number(t, PRIVATE, d->private);
	table_number(t, OBJECTS, d->objects);
	if (k->grows) {
		table_signed(t, GROWTH, k->growth);
		table_signed(t, OBJECTS_GROWTH, k->growth_objects);
	}
	if (k->grows && k->tasks != WORKERS_UNKNOWN) {
		table_number(t, GROWTH_TASKS, k->tasks);
		if (k->tasks)
			table_real(t, PER_TASK, (double)k->growth / (double)k->tasks);
	}
	table_text(t, NAME, d->name);
	table_text(t, METHOD, method_of(k));
	table_text(t, TASK, d->task);
	table_real(t, CPU, (double)d->cpu_us / 1e6);
	table_number(t, BYTES, d->bytes);
	if (k->grows)
		table_number(t, GARBAGE, d->garbage);
	if (d->fork_epoch)
		table_number(t, SHIM, d->shim);
	if (k->first != k->last)
		table_text(t, FIRST, c->dumps[k->first->number]);
	table_text(t, LAST, c->dumps[d->number]);
}

static struct error *print_pool(struct context *c, const struct workers *w)
{
	struct table *t;
	struct error *e;

	TRY(table_create(pool_columns, COUNT(pool_columns), &t));
	for (size_t i = 0; i < w->rows.n; i++)
		pool_row(c, t, &w->rows.data[i]);
	e = table_print(t, &c->style, stdout);
	table_destroy(t);
	return e;
}

/* ---- growth ---------------------------------------------------------------------------------------- */

static void growth_row(struct table *t, const char *task, const char *type, uint64_t done,
		       int64_t count, int64_t bytes)
{
	table_row(t);
	table_text(t, G_TASK, task);
	table_text(t, G_TYPE, type);
	table_signed(t, G_OBJECTS, count);
	table_signed(t, G_BYTES, bytes);
	if (done == WORKERS_UNKNOWN)
		return;
	table_number(t, G_DONE, done);
	if (done) {
		table_real(t, G_OBJECTS_EACH, (double)count / (double)done);
		table_real(t, G_BYTES_EACH, (double)bytes / (double)done);
	}
}

static void type_rows(struct table *t, const struct workers *w, const worker_growths *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct worker_growth *g = &rows->data[i];

		growth_row(t, NULL, w->types.names[g->type], w->done, g->count, g->bytes);
		table_number(t, G_WORKERS, g->workers);
	}
}

struct task_sum {
	uint32_t task; /* NAMES_NONE last */
	int64_t count, bytes;
};

static int by_bytes(const void *a, const void *b)
{
	const struct task_sum *x = a, *y = b;

	if ((x->task == NAMES_NONE) != (y->task == NAMES_NONE))
		return x->task == NAMES_NONE ? 1 : -1;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return (x->task > y->task) - (x->task < y->task);
}

/* A registered task that was neither counted nor made anything is not worth a row. */
static bool is_seen(const struct workers *w, const struct task_sum *s, const worker_growths *rows)
{
	if (s->task != NAMES_NONE && w->task_rows.data[s->task].done != WORKERS_UNKNOWN)
		return true;
	for (size_t i = 0; i < rows->n; i++)
		if (rows->data[i].task == s->task)
			return true;
	return false;
}

/* Each task with all that it made, then by type. */
static struct error *task_rows(struct table *t, const struct workers *w, const worker_growths *rows)
{
	size_t n = w->tasks.n + 1;
	struct task_sum *sums = calloc(n, sizeof *sums);

	if (!sums)
		return error_memory();
	for (size_t i = 0; i < n; i++)
		sums[i].task = i < w->tasks.n ? (uint32_t)i : NAMES_NONE;
	for (size_t i = 0; i < rows->n; i++) {
		const struct worker_growth *g = &rows->data[i];
		struct task_sum *s = &sums[g->task == NAMES_NONE ? n - 1 : g->task];

		s->count += g->count;
		s->bytes += g->bytes;
	}
	qsort(sums, n, sizeof *sums, by_bytes);
	for (size_t i = 0; i < n; i++) {
		uint32_t task = sums[i].task;
		const char *name = task == NAMES_NONE ? "(none)" : w->tasks.names[task];
		uint64_t done = task == NAMES_NONE ? WORKERS_UNKNOWN : w->task_rows.data[task].done;

		if (!is_seen(w, &sums[i], rows))
			continue;
		growth_row(t, name, NULL, done, sums[i].count, sums[i].bytes);
		for (size_t k = 0; k < rows->n; k++) {
			const struct worker_growth *g = &rows->data[k];

			if (g->task != task)
				continue;
			growth_row(t, name, w->types.names[g->type], done, g->count, g->bytes);
			table_number(t, G_WORKERS, g->workers);
		}
	}
	free(sums);
	return NULL;
}

static struct error *print_growth(struct context *c, const struct workers *w, bool by_task)
{
	struct column shown[COUNT(growth_columns)];
	struct table_style style = c->style;
	worker_growths rows = {0};
	struct table *t;
	struct error *e = workers_growth(w, by_task, &rows);

	memcpy(shown, growth_columns, sizeof shown);
	shown[G_TASK].hidden = !by_task;
	style.limit = option_number(c, OPT_LIMIT, 20);
	if (!e)
		e = table_create(shown, COUNT(shown), &t);
	if (!e) {
		if (by_task)
			e = task_rows(t, w, &rows);
		else
			type_rows(t, w, &rows);
		if (!e)
			e = table_print(t, &style, stdout);
		table_destroy(t);
	}
	VEC_FREE(&rows);
	return e;
}

/* ---- sharing --------------------------------------------------------------------------------------------- */

/* Of the process that forked it: its last dump before the fork, else its first one after it. */
static const struct worker_dump *dump_of_forker(const struct workers *w, const struct worker *k,
						bool *before)
{
	const struct worker_dump *found = NULL;

	for (size_t i = 0; i < w->dumps.n; i++) {
		const struct worker_dump *d = &w->dumps.data[i];

		if (d->process != k->last->fork_process)
			continue;
		*before = d->time_ns <= k->last->started_ns;
		if (*before || !found)
			found = d;
		else
			break;
	}
	if (found)
		*before = found->time_ns <= k->last->started_ns;
	return found;
}

struct sharing_sum {
	struct names types;
	VEC(struct sharing_type) by_type;
	struct ids workers; /* by type */
	uint64_t collector, page;
	size_t n, compared, collected;
};

static struct error *share_one(struct context *c, const struct workers *w, const struct worker *k,
			       struct names *types, struct sharing *ret)
{
	struct sharing_parent parent = {0};
	bool before = false;
	const struct worker_dump *d = dump_of_forker(w, k, &before);
	struct model *m;
	struct error *e = NULL;

	if (d) {
		TRY(context_model(c, d->number, &m));
		e = sharing_parent_read(m, types, &parent);
		parent.before = before;
		context_drop_model(c, d->number);
	}
	if (!e)
		e = context_model(c, k->last->number, &m);
	if (!e) {
		e = sharing_compute(m, d ? &parent : NULL, k->last->fork_epoch, types, ret);
		context_drop_model(c, k->last->number);
	}
	sharing_parent_deinit(&parent);
	return e;
}

static void sharing_row(struct table *t, const struct worker *k, const struct sharing *s)
{
	static const unsigned columns[SHARING_CAUSES] = {
		[SHARING_OWN] = S_OWN,		 [SHARING_CONTENTS] = S_CONTENTS,
		[SHARING_REFCOUNT] = S_REFCOUNT, [SHARING_COLLECTOR] = S_COLLECTOR,
		[SHARING_OTHER] = S_OTHER,
	};

	table_row(t);
	table_number(t, S_PID, k->last->pid);
	table_number(t, S_PARENT, k->last->parent);
	table_number(t, S_SHARED, s->shared * s->page);
	for (unsigned i = 0; i < SHARING_CAUSES; i++)
		table_number(t, columns[i], s->causes[i] * s->page);
	table_number(t, S_SHIM, s->shim * s->page);
	table_number(t, S_COLLECTED, s->collected);
	table_number(t, S_COMPARED, s->compared);
}

static struct error *add_sharing(struct sharing_sum *sum, const struct sharing *s)
{
	while (sum->by_type.n < s->types.n)
		if (!VEC_PUSH(&sum->by_type, ((struct sharing_type){0})) ||
		    !VEC_PUSH(&sum->workers, 0))
			return error_memory();
	for (size_t i = 0; i < s->types.n; i++) {
		sum->by_type.data[i].objects += s->types.data[i].objects;
		sum->by_type.data[i].pages += s->types.data[i].pages;
		sum->workers.data[i] += s->types.data[i].objects > 0;
	}
	sum->n++;
	sum->compared += s->compared;
	sum->collected += s->collected;
	sum->collector += s->causes[SHARING_COLLECTOR] * s->page;
	sum->page = s->page;
	return NULL;
}

static struct error *share_all(struct context *c, const struct workers *w, struct table *t,
			       struct sharing_sum *sum)
{
	struct error *e = NULL;

	for (size_t i = 0; i < w->rows.n && !e; i++) {
		const struct worker *k = &w->rows.data[i];
		struct sharing s;

		if (!k->last->fork_epoch)
			continue;
		e = share_one(c, w, k, &sum->types, &s);
		if (e)
			break;
		if (s.known) {
			if (t)
				sharing_row(t, k, &s);
			e = add_sharing(sum, &s);
		}
		sharing_deinit(&s);
	}
	return e;
}

static void print_freeze(const struct context *c, const struct sharing_sum *sum)
{
	struct str size = {0};

	if (c->style.format != TABLE_TEXT || c->style.columns || c->style.no_header)
		return;
	if (!sum->n) {
		printf("\nNo process here was forked under refgraph and knows its pages.\n");
		return;
	}
	str_size_words(&size, sum->collector, c->style.exact_sizes);
	if (!sum->compared)
		printf("\nNo dump of the process that forked them: what changed is not told from "
		       "what the "
		       "collector wrote.\n");
	printf("\ngc.freeze() before the fork would have saved at most %s in these %zu: a full "
	       "collection ran in %zu of them.\n",
	       str_text(&size), sum->n, sum->collected);
	str_free(&size);
}

static void refcount_rows(struct table *t, const struct sharing_sum *sum)
{
	for (size_t i = 0; i < sum->by_type.n; i++) {
		const struct sharing_type *s = &sum->by_type.data[i];

		if (!s->objects)
			continue;
		table_row(t);
		table_text(t, R_TYPE, sum->types.names[i]);
		table_number(t, R_OBJECTS, s->objects);
		table_number(t, R_PAGES, s->pages);
		table_number(t, R_BYTES, s->pages * sum->page);
		table_number(t, R_WORKERS, sum->workers.data[i]);
	}
}

static struct error *print_sharing(struct context *c, const struct workers *w, bool refcounts)
{
	struct table_style style = c->style;
	struct sharing_sum sum = {0};
	struct table *t = NULL;
	struct error *e;

	e = refcounts ? table_create(refcount_columns, COUNT(refcount_columns), &t)
		      : table_create(sharing_columns, COUNT(sharing_columns), &t);
	if (!e)
		e = share_all(c, w, refcounts ? NULL : t, &sum);
	if (!e && refcounts) {
		refcount_rows(t, &sum);
		style.limit = option_number(c, OPT_LIMIT, 20);
		if (!style.sort)
			style.sort = "-pages,-objects,type";
	}
	if (!e)
		e = table_print(t, &style, stdout);
	if (!e && !refcounts)
		print_freeze(c, &sum);
	table_destroy(t);
	names_free_kept(&sum.types);
	VEC_FREE(&sum.by_type);
	VEC_FREE(&sum.workers);
	return e;
}

/* ---- advice -------------------------------------------------------------------------------------------------- */

static const char *role_of(const struct workers *w)
{
	for (size_t i = 0; i < w->rows.n; i++)
		if (w->rows.data[i].is_worker && w->rows.data[i].last->tasks != WORKERS_UNKNOWN)
			return w->rows.data[i].last->role;
	return "";
}

static struct error *print_advice(struct context *c, const struct workers *w)
{
	struct advice_setting setting;
	struct advice a;
	struct table *t;
	struct error *e;

	advice_compute(w, &a);
	TRY(table_create(advice_columns, COUNT(advice_columns), &t));
	for (unsigned i = 0; advice_setting(&a, role_of(w), i, &setting); i++) {
		table_row(t);
		table_text(t, A_SETTING, setting.text);
		table_text(t, A_NOTE, setting.note);
		table_number(t, A_TASKS, a.tasks);
		table_number(t, A_MEMORY, a.memory_kib);
		table_number(t, A_BY_MEMORY, a.by_memory);
		if (a.costs) {
			table_number(t, A_BY_COST, a.by_cost);
			table_real(t, A_START, a.start_us / 1e3);
			table_real(t, A_TASK, a.task_us / 1e3);
		}
		table_real(t, A_BYTES_EACH, a.bytes_per_task);
		table_number(t, A_FRESH, (uint64_t)a.fresh_rss);
	}
	e = table_print(t, &c->style, stdout);
	table_destroy(t);
	return e;
}

static void say_advice(const struct workers *w)
{
	struct advice_setting setting;
	struct str size = {0}, fresh = {0};
	struct advice a;

	advice_compute(w, &a);
	if (!a.known) {
		printf("How many tasks were done is not known of these processes, or nothing to "
		       "compare "
		       "with: see refgraph_task_done() in librefgraph(7), and take two dumps of "
		       "each.\n");
		return;
	}
	if (!a.grows) {
		printf("What grows with the tasks is no reason to replace workers.\n");
		return;
	}
	str_size_words(&size, (uint64_t)a.bytes_per_task, false);
	str_size(&fresh, (uint64_t)a.fresh_rss);
	printf("A task leaves %s behind; a fresh worker has %s", str_text(&size), str_text(&fresh));
	if (a.costs)
		printf(" and costs %.0f ms of processor time to start, a task %.1f ms",
		       a.start_us / 1e3, a.task_us / 1e3);
	printf(". Replace a worker after %" PRIu64 " tasks%s:\n", a.tasks,
	       a.by_cost > a.by_memory ? " (less would cost more than 1 % of the work)" : "");
	for (unsigned i = 0; advice_setting(&a, role_of(w), i, &setting); i++)
		printf("  %s%s%s\n", setting.text, setting.note[0] ? "  # " : "", setting.note);
	str_free(&size);
	str_free(&fresh);
}

static struct error *say_growth(const struct workers *w)
{
	worker_growths rows = {0};
	struct str size = {0};
	struct error *e = workers_growth(w, true, &rows);
	unsigned shown = 0;

	for (size_t i = 0; i < rows.n && !e && shown < 5; i++) {
		const struct worker_growth *g = &rows.data[i];
		uint64_t done =
			g->task == NAMES_NONE ? WORKERS_UNKNOWN : w->task_rows.data[g->task].done;

		if (done == WORKERS_UNKNOWN || !done || g->bytes < (int64_t)done)
			continue;
		str_clear(&size);
		str_size_words(&size, (uint64_t)(g->bytes / (int64_t)done), false);
		printf("%s leaves %.1f %s behind, %s, each time (%" PRIu64 " times)\n",
		       w->tasks.names[g->task], (double)g->count / (double)done,
		       w->types.names[g->type], str_text(&size), done);
		shown++;
	}
	if (w->pool_counts && !w->pool_agrees && w->done != WORKERS_UNKNOWN)
		printf("The tasks that were counted by name are not those that these workers did: "
		       "some "
		       "workers have no dump, were replaced, or were dumped at another time.\n");
	str_free(&size);
	VEC_FREE(&rows);
	return e;
}

/* ---- the command -------------------------------------------------------------------------------------------------- */

static struct error *print(struct context *c, const struct workers *w, const char *by)
{
	struct error *e;

	if (strcmp(by, "type") == 0 || strcmp(by, "task") == 0)
		return print_growth(c, w, strcmp(by, "task") == 0);
	if (strcmp(by, "sharing") == 0 || strcmp(by, "refcounts") == 0)
		return print_sharing(c, w, strcmp(by, "refcounts") == 0);
	if (strcmp(by, "advice") == 0)
		return print_advice(c, w);
	e = print_pool(c, w);
	if (e || c->style.format != TABLE_TEXT || c->style.columns || c->style.no_header)
		return e;
	putchar('\n');
	e = say_growth(w);
	if (!e)
		say_advice(w);
	return e;
}

static struct error *run(struct context *c)
{
	const char *by = option_text(c, OPT_WORKERS_BY, "pool");
	bool objects = strcmp(by, "sharing") != 0 && strcmp(by, "refcounts") != 0;
	struct workers w = {0};
	struct error *e = gather(c, objects, &w);

	if (!e)
		e = print(c, &w, by);
	workers_deinit(&w);
	return e;
}

const struct command cmd_workers = {
	.name = "workers",
	.usage = "DUMP...",
	.summary =
		"list a pool of processes, what a task leaves behind in them, and what they share",
	.about =
		"Give it a dump or more of each process of a pool, and of its parent. Growth is "
		"what the "
		"last dump of a worker has more than its first one, or than there was at the fork. "
		"Tasks are told apart by the stacks of what they made: run the pool with "
		"--python-stacks=full.",
	.options = OPTIONS_OUTPUT | OPTIONS_WORKERS,
	.records = RECORDS(RECORD(pool_columns), RECORD(growth_columns), RECORD(sharing_columns),
			   RECORD(refcount_columns), RECORD(advice_columns)),
	.min_dumps = 1,
	.max_dumps = UINT32_MAX,
	.run = run,
};
