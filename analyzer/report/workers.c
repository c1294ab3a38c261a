/* workers.c - see workers.h. */
#include "report/workers.h"

#include <stdlib.h>
#include <string.h>

#include "report/collect.h"
#include "util/str.h"

/* ---- facts of one dump ---------------------------------------------------------------------------- */

static uint64_t number(const char *text, int base)
{
	return text ? strtoull(text, NULL, base) : 0;
}

/* The name behind a counter's prefix; NULL: it is another. */
static const char *named_counter(const struct model *m, uint32_t i, const char *prefix)
{
	const char *text = model_string(m, m->counters[i].name);
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

/* Of the library that runs the tasks, or of the program itself. */
static uint64_t tasks_done(const struct model *m)
{
	uint64_t n = 0, sum = 0;
	bool some = false;

	if (model_counter(m, "tasks.done", &n))
		return n;
	for (uint32_t i = 0; i < m->ncounters; i++)
		if (named_counter(m, i, "task.done ")) {
			sum += m->counters[i].value;
			some = true;
		}
	return some ? sum : WORKERS_UNKNOWN;
}

static void sum_pages(const struct model *m, uint64_t page, struct worker_dump *d)
{
	for (uint32_t i = 0; i < m->npages; i++) {
		uint64_t bytes = m->pages[i].count * page;

		if (m->pages[i].state == RGD_PAGES_PRIVATE)
			d->private += bytes;
		else if (m->pages[i].state == RGD_PAGES_SHARED)
			d->shared += bytes;
		else
			d->shim += bytes;
	}
}

/* Of a process that nobody forked: what is anonymous and not its own it shares with its children. */
static void sum_maps(const struct model *m, bool pages, struct worker_dump *d)
{
	for (uint32_t i = 0; i < m->nmaps; i++) {
		const struct map *map = &m->maps[i];
		uint64_t own =
			map->private_dirty < map->anonymous ? map->private_dirty : map->anonymous;

		d->rss += map->rss;
		if (pages)
			continue;
		d->private += own;
		d->shared += map->anonymous - own;
	}
}

static char *copy(const char *text)
{
	return strdup(text ? text : "");
}

static struct error *copy_texts(const struct model *m, struct worker_dump *d)
{
	d->role = copy(model_meta(m, "worker.role"));
	d->name = copy(model_meta(m, "worker.name"));
	d->method = copy(model_meta(m, "worker.method"));
	d->task = copy(model_meta(m, "task.current"));
	return d->role && d->name && d->method && d->task ? NULL : error_memory();
}

struct error *workers_add(struct workers *w, struct model *m, size_t dump)
{
	struct worker_dump d = {.number = dump};
	const struct rgd_file_header *header = dump_header(m->dump);
	const char *parent;

	TRY(model_load(m, MODEL_META | MODEL_COUNTERS | MODEL_MAPS | MODEL_PAGES | MODEL_SUMMARY));
	parent = model_meta(m, "worker.parent");
	d.pid = header->pid;
	d.process = header->process_key;
	d.time_ns = header->time_ns;
	d.started_ns = number(model_meta(m, "started"), 10);
	d.parent = number(parent ? parent : model_meta(m, "parent"), 10);
	d.cpu_us = number(model_meta(m, "cpu.us"), 10);
	d.tasks = tasks_done(m);
	d.fork_process = number(model_meta(m, "fork.key"), 16);
	d.fork_epoch = number(model_meta(m, "fork.epoch"), 10);
	sum_pages(m, header->page_size, &d);
	sum_maps(m, m->npages > 0, &d);
	for (uint32_t i = 0; i < m->nsummary; i++) {
		d.objects += m->summary[i].tracked == 2 ? 0 : m->summary[i].count;
		d.bytes += m->summary[i].bytes;
	}
	if (!VEC_PUSH(&w->dumps, d))
		return error_memory();
	return copy_texts(m, &w->dumps.data[w->dumps.n - 1]);
}

/* ---- processes --------------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct worker_dump *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static struct worker *worker_of(const struct workers *w, const struct worker_dump *d)
{
	for (size_t i = 0; i < w->rows.n; i++)
		if (w->rows.data[i].first->process == d->process &&
		    w->rows.data[i].first->pid == d->pid)
			return &w->rows.data[i];
	return NULL;
}

static bool feeds(const struct worker_dump *d)
{
	static const char *const roles[] = {
		"celery main",
		"gunicorn arbiter",
		"multiprocessing.Pool",
		"ProcessPoolExecutor",
		"multiprocessing forkserver",
		"multiprocessing resource tracker",
	};

	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (strcmp(d->role, roles[i]) == 0)
			return true;
	return false;
}

/* By the key that the fork left, else by pid. */
static uint32_t parent_of(const struct workers *w, const struct worker *k)
{
	for (uint32_t i = 0; i < w->rows.n; i++)
		if (&w->rows.data[i] != k && w->rows.data[i].last->pid == k->last->parent)
			return i;
	for (uint32_t i = 0; i < w->rows.n; i++)
		if (&w->rows.data[i] != k && k->last->fork_process &&
		    w->rows.data[i].last->process == k->last->fork_process)
			return i;
	return MODEL_NONE;
}

/* Not the bottom of a circle that reused pids could make: the depth is bounded. */
static unsigned depth_of(const struct workers *w, const struct worker *k)
{
	unsigned depth = 0;

	for (uint32_t at = k->parent; at != MODEL_NONE && depth < 64; at = w->rows.data[at].parent)
		depth++;
	return depth;
}

struct place {
	struct worker row;
	unsigned depth;
};

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	const struct worker_dump *p = x->row.last, *q = y->row.last;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	if (p->pid != q->pid)
		return p->pid < q->pid ? -1 : 1;
	return (p->process > q->process) - (p->process < q->process);
}

