/*
 * cpython_workers.c - what a process is in a pool of workers, and how many tasks it did, without its cooperation.
 *
 * A worker sits in the loop of the library that made it, and that loop counts: multiprocessing.pool.worker and
 * billiard's Worker.workloop (celery) have a local `completed`, gunicorn's Worker an attribute `nr`. So the frames of the threads
 * are compared with a table of known functions. The names are those of the libraries' sources; where a library has none, or changed
 * it, the role is still told and the count is missing.
 */
#include <string.h>

#include "cpython.h"

#define SEMLOCK_HANDLE 16 /* private to _multiprocessing/semaphore.c */
#define NAME_MAX_LENGTH 100
#define FRAMES_MAX 10000u
#define THREADS_MAX 10000u

struct frame_seen {
	struct walk *walk;
	uintptr_t frame, code;
	uintptr_t
		inner; /* code of the outermost frame within this one that is not asyncio's; 0 none */
};

/* ---- attributes, locals, items --------------------------------------------------------------------------------------------- */

static bool readable_object(struct walk *walk, uintptr_t p)
{
	return p >= 4096 && p % 8 == 0 && walk_readable(walk, p, 24) && class_met(type_of(p));
}

/* Values without a dict, 3.11+: as know_managed_dict() of cpython_edges.c finds them. */
static uintptr_t inline_attribute(uintptr_t object, const struct py_class *c, const char *name,
				  uintptr_t *dict)
{
	uintptr_t values = 0;
	struct dict_walk w;
	*dict = word_at(object, -24);
	if (python.minor == 11) {
		values = word_at(object, -32);
	} else if (python.minor == 12 && (*dict & 1)) {
		values = *dict + 1;
		*dict = 0;
	} else if (c->inline_values && byte_at(object, (long)c->basic_size + 3)) {
		values = object + c->basic_size;
	}
	if (!values || !c->keys)
		return 0;
	for (keys_walk_init(&w, c->keys); keys_walk_next(&w);)
		if (text_equals(w.key, name))
			return word_at(values, python.at->values_first + (long)(w.next - 1) * 8);
	return 0;
}

/* An attribute of an instance; 0 absent. */
static uintptr_t attribute(struct walk *walk, uintptr_t object, const char *name)
{
	uintptr_t dict = 0, found = 0;
	struct py_class *c;
	if (!readable_object(walk, object))
		return 0;
	c = class_of_type(walk, type_of(object));
	if (c->managed_dict)
		found = inline_attribute(object, c, name, &dict);
	else if (c->dict_offset > 0)
		dict = word_at(object, c->dict_offset);
	if (!found && dict && readable_object(walk, dict) && is_dict(dict))
		found = dict_get(dict, name);
	return found && readable_object(walk, found) ? found : 0;
}

static uintptr_t local_slots(uintptr_t frame)
{
	return frame + (uintptr_t)(python.minor <= 10 ? python.at->frame_localsplus
						      : python.at->iframe_localsplus);
}

/* A local, or what a cell of this name holds; 0 absent or not bound. */
static uintptr_t local(const struct frame_seen *f, const char *name)
{
	uint64_t count = code_local_count(f->code);
	for (uint64_t i = 0; i < count; i++) {
		uintptr_t value, text = code_local_name(f->code, i);
		if (!text || !text_equals(text, name))
			continue;
		value = word_at(local_slots(f->frame), (long)(i * 8));
		if (!readable_object(f->walk, value))
			return 0;
		if (class_of_type(f->walk, type_of(value))->shape != SHAPE_CELL)
			return value;
		value = word_at(value, CELL_REF);
		return readable_object(f->walk, value) ? value : 0;
	}
	return 0;
}

/* The namespace of a module in sys.modules; 0 not imported. */
static uintptr_t namespace_of(struct walk *walk, const char *name)
{
	uintptr_t modules = word_at(python.api.interpreter_main(), python.at->interp_modules);
	uintptr_t module, dict;
	if (!readable_object(walk, modules) || !is_dict(modules))
		return 0;
	module = dict_get(modules, name);
	if (!module || !readable_object(walk, module) ||
	    class_of_type(walk, type_of(module))->shape != SHAPE_MODULE)
		return 0;
	dict = word_at(module, MODULE_DICT);
	return readable_object(walk, dict) && is_dict(dict) ? dict : 0;
}

static uintptr_t global(struct walk *walk, const char *module, const char *name)
{
	uintptr_t dict = namespace_of(walk, module), found = dict ? dict_get(dict, name) : 0;
	return found && readable_object(walk, found) ? found : 0;
}

/* Names of processes and tasks: letters, digits and _ . - : / and no more. */
static bool plain_name(uintptr_t str, char *out, size_t size)
{
	size_t n = text_of(str, out, size);
	for (size_t i = 0; i < n; i++) {
		char c = out[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr("_.-:/", c)))
			return false;
	}
	return n > 0;
}

static void meta_name(const char *key, uintptr_t str)
{
	char text[NAME_MAX_LENGTH];
	if (str && plain_name(str, text, sizeof(text)))
		walk_meta(key, text);
}

