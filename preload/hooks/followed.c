/*
 * followed.c - see followed.h: how many objects are followed when that is left to us.
 *
 * What a recorded call costs is known, and how much time the thread had for its last few thousand is asked of the kernel: when more than one part in
 * twenty went into them, every other object, or fewer, is followed from then on. That never goes back: what is followed later must have been followed
 * from its birth.
 */
#include "followed.h"

#include <time.h>

#include "../sys.h"
#include "tracked.h"

#define CALLS 2048u /* recorded ones between two looks at the clock, which is a system call */
#define FREE 8192u  /* of each thread, before the first look: a small program is followed whole */
/* A recorded call in programs: 130 (TLS handshakes) to 280 (GTK's start) were measured. */
#define CALL_NS 200u
#define PART 20u
#define EVERY_MAX 256u /* then the calls themselves are what costs */

_Atomic uint32_t followed_every = 1;

void followed_start(void)
{
	if (config.track_objects)
		atomic_store_explicit(&followed_every, config.track_objects, memory_order_relaxed);
}

static bool is_left_out(const struct tracked *o)
{
	return !is_followed(o->flags & RGD_COUNTED_F_ID ? (uint32_t)o->id : o->id);
}

/* The least power of two that brings the calls of `every` down to their part of `time`, as things are. */
static uint32_t every_for(uint32_t every, uint64_t time)
{
	uint64_t needed = (uint64_t)CALLS * CALL_NS * PART;

	for (; time < needed && every < EVERY_MAX; time *= 2)
		every *= 2;
	return every;
}

void followed_look(struct thread *t)
{
	uint32_t every = atomic_load_explicit(&followed_every, memory_order_relaxed), next;
	uint64_t before = t->hook_time;
	struct timespec now;

	t->hook_room = t->hook_every ? CALLS : FREE;
	if (!t->hook_every) { /* as if much had changed since: the next look only begins */
		t->hook_every = UINT32_MAX;
		return;
	}
	if (shim_sandboxed || every >= EVERY_MAX ||
	    sys(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &now))
		return;
	t->hook_time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	/* not the first look; and another thread did not answer for the same calls already */
	next = t->hook_every == every ? every_for(every, t->hook_time - before) : every;
	if (next > every && atomic_compare_exchange_strong(&followed_every, &every, next)) {
		tracked_forget(is_left_out);
		every = next;
	}
	t->hook_every = every;
}
