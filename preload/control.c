/*
 * control.c - the helper thread and everybody who asks it for something: the tool by the control page, the program by
 * refgraph_snapshot(), the triggers.
 *
 * The helper is our only lasting thread. It sleeps on the page's request_serial; whoever else wants it leaves a mark and rings
 * there too. It has descriptors, root and working directory of its own where the kernel lets it, so that what it opens never
 * shows in the program and a changed root does not matter to it.
 *
 * It works only while it holds the gate. Who forks takes the gate first, so that the child finds no lock of libc or ld.so
 * in the hands of a thread that it does not have; who exits takes it and keeps it. Normally that costs one atomic operation,
 * because the helper sleeps. For setuid, unshare and the like it is stopped and joined (control_pause), also while a walker
 * is still writing: the job stays where it is and the next helper goes on with it.
 *
 * Locks: helper_lock (starting and stopping) > gate; local.lock (one request of the program's own threads at a time). The
 * helper takes the gate only.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <time.h>

#include "adapters/adapter.h"
#include "entry.h"
#include "glue.h"
#include "guard.h"
#include "park_signal.h"
#include "snapshot.h"

static uint64_t process_key;
static uintptr_t main_tls, main_tls_low, main_tls_high;

/* ---- small helpers --------------------------------------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
	struct timespec t = {0, 0};
	sys(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* The words of the page are shared with the tool: no FUTEX_PRIVATE there. */
static long futex_wait(_Atomic uint32_t *word, uint32_t value, long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	return sys(SYS_futex, word, FUTEX_WAIT, value, ms < 0 ? NULL : &t);
}

static long futex_wake(_Atomic uint32_t *word)
{
	return sys(SYS_futex, word, FUTEX_WAKE, 0x7fffffff);
}

/* A lock that waits; a holder runs for a bounded time. */
static void lock(_Atomic uint32_t *word)
{
	uint32_t free_value = 0;
	while (!atomic_compare_exchange_strong(word, &free_value, 1)) {
		futex_wait(word, free_value, 10);
		free_value = 0;
	}
}

static void unlock(_Atomic uint32_t *word)
{
	atomic_store(word, 0);
	futex_wake(word);
}

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

/* ---- the helper's state ------------------------------------------------------------------------------------------------------- */

enum helper_state {
	HELPER_NONE,
	HELPER_RUNNING,
	HELPER_GONE /* it ended by itself: pthread_exit in a runtime */
};

static _Atomic uint32_t helper_lock;
static _Atomic uint32_t helper_state;
static pthread_t helper_thread;
static uint32_t pause_depth;	     /* under helper_lock */
static _Atomic uint32_t wanted_late; /* to be started at the next tick */
static _Atomic bool sandboxed, exiting;
static __thread bool isolated TLS_FAST;

static _Atomic uint32_t stop; /* the helper is asked to end */
static _Atomic uint32_t gate; /* futex word: 0 free, else the tid that is inside */
static uint32_t gate_depth;
static _Atomic uint32_t
	gate_wanted; /* by a thread that may hold a runtime's lock: do not wait for that */
static _Atomic uint32_t marks; /* enum trigger, LOCAL_MARK */
static _Atomic uint32_t about_to_sleep;
static _Atomic uint32_t helper_there; /* futex word: it is isolated and listens */
static bool may_isolate;	      /* no system call filter was in force at the start */
#define LOCAL_MARK 0x100u

/* A request of one of the program's threads. */
static struct {
	_Atomic uint32_t lock;
	_Atomic uint32_t done; /* futex word */
	const char *reason;
	char label[256], path[1024];
	struct snapshot_result result;
} local;

/* What the active job is for. */
enum job_kind { JOB_NONE, JOB_PAGE, JOB_LOCAL, JOB_TRIGGER };
static enum job_kind job_kind;
static uint32_t job_serial; /* of the page's request */
static const char *job_reason;
static uint32_t job_mark; /* enum trigger of a JOB_TRIGGER */