static struct error *sort_rows(struct workers *w)
{
	struct place *places = calloc(w->rows.n + 1, sizeof *places);

	if (!places)
		return error_memory();
	for (size_t i = 0; i < w->rows.n; i++)
		places[i] = (struct place){w->rows.data[i], depth_of(w, &w->rows.data[i])};
	qsort(places, w->rows.n, sizeof *places, by_place);
	for (size_t i = 0; i < w->rows.n; i++)
		w->rows.data[i] = places[i].row;
	free(places);
	for (size_t i = 0; i < w->rows.n; i++)
		w->rows.data[i].parent = parent_of(w, &w->rows.data[i]);
	return NULL;
}

struct error *workers_arrange(struct workers *w)
{
	if (w->dumps.n)
		qsort(w->dumps.data, w->dumps.n, sizeof *w->dumps.data, by_time);
	for (size_t i = 0; i < w->dumps.n; i++) {
		struct worker_dump *d = &w->dumps.data[i];
		struct worker *k = worker_of(w, d);

		if (k)
			k->last = d;
		else if (!VEC_PUSH(&w->rows, ((struct worker){.first = d, .last = d})))
			return error_memory();
	}
	for (size_t i = 0; i < w->rows.n; i++)
		w->rows.data[i].parent = parent_of(w, &w->rows.data[i]);
	TRY(sort_rows(w));
	for (size_t i = 0; i < w->rows.n; i++)
		w->rows.data[i].is_worker = true;
	for (size_t i = 0; i < w->rows.n; i++) {
		struct worker *k = &w->rows.data[i];

		if (feeds(k->last))
			k->is_worker = false;
		if (k->parent != MODEL_NONE &&
		    w->rows.data[k->parent].last->tasks == WORKERS_UNKNOWN)
			w->rows.data[k->parent].is_worker = false;
	}
	return NULL;
}

bool workers_wants(const struct workers *w, size_t dump)
{
	for (size_t i = 0; i < w->rows.n; i++)
		if (w->rows.data[i].first->number == dump || w->rows.data[i].last->number == dump)
			return true;
	return false;
}

/* ---- objects ------------------------------------------------------------------------------------------- */

/* Sums by (task, type), in a table of open addressing that grows. */
struct sums {
	worker_cells *cells;
	uint32_t *slots; /* cell + 1 */
	size_t nslots;
};

static struct error *sums_grow(struct sums *s)
{
	size_t n = s->nslots ? s->nslots * 2 : 1024;
	uint32_t *slots = calloc(n, sizeof *slots);

	if (!slots)
		return error_memory();
	for (size_t i = 0; i < s->cells->n; i++) {
		const struct worker_cell *c = &s->cells->data[i];
		size_t at = (c->task * 0x9e3779b1u ^ c->type * 0x85ebca6bu) & (n - 1);

		while (slots[at])
			at = (at + 1) & (n - 1);
		slots[at] = (uint32_t)i + 1;
	}
	free(s->slots);
	s->slots = slots;
	s->nslots = n;
	return NULL;
}