static char *decimal(uint64_t n, char *end)
{
	*--end = 0;
	do {
		*--end = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	return end;
}

static void meta_number(const char *key, uint64_t n)
{
	char text[24];
	walk_meta(key, decimal(n, text + sizeof(text)));
}

/* "PREFIX NAME" */
static void counter_of(struct walk *walk, const char *prefix, const char *name, uint64_t value)
{
	char text[NAME_MAX_LENGTH + 32];
	size_t n = strlen(prefix), k = strlen(name);
	if (n + k + 2 > sizeof(text))
		return;
	memcpy(text, prefix, n);
	text[n] = ' ';
	memcpy(text + n + 1, name, k + 1);
	walk_counter(walk, text, value);
}

/* ---- what the known functions tell ------------------------------------------------------------------------------------------ */

static void done(struct walk *walk, uintptr_t number)
{
	uint64_t n;
	if (number && int_of(number, &n))
		walk_counter(walk, "tasks.done", n);
}

/* `completed` counts in the loops of multiprocessing.pool and billiard.pool. */
static void tell_completed(const struct frame_seen *f)
{
	done(f->walk, local(f, "completed"));
}

/*
 * It counts only where the executor has a limit. But for each item that it takes, its queue posts a semaphore; the item at work is
 * not done. _multiprocessing.SemLock has the sem_t's address behind its head.
 */
static void tell_executor_worker(const struct frame_seen *f)
{
	uintptr_t queue = local(f, "call_queue");
	uintptr_t bounded = queue ? attribute(f->walk, queue, "_sem") : 0;
	uintptr_t lock = bounded ? attribute(f->walk, bounded, "_semlock") : 0;
	uint64_t taken = lock ? walk_posts(word_at(lock, SEMLOCK_HANDLE)) : 0;
	if (!lock)
		return;
	walk_counter(f->walk, "tasks.done", taken - (taken && local(f, "call_item")));
}

static void tell_gunicorn(const struct frame_seen *f)
{
	uintptr_t self = local(f, "self");
	if (self)
		done(f->walk, attribute(f->walk, self, "nr"));
}

/* The executor knows how many it was given, and which of them have no result yet. */
static void tell_executor(const struct frame_seen *f)
{
	uintptr_t self = local(f, "self"), reference, executor, pending;
	uint64_t given;
	reference = self ? attribute(f->walk, self, "executor_reference")
			 : local(f, "executor_reference");
	pending = self ? attribute(f->walk, self, "pending_work_items")
		       : local(f, "pending_work_items");
	if (!reference || class_of_type(f->walk, type_of(reference))->shape != SHAPE_WEAKREF)
		return;
	executor = word_at(reference, WEAKREF_OBJECT);
	if (executor == python.none ||
	    !int_of(attribute(f->walk, executor, "_queue_count"), &given))
		return;
	if (pending && is_dict(pending) && word_at(pending, DICT_USED) <= given)
		given -= word_at(pending, DICT_USED);
	walk_counter(f->walk, "pool.tasks.done", given);
}

/* celery.worker.state.total_count: how many of each name the children took. */
static void tell_celery(const struct frame_seen *f)
{
	uintptr_t counts = global(f->walk, "celery.worker.state", "total_count");
	char name[NAME_MAX_LENGTH];
	struct dict_walk w;
	uint64_t n, all = 0;
	if (!counts || !is_dict(counts))
		return;
	for (dict_walk_init(&w, counts); dict_walk_next(&w);) {
		if (!int_of(w.value, &n))
			continue;
		all += n;
		if (plain_name(w.key, name, sizeof(name)))
			counter_of(f->walk, "pool.task.done", name, n);
	}
	walk_counter(f->walk, "pool.tasks.done", all);
}

static void tell_celery_task(const struct frame_seen *f)
{
	meta_name("task.current", local(f, "name"));
}

/* Of asyncio: the outermost function that is not asyncio's own, which is where the task began. */
static void tell_asyncio_task(const struct frame_seen *f)
{
	if (f->inner)
		meta_name("task.current", word_at(f->inner, python.at->code_name));
}

static void tell_spawned(const struct frame_seen *f)
{
	(void)f;
	walk_meta("worker.method", "spawn");
}

static void tell_served(const struct frame_seen *f)
{
	(void)f;
	walk_meta("worker.method", "forkserver");
}

/* ---- the known functions -------------------------------------------------------------------------------------------------------- */

/*
 * `role` NULL: no role, but something to tell. Of several that fit, the one of the highest rank is the role; of equals the innermost
 * of the oldest thread: a child that was forked within a call of its parent has its parent's frames outside its own.
 */
static const struct known_frame {
	const char *function, *file; /* the file's end */
	const char *role;
	unsigned rank;
	void (*tell)(const struct frame_seen *f);
} known_frames[] = {
	{"workloop", "billiard/pool.py", "billiard.Pool worker", 4, tell_completed},
	{"worker", "multiprocessing/pool.py", "multiprocessing.Pool worker", 4, tell_completed},
	{"_process_worker", "concurrent/futures/process.py", "ProcessPoolExecutor worker", 4,
	 tell_executor_worker},
	{"init_process", "gunicorn/workers/base.py", "gunicorn worker", 4, tell_gunicorn},
	{"run", "gunicorn/arbiter.py", "gunicorn arbiter", 4, NULL},
	{"main", "multiprocessing/forkserver.py", "multiprocessing forkserver", 3, NULL},
	{"main", "multiprocessing/resource_tracker.py", "multiprocessing resource tracker", 3,
	 NULL},
	{"_bootstrap", "multiprocessing/process.py", "multiprocessing process", 3, NULL},
	{"_bootstrap", "billiard/process.py", "billiard process", 3, NULL},
	{"start", "celery/worker/worker.py", "celery main", 2, tell_celery},
	{"run", "concurrent/futures/process.py", "ProcessPoolExecutor", 1, tell_executor},
	{"_queue_management_worker", "concurrent/futures/process.py", "ProcessPoolExecutor", 1,
	 tell_executor},
	{"_handle_workers", "multiprocessing/pool.py", "multiprocessing.Pool", 1, NULL},
	{"trace_task", "celery/app/trace.py", NULL, 0, tell_celery_task},
	{"_run", "asyncio/events.py", NULL, 0, tell_asyncio_task},
	{"spawn_main", "multiprocessing/spawn.py", NULL, 0, tell_spawned},
	{"_serve_one", "multiprocessing/forkserver.py", NULL, 0, tell_served},
};
#define KNOWN (sizeof(known_frames) / sizeof(known_frames[0]))

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);
	return n >= k && memcmp(text + n - k, end, k) == 0 && (n == k || text[n - k - 1] == '/');
}

