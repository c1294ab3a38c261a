/*
 * control.c - everybody who asks for something: the program by refgraph_snapshot() and at exit, the triggers, the tool by the control
 * page; and when there is a helper (helper.c) to do it (jobs.c).
 *
 * The helper works only while it holds the gate. Who forks takes the gate first, so that the child finds no lock of libc or ld.so
 * in the hands of a thread that it does not have; who exits takes it and keeps it. Normally that costs one atomic operation,
 * because the helper sleeps. For setuid, unshare and the like it is stopped and joined (control_pause), also while a walker
 * is still writing: the job stays where it is and the next helper goes on with it.
 */
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#include "adapters/adapter.h"
#include "control.h"
#include "glue.h"
#include "guard.h"
#include "snapshot.h"

static uint64_t process_key;
static uintptr_t main_tls, main_tls_low, main_tls_high;

uint64_t control_process_key(void)
{
	return process_key;
}

void control_main_tls(uintptr_t *low, uintptr_t *high)
{
	*low = main_tls ? main_tls_low : 0;
	*high = main_tls ? main_tls_high : 0;
}

/* What libraries that come later may get of the static block, and libc's thread descriptor at the thread pointer. */
#define TLS_SURPLUS ((uintptr_t)4096)
#define TLS_DESCRIPTOR ((uintptr_t)2560)

/* A block far from the thread pointer is a dynamic one: memory of the allocator. */
static int widen_tls(struct dl_phdr_info *info, size_t size, void *unused)
{
	uintptr_t block = (uintptr_t)info->dlpi_tls_data;
	if (!block || (block < main_tls ? main_tls - block : block - main_tls) > (uintptr_t)64
											 << 20)
		return 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type != PT_TLS)
			continue;
		if (block < main_tls_low)
			main_tls_low = block;
		if (block + info->dlpi_phdr[i].p_memsz > main_tls_high)
			main_tls_high = block + info->dlpi_phdr[i].p_memsz;
	}
	return 0;
}

/* In the constructor, in the main thread: ld.so has made one block for the libraries that came with the program. */
static void find_main_tls(void)
{
	main_tls = (uintptr_t)__builtin_thread_pointer();
	main_tls_low = main_tls;
	main_tls_high = main_tls + TLS_DESCRIPTOR;
	dl_iterate_phdr(widen_tls, NULL);
	main_tls_low -= TLS_SURPLUS;
}

/* ---- when there is a helper ------------------------------------------------------------------------------------------------------- */

static _Atomic uint32_t helper_lock;
static uint32_t pause_depth;	     /* under helper_lock */
static _Atomic uint32_t wanted_late; /* to be started at the next tick */
static _Atomic bool sandboxed, exiting;

/* Under helper_lock. */
static void helper_wanted(bool wait)
{
	if (atomic_load(&sandboxed) || atomic_load(&exiting) || pause_depth)
		return;
	atomic_store(&wanted_late, 0);
	helper_start(wait);
}

bool control_helper_returns(void)
{
	return pause_depth || atomic_load(&wanted_late);
}

/* The thread that forks brings it back, when it has left the runtime's fork and goes about its business. */
#define LATE_BYTES ((uint64_t)32 << 10)
static void want_late(void)
{
	struct thread *t = thread_current;
	atomic_store(&wanted_late, 1);
	if (t && t->next_tick > t->made_bytes + LATE_BYTES)
		t->next_tick = t->made_bytes + LATE_BYTES;
}

/* ---- the gate ------------------------------------------------------------------------------------------------------------------- */

static _Atomic uint32_t gate; /* futex word: 0 free, else the tid that is inside */
static uint32_t gate_depth;
static _Atomic uint32_t
	gate_wanted; /* by a thread that may hold a runtime's lock: do not wait for that */

bool control_cancelled(void)
{
	return helper_stopping() || atomic_load(&gate_wanted);
}

/* A signal handler may fork within a fork: the owner may enter again. False after `ms`. */
bool control_gate_enter(uint32_t ms)
{
	uint32_t self = glue_tid(), owner = 0;
	uint64_t until = ms ? control_now_ms() + ms : 0;
	while (!atomic_compare_exchange_strong(&gate, &owner, self) && owner != self) {
		if (until && control_now_ms() > until)
			return false;
		control_futex_wait(&gate, owner, 10);
		owner = 0;
	}
	gate_depth++;
	return true;
}

void control_gate_leave(void)
{
	if (--gate_depth)
		return;
	atomic_store(&gate, 0);
	control_futex_wake(&gate);
}

void control_fork_prepare(void)
{
	if (!control_page)
		return;
	if (adapters_helper_late()) { /* its fork looks at the number of threads */
		control_pause();
		return;
	}
	atomic_fetch_add(&gate_wanted, 1);
	control_gate_enter(0);
	atomic_fetch_sub(&gate_wanted, 1);
}

