/*
 * helper.c - the helper: our only lasting thread. It sleeps on the page's request_serial and on jobs_marks; whoever wants something
 * of it leaves a mark and rings. It has descriptors, root and working directory of its own where the kernel lets it, so that what
 * it opens never shows in the program and a changed root does not matter to it.
 *
 * When it runs is decided in control.c, what it does in jobs.c.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "control.h"
#include "entry.h"
#include "glue.h"
#include "guard.h"
#include "park_signal.h"
#include "snapshot.h"

static _Atomic uint32_t helper_state;
static pthread_t helper_thread;
static _Atomic uint32_t stop; /* the helper is asked to end */
static _Atomic uint32_t about_to_sleep;
static _Atomic uint32_t helper_there; /* futex word: it is isolated and listens */
static bool may_isolate;	      /* no system call filter was in force at the start */
static __thread bool isolated TLS_FAST;

bool helper_is(enum helper_state state)
{
	return atomic_load(&helper_state) == (uint32_t)state;
}

bool helper_self(void)
{
	return thread_current && thread_current->internal;
}

bool helper_stopping(void)
{
	return atomic_load(&stop);
}

bool control_isolated(void)
{
	return isolated;
}

void helper_after_fork_child(void)
{
	atomic_store(&helper_state, HELPER_NONE);
	atomic_store(&stop, 0);
	atomic_store(&about_to_sleep, 0);
	isolated = false;
}

/* ---- waking and sleeping ------------------------------------------------------------------------------------------------------------ */

/*
 * The helper says that it is about to sleep and then looks at the marks once more; who leaves a mark rings only when it
 * said so, and rings until somebody woke, for a while: the helper may be kept from its sleep by a debugger.
 */
void helper_ring(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < 1000 && atomic_load(&about_to_sleep); i++) {
		if (control_page &&
		    control_futex_wake((_Atomic uint32_t *)&control_page->request_serial) > 0)
			return;
		sys(SYS_sched_yield);
	}
}

/*
 * Until one of the two words is not what it was, or somebody rings. A mark that is left between the helper's last look and its
 * sleep is seen by the kernel. Before Linux 5.16 only the page's word can be waited for, and who rings must ring again.
 */
static void wait_for_work(uint32_t seen, long ms)
{
	struct futex_waitv words[] = {
		{.val = seen, .uaddr = (uintptr_t)&control_page->request_serial, .flags = FUTEX_32},
		{.val = 0, .uaddr = (uintptr_t)&jobs_marks, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG},
	};
	uint64_t until = control_now_ms() + (uint64_t)ms;
	struct timespec end = {(time_t)(until / 1000), (long)(until % 1000) * 1000000};

	if (sys_under_valgrind() ||
	    sys(SYS_futex_waitv, words, 2, 0, ms < 0 ? NULL : &end, CLOCK_MONOTONIC) == -ENOSYS)
		control_futex_wait((_Atomic uint32_t *)&control_page->request_serial, seen, ms);
}

static void helper_sleep(void)
{
	uint32_t seen = jobs_page_request();
	long ms = triggers_timer_left();
	atomic_store(&about_to_sleep, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load(&stop) && !jobs_asked())
		wait_for_work(seen, ms);
	atomic_store(&about_to_sleep, 0);
}

/* ---- the thread --------------------------------------------------------------------------------------------------------------------- */

/* Descriptors, root and working directory of its own. */
static void isolate(void)
{
	isolated = may_isolate && sys(SYS_close_range, 0u, ~0u, 2u /* CLOSE_RANGE_UNSHARE */) == 0;
	if (isolated)
		sys(SYS_unshare, CLONE_FS);
}

/*
 * libc ends the process when its last thread ends, and counts us. A program whose main thread leaves by pthread_exit()
 * would never end. So we are taken out of the count while we live: the last thread of the program is the last again.
 * The counter is libc's own, exported for debuggers; where it is not, such a program ends only by exit().
 */
static _Atomic uint32_t *libc_threads;

static void count_helper(int by)
{
	if (libc_threads)
		atomic_fetch_add(libc_threads, (uint32_t)by);
}

void control_thread_made(void)
{
	count_helper(-1);
}

/* None but us: the program's last thread has ended and is in exit(); libc must not take us for the last one and end the
 * process in the middle of that. */
void control_thread_ends(void)
{
	if (libc_threads)
		count_helper(atomic_load(libc_threads) ? 1 : 2);
}

/* A runtime that finalizes may end the thread inside its own functions. Everything is let go then. */
static void helper_ended(void *unused)
{
	thaw_world();
	jobs_given_up("the runtime ended the helper thread; try again");
	control_page_state(RGC_NO_HELPER);
	control_thread_ends();
	atomic_store(&helper_state, HELPER_GONE);
}

/* One step at a time, each inside the gate. */
static void helper_step(void)
{
	control_gate_enter(0);
	if (!atomic_load(&stop))
		jobs_step();
	control_gate_leave();
}