static const struct known_frame *known_of(uintptr_t code)
{
	char file[1024];
	uintptr_t name = word_at(code, python.at->code_name);
	for (unsigned i = 0; i < KNOWN; i++) {
		if (!text_equals(name, known_frames[i].function))
			continue;
		text_of(word_at(code, python.at->code_filename), file, sizeof(file));
		if (ends_with(file, known_frames[i].file))
			return &known_frames[i];
	}
	return NULL;
}

struct search {
	struct frame_seen f;
	struct frame_seen best_frame;
	const struct known_frame *best;
};

static void look_at(struct search *s)
{
	const struct known_frame *k = known_of(s->f.code);
	if (!k)
		return;
	if (!k->role) {
		k->tell(&s->f);
		return;
	}
	if (!s->best || k->rank > s->best->rank) {
		s->best = k;
		s->best_frame = s->f;
	}
}

static bool is_asyncio(uintptr_t code)
{
	char file[1024];
	text_of(word_at(code, python.at->code_filename), file, sizeof(file));
	return strstr(file, "/asyncio/") != NULL;
}

static void look_at_thread(struct search *s, uintptr_t tstate)
{
	uintptr_t frame = frame_of_thread(tstate);
	s->f.inner = 0;
	for (unsigned i = 0; frame && i < FRAMES_MAX && walk_readable(s->f.walk, frame, 128); i++) {
		bool shown = python.minor <= 10 || frame_owner(frame) != OWNER_C_STACK;
		s->f.frame = frame;
		s->f.code = shown ? frame_code(frame) : 0;
		if (s->f.code) {
			look_at(s);
			if (!is_asyncio(s->f.code))
				s->f.inner = s->f.code;
		}
		frame = frame_caller(frame);
	}
}

/* The interpreter lists the newest thread first: the main thread has the last word, by being looked at first. */
static void look_at_threads(struct search *s)
{
	uintptr_t threads[64];
	unsigned n = 0;
	uintptr_t tstate = python.api.thread_head(python.api.interpreter_main());
	for (unsigned i = 0; tstate && i < THREADS_MAX; i++) {
		threads[n % 64] = tstate;
		n++;
		tstate = word_at(tstate, TSTATE_NEXT);
	}
	for (unsigned i = 0; i < n && i < 64; i++)
		look_at_thread(s, threads[(n - 1 - i) % 64]);
}

/* multiprocessing.process._current_process: who made it, which behind a fork server is not who forked it. */
static void tell_process(struct walk *walk)
{
	uintptr_t self = global(walk, "billiard.process", "_current_process"), parent;
	uint64_t pid;
	parent = self ? attribute(walk, self, "_parent_pid") : 0;
	if (!parent || parent == python.none) {
		self = global(walk, "multiprocessing.process", "_current_process");
		parent = self ? attribute(walk, self, "_parent_pid") : 0;
	}
	if (!parent || parent == python.none || !int_of(parent, &pid))
		return;
	meta_number("worker.parent", pid);
	meta_name("worker.name", attribute(walk, self, "_name"));
}

void python_workers(struct walk *walk)
{
	struct search s = {.f.walk = walk};
	const char *role;
	look_at_threads(&s);
	tell_process(walk);
	if (!s.best)
		return;
	role = s.best->role;
	if (!strcmp(role, "billiard.Pool worker") && namespace_of(walk, "celery.app.trace"))
		role = "celery worker";
	walk_meta("worker.role", role);
	if (s.best->tell)
		s.best->tell(&s.best_frame);
}