void control_fork_parent(void)
{
	if (!control_page)
		return;
	if (adapters_helper_late())
		control_resume(false);
	else if (atomic_load(&gate) == glue_tid())
		control_gate_leave();
}

#define EXEC_WAIT_MS 5000u
bool control_exec_prepare(void)
{
	bool entered;

	if (!control_page || atomic_load(&sandboxed))
		return false;
	atomic_fetch_add(&gate_wanted, 1);
	entered = control_gate_enter(EXEC_WAIT_MS);
	atomic_fetch_sub(&gate_wanted, 1);
	return entered;
}

void control_exec_failed(void)
{
	control_gate_leave();
}

/* ---- pausing -------------------------------------------------------------------------------------------------------------------------- */

void control_pause(void)
{
	if (helper_self() || !control_page)
		return;
	control_lock(&helper_lock);
	if (!pause_depth++)
		helper_stop();
	control_unlock(&helper_lock);
}

void control_resume(bool at_once)
{
	if (helper_self() || !control_page)
		return;
	control_lock(&helper_lock);
	if (pause_depth && !--pause_depth) {
		control_page_check_user();
		if (at_once)
			helper_wanted(true);
		else
			want_late();
	}
	control_unlock(&helper_lock);
}

void control_tick(void)
{
	uint32_t free_value = 0;
	if (helper_self() || !control_page)
		return;
	if (triggers_growth())
		control_trigger(TRIGGER_GROWTH);
	if (!atomic_load_explicit(&wanted_late, memory_order_relaxed) && !helper_is(HELPER_GONE))
		return;
	if (!atomic_compare_exchange_strong(&helper_lock, &free_value, 1))
		return;
	if (helper_is(HELPER_GONE))
		helper_stop(); /* joins what is left of it */
	helper_wanted(false);
	control_unlock(&helper_lock);
}

void control_sandboxed(void)
{
	if (helper_self() || !control_page || atomic_load(&sandboxed))
		return;
	control_lock(&helper_lock);
	atomic_store(&sandboxed, true);
	helper_stop();
	jobs_abandon(2000);
	control_page_state(RGC_SANDBOXED);
	jobs_refuse(EPERM, "the program is entering a sandbox (seccomp); no dumps from here on");
	control_unlock(&helper_lock);
}

/* ---- requests of the program's own threads ---------------------------------------------------------------------------------------------- */

#define LET_GO_MAX 8
/* The helper may be waiting for a runtime's lock that the calling thread holds. */
static void runtimes_let_go(void *tokens[LET_GO_MAX])
{
	for (unsigned i = 0; i < LET_GO_MAX && adapters[i]; i++)
		tokens[i] = adapters[i]->let_go ? adapters[i]->let_go() : NULL;
}

static void runtimes_take_back(void *tokens[LET_GO_MAX])
{
	for (unsigned i = 0; i < LET_GO_MAX && adapters[i]; i++)
		if (tokens[i] && adapters[i]->take_back)
			adapters[i]->take_back(tokens[i]);
}

/* Without a helper: here and now. */
static int take_here(const char *reason, const char *label, const char *path,
		     struct snapshot_result *result)
{
	struct thread *t = thread_self();
	uintptr_t frame = t ? t->hook_frame : 0;
	control_gate_enter(0);
	if (t)
		t->hook_frame = UINTPTR_MAX;
	/* one that a helper left is ended first: two walkers would share a page. It has its deadline */
	jobs_abandon(~0u);
	snapshot_take(reason, label, path, result);
	if (t)
		t->hook_frame = frame;
	control_gate_leave();
	return result->status;
}

static int ask(const char *reason, const char *label, const char *path, unsigned limit_ms,
	       struct snapshot_result *result)
{
	void *tokens[LET_GO_MAX] = {NULL};
	unsigned deadline = config.deadline_ms ? config.deadline_ms : 120000;

	memset(result, 0, sizeof *result);
	result->status = ENOTSUP;
	if (atomic_load(&sandboxed)) {
		log_format(result->message, sizeof result->message,
			   "the program is in a sandbox (seccomp)");
		return result->status = EPERM;
	}
	if (helper_self() || !control_page || glue_pid() != shim_pid)
		return ENOTSUP;
	if (!helper_is(HELPER_RUNNING))
		return take_here(reason, label, path, result);
	runtimes_let_go(tokens);
	jobs_local(reason, label, path, limit_ms ? limit_ms : 2 * deadline + 15000, result);
	runtimes_take_back(tokens);
	return result->status;
}