static void *helper_main(void *unused)
{
	struct thread *t;

	thread_is_ours = true;
	t = thread_self();
	if (t)
		t->hook_frame = UINTPTR_MAX; /* what it allocates is not the program's */
	sys(SYS_prctl, PR_SET_NAME, "refgraph");
	isolate();
	control_page->helper_tid = glue_tid();
	control_page_state(RGC_READY);
	atomic_store(&helper_there, 1);
	control_futex_wake(&helper_there);
	pthread_cleanup_push(helper_ended, NULL);
	while (!atomic_load(&stop)) {
		if (!snapshot_active() && !jobs_wait()) {
			helper_sleep();
			continue;
		}
		helper_step();
		if (snapshot_active())
			snapshot_nap();
	}
	pthread_cleanup_pop(0);
	control_thread_ends();
	return NULL;
}

#define HELPER_STACK ((size_t)256 << 10)

/* Large thread-local storage of the program's libraries counts against a stack: then the default size. */
static int create_thread(void)
{
	pthread_attr_t attributes;
	int status;
	if (pthread_attr_init(&attributes))
		return ENOMEM;
	pthread_attr_setstacksize(&attributes, HELPER_STACK);
	status = park_signal_thread(&helper_thread, &attributes, helper_main, NULL);
	pthread_attr_destroy(&attributes);
	if (status == EINVAL)
		status = park_signal_thread(&helper_thread, NULL, helper_main, NULL);
	return status;
}

/* Until the helper has its own root, a chroot of the program would take it along. A child of fork does not wait: it may be
 * gone soon, and a processor may be far. */
static void wait_until_there(void)
{
	uint64_t until = control_now_ms() + 1000;
	while (!atomic_load(&helper_there) && control_now_ms() < until)
		control_futex_wait(&helper_there, 0, 100);
}

/* All signals are blocked in the helper but libc's own two, by which it tells threads about setuid. */
void helper_start(bool wait)
{
	uint64_t mask = ~(3ull << 31), before;
	struct thread *t = thread_self();
	uintptr_t frame = t ? t->hook_frame : 0;
	bool single, made;

	if (helper_is(HELPER_RUNNING) || !config.helper)
		return;
	if (t)
		t->hook_frame = UINTPTR_MAX;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &before, SYS_SIGSET_SIZE);
	atomic_store(&helper_there, 0);
	single = single_ahead();
	made = !create_thread();
	if (made) {
		atomic_store(&helper_state, HELPER_RUNNING);
		if (wait)
			wait_until_there();
		control_thread_made();
	} else {
		control_page_state(RGC_NO_HELPER);
	}
	single_keep(made ? t : NULL, single);
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, SYS_SIGSET_SIZE);
	if (t)
		t->hook_frame = frame;
}

/*
 * pthread_join() returns when the thread has left its stack; the kernel counts it a moment longer, and for that moment refuses
 * what only a program of one thread may do.
 */
#define UNCOUNTED_MS 1000u
static void wait_until_uncounted(uint32_t tid)
{
	struct timespec nap = {0, 20000};
	uint64_t start = control_now_ms();

	while (sys(SYS_tgkill, glue_pid(), tid, 0) == 0 && control_now_ms() - start < UNCOUNTED_MS)
		sys(SYS_nanosleep, &nap, NULL);
}

/* It may be about to sleep, and be stopped there by a debugger for as long as it likes: rung until it is gone. */
static void helper_join(void)
{
	struct timespec until;
	uint64_t ms;

	do {
		helper_ring();
		ms = control_now_ms() + 20;
		until = (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
	} while (pthread_clockjoin_np(helper_thread, NULL, CLOCK_MONOTONIC, &until) == ETIMEDOUT);
}

void helper_stop(void)
{
	uint32_t tid = control_page->helper_tid;

	if (helper_is(HELPER_NONE))
		return;
	atomic_store(&stop, 1);
	helper_join();
	wait_until_uncounted(tid);
	/* a snapshot without a helper, in a child of fork() say, is not cancelled by that */
	atomic_store(&stop, 0);
	atomic_store(&helper_state, HELPER_NONE);
	atomic_store(&about_to_sleep, 0);
}

/* Asked once, before main: under somebody's system call filter unusual calls may kill. */
static void look_for_filter(void)
{
	char text[4096];
	const char *p = NULL;
	if (sys_read_file("/proc/self/status", text, sizeof text) > 0)
		p = strstr(text, "\nSeccomp:");
	may_isolate = p && p[9 + strspn(p + 9, " \t")] == '0';
}

/* Only a counter that counts is one. */
static void find_libc_threads(void)
{
	_Atomic uint32_t *p = entry_symbol(RTLD_DEFAULT, "__nptl_nthreads");
	libc_threads = p && atomic_load(p) >= 1 && atomic_load(p) < 100000 ? p : NULL;
}

void helper_init(void)
{
	find_libc_threads();
	single_init();
	look_for_filter();
}
