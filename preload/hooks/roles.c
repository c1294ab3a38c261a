/*
 * roles.c - see roles.h. A call's object is in its shard, whose lock is held: nothing here calls the library, or what might wait.
 */
#include "outside.h"
#include "../live.h"
#include "followed.h"
#include "quarantine.h"
#include "record.h"
#include "roles.h"

__thread uint32_t role_moments TLS_FAST;
static _Atomic uint64_t after_end;
/* Of this type some object was seen to begin: so all are, unless a constructor is inlined. */
static _Atomic bool born_types[RECORD_TYPES];

uint64_t record_after_end(void)
{
	return atomic_load_explicit(&after_end, memory_order_relaxed);
}

/* ---- one event ------------------------------------------------------------------------------------------------------------- */

static bool is_known(int32_t count)
{
	return count != COUNT_UNKNOWN;
}

static uint16_t hook_of(const struct seen *s, unsigned flags)
{
	return EVENT_HOOK_WITH(s->hook->number, flags);
}

static void event_add(struct shard *shard, struct tracked *o, const struct seen *s, unsigned flags)
{
	int change = role_change(s->kind);
	struct event event = {
		.what = EVENT_WHAT(s->kind, s->stack),
		.thread = s->t->tid,
		.before = o->count,
		.change = (int16_t)change,
		.hook = hook_of(s, flags),
	};

	if (is_known(o->count))
		o->count += change;
	tracked_event(shard, o, &event);
}

static int32_t clip(int64_t count)
{
	return count > INT32_MAX	? INT32_MAX
	       : count <= COUNT_UNKNOWN ? COUNT_UNKNOWN + 1
					: (int32_t)count;
}

/*
 * The object's own word against our count, when one thread alone has it. Within a call of that thread (the last unref disposes of the object, and
 * that takes references again) the word is behind by what that call has yet to do.
 */
static void count_compare(struct shard *shard, struct tracked *o, const struct seen *s)
{
	const struct event *last = o->nevents ? &o->events[o->nevents - 1] : NULL;
	int64_t difference;
	struct event unseen;

	if (o->thread != s->t->tid)
		o->flags |= RGD_COUNTED_F_THREADS;
	if (!s->has_memory)
		return;
	difference = s->memory - (s->after ? role_change(s->kind) : 0);
	if (!is_known(o->count)) {
		o->count = clip(difference);
		return;
	}
	difference -= o->count;
	if (likely(!difference) || o->flags & RGD_COUNTED_F_THREADS) {
		o->skew = 0;
		return;
	}
	if (difference == o->skew || (last && difference == o->skew - last->change)) {
		o->skew = (int32_t)difference;
		return;
	}
	difference -= o->skew;
	if (difference > INT16_MAX || difference < INT16_MIN)
		return; /* no count lies there, or not any more */
	unseen = (struct event){
		.what = EVENT_WHAT(RGD_EVENT_UNSEEN, 0),
		.thread = s->t->tid,
		.before = o->count,
		.change = (int16_t)difference,
	};
	o->count += (int32_t)difference;
	tracked_event(shard, o, &unseen);
}

/* live_mark(), without a call mostly. */
static bool mark_block(uint64_t object)
{
	return likely(!live_is_odd(object) && !config.peaks) ? live_mark_start(object)
							     : (uint8_t)OUTSIDE(live_mark, object);
}

static struct tracked *object_begin(struct shard *shard, const struct seen *s, unsigned flags)
{
	struct tracked *o;

	if (unlikely(!is_followed(s->type->id ? (uint32_t)s->id : s->id)))
		return NULL; /* it was a moment ago */
	o = tracked_begin(shard, s->id, (uint16_t)s->type->number);
	if (!o)
		return NULL;
	o->name = s->name;
	o->ignored = !record_name_get(s->name)->wanted;
	o->thread = o->born_in = s->t->tid;
	o->born_at = ++role_moments;
	o->flags = (uint8_t)(flags | (s->type->id ? RGD_COUNTED_F_ID : 0));
	o->in_block = !s->type->id && mark_block(s->id);
	return o;
}

/* ---- roles ------------------------------------------------------------------------------------------------------------------ */

