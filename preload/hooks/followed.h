/*
 * followed.h - which objects hooks follow (REFGRAPH_TRACK_OBJECTS): all, one in N, or as many as cost little.
 *
 * An object is followed from its birth to its end or never, as a hash of its address (or number) decides. So what is known of one is whole, and a call
 * for another costs no look-up. When N grows, those that stay are some of those that were: the others are forgotten at once.
 */
#ifndef REFGRAPH_FOLLOWED_H
#define REFGRAPH_FOLLOWED_H

#include <stdatomic.h>

#include "../shim.h"

/* One object in so many, at this moment. record.c's tests and the walker ask, too. */
extern _Atomic uint32_t followed_every;

static inline bool followed_by(uint64_t object, uint32_t every)
{
	return (object * 0xd6e8feb86659fd93ull >> 32) * every >> 32 == 0;
}

static inline bool is_followed(uint64_t object)
{
	return likely(config.track_objects == 1) ||
	       followed_by(object, atomic_load_explicit(&followed_every, memory_order_relaxed));
}

/* Before the first call. */
void followed_start(void);
/* With REFGRAPH_TRACK_OBJECTS=auto: `t` recorded as many calls as it may before somebody looks at the time. In its bracket, without a lock. */
void followed_look(struct thread *t);

#endif