bool control_cancelled(void)
{
	return atomic_load(&stop) || atomic_load(&gate_wanted);
}

/* ---- the gate ------------------------------------------------------------------------------------------------------------------- */

/* A signal handler may fork within a fork: the owner may enter again. False after `ms`. */
static bool gate_enter(uint32_t ms)
{
	uint32_t self = glue_tid(), owner = 0;
	uint64_t until = ms ? now_ms() + ms : 0;
	while (!atomic_compare_exchange_strong(&gate, &owner, self) && owner != self) {
		if (until && now_ms() > until)
			return false;
		futex_wait(&gate, owner, 10);
		owner = 0;
	}
	gate_depth++;
	return true;
}

static void gate_leave(void)
{
	if (--gate_depth)
		return;
	atomic_store(&gate, 0);
	futex_wake(&gate);
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
	gate_enter(0);
	atomic_fetch_sub(&gate_wanted, 1);
}

void control_fork_parent(void)
{
	if (!control_page)
		return;
	if (adapters_helper_late())
		control_resume(false);
	else if (atomic_load(&gate) == glue_tid())
		gate_leave();
}

#define EXEC_WAIT_MS 5000u
bool control_exec_prepare(void)
{
	bool entered;

	if (!control_page || atomic_load(&sandboxed))
		return false;
	atomic_fetch_add(&gate_wanted, 1);
	entered = gate_enter(EXEC_WAIT_MS);
	atomic_fetch_sub(&gate_wanted, 1);
	return entered;
}

void control_exec_failed(void)
{
	gate_leave();
}

bool control_isolated(void)
{
	return isolated;
}

/*
 * The helper says that it is about to sleep and then looks at the marks once more; who leaves a mark rings only when it
 * said so, and rings until somebody woke, for a while: the helper may be kept from its sleep by a debugger.
 */
static void ring(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < 1000 && atomic_load(&about_to_sleep); i++) {
		if (control_page &&
		    futex_wake((_Atomic uint32_t *)&control_page->request_serial) > 0)
			return;
		sys(SYS_sched_yield);
	}
}

void control_trigger(enum trigger which)
{
	atomic_fetch_or(&marks, (uint32_t)which);
	ring();
}

void control_post(uint32_t command)
{
	if (command == RGC_SNAPSHOT)
		control_trigger(TRIGGER_SIGNAL);
}

/* ---- answers --------------------------------------------------------------------------------------------------------------------- */

static void page_live(void)
{
	uint64_t objects, bytes;
	live_totals(&objects, &bytes);
	control_page->live_objects = objects;
	control_page->live_bytes = bytes;
	control_page->epoch = atomic_load_explicit(&epoch_now, memory_order_relaxed);
	control_page->snapshots = counter_get(COUNTER_SNAPSHOTS);
	control_page->tracking = atomic_load_explicit(&stacks_mode, memory_order_relaxed) + 1;
}

static void answer(uint32_t serial, int status, const char *message)
{
	page_live();
	control_page->status = status;
	log_format(control_page->message, sizeof control_page->message, "%s", message);
	control_page->progress = 1000;
	__atomic_store_n(&control_page->answer_serial, serial, __ATOMIC_RELEASE);
	futex_wake((_Atomic uint32_t *)&control_page->answer_serial);
}

static void answer_snapshot(uint32_t serial, const struct snapshot_result *r)
{
	log_format(control_page->answer_path, sizeof control_page->answer_path, "%s", r->path);
	control_page->pause_ns = r->pause_ns;
	control_page->total_ns = r->total_ns;
	control_page->objects = r->objects;
	control_page->edges = r->edges;
	control_page->bytes_written = r->bytes;
	control_page->partial = r->partial;
	answer(serial, r->status, r->message);
}

static uint32_t page_request(void)
{
	return __atomic_load_n(&control_page->request_serial, __ATOMIC_ACQUIRE);
}

static bool page_waits(void)
{
	return page_request() != __atomic_load_n(&control_page->answer_serial, __ATOMIC_RELAXED);
}