/* The slot of the cell, or the free one where it belongs. */
static size_t slot_of(const struct sums *s, uint32_t task, uint32_t type)
{
	size_t at = (task * 0x9e3779b1u ^ type * 0x85ebca6bu) & (s->nslots - 1);

	for (; s->slots[at]; at = (at + 1) & (s->nslots - 1)) {
		const struct worker_cell *c = &s->cells->data[s->slots[at] - 1];

		if (c->task == task && c->type == type)
			break;
	}
	return at;
}

/* The number of a cell that is there. */
static size_t sums_find(const struct sums *s, uint32_t task, uint32_t type)
{
	return s->slots[slot_of(s, task, type)] - 1;
}

static struct error *sums_add(struct sums *s, uint32_t task, uint32_t type, uint64_t count,
			      uint64_t bytes)
{
	size_t at;

	if (s->cells->n * 2 >= s->nslots)
		TRY(sums_grow(s));
	at = slot_of(s, task, type);
	if (s->slots[at]) {
		s->cells->data[s->slots[at] - 1].count += count;
		s->cells->data[s->slots[at] - 1].bytes += bytes;
		return NULL;
	}
	if (!VEC_PUSH(s->cells, ((struct worker_cell){task, type, count, bytes})))
		return error_memory();
	s->slots[at] = (uint32_t)s->cells->n;
	return NULL;
}

static struct error *type_number(struct workers *w, const struct model *m, uint32_t type,
				 struct str *text, uint32_t *ret)
{
	str_clear(text);
	model_long_name(m, type, text);
	*ret = text->failed ? NAMES_NONE : names_keep(&w->types, str_text(text));
	return *ret == NAMES_NONE ? error_memory() : NULL;
}

/* ---- what CPython keeps for itself ---- */

struct span {
	uint64_t low, high;
};
typedef VEC(struct span) spans;

static int by_low(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->low > y->low) - (x->low < y->low);
}

static struct error *find_arenas(const struct model *m, spans *ret)
{
	for (uint32_t i = 0; i < m->nregions; i++) {
		const struct region *r = &m->regions[i];

		if (r->kind == 1 && r->address + r->size > r->address &&
		    !VEC_PUSH(ret, ((struct span){r->address, r->address + r->size})))
			return error_memory();
	}
	if (ret->n)
		qsort(ret->data, ret->n, sizeof *ret->data, by_low);
	return NULL;
}

static bool in_spans(const spans *s, uint64_t address)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address < s->data[middle].low)
			high = middle;
		else if (address >= s->data[middle].high)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

/*
 * A block of CPython's arenas that is no object: most are on free lists (of tuples, dicts, ...), until these are full. Who made
 * it first is no reason for it.
 */
#define UNCLAIMED "(no object: CPython's free lists, buffers of C)"

static bool is_unclaimed(const struct model *m, const spans *arenas, uint32_t o)
{
	return (m->flags[o] & RGD_OBJ_F_RUNTIME_MASK) == RGD_RT_NATIVE &&
	       in_spans(arenas, m->address[o]);
}

/* What the collector will free at its next full collection is no growth, only late. */
static bool is_garbage(const struct collection *c, uint32_t o)
{
	if (!c->fate)
		return false;
	return c->fate[o] == FATE_FREED || c->fate[o] == FATE_UNKNOWABLE ||
	       c->fate[o] == FATE_DROPPED || c->fate[o] == FATE_DROPPED_UNSURE;
}

/* `since`: objects of earlier epochs are left out. */
static struct error *sum_objects(struct workers *w, struct model *m, uint32_t since,
				 worker_cells *ret, uint64_t *garbage)
{
	struct collection c = {0};
	spans arenas = {0};
	uint32_t unclaimed = names_keep(&w->types, UNCLAIMED);
	struct sums s = {.cells = ret};
	struct ids numbers = {0}; /* by type of the model: + 1 */
	uint32_t *tasks = NULL;
	struct str text = {0};
	struct error *e = worker_tasks_of_stacks(m, &w->tasks, &tasks);

	if (!e && unclaimed == NAMES_NONE)
		e = error_memory();
	if (!e)
		e = find_arenas(m, &arenas);
	if (!e && model_has_runtime(m, RGD_RT_CPYTHON))
		e = collection_compute(m, 2, &c);
	for (uint32_t o = 0; o < m->nobjects && !e; o++) {
		uint32_t type = model_type_of(m, o);

		if (is_garbage(&c, o)) {
			*garbage += m->size[o];
			continue;
		}
		if (m->epoch[o] < since)
			continue;
		if (is_unclaimed(m, &arenas, o)) {
			e = sums_add(&s, NAMES_NONE, unclaimed, 1, m->size[o]);
			continue;
		}
		while (!e && numbers.n <= type)
			e = VEC_PUSH(&numbers, 0) ? NULL : error_memory();
		if (!e && !numbers.data[type]) {
			uint32_t number;

			e = type_number(w, m, type, &text, &number);
			numbers.data[type] = e ? 0 : number + 1;
		}
		if (!e)
			e = sums_add(&s, tasks[m->stack[o]], numbers.data[type] - 1,
				     !(m->flags[o] & RGD_OBJ_F_INTERNAL), m->size[o]);
	}
	VEC_FREE(&arenas);
	collection_deinit(&c);
	free(tasks);
	free(s.slots);
	VEC_FREE(&numbers);
	str_free(&text);
	return e;
}

