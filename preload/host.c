/*
 * host.c - the shim as adapters see it, and the shim's calls into them.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "adapters/adapter.h"
#include "entry.h"
#include "hooks/elf_symbols.h"
#include "park_signal.h"
#include "snapshot.h"
#include "sys.h"

#define ADAPTERS_MAX 16u
#define REFUSED_MAX 8u

static bool in_force[ADAPTERS_MAX];
static bool all_in_force;
static bool helper_late;
static trylock_t probing;
static size_t modules_probed;
static struct refused refused[REFUSED_MAX];
static size_t refused_used;

/* ---- services ---------------------------------------------------------------------------------------------------------- */

static void *host_symbol(void *handle, const char *name)
{
	return entry_symbol(handle ? handle : RTLD_DEFAULT, name);
}

static uintptr_t host_exported(const char *file, const char *name)
{
	for (size_t i = 0; i < modules_count(); i++) {
		const struct module *m = modules_get(i);
		const char *slash = strrchr(m->path, '/');
		struct exports exports;

		if (!m->unloaded && slash && strncmp(slash + 1, file, strlen(file)) == 0 &&
		    exports_open(m, &exports))
			return exports_address(&exports, name);
	}
	return 0;
}

static bool host_module_writable(uintptr_t code, unsigned i, uintptr_t *low, uintptr_t *high)
{
	uint32_t index = modules_find(code);
	const struct module *m = index ? modules_get(index - 1) : NULL;

	if (!m || i >= m->nwritable)
		return false;
	*low = m->writable[i].low;
	*high = m->writable[i].high;
	return true;
}

static bool host_enter(void)
{
	return hook_enter(FRAME) != NULL;
}

static void host_leave(void)
{
	hook_leave(thread_current);
}

static void host_add(uintptr_t address, size_t size, uint32_t stack)
{
	struct thread *t = thread_current;

	live_insert(address, size, stack);
	if (likely(t) && unlikely(t->made_bytes >= t->next_tick))
		thread_tick(t);
}

static void host_remove(uintptr_t address)
{
	if (unlikely(!live_remove(address, NULL)))
		counter_add(COUNTER_UNKNOWN_FREES, 1);
}

static void host_reborn(uintptr_t address, uint32_t (*stack)(void), uintptr_t caller,
			uintptr_t frame)
{
	live_word *leaf = live_is_odd(address) ? NULL : live_leaf(address), *w;
	struct thread *t;
	uint32_t birth;

	if (unlikely(!leaf) || !live_is_touched(leaf, live_index(address)))
		return;
	w = leaf + live_index(address);
	if (!(live_word_get(w) & LIVE_START) || !(t = hook_enter(FRAME)))
		return;
	birth = stack ? stack() : entry_stack(t, caller, frame);
	live_word_set(w + 1, (live_word_get(w + 1) & ~LIVE_EPOCH_MASK) | entry_epoch());
	live_word_set(w, LIVE_START | birth);
	hook_leave(t);
}

