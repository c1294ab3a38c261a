/*
 * init.c - how the shim starts, forks and ends.
 *
 * It starts in two steps. shim_start() runs inside the first hook that anybody calls, often ld.so itself: configuration, real
 * functions, tables. The constructor, which comes after those of all libraries and before those of the program, does what
 * needs a working libc: unwinder, modules, adapters, the helper. What must be done while there is one thread (functions are hooked)
 * comes earlier when a library's constructor starts one.
 *
 * It stays out, and everything passes through, when it is told to (REFGRAPH=off), when there is no memory for its tables, and in a
 * set-uid program, should the loader ever let us in there.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <time.h>

#include "entry.h"
#include "exec_image.h"
#include "hooks/record.h"
#include "mempool.h"

_Atomic uint32_t shim_state = SHIM_NEW;
uint32_t shim_pid;
_Atomic bool shim_sandboxed;

const struct unwinder *unwinder;

extern void *__libc_stack_end; /* ld.so: where the kernel left argc, argv, environment */

char **shim_environment(void)
{
	/* libc's own copy is set by its constructor, which has not run when the first hook is called */
	char **words = (char **)__libc_stack_end + 1;

	while (*words)
		words++;
	return words + 1;
}

static bool start_tables(void)
{
	return live_init() && stack_init() && threads_init();
}

static void go_off(const char *why)
{
	native_followed = false;
	entry_mode_set();
	native_note = why;
	atomic_store_explicit(&shim_state, SHIM_OFF, memory_order_release);
}

static void start(void)
{
	log_init();
	config_init();
	exec_image_init();
	tracking_init();
	entry_init();
	shim_pid = glue_pid();
	if (!config.enabled) {
		go_off("off by REFGRAPH");
	} else if (getauxval(AT_SECURE)) {
		go_off("a privileged program");
	} else if (!start_tables()) {
		go_off("no memory for the tables");
		log_line("there is no memory for the tables: this program is not followed");
	} else {
		epoch_advance(0, NULL);
		lineage_started();
		atomic_store_explicit(&shim_state, SHIM_ON, memory_order_release);
	}
}

enum shim_state shim_start(void)
{
	uint32_t state = SHIM_NEW;

	if (atomic_compare_exchange_strong_explicit(&shim_state, &state, SHIM_STARTING,
						    memory_order_acq_rel, memory_order_acquire))
		ERRNO_KEPT(start());
	return (enum shim_state)atomic_load_explicit(&shim_state, memory_order_acquire);
}

/* ---- fork -------------------------------------------------------------------------------------------------------------- */

static trylock_t *const fork_locks[] = {&threads_lock,	&epoch_lock, &modules_lock,
					&regions_lock,	&stack_lock, &live_odd_lock,
					&annotate_lock, &rules_lock};
#define FORK_LOCKS (sizeof(fork_locks) / sizeof(fork_locks[0]))

/* Mine, or `all`: in the child nobody else is there. */
static void fork_lock_release(trylock_t *lock, bool all)
{
	if (all || trylock_is_mine(lock))
		trylock_release(lock);
}

static void fork_locks_release(bool all)
{
	for (unsigned i = MEMPOOL_SHARDS; i > 0; i--)
		fork_lock_release(&mempool_locks[i - 1], all);
	for (unsigned i = FORK_LOCKS; i > 0; i--)
		fork_lock_release(fork_locks[i - 1], all);
}

/*
 * libc lets threads fork at the same time and runs their handlers side by side. What one of them has locked is its own to
 * unlock: so one forks after the other. `fork_owner` is a futex word; a handler of a signal may fork within a fork.
 */
static _Atomic uint32_t fork_owner;
static unsigned fork_depth;
__thread bool fork_holds;

static bool fork_enter(void)
{
	uint32_t self = trylock_owner(), owner = 0;
	const struct timespec nap = {0, 10000000};

	while (!atomic_compare_exchange_strong(&fork_owner, &owner, self) && owner != self) {
		sys(SYS_futex, &fork_owner, FUTEX_WAIT_PRIVATE, owner, &nap);
		owner = 0;
	}
	return fork_depth++ == 0;
}