/* Events came before the creator returned: the birth goes in front of them. */
static void put_birth(struct shard *shard, struct tracked *o, const struct seen *s)
{
	struct event birth = {
		.what = EVENT_WHAT(RGD_EVENT_CREATE, s->stack),
		.thread = s->t->tid,
		.hook = hook_of(s, 0),
	};
	int changes = 0;

	for (unsigned i = 0; i < o->nevents; i++)
		changes += o->events[i].change;
	birth.change = (int16_t)(s->has_memory ? clip(s->memory) - changes : 1);
	tracked_event(shard, o, &birth);
	if (EVENT_KIND(o->events[o->nevents - 1].what) != RGD_EVENT_CREATE)
		return; /* no memory */
	for (unsigned i = o->nevents - 1u; i > 0; i--)
		o->events[i] = o->events[i - 1];
	o->events[0] = birth;
	for (unsigned i = 1; i < o->nevents; i++)
		o->events[i].before = o->events[i - 1].before + o->events[i - 1].change;
	o->count = birth.change + changes;
	o->flags &= (uint8_t)~RGD_COUNTED_F_BEFORE;
}

/* Of this type some object was seen to begin; else all that is known of any is what came later. */
static bool has_births(uint32_t type)
{
	return type < RECORD_TYPES && atomic_load_explicit(&born_types[type], memory_order_relaxed);
}

static enum tracked_known known_at_end(const struct tracked *o, uint32_t type)
{
	return o->flags & RGD_COUNTED_F_BEFORE && has_births(type) ? TRACKED_PART : TRACKED_WHOLE;
}

/* Its last unref ended it, and in that the library gives back its memory by the function of another type: a parameter's by GObject's. */
static bool is_rest_of_end(const struct tracked *o, const struct seen *s)
{
	return s->kind == RGD_EVENT_DESTROY && o->type != (uint16_t)s->hook->rule->type->number;
}

/* References before this call, as the object says. */
static int64_t memory_before(const struct seen *s)
{
	return s->memory - (s->after ? role_change(s->kind) : 0);
}

/* It has references, and not as many as the words of an allocator's lists would be. */
static bool says_it_lives(const struct seen *s)
{
	return s->has_memory && memory_before(s) > 0 && memory_before(s) <= INT16_MAX;
}

bool role_is_after_end(const struct tracked *o, const struct seen *s)
{
	const struct rule_type *type = s->hook->rule->type;

	if (!o || o->state != RGD_COUNTED_ENDED || is_rest_of_end(o, s))
		return false;
	return (!o->let_go && o->type == (uint16_t)type->number &&
		!(o->flags & RGD_COUNTED_F_BEFORE) && has_births(type->number) &&
		!says_it_lives(s) &&
		!(role_change(s->kind) > 0 && (uint8_t)OUTSIDE(quarantine_wants, s->id))) ||
	       (uint8_t)OUTSIDE(quarantine_holds, s->id);
}

bool role_after_end(struct shard *shard, struct tracked *o, const struct seen *s)
{
	if (!role_is_after_end(o, s))
		return false;
	event_add(shard, o, s, RGD_EVENT_F_ENDED);
	atomic_fetch_add_explicit(&after_end, 1, memory_order_relaxed);
	return true;
}

/* The last reference goes: but not when the object itself says that there are more, which nobody saw. */
static bool is_last(const struct tracked *o, const struct seen *s)
{
	return s->kind == RGD_EVENT_UNREF && s->type->dies_at_zero && o->count == 0 &&
	       !(s->has_memory && !s->after && s->memory > 1);
}

/* Nobody knows it, and it has no reference that could be taken or given: a constant of the library. */
static bool is_constant(const struct seen *s)
{
	return s->has_memory && memory_before(s) < 1;
}

/* The library took the reference that this call returns by a function of the rules. */
static bool is_told(const struct tracked *o, const struct seen *s)
{
	return s->kind == RGD_EVENT_ACQUIRE && o->ref_in == s->t->tid &&
	       (int32_t)(o->ref_at - (uint32_t)s->call->kept[0]) > 0;
}

