/*
 * collector.c - the runs of PHP's collector: when, from where, how long, how many roots stood in its buffer before and after, and what
 * became of its threshold.
 *
 * The engine collects when the buffer of possible roots has come to the threshold (10001), and raises the threshold by 10000
 * when a run found fewer than 100 things to free. One that only ever rises means: the buffer fills with what is alive.
 */
#include "php.h"

#include <time.h>

#define EVENTS 1024u /* the last ones are kept */
#define PLACE 96u

enum cause { CAUSE_FULL, CAUSE_SCRIPT, CAUSE_ENGINE }; /* as refgraph-dump(5) says */

struct event {
	uint64_t until, span, processor; /* ns; of the monotonic clock */
	uint32_t roots_before, roots_after, threshold_before, threshold_after, collected, cause;
	char place[PLACE];
};

static struct {
	struct event now;
	unsigned depth; /* a destructor in a run may ask for one */
	uint64_t total, collected, span, longest, processor, full, highest;
	struct event ring[EVENTS];
} gc;

static uint64_t clock_now(clockid_t which)
{
	struct timespec t = {0, 0};

	clock_gettime(which, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The tail of the path when it is long. */
static void note_place(char *out)
{
	const zend_execute_data *ex = EG(current_execute_data);
	const zend_string *file;
	size_t n;

	while (ex && (!ex->func || !ZEND_USER_CODE(ex->func->type)))
		ex = ex->prev_execute_data;
	file = ex ? ex->func->op_array.filename : NULL;
	out[0] = 0;
	if (!file)
		return;
	n = ZSTR_LEN(file);
	snprintf(out, PLACE, "%s:%u", ZSTR_VAL(file) + (n > PLACE - 16 ? n - (PLACE - 16) : 0),
		 zend_get_executed_lineno());
}

static enum cause cause_of(const zend_gc_status *status)
{
	const zend_execute_data *ex = EG(current_execute_data);
	const zend_function *f = ex ? ex->func : NULL;

	if (f && f->type == ZEND_INTERNAL_FUNCTION && f->common.function_name &&
	    zend_string_equals_literal(f->common.function_name, "gc_collect_cycles"))
		return CAUSE_SCRIPT;
	return status->num_roots >= status->threshold - 1 ? CAUSE_FULL : CAUSE_ENGINE;
}

/* The engine adjusts its threshold when the run is over and we have been told. */
static void note_threshold(uint32_t threshold)
{
	if (gc.total)
		gc.ring[(gc.total - 1) % EVENTS].threshold_after = threshold;
	if (threshold > gc.highest)
		gc.highest = threshold;
}

static void gc_begin(void)
{
	zend_gc_status status;

	if (gc.depth++)
		return;
	zend_gc_get_status(&status);
	note_threshold(status.threshold);
	gc.now = (struct event){.roots_before = status.num_roots,
				.threshold_before = status.threshold,
				.cause = cause_of(&status)};
	note_place(gc.now.place);
	gc.now.processor = clock_now(CLOCK_THREAD_CPUTIME_ID);
	gc.now.span = clock_now(CLOCK_MONOTONIC);
}

static void gc_end(int collected)
{
	struct event *e = &gc.now;
	zend_gc_status status;

	if (!gc.depth || --gc.depth)
		return;
	e->until = clock_now(CLOCK_MONOTONIC);
	e->span = e->until - e->span;
	e->processor = clock_now(CLOCK_THREAD_CPUTIME_ID) - e->processor;
	zend_gc_get_status(&status);
	e->roots_after = status.num_roots;
	e->threshold_after = status.threshold;
	e->collected = collected > 0 ? (uint32_t)collected : 0;
	gc.span += e->span;
	gc.processor += e->processor;
	gc.collected += e->collected;
	gc.full += e->cause == CAUSE_FULL;
	if (e->span > gc.longest)
		gc.longest = e->span;
	gc.ring[gc.total++ % EVENTS] = *e;
}

/* A destructor that left the run by a fatal error. */
static void request_begin(void)
{
	gc.depth = 0;
}

const struct event_handlers collector_events = {
	.request_begin = request_begin,
	.gc_begin = gc_begin,
	.gc_end = gc_end,
};

/* ---- in the walker --------------------------------------------------------------------------------------------------- */

static void row(struct walk *walk, const char *name, uint64_t index, uint64_t value)
{
	shim->gc(walk, RGD_RT_PHP, name, index, value);
}

static void event_rows(struct walk *walk, uint64_t i, uint64_t wall)
{
	const struct event *e = &gc.ring[i % EVENTS];

	row(walk, "event.until", i, e->until + wall);
	row(walk, "event.span", i, e->span);
	row(walk, "event.processor", i, e->processor);
	row(walk, "event.cause", i, e->cause);
	row(walk, "event.roots_before", i, e->roots_before);
	row(walk, "event.roots_after", i, e->roots_after);
	row(walk, "event.threshold_before", i, e->threshold_before);
	row(walk, "event.threshold_after", i, e->threshold_after);
	row(walk, "event.collected", i, e->collected);
	row(walk, "event.place", i, shim->string(walk, e->place, strlen(e->place)));
}

void collector_rows(struct walk *walk)
{
	uint64_t first = gc.total > EVENTS ? gc.total - EVENTS : 0;
	/* from the monotonic clock to the wall's */
	uint64_t wall = clock_now(CLOCK_REALTIME) - clock_now(CLOCK_MONOTONIC);
	zend_gc_status status;

	zend_gc_get_status(&status);
	if (!gc.depth)
		note_threshold(status.threshold);
	row(walk, "enabled", 0, gc_enabled());
	row(walk, "protected", 0, gc_protected());
	row(walk, "runs", 0, status.runs);
	row(walk, "collected", 0, status.collected);
	row(walk, "threshold", 0, status.threshold);
	row(walk, "roots", 0, status.num_roots);
	row(walk, "running", 0, gc.depth);
	row(walk, "events.total", 0, gc.total);
	row(walk, "events.collected", 0, gc.collected);
	row(walk, "events.full", 0, gc.full);
	row(walk, "events.span", 0, gc.span);
	row(walk, "events.longest", 0, gc.longest);
	row(walk, "events.processor", 0, gc.processor);
	row(walk, "events.highest_threshold", 0, gc.highest);
	for (uint64_t i = first; i < gc.total; i++)
		event_rows(walk, i, wall);
}
