/*
 * snapshot.c - one dump, in the parent: lock the runtimes, freeze the world, clone the walker, let everything go, wait.
 *
 * The walker is made by a raw clone with exit signal 0: no SIGCHLD, not seen by wait(), waitpid(-1) or waitid() of the
 * program (calls that ask with __WALL or __WCLONE pass entry_wait.c), no atfork handlers, none of fork's locks. It shares
 * neither memory nor descriptors. It opens, writes and renames the dump itself, so no descriptor ever shows in the program.
 *
 * The walker is expendable. If it crashes while an adapter is at work, the snapshot is taken once more without that
 * adapter and marked partial; if it hangs, it is killed at the deadline.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "glue.h"
#include "snapshot.h"
#include "wake.h"
#include "walk.h"

static struct walk_plan plan;
static char plan_final[1200], plan_pattern[600], plan_program[256], plan_label[256],
	plan_partial[256];
static uint32_t serial; /* of the last snapshot of this process */

/* ---- small helpers --------------------------------------------------------------------------------------------------------- */

static uint64_t clock_now(int which)
{
	struct timespec t = {0, 0};
	sys(SYS_clock_gettime, which, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void copy_text(char *to, size_t size, const char *from)
{
	log_format(to, size, "%s", from ? from : "");
}

/* What the user should do about an errno of the dump's file. */
static const char *advice(int status)
{
	switch (status) {
	case ENOSPC:
	case EDQUOT:
		return "no space left; free some, or choose another place with -o or REFGRAPH_DIR";
	case EFBIG:
		return "larger than the program's limit for files (ulimit -f); raise it before the "
		       "program starts";
	case EACCES:
	case EPERM:
		return "the program's user may not write there; choose another place with -o or "
		       "REFGRAPH_DIR";
	case EROFS:
		return "read-only file system; choose another place with -o or REFGRAPH_DIR";
	case ENOENT:
		return "no such folder; make it, or choose another place with -o or REFGRAPH_DIR";
	case ENOTDIR:
		return "a part of the path is no folder; choose another place with -o or "
		       "REFGRAPH_DIR";
	case EEXIST:
		return "the file exists and is not overwritten; remove it or choose another name";
	case ENAMETOOLONG:
		return "the name is too long; choose a shorter one with -o or REFGRAPH_DUMP";
	case ENOMEM:
		return "no memory for the walker; the limit of the program's address space (ulimit "
		       "-v) may be too low";
	case EMFILE:
	case ENFILE:
		return "no descriptor left (ulimit -n); the program holds all it may have";
	case ELOOP:
		return "the name is a symbolic link; choose another name";
	case EIO:
		return "input/output error";
	default:
		return "could not be written";
	}
}

static void fail(struct snapshot_result *result, int status, const char *text)
{
	result->status = status;
	copy_text(result->message, sizeof result->message, text);
}

/* ---- the plan --------------------------------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool plan_names(const char *path, struct snapshot_result *result)
{
	bool fits;
	if (path && path[0]) {
		plan.pattern = NULL;
		fits = path[0] == '/'
			       ? log_format(plan_final, sizeof plan_final, "%s", path) <
					 (int)sizeof plan_final - 1
			       : log_format(plan_final, sizeof plan_final, "%s/%s", config.dump_dir,
					    path) < (int)sizeof plan_final - 1;
	} else {
		copy_text(plan_pattern, sizeof plan_pattern, config.dump_name);
		plan.pattern = plan_pattern;
		fits = name_expand(plan_final, sizeof plan_final, plan_pattern, plan.pid,
				   plan.serial, plan.program, plan.time_ns);
	}
	plan.final = plan_final;
	if (!fits)
		fail(result, ENAMETOOLONG,
		     "the dump's name is too long; choose a shorter one with -o or REFGRAPH_DUMP");
	return fits;
}

static uint64_t cpu_time(void)
{
	struct timespec t = {0, 0};
	sys(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static bool plan_make(const struct snapshot_request *request, struct snapshot_result *result)
{
	long n = sys(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", plan_program,
		     sizeof plan_program - 1);
	memset(&plan, 0, sizeof plan);
	if (n > 0)
		plan_program[n] = 0;
	else /* the main thread is gone, or there is no /proc here any more */
		copy_text(plan_program, sizeof plan_program,
			  control_page ? control_page->program : "");
	copy_text(plan_label, sizeof plan_label, request->label);
	plan_partial[0] = 0;
	plan.reason = request->reason;
	plan.label = plan_label;
	plan.partial_note = plan_partial;
	plan.program_path = plan_program;
	plan.program = plan_program[0] ? base_name(plan_program) : "program";
	plan.pid = glue_pid();
	plan.parent = (uint32_t)sys(SYS_getppid);
	plan.serial = serial + 1;
	plan.deadline_ms = request->deadline_ms ? request->deadline_ms
			   : config.deadline_ms ? config.deadline_ms
						: 120000;
	plan.time_ns = clock_now(CLOCK_REALTIME);
	plan.process_key = control_process_key();
	control_main_tls(&plan.tls_low, &plan.tls_high);
	plan.fault = config.test_fault;
	plan.smaps = "";
	plan.cpu_us = cpu_time();
	return plan_names(request->path, result);
}

/* The sums are the program's own: in the copy they would be halved, and file pages would be missing. Only where no descriptor
 * shows in the program. */
#define SMAPS_FIRST ((size_t)1 << 20)
#define SMAPS_MOST ((size_t)256 << 20)
static void *smaps_read(size_t *mapped)
{
	for (size_t size = SMAPS_FIRST; size <= SMAPS_MOST; size *= 4) {
		char *buffer = arena_map(size);
		long n = buffer ? sys_read_file("/proc/self/smaps", buffer, size) : -1;
		if (n > 0 && (size_t)n < size - 1) {
			plan.smaps = buffer;
			plan.smaps_size = (size_t)n;
			*mapped = size;
			return buffer;
		}
		arena_unmap(buffer, size);
		if (n <= 0)
			return NULL;
	}
	return NULL;
}

/* ---- runtimes ---------------------------------------------------------------------------------------------------------------- */

#define ENTER_MS 5000u
static uint32_t entered; /* bit per adapter */

/* False when the snapshot must be given up for now: somebody who may hold a runtime's lock waits for us to stop. */
static bool adapters_enter(void)
{
	int status;
	entered = plan.missing = 0;
	for (unsigned i = 0; adapters[i] && i < WALK_ADAPTERS; i++) {
		unsigned bit = 1u << i;
		if (plan.failed & bit)
			continue;
		plan.notes[i][0] = 0;
		status = adapters[i]->enter
				 ? adapters[i]->enter(ENTER_MS, plan.notes[i], sizeof plan.notes[i])
				 : 0;
		if (!status)
			entered |= bit;
		else if (status == ENODEV) /* not in this process */
			plan.notes[i][0] = 0;
		else if (control_cancelled())
			return false;
		else if (status != ENXIO)
			plan.missing |= bit;
	}
	plan.skip = ~entered;
	return true;
}

static void adapters_leave(void)
{
	for (unsigned i = WALK_ADAPTERS; i-- > 0;)
		if (entered & 1u << i && adapters[i]->leave)
			adapters[i]->leave();
	entered = 0;
}

/* The world stands. False: a runtime that was found at rest has moved since; the caller lets all run and enters again. After
 * the last try it is missing in the dump. */
static bool adapters_still(bool last)
{
	for (unsigned i = 0; adapters[i] && i < WALK_ADAPTERS; i++) {
		unsigned bit = 1u << i;
		if (!(entered & bit) || plan.skip & bit || !adapters[i]->still ||
		    adapters[i]->still())
			continue;
		if (!last)
			return false;
		copy_text(plan.notes[i], sizeof plan.notes[i],
			  "a runtime was never found at rest; its objects are missing");
		plan.skip |= bit;
		plan.missing |= bit;
	}
	return true;
}

/* ---- the walker ----------------------------------------------------------------------------------------------------------------- */

static struct walk_page *page;

static bool page_reset(void)
{
	long p;
	if (!page) {
		p = sys(SYS_mmap, 0, sizeof *page, 3 /* read, write */,
			0x21 /* shared, anonymous */, -1, 0);
		if (p < 0 && p > -4096)
			return false;
		page = (struct walk_page *)p;
	}
	memset(page, 0, sizeof *page);
	plan.page = page;
	return true;
}

/* For entry_wait.c, in any thread. */
static _Atomic uint32_t walker_pid, walker_reaped;
static _Atomic int walker_status;
static _Atomic uint32_t walker_last; /* the one before, and when it went (CLOCK_MONOTONIC) */
static _Atomic uint64_t walker_went;

uint32_t snapshot_walker(void)
{
	return atomic_load(&walker_pid);
}

void snapshot_walker_reaped(int status)
{
	atomic_store(&walker_status, status);
	atomic_store(&walker_reaped, 1);
}

/* A wait may have reaped the walker and not yet returned when we find that it is gone. Not for long: pids come again. */
bool snapshot_is_walker(uint32_t pid)
{
	return pid == atomic_load(&walker_pid) ||
	       (pid == atomic_load(&walker_last) &&
		clock_now(CLOCK_MONOTONIC) - atomic_load(&walker_went) < 2000000000u);
}

static void walker_gone(void)
{
	atomic_store(&walker_went, clock_now(CLOCK_MONOTONIC));
	atomic_store(&walker_last, atomic_load(&walker_pid));
	atomic_store(&walker_pid, 0);
}

/* The kernel itself stores the pid, before the child can run, and thus before anybody can wait for it. */
static long walker_clone(void)
{
	long pid;
	if (plan.fault == FAULT_CLONE)
		return -EAGAIN;
	atomic_store(&walker_reaped, 0);
	pid = sys(SYS_clone, CLONE_PARENT_SETTID, 0, &walker_pid, 0, 0);
	if (pid < 0)
		atomic_store(&walker_pid, 0);
	return pid;
}

static void walker_discard(void)
{
	if (page->temporary[0])
		sys(SYS_unlinkat, AT_FDCWD, page->temporary, 0);
}

static void nap_ms(unsigned ms)
{
	struct timespec nap = {ms / 1000, ms % 1000 * 1000000};
	sys(SYS_nanosleep, &nap, 0);
}

static void verdict_give(enum walk_verdict verdict)
{
	if (plan.fault == FAULT_VERDICT)
		nap_ms(3000);
	__atomic_store_n(&page->verdict, verdict, __ATOMIC_RELEASE);
	sys(SYS_futex, &page->verdict, 1 /* FUTEX_WAKE */, 1);
}

static bool copy_is_whole(void)
{
	return freeze_still() && plan.fault != FAULT_MOVED;
}

/* The walker had a place to say it and a moment to run; on a busy machine it is the next snapshot that knows. */
#define PROBE_MS 300u
static void probe_wait(long pid)
{
	struct timespec nap = {0, 20000000};
	uint64_t until = clock_now(CLOCK_MONOTONIC) + PROBE_MS * 1000000ull;
	uint32_t said;

	verdict_give(VERDICT_PROBE);
	while (!(said = __atomic_load_n(&page->probed, __ATOMIC_SEQ_CST)) &&
	       clock_now(CLOCK_MONOTONIC) < until) {
		sys(SYS_futex, &page->probed, 0 /* FUTEX_WAIT */, 0, &nap);
		if (sys(SYS_kill, pid, 0) == -ESRCH)
			break;
	}
	if (said)
		wake_judge(said == PROBE_WORKS);
}

/* A copy that is of no use: when it is not known yet whether threads that wake up can be held, it tries that first. */
static void copy_discard(long pid)
{
	if (wake_untried() && plan.fault != FAULT_MOVED)
		probe_wait(pid);
	sys(SYS_kill, pid, SIGKILL);
	sys(SYS_wait4, pid, 0, __WCLONE, 0);
	walker_gone();
}

/* ---- the standstill ------------------------------------------------------------------------------------------------------------------ */

static uint64_t stood_since;

/* The runtimes' locks. False: the snapshot is given up, the result says so. */
static bool stand_begin(struct snapshot_result *result)
{
	bool ours = adapters_enter();

	stood_since = clock_now(CLOCK_MONOTONIC);
	if (ours)
		return true;
	adapters_leave();
	fail(result, ECANCELED, "");
	return false;
}

/* All go on. Those who wake may take our processor at once, so the clock is read before; with a runtime's lock, after it. */
static void stand_end(struct snapshot_result *result)
{
	uint64_t end = clock_now(CLOCK_MONOTONIC);
	bool locks = entered;

	thaw_world();
	adapters_leave();
	result->pause_ns += (locks ? clock_now(CLOCK_MONOTONIC) : end) - stood_since;
}

#define MOVED_TRIES 20
/* Returns the walker's pid or a negative errno; then the result says more, or nothing. */
static long frozen_clone(const char *label, struct snapshot_result *result)
{
	enum walk_verdict verdict = VERDICT_WHOLE;
	long pid = -EAGAIN;

	freeze_begin();
	for (unsigned i = 1;; i++) {
		if (!stand_begin(result))
			return -ECANCELED;
		if (!freeze_world(2000)) {
			stand_end(result);
			fail(result, EBUSY,
			     "no memory, or no free realtime signal, to stop the program's threads "
			     "with");
			return -EBUSY;
		}
		if (!adapters_still(i >= MOVED_TRIES)) {
			stand_end(result);
			continue;
		}
		plan.time_ns = clock_now(CLOCK_REALTIME);
		page_reset();
		if (plan.fault == FAULT_LATE_CLONE)
			nap_ms(2);
		pid = walker_clone();
		if (!pid)
			walk_main(&plan);
		if (pid < 0 || copy_is_whole())
			break;
		if (i == MOVED_TRIES) {
			verdict = VERDICT_TORN;
			break;
		}
		/* a thread woke up between the look at it and the clone: the copy may be torn */
		counter_add(COUNTER_FREEZE_RETRIES, 1);
		stand_end(result);
		copy_discard(pid);
	}
	if (pid > 0) {
		epoch_advance(2, label);
		counter_add(COUNTER_LOST_THREADS, freeze_missed());
		counter_add(COUNTER_FREEZE_TORN, verdict == VERDICT_TORN);
		verdict_give(verdict);
	}
	stand_end(result);
	return pid;
}

/* ---- outcomes --------------------------------------------------------------------------------------------------------------------- */

static const char *page_phase(void)
{
	uint32_t phase = __atomic_load_n(&page->phase, __ATOMIC_RELAXED);
	return phase < WALK_PHASES ? walk_phase_names[phase] : "?";
}

/* Index in adapters[] of the one that was at work, -1 none. */
static int page_adapter(void)
{
	uint32_t adapter = __atomic_load_n(&page->adapter, __ATOMIC_RELAXED);
	return adapter && adapter <= WALK_ADAPTERS ? (int)adapter - 1 : -1;
}

static void describe_death(char *out, size_t size, int status, bool killed)
{
	int adapter = page_adapter();
	const char *who = adapter >= 0 ? adapters[adapter]->name : "";
	if (killed)
		log_format(out, size, "the walker was stopped after %u ms in %s%s%s",
			   plan.deadline_ms, page_phase(), adapter >= 0 ? " of " : "", who);
	else
		log_format(out, size,
			   "the walker crashed (signal %d at librefgraph.so+0x%lx, address 0x%lx) "
			   "in %s%s%s",
			   WTERMSIG(status), (unsigned long)page->crash_pc,
			   (unsigned long)page->crash_address, page_phase(),
			   adapter >= 0 ? " of " : "", who);
}

/* True when the same snapshot is worth taking again without the adapter that failed. */
static bool drop_adapter(const char *why)
{
	int adapter = page_adapter();
	if (adapter < 0 || plan.failed & 1u << adapter)
		return false;
	plan.failed |= 1u << adapter;
	copy_text(plan.notes[adapter], sizeof plan.notes[adapter], why);
	log_format(plan_partial, sizeof plan_partial, "%s; its objects are only blocks here", why);
	if (plan.fault == FAULT_ADAPTER_CRASH)
		plan.fault = FAULT_NONE;
	return true;
}

static void outcome_done(struct snapshot_result *result)
{
	result->objects = page->objects;
	result->edges = page->edges;
	result->bytes = page->bytes;
	result->partial = page->partial;
	result->status = page->status;
	if (!page->status) {
		copy_text(result->path, sizeof result->path, page->path);
		copy_text(result->message, sizeof result->message, page->partial_note);
		serial = page->serial > serial ? page->serial : serial + 1;
		return;
	}
	walker_discard();
	log_format(result->message, sizeof result->message, "%s: %s",
		   page->path[0] ? page->path : plan_final, advice(page->status));
}

/* ---- the job: one snapshot, begun by one thread and perhaps finished by another --------------------------------------------- */

static struct {
	bool active;
	long walker;
	bool killed;
	uint64_t begun, deadline; /* CLOCK_MONOTONIC */
	void *smaps;
	size_t smaps_size;
	struct snapshot_result result;
} job;

/* One walker. False: the job is over, the result says why. */
static bool job_launch(void)
{
	modules_refresh();
	page_reset();
	job.result.pause_ns = 0;
	job.walker = frozen_clone(plan_label, &job.result);
	job.killed = false;
	job.deadline = clock_now(CLOCK_MONOTONIC) + (uint64_t)plan.deadline_ms * 1000000u;
	if (job.walker > 0)
		return true;
	if (!job.result.status)
		fail(&job.result, (int)-job.walker,
		     job.walker == -ENOMEM ? advice(ENOMEM)
		     : job.walker == -EAGAIN
			     ? "the walker could not be started; the limit of "
			       "processes (ulimit -u) may be reached"
			     : "the walker could not be started: the kernel, or what "
			       "emulates it, knows no such clone()");
	return false;
}

static void job_end(void)
{
	arena_unmap(job.smaps, job.smaps_size);
	job.smaps = NULL;
	page_runs_free(&plan.pages);
	job.active = false;
	job.result.total_ns = clock_now(CLOCK_MONOTONIC) - job.begun;
	if (job.result.status != ECANCELED)
		counter_add(job.result.status ? COUNTER_SNAPSHOTS_FAILED : COUNTER_SNAPSHOTS, 1);
}

void snapshot_begin(const struct snapshot_request *request)
{
	memset(&job, 0, sizeof job);
	job.active = true;
	job.begun = clock_now(CLOCK_MONOTONIC);
	if (!plan_make(request, &job.result))
		goto over;
	if (!page_reset()) {
		fail(&job.result, ENOMEM, advice(ENOMEM));
		goto over;
	}
	if (control_isolated()) {
		job.smaps = smaps_read(&job.smaps_size);
		if (fork_is_heard(plan.smaps, plan.smaps_size)) {
			fail(&job.result, ENOTSUP,
			     "the program asks the kernel to be told of each fork of its memory "
			     "(userfaultfd); the dump's copy would be one");
			goto over;
		}
		if (lineage_get()->parent)
			page_runs_read(plan.smaps, plan.smaps_size, &plan.pages);
	}
	if (job_launch())
		return;
over:
	job_end();
}

bool snapshot_active(void)
{
	return job.active;
}

/* The walker ended: by itself, by a crash, by our hand, or the program reaped it (-ECHILD: it asked with __WALL). */
static void job_walker_ended(int status)
{
	if (__atomic_load_n(&page->done, __ATOMIC_ACQUIRE)) {
		outcome_done(&job.result);
		job_end();
		return;
	}
	describe_death(job.result.message, sizeof job.result.message, status, job.killed);
	job.result.status = job.killed ? ETIMEDOUT : EFAULT;
	walker_discard();
	if (drop_adapter(job.result.message)) {
		job.result.status = 0;
		if (job_launch())
			return;
	}
	job_end();
}

void snapshot_nap(void)
{
	struct timespec nap = {0, 5000000}, moment = {0, 500000};
	if (!page || __atomic_load_n(&page->done, __ATOMIC_ACQUIRE))
		sys(SYS_nanosleep, &moment, 0);
	else
		sys(SYS_futex, &page->done, 0 /* FUTEX_WAIT */, 0, &nap);
}

bool snapshot_poll(struct snapshot_result *result)
{
	int status = 0;
	if (job.active) {
		long got = sys(SYS_wait4, job.walker, &status, __WCLONE | WNOHANG, 0);
		if (got == job.walker || got == -ECHILD) {
			if (got < 0 && atomic_load(&walker_reaped))
				status = atomic_load(&walker_status);
			walker_gone();
			job_walker_ended(status);
		} else if (!job.killed && clock_now(CLOCK_MONOTONIC) > job.deadline) {
			job.killed = true;
			sys(SYS_kill, job.walker, SIGKILL);
		}
	}
	if (!job.active)
		*result = job.result;
	return !job.active;
}

uint32_t snapshot_progress(void)
{
	return job.active && page ? __atomic_load_n(&page->progress, __ATOMIC_RELAXED) : 0;
}

void snapshot_take(const char *reason, const char *label, const char *path,
		   struct snapshot_result *result)
{
	struct snapshot_request request = {.reason = reason, .label = label, .path = path};
	snapshot_begin(&request);
	while (!snapshot_poll(result))
		snapshot_nap();
}

void snapshot_after_fork_child(void)
{
	if (page) /* shared with the parent: this process makes its own */
		sys(SYS_munmap, page, sizeof *page);
	page = NULL;
	serial = 0;
	atomic_store(&walker_pid, 0);
	atomic_store(&walker_last, 0);
	job.active = false;
	job.smaps = NULL; /* one mapping that the parent was about to give back */
	memset(&plan.pages, 0, sizeof plan.pages);
}