bool role_other(struct shard *shard, struct tracked *o, struct seen *s)
{
	unsigned flags = 0;

	if (role_after_end(shard, o, s))
		return true;
	if (!o || o->state == RGD_COUNTED_ENDED) {
		if (s->kind == RGD_EVENT_DESTROY || is_constant(s))
			return false;
		o = object_begin(shard, s, RGD_COUNTED_F_BEFORE);
		if (!o)
			return false;
	}
	if (o->ignored) {
		if (s->kind == RGD_EVENT_DESTROY)
			tracked_end(shard, o, TRACKED_UNSEEN);
		return false;
	}
	if (is_told(o, s))
		return false;
	if (s->kind != RGD_EVENT_DESTROY) /* then the count may be anything */
		count_compare(shard, o, s);
	o->thread = s->t->tid;
	if (role_change(s->kind) > 0) {
		o->ref_in = s->t->tid;
		o->ref_at = ++role_moments;
	}
	if (s->kind == RGD_EVENT_DEFER && o->deferred < UINT16_MAX)
		o->deferred++;
	if (s->kind == RGD_EVENT_UNREF && o->deferred) {
		o->deferred--;
		flags = RGD_EVENT_F_DRAIN;
	}
	event_add(shard, o, s, flags);
	if (s->kind == RGD_EVENT_DESTROY || is_last(o, s))
		tracked_end(shard, o, known_at_end(o, s->type->number));
	return false;
}

void role_create(struct shard *shard, struct tracked *o, struct seen *s)
{
	struct event birth = {
		.what = EVENT_WHAT(RGD_EVENT_CREATE, s->stack),
		.thread = s->t->tid,
		.change = (int16_t)(s->has_memory ? clip(s->memory) : 1),
		.hook = hook_of(s, 0),
	};
	bool alive = o && o->state == RGD_COUNTED_ALIVE;

	if (s->type->number < RECORD_TYPES)
		atomic_store_explicit(&born_types[s->type->number], true, memory_order_relaxed);
	if (alive && o->born_in == s->t->tid &&
	    (int32_t)(o->born_at - (uint32_t)s->call->kept[0]) > 0) {
		/* within this very call; its class was not whole then */
		o->name = s->name;
		o->ignored = !record_name_get(s->name)->wanted;
		if (o->nevents && EVENT_KIND(o->events[0].what) == RGD_EVENT_CREATE)
			tracked_rename(o, &o->events[0], birth.what, birth.hook);
		else if (!o->ignored)
			put_birth(shard, o, s);
		return;
	}
	if (alive && !(s->has_memory && s->memory <= 1)) {
		s->kind = RGD_EVENT_ACQUIRE; /* a creator with a cache */
		role_other(shard, o, s);
		return;
	}
	o = object_begin(shard, s, 0);
	if (!o || o->ignored)
		return;
	birth.before = 0;
	o->count = birth.change;
	tracked_event(shard, o, &birth);
}

/* ---- what was counted inline after the end ------------------------------------------------------------------------------------ */

static uint32_t stack_of_end(const struct tracked *o)
{
	for (unsigned i = o->nevents; i-- > 0;)
		if (!(EVENT_FLAGS(o->events[i].hook) & RGD_EVENT_F_ENDED))
			return EVENT_STACK(o->events[i].what);
	return 0;
}

struct event record_late_event(const struct tracked *o, int64_t change)
{
	return (struct event){
		.what = EVENT_WHAT(RGD_EVENT_UNSEEN, stack_of_end(o)),
		.before = COUNT_UNKNOWN,
		.change = (int16_t)change,
		.hook = EVENT_HOOK_WITH(0, RGD_EVENT_F_ENDED),
	};
}

void record_let_go(uint64_t id, uint32_t type, int64_t change)
{
	struct shard *shard = shard_enter(id);
	struct tracked *o = shard ? tracked_find(shard, id) : NULL;
	struct event event;

	if (o && o->state == RGD_COUNTED_ENDED && o->type == (uint16_t)type) {
		o->let_go = true;
		event = record_late_event(o, change);
		if (change) {
			tracked_event(shard, o, &event);
			atomic_fetch_add_explicit(&after_end, 1, memory_order_relaxed);
		}
	}
	if (shard)
		shard_leave(shard);
}

void record_freed(uint64_t id, uint32_t type)
{
	struct shard *shard = shard_enter(id);
	struct tracked *o = shard ? tracked_find(shard, id) : NULL;

	if (o && o->state == RGD_COUNTED_ALIVE && o->type == (uint16_t)type) {
		struct event event = {
			.what = EVENT_WHAT(RGD_EVENT_DESTROY, 0),
			.before = o->count,
			.hook = EVENT_HOOK(~0u),
		};

		tracked_event(shard, o, &event);
		tracked_end(shard, o, known_at_end(o, type));
	}
	if (shard)
		shard_leave(shard);
}