/* ---- jobs, in the helper ---------------------------------------------------------------------------------------------------------- */

static void trigger_failed(const struct snapshot_result *r)
{
	static bool said;
	if (r->status && !said)
		log_line2(job_reason, r->message);
	said |= r->status != 0;
}

/* Given up because the helper must stop: the next one begins again. */
static void job_postpone(enum job_kind kind)
{
	if (kind == JOB_LOCAL)
		atomic_fetch_or(&marks, LOCAL_MARK);
	else if (kind == JOB_TRIGGER)
		atomic_fetch_or(&marks, job_mark);
}

static void job_over(const struct snapshot_result *r)
{
	enum job_kind kind = job_kind;
	job_kind = JOB_NONE;
	if (r->status == ECANCELED) {
		job_postpone(kind);
		return;
	}
	if (kind == JOB_PAGE && job_serial == page_request()) {
		answer_snapshot(job_serial, r);
	} else if (kind == JOB_LOCAL) {
		local.result = *r;
		atomic_store(&local.done, 1);
		futex_wake(&local.done);
	} else if (kind == JOB_TRIGGER) {
		trigger_failed(r);
	}
	page_live();
}

static void job_start(enum job_kind kind, const struct snapshot_request *request)
{
	struct snapshot_result result;
	job_kind = kind;
	job_reason = request->reason;
	snapshot_begin(request);
	if (!snapshot_active()) {
		snapshot_poll(&result);
		job_over(&result);
	}
}

static void page_snapshot(uint32_t serial)
{
	char path[sizeof control_page->path], label[sizeof control_page->label];
	struct snapshot_request request = {.reason = "request",
					   .label = label,
					   .path = path,
					   .deadline_ms = control_page->deadline_ms};
	memcpy(path, control_page->path, sizeof path);
	memcpy(label, control_page->label, sizeof label);
	path[sizeof path - 1] = label[sizeof label - 1] = 0;
	control_page->answer_path[0] = 0;
	job_serial = serial;
	job_start(JOB_PAGE, &request);
}

static void page_serve(void)
{
	uint32_t serial = page_request();
	uint32_t command = __atomic_load_n(&control_page->command, __ATOMIC_RELAXED);
	char label[sizeof control_page->label];

	switch (command) {
	case RGC_SNAPSHOT:
		page_snapshot(serial);
		return;
	case RGC_MARK:
		memcpy(label, control_page->label, sizeof label);
		label[sizeof label - 1] = 0;
		epoch_advance(1, label);
		answer(serial, 0, "");
		return;
	case RGC_TRACK:
		memcpy(label, control_page->label, sizeof label);
		label[sizeof label - 1] = 0;
		if (tracking_switch(label))
			answer(serial, 0, "");
		else
			answer(serial, EINVAL, "the shim knows no mode of this name");
		return;
	case RGC_STAT:
	case RGC_NONE: /* withdrawn */
		answer(serial, 0, "");
		return;
	default:
		answer(serial, ENOSYS,
		       "the shim does not know this request: refgraph is newer than the program's "
		       "librefgraph.so");
	}
}

static void local_serve(void)
{
	struct snapshot_request request = {
		.reason = local.reason, .label = local.label, .path = local.path};
	job_start(JOB_LOCAL, &request);
}

static void trigger_serve(enum trigger which, const char *reason)
{
	struct snapshot_request request = {.reason = reason};
	atomic_fetch_and(&marks, ~(uint32_t)which);
	job_mark = (uint32_t)which;
	job_start(JOB_TRIGGER, &request);
}

static bool waiting(void)
{
	return page_waits() || atomic_load(&marks) || !triggers_timer_left();
}

