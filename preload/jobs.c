/*
 * jobs.c - what the helper does: the requests of the tool (the page), of the program's own threads (local) and of the triggers, one
 * at a time, and their answers. A snapshot lasts over many steps; it stays where it is when the helper must go meanwhile, and the
 * next one goes on with it.
 *
 * All but jobs_local(), jobs_asked() and the marks only inside the gate, or where there is no helper.
 */
#include <errno.h>
#include <string.h>

#include "control.h"
#include "glue.h"
#include "snapshot.h"

_Atomic uint32_t jobs_marks; /* enum trigger, LOCAL_MARK */
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
	control_futex_wake((_Atomic uint32_t *)&control_page->answer_serial);
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

uint32_t jobs_page_request(void)
{
	return __atomic_load_n(&control_page->request_serial, __ATOMIC_ACQUIRE);
}

static bool page_waits(void)
{
	return jobs_page_request() !=
	       __atomic_load_n(&control_page->answer_serial, __ATOMIC_RELAXED);
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
		atomic_fetch_or(&jobs_marks, LOCAL_MARK);
	else if (kind == JOB_TRIGGER)
		atomic_fetch_or(&jobs_marks, job_mark);
}

static void job_over(const struct snapshot_result *r)
{
	enum job_kind kind = job_kind;
	job_kind = JOB_NONE;
	if (r->status == ECANCELED) {
		job_postpone(kind);
		return;
	}
	if (kind == JOB_PAGE && job_serial == jobs_page_request()) {
		answer_snapshot(job_serial, r);
	} else if (kind == JOB_LOCAL) {
		local.result = *r;
		atomic_store(&local.done, 1);
		control_futex_wake(&local.done);
	} else if (kind == JOB_TRIGGER) {
		trigger_failed(r);
	}
	page_live();
}

static const char stands_in_malloc[] =
	"the program's thread does not come out of malloc(); is it stopped there?";

static void job_start(enum job_kind kind, const struct snapshot_request *request)
{
	struct snapshot_result result = {0};

	job_kind = kind;
	job_reason = request->reason;
	if (!single_end(kind == JOB_LOCAL)) {
		result.status = EBUSY;
		log_format(result.message, sizeof result.message, "%s", stands_in_malloc);
		job_over(&result);
		return;
	}
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
	uint32_t serial = jobs_page_request();
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
		if (!single_end(false))
			answer(serial, EBUSY, stands_in_malloc);
		else if (tracking_switch(label))
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
	atomic_fetch_and(&jobs_marks, ~(uint32_t)which);
	job_mark = (uint32_t)which;
	job_start(JOB_TRIGGER, &request);
}

bool jobs_asked(void)
{
	return page_waits() || atomic_load(&jobs_marks);
}

bool jobs_wait(void)
{
	return jobs_asked() || !triggers_timer_left();
}

/* One thing that waits. */
static void serve(void)
{
	uint32_t now = atomic_load(&jobs_marks);
	if (page_waits()) {
		page_serve();
	} else if (now & LOCAL_MARK) {
		atomic_fetch_and(&jobs_marks, ~LOCAL_MARK);
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

/* One step of what is under way, or the beginning of something that waits. */
void jobs_step(void)
{
	struct snapshot_result result;

	if (!snapshot_active())
		serve();
	else if (snapshot_poll(&result))
		job_over(&result);
	else
		control_page->progress = snapshot_progress();
}

void jobs_abandon(unsigned ms)
{
	struct snapshot_result result;
	uint64_t until = control_now_ms() + ms;
	while (snapshot_active() && control_now_ms() < until) {
		if (snapshot_poll(&result))
			job_over(&result);
		else
			snapshot_nap();
	}
}

void jobs_given_up(const char *why)
{
	if (job_kind == JOB_PAGE)
		answer(job_serial, ECANCELED, why);
	job_kind = JOB_NONE;
}

void jobs_refuse(int status, const char *why)
{
	if (page_waits())
		answer(jobs_page_request(), status, why);
}

void jobs_after_fork_child(void)
{
	atomic_store(&local.lock, 0);
	atomic_store(&jobs_marks, 0);
	job_kind = JOB_NONE;
}

/* ---- asking, in any thread -------------------------------------------------------------------------------------------------------------- */

void control_trigger(enum trigger which)
{
	atomic_fetch_or(&jobs_marks, (uint32_t)which);
	helper_ring();
}

void control_post(uint32_t command)
{
	if (command == RGC_SNAPSHOT)
		control_trigger(TRIGGER_SIGNAL);
}

/* The callee-saved registers of our callers are spilled: this thread counts as blocked, and its registers are not seen. */
static __attribute__((noinline)) void local_wait(unsigned limit_ms)
{
	uint64_t until = control_now_ms() + limit_ms;
	__builtin_unwind_init();
	while (!atomic_load(&local.done) && control_now_ms() < until) {
		if (!helper_is(HELPER_RUNNING) && !control_helper_returns())
			return; /* it went away for good */
		control_futex_wait(&local.done, 0, 100);
		helper_ring();
	}
}

void jobs_local(const char *reason, const char *label, const char *path, unsigned limit_ms,
		struct snapshot_result *result)
{
	control_lock(&local.lock);
	local.reason = reason;
	log_format(local.label, sizeof local.label, "%s", label ? label : "");
	log_format(local.path, sizeof local.path, "%s", path ? path : "");
	atomic_store(&local.done, 0);
	atomic_fetch_or(&jobs_marks, LOCAL_MARK);
	helper_ring();
	local_wait(limit_ms);
	if (atomic_load(&local.done)) {
		*result = local.result;
	} else {
		atomic_fetch_and(&jobs_marks, ~LOCAL_MARK);
		result->status = ETIMEDOUT;
		log_format(result->message, sizeof result->message,
			   "the helper thread did not answer");
	}
	control_unlock(&local.lock);
}