static void fork_leave(void)
{
	if (--fork_depth)
		return;
	atomic_store(&fork_owner, 0);
	sys(SYS_futex, &fork_owner, FUTEX_WAKE_PRIVATE, 0x7fffffff);
}

/* Ours are registered first, so they run last before the fork and first after it. */
static void fork_prepare(void)
{
	if (atomic_load_explicit(&shim_state, memory_order_relaxed) != SHIM_ON)
		return;
	ERRNO_KEPT(control_fork_prepare());
	if (!fork_enter())
		return;
	for (unsigned i = 0; i < FORK_LOCKS; i++)
		trylock(fork_locks[i]);
	record_fork_prepare();
	for (unsigned i = 0; i < MEMPOOL_SHARDS; i++)
		trylock(&mempool_locks[i]);
	fork_holds = true;
}

static void fork_parent(void)
{
	if (atomic_load_explicit(&shim_state, memory_order_relaxed) != SHIM_ON)
		return;
	fork_holds = fork_depth > 1;
	if (fork_depth == 1) {
		record_fork_done(false);
		fork_locks_release(false);
	}
	fork_leave();
	ERRNO_KEPT(control_fork_parent());
}

static void fork_child(void)
{
	uint32_t parent = shim_pid;
	if (atomic_load_explicit(&shim_state, memory_order_relaxed) != SHIM_ON)
		return;
	fork_holds = false;
	record_fork_done(true);
	fork_locks_release(true);
	atomic_store(&fork_owner, 0);
	fork_depth = 0;
	if (shim_sandboxed || !config.children) {
		go_off(shim_sandboxed ? "a child made in a sandbox"
				      : "a child, by REFGRAPH_CHILDREN");
		thread_current = NULL;
		return;
	}
	shim_pid = glue_pid();
	threads_after_fork_child();
	deepbind_after_fork_child();
	ERRNO_KEPT({
		lineage_forked(parent, epoch_advance(3, "fork"));
		adapters_after_fork_child();
		control_after_fork_child();
	});
}

/* ---- constructor and destructor ------------------------------------------------------------------------------------------- */

void shim_before_threads(void)
{
	static bool begun;
	struct hook_own own;

	if (begun || !thread_self())
		return;
	begun = true;
	own = hook_own_begin();
	ERRNO_KEPT({
		modules_init();
		deepbind_init();
		tracking_unwinder();
		calls_init();
		caller_init();
		rules_start();
	});
	hook_own_end(own);
}

/* It comes after the libraries' own: nothing that the program is linked with depends on us. */
__attribute__((constructor(101))) static void shim_constructor(void)
{
	struct hook_own own;

	shim_before_threads();
	if (!thread_self())
		return;
	own = hook_own_begin();
	ERRNO_KEPT({
		pthread_atfork(fork_prepare, fork_parent, fork_child);
		adapters_start();
		control_init();
	});
	hook_own_end(own);
}

static void say_counters(void)
{
	char line[512];
	uint64_t objects, bytes;
	int n;

	live_totals(&objects, &bytes);
	n = log_format(line, sizeof(line),
		       "pid %u: %lu live blocks, %lu bytes, epoch %u, %u stacks", shim_pid, objects,
		       bytes, epoch_now, stack_count());
	for (unsigned i = 0; i < COUNTER_MAX; i++) {
		if (counter_get(i))
			n += log_format(line + n, sizeof(line) - (size_t)n, ", %s %lu",
					counter_names[i], counter_get(i));
	}
	log_line(line);
}

__attribute__((destructor)) static void shim_destructor(void)
{
	/* the process may end with its last thread, which has no record any more */
	if (atomic_load_explicit(&shim_state, memory_order_relaxed) != SHIM_ON || shim_sandboxed)
		return;
	ERRNO_KEPT(control_at_exit(false));
	if (config.verbose)
		say_counters();
}