/* How many of each name this process counted: itself, or as the parent of its pool. */
static struct error *count_tasks(struct workers *w, const struct model *m, const char *prefix,
				 int sign)
{
	for (uint32_t i = 0; i < m->ncounters; i++) {
		const char *name = named_counter(m, i, prefix);
		uint32_t task = name ? names_keep(&w->tasks, name) : 0;

		if (!name)
			continue;
		if (task == NAMES_NONE)
			return error_memory();
		while (w->task_rows.n <= task)
			if (!VEC_PUSH(&w->task_rows,
				      ((struct worker_task){.done = WORKERS_UNKNOWN})))
				return error_memory();
		if (w->task_rows.data[task].done == WORKERS_UNKNOWN)
			w->task_rows.data[task].done = 0;
		w->task_rows.data[task].done +=
			sign > 0 ? m->counters[i].value : -m->counters[i].value;
	}
	return NULL;
}

static struct error *count_one(struct workers *w, struct model *m, struct worker *k, bool last)
{
	bool alone = k->first == k->last;
	uint32_t since = alone ? (uint32_t)k->first->fork_epoch : 0;

	/* the first dump is what is taken off */
	TRY(count_tasks(w, m, "task.done ", last ? 1 : -1));
	TRY(count_tasks(w, m, "pool.task.done ", last ? 1 : -1));
	if (!k->is_worker)
		return NULL;
	return sum_objects(w, m, since, &k->cells[last], &(last ? k->last : k->first)->garbage);
}

struct error *workers_count(struct workers *w, struct model *m, size_t dump)
{
	TRY(model_load(m, MODEL_SITES | MODEL_RUNTIMES | MODEL_REGIONS | MODEL_ADDRESS |
				  MODEL_FLAGS | MODEL_EPOCH | MODEL_SIZE | MODEL_COUNTERS));
	for (size_t i = 0; i < w->rows.n; i++) {
		struct worker *k = &w->rows.data[i];

		if (k->last->number == dump)
			TRY(count_one(w, m, k, true));
		else if (k->first->number == dump)
			TRY(count_one(w, m, k, false));
	}
	return NULL;
}

/* ---- growth ------------------------------------------------------------------------------------------------ */

static uint64_t tasks_between(const struct worker *k)
{
	if (k->last->tasks == WORKERS_UNKNOWN || k->first->tasks == WORKERS_UNKNOWN ||
	    k->last->tasks < k->first->tasks)
		return WORKERS_UNKNOWN;
	return k->first == k->last ? k->last->tasks : k->last->tasks - k->first->tasks;
}

/* Without a sign: sizes of a forged dump may be anything. */
static void finish_one(struct worker *k)
{
	uint64_t bytes = 0, objects = 0;

	k->grows = k->is_worker && (k->first != k->last || k->first->fork_epoch);
	k->tasks = k->is_worker ? tasks_between(k) : WORKERS_UNKNOWN;
	for (unsigned side = 0; side < 2 && k->grows; side++)
		for (size_t i = 0; i < k->cells[side].n; i++) {
			const struct worker_cell *c = &k->cells[side].data[i];

			bytes += side ? c->bytes : -c->bytes;
			objects += side ? c->count : -c->count;
		}
	k->growth = (int64_t)bytes;
	k->growth_objects = (int64_t)objects;
}

/* Only one name was ever seen: then all tasks were of it. */
static void only_task(struct workers *w)
{
	if (w->tasks.n == 1 && w->task_rows.n <= 1 && w->done != WORKERS_UNKNOWN) {
		if (!w->task_rows.n && !VEC_PUSH(&w->task_rows, ((struct worker_task){0})))
			return;
		if (!w->task_rows.data[0].done || w->task_rows.data[0].done == WORKERS_UNKNOWN)
			w->task_rows.data[0].done = w->done;
	}
}

