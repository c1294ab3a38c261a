/*
 * roles.h - what a call does to its object, by the role that its function has (rules.h): births, references taken and given back, ends, and what came after
 * an end. With the lock of the object's shard.
 */
#ifndef REFGRAPH_ROLES_H
#define REFGRAPH_ROLES_H

#include "record.h"

/* One call, as its event needs it. */
struct seen {
	struct thread *t;
	const struct hook_call *call;
	const struct rule_hook *hook;
	const struct rule_type *type;
	uint64_t id;
	int64_t memory; /* references as the object says, when has_memory */
	bool has_memory;
	bool after; /* memory was read after the call, else before it */
	uint32_t stack, name;
	uint8_t kind;
};

/* Births and references taken, in this thread: what happens within one call of a creator is the same birth. */
extern __thread uint32_t role_moments TLS_FAST;

/* Of the count, by the kind of the event. */
static inline int role_change(unsigned kind)
{
	return kind == RGD_EVENT_REF || kind == RGD_EVENT_ACQUIRE ? 1
	       : kind == RGD_EVENT_UNREF			  ? -1
								  : 0;
}

/* A call of any role but create. `o` may be NULL: nobody has seen the object before. True: it had ended. */
bool role_other(struct shard *shard, struct tracked *o, struct seen *s);
void role_create(struct shard *shard, struct tracked *o, struct seen *s);

/*
 * It ended, and its very memory is still what it was. Where that was never kept: nothing of its type begins unseen, the call is one for that type, and the object
 * does not say that it lives, nor comes to life: GStreamer's pools have buffers of which the last reference went, and take one at once. What was kept and went
 * back to its allocator may be anything by now.
 */
bool role_is_after_end(const struct tracked *o, const struct seen *s);
/* True: so it was, and that was all there is to do: it is an event of what ended. */
bool role_after_end(struct shard *shard, struct tracked *o, const struct seen *s);

#endif