/* A system call, unlike the time of day: a sandbox may kill for it. */
static uint64_t host_processor_time(void)
{
	struct timespec t;

	if (shim_sandboxed || sys(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool host_find(uintptr_t address, size_t *size, uint32_t *stack)
{
	struct live_block block;

	if (!live_find(address, &block))
		return false;
	*size = block.size;
	*stack = block.stack & LIVE_STACK_NUMBER;
	return true;
}

static void host_wrap_inside(void)
{
	request_min_inside = 48;
}

static void host_refuse(uint32_t runtime, const char *version, const char *note)
{
	struct refused *r = refused_used < REFUSED_MAX ? &refused[refused_used] : NULL;

	if (!r)
		return;
	r->runtime = runtime;
	log_format(r->version, sizeof(r->version), "%s", version);
	log_format(r->note, sizeof(r->note), "%s", note);
	refused_used++;
	log_line2(version, note);
}

static void host_helper_late(void)
{
	helper_late = true;
}

/* A thread of ours gets its record before anything else runs in it: so it is known as ours from the first. */
struct host_thread {
	void (*run)(void *);
	void *argument;
};

/* Also when a runtime that finalizes ends the thread inside its own functions. */
static void host_thread_ended(void *unused)
{
	control_thread_ends();
}

static void *host_thread_main(void *context)
{
	struct host_thread start = *(struct host_thread *)context;

	thread_is_ours = true;
	if (thread_self())
		hook_own_begin(); /* to its end */
	pthread_cleanup_push(host_thread_ended, NULL);
	start.run(start.argument);
	pthread_cleanup_pop(1);
	return NULL;
}

static bool host_thread_start(struct host_thread *start)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;
	bool started;

	sigfillset(&all);
	if (pthread_attr_init(&attributes))
		return false;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited */
	started = park_signal_thread(&thread, &attributes, host_thread_main, start) == 0;
	if (started)
		control_thread_made();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return started;
}

static bool host_thread(void (*run)(void *), void *argument)
{
	struct host_thread *start = arena_alloc(sizeof(*start)); /* a few in a process's life */
	struct hook_own own;
	bool started;

	if (!start || !thread_self())
		return false;
	*start = (struct host_thread){run, argument};
	own = hook_own_begin();
	ERRNO_KEPT(started = host_thread_start(start));
	hook_own_end(own);
	return started;
}

static void host_exiting(void)
{
	ERRNO_KEPT(control_exit_snapshot());
}

static void host_mark(const char *label)
{
	struct thread *t = hook_enter(FRAME);

	ERRNO_KEPT(epoch_advance(1, label));
	if (t)
		hook_leave(t);
}

static int host_snapshot(const char *reason, const char *label, char *message, size_t size)
{
	struct snapshot_result result;

	ERRNO_KEPT(control_snapshot(reason, label, "", 0, &result));
	log_format(message, size, "%s", result.message);
	return result.status;
}

static bool host_module_range(uintptr_t pc, uintptr_t *low, uintptr_t *high)
{
	uint32_t index;

	modules_poll();
	index = modules_find(pc);
	if (!index)
		return false;
	*low = modules_get(index - 1)->low;
	*high = modules_get(index - 1)->high;
	return true;
}

static struct adapter_host host = {
	.symbol = host_symbol,
	.exported = host_exported,
	.module_writable = host_module_writable,
	.log = log_line,
	.wrap = &wrap_functions,
	.wrap_inside = host_wrap_inside,
	.block_enter = host_enter,
	.block_leave = host_leave,
	.block_add = host_add,
	.block_remove = host_remove,
	.site = stack_site,
	.frame = stack_frame_runtime,
	.stack = stack_intern_frames,
	.stack_child = stack_child_frame,
	.native_frame = stack_frame_native,
	.module_range = host_module_range,
	.region = region_marked,
	.region_gone = region_unmapped,
	.memory = arena_alloc,
	.refuse = host_refuse,
	.config = &config,
	.helper_late = host_helper_late,
	.block_find = host_find,
	.block_reborn = host_reborn,
	.processor_time = host_processor_time,
	.thread = host_thread,
	.epoch = (const uint32_t *)&epoch_now,
	.mark = host_mark,
	.snapshot = host_snapshot,
	.task_done = task_done,
	.exiting = host_exiting,
	.cancelled = control_cancelled,
	.thread_blocked = freeze_thread_blocked,
	.thread_rests = freeze_thread_rests,
};

/* ---- calls into the adapters ---------------------------------------------------------------------------------------- */

static bool wanted(const struct adapter *adapter)
{
	return (adapter->runtime != RGD_RT_CPYTHON || config.python) &&
	       (adapter->runtime != RGD_RT_GOBJECT || config.gobject);
}

static void probe_all(void *handle)
{
	bool all = true;

	for (unsigned i = 0; adapters[i] && i < ADAPTERS_MAX; i++) {
		if (!wanted(adapters[i]))
			continue;
		if (!in_force[i]) {
			in_force[i] = adapters[i]->probe(&host, handle);
			if (in_force[i] && adapters[i]->runtime == RGD_RT_PHP)
				park_signal_leave_to_libc();
		}
		all = all && in_force[i];
	}
	all_in_force = all;
}

void adapters_start(void)
{
	host.python_stacks = config.python_stacks;
	host.mixed = config.mixed && unwinder;
	host.python_tracer = config.python_tracer;
	host.stack_depth = config.stack_depth;
	host.on_exit = config.on_exit;
	host.on_fatal = config.on_fatal;
	host.values = config.values;
	host.php_stacks = config.php_stacks;
	host.php_request = config.php_request;
	host.php_memory = config.php_memory;
	host.php_epoch_function = config.php_epoch_function;
	probe_all(NULL);
	modules_probed = modules_count();
}

/* A library in a scope of its own is asked through a handle; one that is followed is then never unloaded. */
static void probe_module(const struct module *m)
{
	unsigned before = 0, after = 0;
	void *handle;

	if (m->own || m->unloaded || m->path[0] != '/')
		return;
	handle = real.dlopen(m->path, RTLD_LAZY | RTLD_NOLOAD);
	if (!handle) {
		entry_forget_error();
		return;
	}
	for (unsigned i = 0; adapters[i] && i < ADAPTERS_MAX; i++)
		before += in_force[i];
	probe_all(handle);
	for (unsigned i = 0; adapters[i] && i < ADAPTERS_MAX; i++)
		after += in_force[i];
	if (before == after)
		real.dlclose(handle);
}

void adapters_loaded(void)
{
	size_t count;

	modules_poll();
	count = modules_count();
	if (all_in_force || count == modules_probed || !trylock_once(&probing))
		return;
	for (size_t i = modules_probed; i < count && !all_in_force; i++)
		probe_module(modules_get(i));
	modules_probed = count;
	trylock_release(&probing);
}

void adapters_recheck(void)
{
	for (unsigned i = 0; adapters[i] && i < ADAPTERS_MAX; i++) {
		if (in_force[i] && adapters[i]->recheck)
			adapters[i]->recheck();
	}
}

void adapters_after_fork_child(void)
{
	trylock_release(&probing);
	for (unsigned i = 0; adapters[i] && i < ADAPTERS_MAX; i++) {
		if (in_force[i] && adapters[i]->after_fork_child)
			adapters[i]->after_fork_child();
	}
}

uint32_t adapters_mix(const uintptr_t *pcs, size_t n, bool whole)
{
	uint32_t stack = 0;

	for (unsigned i = 0; adapters[i] && i < ADAPTERS_MAX && !stack; i++)
		if (in_force[i] && adapters[i]->mix)
			stack = adapters[i]->mix(pcs, n, whole);
	return stack;
}

bool adapters_helper_late(void)
{
	return helper_late;
}

size_t adapters_refused(const struct refused **list)
{
	*list = refused;
	return refused_used;
}
