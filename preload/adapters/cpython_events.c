/*
 * cpython_events.c - the collections that the program made, seen from the allocator: when, of which generation, what they freed.
 *
 * The interpreter tells who asks only through gc.callbacks, where the program would see us. But its statistics count each
 * collection, and it allocates before and after one: when they have changed since the allocation before, a collection lies
 * between the two. What is known of its duration is therefore a bound, and a tight one where it matters: an automatic
 * collection is due when generation 0 has come to its threshold, and from then on the clock is read often. Where the program slept
 * before its next allocation the processor time is the better bound.
 *
 * All calls hold the lock of their interpreter. Those with a lock of their own (3.12+) have statistics of their own, at which we do
 * not look, but may come here at the same time: `busy`.
 */
#include <time.h>

#include "cpython.h"

#define EVENTS 1024u	    /* the last ones are kept */
#define SAMPLE_ALWAYS 1024u /* allocations between two looks at the clock, mostly ... */
#define SAMPLE_NEAR 32u	    /* ... and when a collection is due */

bool events_pending = true;

struct sample {
	uint64_t clock, processor;
};
struct event {
	uint64_t until;			  /* of the monotonic clock: it was over by then */
	uint64_t span, processor;	  /* it took at most so long; processor time 0: unknown */
	uint32_t generation, collections; /* more than one when none could be told from the next */
	uint64_t collected, uncollectable;
};
struct sums { /* of one generation, in all */
	uint64_t events, collections, span, longest, processor;
};

static struct {
	struct adapter_watch watch;
	uintptr_t heads;
	uint64_t stats[3][3]; /* when looked last */
	uint64_t before[3];   /* collections that were made before we looked */
	struct sample last;
	bool near;
	bool busy;
	uint64_t total;
	struct event ring[EVENTS];
	struct sums sums[3];
} events;

static const uint32_t far_away[2] = {1, 0};

static uint64_t clock_now(clockid_t which)
{
	struct timespec t;
	if (clock_gettime(which, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct sample sample_now(void)
{
	return (struct sample){clock_now(CLOCK_MONOTONIC), python.host->processor_time()};
}

static uint64_t statistic(unsigned generation, unsigned which)
{
	return word_at(events.heads + (GC_STATS - GC_GENERATIONS), generation * 24 + which * 8);
}

static uint64_t collections_now(void)
{
	return statistic(0, 0) + statistic(1, 0) + statistic(2, 0);
}

/* Whether an automatic collection may come, and so whether it is worth to look out for it. */
static const uint32_t *level(void)
{
	const uint32_t *threshold = (const uint32_t *)(events.heads + 16);
	bool automatic = half_at(events.heads, GC_ENABLED - GC_GENERATIONS) && *threshold;
	return automatic ? threshold : far_away;
}

static void record(unsigned generation, const struct sample *now)
{
	uint64_t *was = events.stats[generation];
	uint64_t collections = statistic(generation, 0) - was[0];
	struct sums *sum = &events.sums[generation];
	struct event *e = &events.ring[events.total % EVENTS];
	bool knows = now->processor && events.last.processor &&
		     now->processor >= events.last.processor; /* not after fork() */
	if (!collections)
		return;
	events.total++;
	*e = (struct event){
		.until = now->clock,
		.span = now->clock - events.last.clock,
		.processor = knows ? now->processor - events.last.processor : 0,
		.generation = generation,
		.collections = (uint32_t)collections,
		.collected = statistic(generation, 1) - was[1],
		.uncollectable = statistic(generation, 2) - was[2],
	};
	sum->events++;
	sum->collections += collections;
	sum->span += e->span;
	sum->processor += e->processor;
	if (e->span > sum->longest)
		sum->longest = e->span;
	for (unsigned i = 0; i < 3; i++)
		was[i] = statistic(generation, i);
}

static void stop(void)
{
	events_watch(NULL);
	events.heads = 0;
	events_pending = true; /* an embedding program may start the interpreter anew */
	alloc_stacks();
}

static void look_closely(struct adapter_watch *watch)
{
	bool collected = collections_now() != watch->seen;
	struct sample now = sample_now();
	reborn_watch();
	/* oldest first: one that a younger one follows was the explicit one, mostly */
	for (unsigned i = 0; collected && i < 3; i++)
		record(2 - i, &now);
	if (collected)
		events.near = false;
	else if (watch->level[1] >= watch->level[0])
		events.near = true;
	events.last = now;
	watch->seen = collections_now();
	watch->level = events.near ? far_away : level();
	watch->left = events.near ? SAMPLE_NEAR : SAMPLE_ALWAYS;
}

/* In an allocation. */
static void fire(struct adapter_watch *watch)
{
	if (__atomic_test_and_set(&events.busy, __ATOMIC_ACQUIRE))
		return;
	if (python.api.is_finalizing() || !python.api.is_initialized())
		stop();
	else
		look_closely(watch);
	__atomic_clear(&events.busy, __ATOMIC_RELEASE);
}

/* Called for each block until it succeeds, with the lock held. */
void events_start(void)
{
	static unsigned calls;
	if (++calls % 64 || !python.api.is_initialized() || python.api.is_finalizing())
		return;
	events_pending = false;
	reborn_watch();
	uintptr_t heads = gc_state_of(python.api.interpreter_main());
	if (!heads)
		return;
	events.heads = heads;
	for (unsigned g = 0; g < 3; g++) {
		for (unsigned i = 0; i < 3; i++)
			events.stats[g][i] = statistic(g, i);
		events.before[g] = events.stats[g][0] - events.sums[g].collections;
		events.watch.count[g] =
			(const uint64_t *)(heads + (GC_STATS - GC_GENERATIONS) + g * 24);
	}
	events.near = false;
	events.last = sample_now();
	events.watch.seen = collections_now();
	events.watch.level = level();
	events.watch.left = SAMPLE_ALWAYS;
	events.watch.fire = fire;
	events_watch(&events.watch);
}

/* The interpreter is about to be made anew: the old one's state may be gone. */
void events_recheck(void)
{
	if (events.heads && !python.api.is_initialized())
		stop();
}

/* ---- in the walker ---------------------------------------------------------------------------------------------------- */

static void row(struct walk *walk, const char *name, uint64_t index, uint64_t value)
{
	walk_gc(walk, RGD_RT_CPYTHON, name, index, value);
}

void events_rows(struct walk *walk)
{
	uint64_t first = events.total > EVENTS ? events.total - EVENTS : 0;
	/* from the monotonic clock to the wall's */
	uint64_t wall = clock_now(CLOCK_REALTIME) - clock_now(CLOCK_MONOTONIC);
	if (!events.heads && !events.total)
		return;
	for (unsigned g = 0; g < 3; g++) {
		row(walk, "events.before", g, events.before[g]);
		row(walk, "events.collections", g, events.sums[g].collections);
		row(walk, "events.span", g, events.sums[g].span);
		row(walk, "events.longest", g, events.sums[g].longest);
		row(walk, "events.processor", g, events.sums[g].processor);
	}
	row(walk, "events.total", 0, events.total);
	for (uint64_t i = first; i < events.total; i++) {
		const struct event *e = &events.ring[i % EVENTS];
		row(walk, "event.until", i, e->until + wall);
		row(walk, "event.span", i, e->span);
		row(walk, "event.processor", i, e->processor);
		row(walk, "event.generation", i, e->generation);
		row(walk, "event.collections", i, e->collections);
		row(walk, "event.collected", i, e->collected);
		row(walk, "event.uncollectable", i, e->uncollectable);
	}
}
