#include "control/request.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLICE_MS 100u
#define DEFAULT_DEADLINE_MS 120000u /* the shim's, for a snapshot */
#define QUICK_TIMEOUT_MS 10000u	    /* a mark, a look at the counters */
#define GRACE_MS 10000u		    /* for the freeze, the rename and a slow machine */

struct wait {
	struct page *page;
	char *words; /* the page's mapping: only futex calls touch it, never a load or store of ours */
	uint32_t serial, waited_ms, timeout_ms;
	const struct request *request;
	char *message;
	size_t size;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void sleep_ms(uint32_t ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

static bool process_alive(const struct page *page)
{
	struct process again;
	bool alive;

	if (!process_open(page->process.pid, &again))
		return false;
	alive = again.start_time == page->process.start_time && !strchr("ZX", again.state);
	process_close(&again);
	return alive;
}

static char process_state(const struct page *page)
{
	struct process again;
	char state = '?';

	if (process_open(page->process.pid, &again)) {
		state = again.state;
		process_close(&again);
	}
	return state;
}

/* Before ----------------------------------------------------------------------------------------------------------- */

static const struct {
	enum rgc_state state;
	bool final; /* waiting will not help */
	const char *text;
} refusals[] = {
	{RGC_STARTING, false, "it is still starting"},
	{RGC_NO_HELPER, true,
	 "it has no helper thread (REFGRAPH_HELPER=off, or the thread could not be made): it makes "
	 "dumps only by "
	 "refgraph_snapshot() or at exit (REFGRAPH_ON_EXIT=1)"},
	{RGC_SANDBOXED, true,
	 "its sandbox (seccomp) does not let the shim work: take dumps before it is set up, or "
	 "without it"},
	{RGC_EXITING, true, "it is exiting"},
	{RGC_OFF, true, "the shim turned itself off in it (its first line on stderr says why)"},
};

/* NULL when the shim takes requests. */
static const char *refusal(uint32_t state, bool *final)
{
	*final = false;
	if (state == RGC_READY)
		return NULL;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		if (refusals[i].state == (enum rgc_state)state) {
			*final = refusals[i].final;
			return refusals[i].text;
		}
	}
	return "it is in a state that this refgraph does not know (another version?)";
}

static bool explain(struct wait *w, const char *text)
{
	snprintf(w->message, w->size, "process %ld (%s): %s", (long)w->page->process.pid,
		 w->page->process.name, text);
	return false;
}

static bool tick(struct wait *w, uint64_t start)
{
	w->waited_ms = (uint32_t)(now_ms() - start);
	if (w->request->progress)
		w->request->progress(w->request->context, w->waited_ms, w->page->now.progress);
	return w->waited_ms < w->timeout_ms;
}

static bool lock(struct wait *w, uint64_t start)
{
	while (flock(w->page->fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return explain(w, strerror(errno));
		if (!process_alive(w->page))
			return explain(w, "it ended");
		if (!tick(w, start))
			return explain(w, "another refgraph has been talking to it all the time");
		sleep_ms(SLICE_MS / 4);
	}
	return true;
}

static bool wait_ready(struct wait *w, uint64_t start)
{
	for (;;) {
		const char *text;
		bool final;
		if (!page_read(w->page))
			return explain(
				w,
				"its control page is no longer one (another version of the shim?)");
		text = refusal(w->page->now.state, &final);
		if (!text)
			return true;
		if (final || !tick(w, start))
			return explain(w, text);
		if (!process_alive(w->page))
			return explain(w, "it ended");
		sleep_ms(SLICE_MS / 4);
	}
}

/* The request -------------------------------------------------------------------------------------------------------- */

#define PUT(page, field, value)                                                                    \
	(pwrite((page)->fd, (value), sizeof((page)->now.field),                                    \
		offsetof(struct rgd_control, field)) == (ssize_t)sizeof((page)->now.field))

static long futex(struct wait *w, size_t offset, int operation, uint32_t value, uint32_t timeout)
{
	struct timespec t = {timeout / 1000, (long)(timeout % 1000) * 1000000};

	return syscall(SYS_futex, w->words + offset, operation, value, timeout ? &t : NULL, NULL,
		       0);
}

/* The serial goes last: the helper looks at the rest only when it has changed. */
static bool post(struct wait *w)
{
	struct rgd_control *out = &w->page->now;
	uint32_t none = 0, command = w->request->command;

	memset(out->path, 0, sizeof(out->path));
	memset(out->label, 0, sizeof(out->label));
	if (w->request->path)
		memcpy(out->path, w->request->path, strlen(w->request->path));
	if (w->request->label)
		printable(out->label, sizeof(out->label), w->request->label,
			  strlen(w->request->label));
	out->deadline_ms = w->request->deadline_ms;
	w->serial = out->request_serial + 1;
	if (w->serial == out->answer_serial)
		w->serial++;
	if (!PUT(w->page, path, out->path) || !PUT(w->page, label, out->label) ||
	    !PUT(w->page, deadline_ms, &out->deadline_ms) || !PUT(w->page, request_flags, &none) ||
	    !PUT(w->page, progress, &none) || !PUT(w->page, command, &command) ||
	    !PUT(w->page, request_serial, &w->serial))
		return explain(w, strerror(errno));
	futex(w, offsetof(struct rgd_control, request_serial), FUTEX_WAKE, 1, 0);
	return true;
}

static bool explain_timeout(struct wait *w)
{
	char state = process_state(w->page);
	char text[256];

	if (state == 'T' || state == 't')
		return explain(w,
			       "it is stopped (SIGSTOP or a debugger); let it run and try again");
	if (!page_read(w->page))
		return explain(w, "its control page went away");
	if (w->page->now.pid == (uint32_t)w->page->process.pid &&
	    !process_has_thread(&w->page->process, (pid_t)w->page->now.helper_tid))
		return explain(
			w, "the shim's helper thread is not there: the program may have replaced "
			   "itself (exec) or be in the middle of a fork; try again");
	snprintf(text, sizeof(text),
		 "no answer within %u s (its helper thread is alive but got no further: state %c)",
		 w->timeout_ms / 1000, state);
	return explain(w, text);
}

static bool await(struct wait *w, uint64_t start)
{
	for (;;) {
		uint32_t seen;
		if (!page_read(w->page))
			return explain(w, "its control page went away");
		seen = w->page->now.answer_serial;
		if (seen == w->serial)
			return true;
		if (!process_alive(w->page))
			return explain(w, "it ended before it answered");
		if (!tick(w, start))
			return explain_timeout(w);
		futex(w, offsetof(struct rgd_control, answer_serial), FUTEX_WAIT, seen, SLICE_MS);
	}
}

/* A request that nobody waits for any more must not be carried out later. */
static void withdraw(struct wait *w)
{
	uint32_t none = RGC_NONE;

	if (!PUT(w->page, command, &none))
		return;
}

static bool check_status(struct wait *w)
{
	const struct rgd_control *answer = &w->page->now;
	char text[sizeof(answer->message)];

	if (answer->status == 0)
		return true;
	printable(text, sizeof(text), answer->message, sizeof(answer->message));
	return explain(w, text[0] ? text : strerror(answer->status));
}

static uint32_t default_timeout(const struct request *request)
{
	if (request->command != RGC_SNAPSHOT)
		return QUICK_TIMEOUT_MS;
	return (request->deadline_ms ? request->deadline_ms : DEFAULT_DEADLINE_MS) + GRACE_MS;
}

bool request_send(struct page *page, const struct request *request, char *message, size_t size)
{
	uint64_t start = now_ms();
	struct wait w = {
		.page = page,
		.timeout_ms = request->timeout_ms ? request->timeout_ms : default_timeout(request),
		.request = request,
		.message = message,
		.size = size,
	};
	bool good;

	if (request->path && strlen(request->path) >= sizeof(page->now.path))
		return explain(&w, "the name of the dump file is too long");
	w.words = mmap(NULL, sizeof(struct rgd_control), PROT_READ | PROT_WRITE, MAP_SHARED,
		       page->fd, 0);
	if (w.words == MAP_FAILED)
		return explain(&w, strerror(errno));
	good = lock(&w, start);
	if (good) {
		good = wait_ready(&w, start) && post(&w);
		if (good) {
			good = await(&w, start);
			if (!good)
				withdraw(&w);
		}
		good = good && check_status(&w);
		flock(page->fd, LOCK_UN);
	}
	munmap(w.words, sizeof(struct rgd_control));
	return good;
}