struct error *workers_finish(struct workers *w)
{
	uint64_t named = 0;

	w->done = WORKERS_UNKNOWN;
	for (size_t i = 0; i < w->rows.n; i++) {
		struct worker *k = &w->rows.data[i];

		finish_one(k);
		if (k->grows && k->tasks != WORKERS_UNKNOWN)
			w->done = (w->done == WORKERS_UNKNOWN ? 0 : w->done) + k->tasks;
	}
	for (size_t i = 0; i < w->task_rows.n; i++)
		if (w->task_rows.data[i].done != WORKERS_UNKNOWN) {
			named += w->task_rows.data[i].done;
			w->pool_counts = true;
		}
	only_task(w);
	while (w->task_rows.n < w->tasks.n)
		if (!VEC_PUSH(&w->task_rows, ((struct worker_task){.done = WORKERS_UNKNOWN})))
			return error_memory();
	w->pool_agrees = named == w->done;
	return NULL;
}

static int by_bytes(const void *a, const void *b)
{
	const struct worker_growth *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	if (x->task != y->task)
		return x->task < y->task ? -1 : 1;
	return (x->type > y->type) - (x->type < y->type);
}

/* What one worker has more than before, by (task, type). Differences are taken modulo 2^64 and read with a sign. */
static struct error *sum_worker(const struct worker *k, bool by_task, struct sums *ret)
{
	for (unsigned side = 0; side < 2; side++)
		for (size_t i = 0; i < k->cells[side].n; i++) {
			const struct worker_cell *c = &k->cells[side].data[i];

			TRY(sums_add(ret, by_task ? c->task : NAMES_NONE, c->type,
				     side ? c->count : -c->count, side ? c->bytes : -c->bytes));
		}
	return NULL;
}

static struct error *sum_workers(const struct workers *w, bool by_task, struct sums *all,
				 struct ids *grew)
{
	struct error *e = NULL;

	for (size_t i = 0; i < w->rows.n && !e; i++) {
		worker_cells cells = {0};
		struct sums one = {.cells = &cells};

		if (w->rows.data[i].grows)
			e = sum_worker(&w->rows.data[i], by_task, &one);
		for (size_t c = 0; c < cells.n && !e; c++) {
			struct worker_cell *cell = &cells.data[c];
			size_t at;

			e = sums_add(all, cell->task, cell->type, cell->count, cell->bytes);
			while (!e && grew->n < all->cells->n)
				e = VEC_PUSH(grew, 0) ? NULL : error_memory();
			at = e ? 0 : sums_find(all, cell->task, cell->type);
			if (!e)
				grew->data[at] += (int64_t)cell->bytes > 0;
		}
		free(one.slots);
		VEC_FREE(&cells);
	}
	return e;
}

struct error *workers_growth(const struct workers *w, bool by_task, worker_growths *ret)
{
	worker_cells cells = {0};
	struct sums all = {.cells = &cells};
	struct ids grew = {0};
	struct error *e = sum_workers(w, by_task, &all, &grew);

	for (size_t i = 0; i < cells.n && !e; i++) {
		const struct worker_cell *c = &cells.data[i];

		if ((c->count || c->bytes) &&
		    !VEC_PUSH(ret, ((struct worker_growth){c->task, c->type, (int64_t)c->count,
							   (int64_t)c->bytes, grew.data[i]})))
			e = error_memory();
	}
	if (!e && ret->n)
		qsort(ret->data, ret->n, sizeof *ret->data, by_bytes);
	free(all.slots);
	VEC_FREE(&cells);
	VEC_FREE(&grew);
	return e;
}

void workers_deinit(struct workers *w)
{
	for (size_t i = 0; i < w->dumps.n; i++) {
		free(w->dumps.data[i].role);
		free(w->dumps.data[i].name);
		free(w->dumps.data[i].method);
		free(w->dumps.data[i].task);
	}
	for (size_t i = 0; i < w->rows.n; i++)
		for (unsigned side = 0; side < 2; side++)
			VEC_FREE(&w->rows.data[i].cells[side]);
	VEC_FREE(&w->dumps);
	VEC_FREE(&w->rows);
	VEC_FREE(&w->task_rows);
	names_free_kept(&w->tasks);
	names_free_kept(&w->types);
}