/* One thing that waits. */
static void serve(void)
{
	uint32_t now = atomic_load(&marks);
	if (page_waits()) {
		page_serve();
	} else if (now & LOCAL_MARK) {
		atomic_fetch_and(&marks, ~LOCAL_MARK);
		local_serve();
	} else if (now & TRIGGER_SIGNAL) {
		trigger_serve(TRIGGER_SIGNAL, "signal");
	} else if (now & TRIGGER_GROWTH) {
		trigger_serve(TRIGGER_GROWTH, "growth");
	} else if (now & TRIGGER_TIMER || !triggers_timer_left()) {
		triggers_timer_start();
		trigger_serve(TRIGGER_TIMER, "timer");
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
		{.val = 0, .uaddr = (uintptr_t)&marks, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG},
	};
	uint64_t until = now_ms() + (uint64_t)ms;
	struct timespec end = {(time_t)(until / 1000), (long)(until % 1000) * 1000000};

	if (sys(SYS_futex_waitv, words, 2, 0, ms < 0 ? NULL : &end, CLOCK_MONOTONIC) == -ENOSYS)
		futex_wait((_Atomic uint32_t *)&control_page->request_serial, seen, ms);
}

static void helper_sleep(void)
{
	uint32_t seen = page_request();
	long ms = triggers_timer_left();
	atomic_store(&about_to_sleep, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load(&stop) && !atomic_load(&marks) && !page_waits())
		wait_for_work(seen, ms);
	atomic_store(&about_to_sleep, 0);
}

/* ---- the helper thread --------------------------------------------------------------------------------------------------------------- */

/* Asked once, before main: under somebody's system call filter unusual calls may kill. */
static void look_for_filter(void)
{
	char text[4096];
	const char *p = NULL;
	if (sys_read_file("/proc/self/status", text, sizeof text) > 0)
		p = strstr(text, "\nSeccomp:");
	may_isolate = p && p[9 + strspn(p + 9, " \t")] == '0';
}

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

/* Only a counter that counts is one. */
static void find_libc_threads(void)
{
	_Atomic uint32_t *p = entry_symbol(RTLD_DEFAULT, "__nptl_nthreads");
	libc_threads = p && atomic_load(p) >= 1 && atomic_load(p) < 100000 ? p : NULL;
}

/* A runtime that finalizes may end the thread inside its own functions. Everything is let go then. */
static void helper_ended(void *unused)
{
	thaw_world();
	if (job_kind == JOB_PAGE)
		answer(job_serial, ECANCELED, "the runtime ended the helper thread; try again");
	job_kind = JOB_NONE;
	control_page_state(RGC_NO_HELPER);
	control_thread_ends();
	atomic_store(&helper_state, HELPER_GONE);
}

/* One step at a time, each inside the gate. */
static void helper_step(void)
{
	struct snapshot_result result;
	gate_enter(0);
	if (!atomic_load(&stop)) {
		if (!snapshot_active())
			serve();
		else if (snapshot_poll(&result))
			job_over(&result);
		else
			control_page->progress = snapshot_progress();
	}
	gate_leave();
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
	futex_wake(&helper_there);
	pthread_cleanup_push(helper_ended, NULL);
	while (!atomic_load(&stop)) {
		if (!snapshot_active() && !waiting()) {
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
	uint64_t until = now_ms() + 1000;
	while (!atomic_load(&helper_there) && now_ms() < until)
		futex_wait(&helper_there, 0, 100);
}

/* Under helper_lock. All signals are blocked in the helper but libc's own two, by which it tells threads about setuid. */
static void helper_start(bool wait)
{
	uint64_t mask = ~(3ull << 31), before;
	struct thread *t = thread_self();
	uintptr_t frame = t ? t->hook_frame : 0;

	if (atomic_load(&helper_state) == HELPER_RUNNING || !config.helper ||
	    atomic_load(&sandboxed) || atomic_load(&exiting) || pause_depth)
		return;
	atomic_store(&wanted_late, 0);
	if (t)
		t->hook_frame = UINTPTR_MAX;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &before, SYS_SIGSET_SIZE);
	atomic_store(&helper_there, 0);
	if (!create_thread()) {
		atomic_store(&helper_state, HELPER_RUNNING);
		if (wait)
			wait_until_there();
		control_thread_made();
	} else {
		control_page_state(RGC_NO_HELPER);
	}
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, SYS_SIGSET_SIZE);
	if (t)
		t->hook_frame = frame;
}

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