/* Why the program's own call asks; from inside of its calls (a fatal signal, a runtime's hook) our frames may hold what it has nowhere else. */
static bool is_call(const char *reason)
{
	return !strcmp(reason, "call") || !strcmp(reason, "leak check") || !strcmp(reason, "exit");
}

int control_snapshot(const char *reason, const char *label, const char *path, unsigned limit_ms,
		     struct snapshot_result *result)
{
	struct thread *t = thread_current;
	int status;

	if (!t || !is_call(reason))
		return ask(reason, label, path, limit_ms, result);
	caller_find(t, !strcmp(reason, "exit"));
	status = ask(reason, label, path, limit_ms, result);
	caller_forget(t);
	return status;
}

int control_request(uint32_t command, const char *label, const char *path)
{
	struct snapshot_result result;
	int status = 0;
	if (!control_page)
		return ENOTSUP;
	if (command == RGC_MARK)
		ERRNO_KEPT(epoch_advance(1, label));
	else if (command == RGC_SNAPSHOT)
		ERRNO_KEPT(status = control_snapshot("call", label, path, 0, &result));
	else
		return EINVAL;
	return status;
}

/* ---- exit ---------------------------------------------------------------------------------------------------------------------------------- */

static _Atomic bool exit_snapshot_taken;

void control_exit_snapshot(void)
{
	struct snapshot_result result;
	if (!config.on_exit || !control_page || atomic_exchange(&exit_snapshot_taken, true))
		return;
	if (control_snapshot("exit", "", "", 0, &result))
		log_line2("no dump at exit", result.message);
}

/* How long an exit waits for a dump that the user asked for and that is being written. */
#define EXIT_GRACE_MS 5000u

/*
 * The process is about to end. Whoever waits for an answer gets one. A walker that is still writing after the grace goes on by
 * itself and finishes the file.
 */
void control_at_exit(bool quick)
{
	/* in a sandbox even asking for our pid may be forbidden */
	if (helper_self() || !control_page || atomic_load(&sandboxed) || glue_pid() != shim_pid)
		return;
	control_exit_snapshot();
	if (atomic_exchange(&exiting, true))
		return;
	control_page_state(RGC_EXITING);
	atomic_fetch_add(&gate_wanted, 1);
	if (!control_gate_enter(
		    EXIT_GRACE_MS)) /* kept: the helper does nothing more, not even by leaving */
		return;
	jobs_abandon(EXIT_GRACE_MS);
	jobs_refuse(ESHUTDOWN, snapshot_active()
				       ? "the program ended while its dump was being written; the "
					 "walker goes on and the file appears when it is complete"
				       : "the program is exiting");
	control_page_remove();
}

/* ---- start and fork --------------------------------------------------------------------------------------------------------------------------- */

/* AT_RANDOM is new with each exec; pid and time tell a fork's child from its parent. */
static void make_process_key(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	struct timespec t = {0, 0};
	uint64_t key = 0;
	if (random)
		memcpy(&key, random, sizeof key);
	sys(SYS_clock_gettime, CLOCK_REALTIME, &t);
	key ^= ((uint64_t)glue_pid() << 40) ^ (uint64_t)t.tv_sec * 1000000007u ^
	       (uint64_t)t.tv_nsec;
	key *= 0x9e3779b97f4a7c15ull;
	process_key = key ^ key >> 29;
}

void control_init(void)
{
	find_main_tls();
	entry_wait_init();
	entry_sync_init();
	entry_exec_init();
	entry_stat_init();
	helper_init();
	make_process_key();
	control_page_make();
	triggers_init();
	if (!config.helper)
		control_page_state(RGC_NO_HELPER);
	control_lock(&helper_lock);
	helper_wanted(true);
	control_unlock(&helper_lock);
}

void control_after_fork_child(void)
{
	bool main_thread = control_page && (uintptr_t)__builtin_thread_pointer() == main_tls;

	atomic_store(&helper_lock, 0);
	atomic_store(&gate, 0);
	gate_depth = 0;
	atomic_store(&gate_wanted, 0);
	atomic_store(&exiting, false);
	atomic_store(&exit_snapshot_taken, false);
	pause_depth = 0;
	if (!main_thread)
		main_tls = 0;
	helper_after_fork_child();
	jobs_after_fork_child();
	freeze_after_fork_child();
	snapshot_after_fork_child();
	triggers_after_fork_child();
	make_process_key();
	control_page_forget();
	control_page_make();
	if (atomic_load(&sandboxed)) {
		control_page_state(RGC_SANDBOXED);
		return;
	}
	if (!config.helper)
		control_page_state(RGC_NO_HELPER);
	if (adapters_helper_late()) {
		want_late();
		return;
	}
	control_lock(&helper_lock);
	helper_wanted(false);
	control_unlock(&helper_lock);
}