/*
 * pthread_join() returns when the thread has left its stack; the kernel counts it a moment longer, and for that moment refuses
 * what only a program of one thread may do.
 */
#define UNCOUNTED_MS 1000u
static void wait_until_uncounted(uint32_t tid)
{
	struct timespec nap = {0, 20000};
	uint64_t start = now_ms();

	while (sys(SYS_tgkill, glue_pid(), tid, 0) == 0 && now_ms() - start < UNCOUNTED_MS)
		sys(SYS_nanosleep, &nap, NULL);
}

/* Under helper_lock: ends the helper and waits until the kernel has no such thread any more. */
/* It may be about to sleep, and be stopped there by a debugger for as long as it likes: rung until it is gone. */
static void helper_join(void)
{
	struct timespec until;
	uint64_t ms;

	do {
		ring();
		ms = now_ms() + 20;
		until = (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
	} while (pthread_clockjoin_np(helper_thread, NULL, CLOCK_MONOTONIC, &until) == ETIMEDOUT);
}

static void helper_stop(void)
{
	uint32_t tid = control_page->helper_tid;

	if (atomic_load(&helper_state) == HELPER_NONE)
		return;
	atomic_store(&stop, 1);
	helper_join();
	wait_until_uncounted(tid);
	atomic_store(
		&stop,
		0); /* a snapshot without a helper, in a child of fork() say, is not cancelled by that */
	atomic_store(&helper_state, HELPER_NONE);
	atomic_store(&about_to_sleep, 0);
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

/* ---- pausing -------------------------------------------------------------------------------------------------------------------------- */

static bool is_helper(void)
{
	return thread_current && thread_current->internal;
}

void control_pause(void)
{
	if (is_helper() || !control_page)
		return;
	lock(&helper_lock);
	if (!pause_depth++)
		helper_stop();
	unlock(&helper_lock);
}

void control_resume(bool at_once)
{
	if (is_helper() || !control_page)
		return;
	lock(&helper_lock);
	if (pause_depth && !--pause_depth) {
		control_page_check_user();
		if (at_once)
			helper_start(true);
		else
			want_late();
	}
	unlock(&helper_lock);
}

void control_tick(void)
{
	uint32_t free_value = 0;
	if (is_helper() || !control_page)
		return;
	if (triggers_growth())
		control_trigger(TRIGGER_GROWTH);
	if (!atomic_load_explicit(&wanted_late, memory_order_relaxed) &&
	    atomic_load_explicit(&helper_state, memory_order_relaxed) != HELPER_GONE)
		return;
	if (!atomic_compare_exchange_strong(&helper_lock, &free_value, 1))
		return;
	if (atomic_load(&helper_state) == HELPER_GONE)
		helper_stop(); /* joins what is left of it */
	helper_start(false);
	unlock(&helper_lock);
}

/* Inside the gate or without a helper: a walker that is still writing gets a moment. */
static void job_abandon(unsigned ms)
{
	struct snapshot_result result;
	uint64_t until = now_ms() + ms;
	while (snapshot_active() && now_ms() < until) {
		if (snapshot_poll(&result))
			job_over(&result);
		else
			snapshot_nap();
	}
}

void control_sandboxed(void)
{
	if (is_helper() || !control_page || atomic_load(&sandboxed))
		return;
	lock(&helper_lock);
	atomic_store(&sandboxed, true);
	helper_stop();
	job_abandon(2000);
	control_page_state(RGC_SANDBOXED);
	if (page_waits())
		answer(page_request(), EPERM,
		       "the program is entering a sandbox (seccomp); no dumps from here on");
	unlock(&helper_lock);
}

/* ---- requests of the program's own threads ---------------------------------------------------------------------------------------------- */

/* Without a helper: here and now. */
static int take_here(const char *reason, const char *label, const char *path,
		     struct snapshot_result *result)
{
	struct thread *t = thread_self();
	uintptr_t frame = t ? t->hook_frame : 0;
	gate_enter(0);
	if (t)
		t->hook_frame = UINTPTR_MAX;
	/* one that a helper left is ended first: two walkers would share a page. It has its deadline */
	job_abandon(~0u);
	snapshot_take(reason, label, path, result);
	if (t)
		t->hook_frame = frame;
	gate_leave();
	return result->status;
}

/* The callee-saved registers of our callers are spilled: this thread counts as blocked, and its registers are not seen. */
static __attribute__((noinline)) void local_wait(unsigned limit_ms)
{
	uint64_t until = now_ms() + limit_ms;
	__builtin_unwind_init();
	while (!atomic_load(&local.done) && now_ms() < until) {
		if (atomic_load(&helper_state) != HELPER_RUNNING && !pause_depth &&
		    !atomic_load(&wanted_late))
			return; /* it went away for good */
		futex_wait(&local.done, 0, 100);
		ring();
	}
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
	if (is_helper() || !control_page || glue_pid() != shim_pid)
		return ENOTSUP;
	if (atomic_load(&helper_state) != HELPER_RUNNING)
		return take_here(reason, label, path, result);
	runtimes_let_go(tokens);
	lock(&local.lock);
	local.reason = reason;
	log_format(local.label, sizeof local.label, "%s", label ? label : "");
	log_format(local.path, sizeof local.path, "%s", path ? path : "");
	atomic_store(&local.done, 0);
	atomic_fetch_or(&marks, LOCAL_MARK);
	ring();
	local_wait(limit_ms ? limit_ms : 2 * deadline + 15000);
	if (atomic_load(&local.done)) {
		*result = local.result;
	} else {
		atomic_fetch_and(&marks, ~LOCAL_MARK);
		result->status = ETIMEDOUT;
		log_format(result->message, sizeof result->message,
			   "the helper thread did not answer");
	}
	unlock(&local.lock);
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
	if (is_helper() || !control_page || atomic_load(&sandboxed) || glue_pid() != shim_pid)
		return;
	control_exit_snapshot();
	if (atomic_exchange(&exiting, true))
		return;
	control_page_state(RGC_EXITING);
	atomic_fetch_add(&gate_wanted, 1);
	if (!gate_enter(
		    EXIT_GRACE_MS)) /* kept: the helper does nothing more, not even by leaving */
		return;
	job_abandon(EXIT_GRACE_MS);
	if (page_waits())
		answer(page_request(), ESHUTDOWN,
		       snapshot_active() ? "the program ended while its dump was being written; "
					   "the walker goes on and "
					   "the file appears when it is complete"
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
	find_libc_threads();
	look_for_filter();
	make_process_key();
	control_page_make();
	triggers_init();
	if (!config.helper)
		control_page_state(RGC_NO_HELPER);
	lock(&helper_lock);
	helper_start(true);
	unlock(&helper_lock);
}

void control_after_fork_child(void)
{
	bool main_thread = control_page && (uintptr_t)__builtin_thread_pointer() == main_tls;

	atomic_store(&helper_state, HELPER_NONE);
	atomic_store(&helper_lock, 0);
	atomic_store(&local.lock, 0);
	atomic_store(&gate, 0);
	gate_depth = 0;
	atomic_store(&gate_wanted, 0);
	atomic_store(&stop, 0);
	atomic_store(&about_to_sleep, 0);
	atomic_store(&marks, 0);
	atomic_store(&exiting, false);
	atomic_store(&exit_snapshot_taken, false);
	pause_depth = 0;
	job_kind = JOB_NONE;
	isolated = false;
	if (!main_thread)
		main_tls = 0;
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
	lock(&helper_lock);
	helper_start(false);
	unlock(&helper_lock);
}
