/*
 * record.c - see record.h; what each role means stands in rules.h.
 *
 * Each call is a bracket as in the hooks of the allocator (guard.h): the thread does not park within it, so a snapshot finds no shard locked and
 * no list half written, and what a handler of a signal does meanwhile passes by, counted as lost.
 */
#include "outside.h"
#define HOOK_THREAD_SELF() (struct thread *)OUTSIDE(thread_self, 0)
#define HOOK_PARK_HERE(t) OUTSIDE(freeze_park_here, (uint64_t)(t))
#include "../guard.h"
#include "../live.h"
#include "followed.h"
#include "quarantine.h"
#include "record.h"

#define HOOKS_MAX 8192u

/* Births and references taken, in this thread: what happens within one call of a creator is the same birth. */
static __thread uint32_t moments TLS_FAST;
/*
 * Calls that this thread is inside of, and that speak for all calls of the same object within (rule->wraps). One that was left by longjmp is known by
 * its frame, which lies below that of a later call.
 */
#define WRAPS_MAX 8u
static __thread struct {
	uint64_t id;
	uintptr_t frame;
} wraps[WRAPS_MAX] TLS_FAST;
static __thread uint32_t nwraps TLS_FAST;
static _Atomic uint64_t after_end;
/* Of this type some object was seen to begin: so all are, unless a constructor is inlined. */
static _Atomic bool born_types[RECORD_TYPES];

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

/* ---- calls that are only counted ------------------------------------------------------------------------------------------ */

static __attribute__((noinline)) bool calls_make(struct thread *t)
{
	t->hook_calls =
		(uint64_t *)OUTSIDE(arena_map, HOOKS_MAX * sizeof(*t->hook_calls) +
						       KNOWN_OBJECTS * sizeof(struct known));
	return t->hook_calls;
}

/* Behind the counters; record_enter() saw to it that they are there. */
static inline struct known *known_of(struct thread *t, uint64_t id)
{
	return known_at((struct known *)(t->hook_calls + HOOKS_MAX), id);
}

/* tracked_find(), with the shard's lock. */
static inline struct tracked *find_known(struct thread *t, const struct shard *shard, uint64_t id)
{
	struct known *k = known_of(t, id);
	struct tracked *o = known_object(k, id);

	if (likely(o))
		return o;
	o = tracked_find(shard, id);
	if (o)
		*k = (struct known){id, o,
				    atomic_load_explicit(&tracked_given_up, memory_order_relaxed)};
	return o;
}

uint64_t record_calls(uint32_t number)
{
	uint64_t n = 0;

	if (number >= HOOKS_MAX)
		return 0;
	for (struct thread *t = threads_first(); t; t = t->next) {
		uint64_t *calls = __atomic_load_n(&t->hook_calls, __ATOMIC_ACQUIRE);

		n += calls ? __atomic_load_n(&calls[number], __ATOMIC_RELAXED) : 0;
	}
	return n;
}

uint64_t record_after_end(void)
{
	return atomic_load_explicit(&after_end, memory_order_relaxed);
}

/* ---- one event ------------------------------------------------------------------------------------------------------------- */

static bool is_known(int32_t count)
{
	return count != COUNT_UNKNOWN;
}

static int change_of(unsigned kind)
{
	return kind == RGD_EVENT_REF || kind == RGD_EVENT_ACQUIRE ? 1
	       : kind == RGD_EVENT_UNREF			  ? -1
								  : 0;
}

static uint16_t hook_of(const struct seen *s, unsigned flags)
{
	return EVENT_HOOK_WITH(s->hook->number, flags);
}

static void event_add(struct shard *shard, struct tracked *o, const struct seen *s, unsigned flags)
{
	int change = change_of(s->kind);
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
	difference = s->memory - (s->after ? change_of(s->kind) : 0);
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

/* A live block starts at the object. */
static bool starts_block(uint64_t object)
{
	struct live_block block;

	return likely(!live_is_odd(object)) ? live_starts(object)
					    : (uint8_t)OUTSIDE(live_find, object, (uint64_t)&block);
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
	o->born_at = ++moments;
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
	return s->memory - (s->after ? change_of(s->kind) : 0);
}

/* It has references, and not as many as the words of an allocator's lists would be. */
static bool says_it_lives(const struct seen *s)
{
	return s->has_memory && memory_before(s) > 0 && memory_before(s) <= INT16_MAX;
}

/*
 * It ended, and its very memory is still what it was. Where that was never kept: nothing of its type begins unseen, the call is one for that type, and the object
 * does not say that it lives, nor comes to life: GStreamer's pools have buffers of which the last reference went, and take one at once. What was kept and went
 * back to its allocator may be anything by now.
 */
static bool is_after_end(const struct tracked *o, const struct seen *s)
{
	const struct rule_type *type = s->hook->rule->type;

	if (!o || o->state != RGD_COUNTED_ENDED || is_rest_of_end(o, s))
		return false;
	return (!o->let_go && o->type == (uint16_t)type->number &&
		!(o->flags & RGD_COUNTED_F_BEFORE) && has_births(type->number) &&
		!says_it_lives(s) &&
		!(change_of(s->kind) > 0 && (uint8_t)OUTSIDE(quarantine_wants, s->id))) ||
	       (uint8_t)OUTSIDE(quarantine_holds, s->id);
}

/* True: that was all, the object had ended. */
static bool was_after_end(struct shard *shard, struct tracked *o, const struct seen *s)
{
	if (!is_after_end(o, s))
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

/* True: the object had ended before. */
static bool role_other(struct shard *shard, struct tracked *o, struct seen *s)
{
	unsigned flags = 0;

	if (was_after_end(shard, o, s))
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
	if (change_of(s->kind) > 0) {
		o->ref_in = s->t->tid;
		o->ref_at = ++moments;
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

static void role_create(struct shard *shard, struct tracked *o, struct seen *s)
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

/* ---- what is said at once --------------------------------------------------------------------------------------------------- */

#define LINES_MAX 20u

static void place_text(char *text, size_t size, uintptr_t pc)
{
	uint32_t module = modules_find(pc);
	const char *path = module ? modules_get(module - 1)->path : "", *name = path;

	for (; *path; path++)
		if (*path == '/')
			name = path + 1;
	if (module)
		log_format(text, size, "%s+0x%lx", name,
			   (unsigned long)(pc - modules_get(module - 1)->base));
	else
		log_format(text, size, "0x%lx", (unsigned long)pc);
}

/* The stack of the event that ended the object is in the dump, and so is this one's. */
static __attribute__((noinline)) void say_after_end(const struct seen *s)
{
	static _Atomic uint32_t lines;
	char line[256], place[96];

	quarantine_used(s->id);
	if (!config.verbose ||
	    atomic_fetch_add_explicit(&lines, 1, memory_order_relaxed) >= LINES_MAX)
		return;
	place_text(place, sizeof(place), s->call->return_address);
	log_format(line, sizeof(line), "%s: %s of 0x%lx after its end, by %s", s->type->name,
		   s->hook->symbol, (unsigned long)s->id, place);
	log_line(line);
}

/* ---- one call --------------------------------------------------------------------------------------------------------------- */

/* Numbers of different types may be the same. */
static uint64_t id_of(const struct rule_type *type, uint64_t object)
{
	return type->id ? object | (uint64_t)(type->number + 1) << 48 : object;
}

/* A sink that takes over the floating reference, or counts by itself; else the library's own ref is seen. */
static bool sinks(struct seen *s)
{
	const struct rule_function *rule = s->hook->rule;

	if (rule_floating(s->type, s->id))
		return true;
	s->kind = RGD_EVENT_REF;
	return rule->counts;
}

/* Part of another call, which speaks for it. */
static bool is_wrapped(const struct seen *s)
{
	for (uint32_t i = nwraps; i-- > 0;)
		if (wraps[i].id == s->id && wraps[i].frame >= s->call->frame) /* equal: by a jump */
			return true;
	return false;
}

static void wrap_begin(const struct hook_call *call, uint64_t id)
{
	while (nwraps && wraps[nwraps - 1].frame < call->frame)
		nwraps--;
	if (nwraps == WRAPS_MAX)
		return;
	wraps[nwraps].id = id;
	wraps[nwraps++].frame = call->frame;
}

static void wrap_end(const struct hook_call *call)
{
	while (nwraps && wraps[nwraps - 1].frame <= call->frame)
		nwraps--;
}

/*
 * An object of a type that nobody wants, that this thread saw not long ago: nothing is to be noted down. Without the shard's lock: a thread that uses an
 * object while another ends it is the program's fault, and sees one or the other.
 */
static bool passes_by(const struct seen *s)
{
	const struct tracked *o;
	uint64_t id;

	if (likely(!config.track_types[0])) /* all are wanted */
		return false;
	id = id_of(s->type, s->id);
	o = known_object(known_of(s->t, id), id);
	return o && o->ignored && s->kind != RGD_EVENT_CREATE && s->kind != RGD_EVENT_DESTROY;
}

static bool read_call(struct seen *s)
{
	const struct rule_function *rule = s->hook->rule;

	s->type = rule->type;
	s->kind = rule->role;
	if (!rule_object(rule, s->call, &s->id) || !is_followed(s->id) || passes_by(s))
		return false;
	if (s->kind == RGD_EVENT_SINK && !sinks(s))
		return false;
	if (s->after && s->kind == RGD_EVENT_UNREF) {
		/* it may be gone: what enter() read, if it could */
		s->has_memory = s->call->kept[1] & 1;
		s->memory = (int64_t)s->call->kept[1] >> 1;
		s->after = false;
	} else {
		s->has_memory = !s->type->id && rule_count(s->type, s->id, &s->memory);
	}
	if (s->after && s->type->count_from == RULE_COUNT_RESULT && change_of(s->kind)) {
		s->has_memory = true;
		s->memory = (int32_t)s->call->result;
	}
	s->id = id_of(s->type, s->id);
	return true;
}

/*
 * What nobody saw begin may have ended long ago: then its words are anything, and pointers among them lead nowhere. It is believed to be an object when it
 * lies in a live block, or in no allocator's memory at all.
 */
static bool is_object(const struct seen *s)
{
	struct live_block block;

	return s->type->id || !native_followed || starts_block(s->id) ||
	       (uint8_t)OUTSIDE(live_find_containing, s->id, (uint64_t)&block) ||
	       (uint32_t)OUTSIDE(modules_find, s->id);
}

/* Its name may take a call of the library: not with a lock. */
static struct shard *enter_named(struct seen *s)
{
	if (s->kind == RGD_EVENT_CREATE || is_object(s))
		s->name = record_name(s->type, s->id);
	return shard_enter(s->id);
}

/* The object was born as another type than the function's (a subtype's own ref): that one's count is read. */
static __attribute__((noinline)) void take_type(struct seen *s, const struct tracked *o)
{
	const struct rule_type *const *types;

	if (o->type >= OUTSIDE(rules_types, (uint64_t)&types) || types[o->type]->id != s->type->id)
		return;
	s->type = types[o->type];
	if (s->type->count_from == RULE_COUNT_FIELD && !(s->after && s->kind == RGD_EVENT_UNREF))
		s->has_memory = rule_count(s->type, s->id, &s->memory);
	else if (s->type->count_from != RULE_COUNT_RESULT)
		s->has_memory = false; /* a call of the library: not with a lock */
}

static inline uint32_t stack_of(struct thread *t, const struct hook_call *call)
{
	uint32_t stack = memo_stack_quick(call->return_address, call->frame, call->base_pointer);

	return likely(stack)
		       ? stack
		       : (uint32_t)OUTSIDE(entry_full_stack, (uint64_t)t, call->return_address,
					   call->frame, call->base_pointer);
}

/*
 * It ended: whoever still uses it shall find it as it is. Or it was seen for the first time, and who ends it may be code that was inlined: then its end is that
 * of its block. On request only.
 */
static __attribute__((noinline)) void bury(const struct seen *s, unsigned flags)
{
	const struct rule_type *type = s->type;
	bool field = type->count_from == RULE_COUNT_FIELD && !type->count_path.loads;

	if (!type->id)
		OUTSIDE(quarantine_want, s->id,
			field ? s->id + (uint64_t)(int64_t)type->count_offset : 0,
			field ? type->count_width : 0, type->number | flags);
}

/*
 * What the lock will be taken for is asked of memory ahead of the walk, which takes longer than that. Without the lock: what is read here only
 * decides which lines come.
 */
static inline void look_ahead(struct thread *t, uint64_t id)
{
	const struct known *k = known_of(t, id);
	const struct shard *shard = shard_of(id);
	const struct tracked *o = k->object;

	__builtin_prefetch(shard, 1);
	if (likely(k->id == id && id))
		__builtin_prefetch(o->events + o->nevents, 1);
	else if (shard->buckets)
		__builtin_prefetch(tracked_bucket(shard, id));
}

/* False: the rule passes over this object, and does not speak for what others count of it. */
static bool record_call(struct thread *t, const struct hook_call *call, bool after)
{
	struct seen s;
	struct shard *shard;
	struct tracked *o;
	bool alive, ended = false, gone = false, first = false;

	s.t = t;
	s.call = call;
	s.hook = call->context;
	s.after = after;
	s.name = 0;
	if (!read_call(&s) || is_wrapped(&s))
		return true;
	if (unlikely(!config.track_objects && !t->hook_room--))
		OUTSIDE(followed_look, (uint64_t)t);
	look_ahead(t, s.id);
	s.stack = stack_of(t, call);
	shard = s.kind == RGD_EVENT_CREATE ? enter_named(&s) : shard_enter(s.id);
	if (!shard)
		return true;
	o = find_known(t, shard, s.id);
	if (s.hook->rule->own && (!o || o->type != (uint16_t)s.type->number)) {
		shard_leave(shard);
		return false;
	}
	if (unlikely(!o || o->state == RGD_COUNTED_ENDED) && s.kind != RGD_EVENT_CREATE &&
	    !is_after_end(o, &s)) {
		shard_leave(shard);
		shard = s.kind == RGD_EVENT_DESTROY && !o ? NULL : enter_named(&s);
		if (!shard)
			return true;
		o = find_known(t, shard, s.id);
	}
	alive = o && o->state == RGD_COUNTED_ALIVE;
	if (o && unlikely(o->type != (uint16_t)s.type->number) && s.kind != RGD_EVENT_CREATE &&
	    (alive || is_after_end(o, &s)))
		take_type(&s, o);
	if (s.kind == RGD_EVENT_CREATE)
		role_create(shard, o, &s);
	else
		ended = role_other(shard, o, &s);
	if (unlikely(config.tombstones) && s.kind != RGD_EVENT_CREATE && !ended) {
		gone = alive && o->state == RGD_COUNTED_ENDED;
		first = !o && !s.type->dies_at_zero;
	}
	shard_leave(shard);
	if (unlikely(ended))
		OUTSIDE(say_after_end, (uint64_t)&s);
	if (unlikely(gone || first))
		bury(&s, first ? QUARANTINE_ENDS : 0);
	return true;
}

#define KEPT_LATE                                                                                  \
	(1ull << 32) /* in kept[0]: the call was recorded at its entry, its object had ended */

/*
 * A call that says only at its return what it did. Its object may have ended before: then it may never return. And what it ends is gone by then, so the
 * memory is asked for in advance.
 */
static __attribute__((noinline)) void keep_end(struct thread *t, struct hook_call *call,
					       uint64_t object)
{
	const struct rule_hook *hook = call->context;
	struct seen s = {.t = t,
			 .call = call,
			 .hook = hook,
			 .type = hook->rule->type,
			 .kind = hook->rule->role};
	struct shard *shard;
	struct tracked *o;
	bool late, last;

	s.id = id_of(s.type, object);
	s.stack = stack_of(t, call);
	shard = shard_enter(s.id);
	if (!shard)
		return;
	o = tracked_find(shard, s.id);
	late = was_after_end(shard, o, &s);
	last = !o || s.kind == RGD_EVENT_DESTROY || o->count == 1;
	shard_leave(shard);
	if (late) {
		call->kept[0] |= KEPT_LATE;
		OUTSIDE(say_after_end, (uint64_t)&s);
	} else if (last && s.kind != RGD_EVENT_REF) {
		bury(&s, 0);
	}
}

/* What enter() leaves for leave(). */
static __attribute__((noinline)) void keep(struct thread *t, struct hook_call *call,
					   const struct rule_function *rule)
{
	struct rule_function now = *rule;
	int64_t memory;
	uint64_t object;

	call->kept[0] = moments;
	now.at_return = false; /* so nobody asks whether it will succeed */
	if (!rule->object.argument || !rule_object(&now, call, &object) || !is_followed(object))
		return;
	if (rule->wraps)
		wrap_begin(call, id_of(rule->type, object));
	if (unlikely(config.tombstones) && rule->at_return && rule->role != RULE_CREATE &&
	    rule->role != RULE_ACQUIRE && rule->role != RULE_SINK)
		keep_end(t, call, object);
	if (rule->role == RULE_UNREF && !rule->type->id && rule_count(rule->type, object, &memory))
		call->kept[1] = (uint64_t)memory << 1 | 1;
}

/* The register alone tells that the object is not followed. */
static inline bool passes_at_once(const struct rule_function *rule, const struct hook_call *call)
{
	return config.track_objects != 1 && !rule->object.loads && rule->object.argument &&
	       !rule->type->id && !is_followed(call->argument[rule->object.argument - 1]);
}

/* By function, so that a call that is only counted costs next to nothing. */
enum mode { MODE_UNKNOWN, MODE_COUNT, MODE_ENTRY, MODE_RETURN, MODE_WRAP /* both */ };
static _Atomic uint8_t modes[HOOKS_MAX];

static __attribute__((noinline)) enum mode mode_find(const struct rule_hook *hook)
{
	enum mode mode = record_wanted(hook->rule->type) == RECORD_NONE ? MODE_COUNT
			 : hook->rule->at_return			? MODE_RETURN
			 : hook->rule->wraps				? MODE_WRAP
									: MODE_ENTRY;

	atomic_store_explicit(&modes[hook->number], mode, memory_order_relaxed);
	return mode;
}

static inline enum mode mode_of(const struct rule_hook *hook)
{
	enum mode mode =
		(enum mode)atomic_load_explicit(&modes[hook->number], memory_order_relaxed);

	return likely(mode) ? mode : mode_find(hook);
}

/* From within a bracket. The program's (a signal's handler) is lost; what the shim itself asks of a runtime, as the walker does, is nobody's event. */
static __attribute__((noinline)) void lose_nested(void)
{
	const struct thread *t = thread_current;

	if (!t || t->hook_frame != UINTPTR_MAX)
		tracked_lose(LOST_NESTED);
}

void record_enter(struct hook_call *call)
{
	const struct rule_hook *hook = call->context;
	struct thread *t;

	if (unlikely(hook->number >= HOOKS_MAX)) {
		tracked_lose(LOST_NESTED);
		return;
	}
	/* where a hook's own frame would be */
	t = hook_enter(call->frame - 2 * sizeof(uintptr_t));
	if (unlikely(!t)) {
		lose_nested();
		return;
	}
	if (unlikely(!t->hook_calls && !calls_make(t))) {
		tracked_lose(LOST_MEMORY);
		hook_leave(t);
		return;
	}
	counted(&t->hook_calls[hook->number], 1);
	switch (mode_of(hook)) {
	case MODE_ENTRY:
		if (!passes_at_once(hook->rule, call))
			record_call(t, call, false);
		break;
	case MODE_WRAP:
		if (record_call(t, call, false))
			keep(t, call, hook->rule);
		break;
	case MODE_RETURN:
		keep(t, call, hook->rule);
		break;
	default:
		break;
	}
	hook_leave(t);
}

void record_leave(struct hook_call *call)
{
	const struct rule_hook *hook = call->context;
	struct thread *t;

	if (hook->number >= HOOKS_MAX || mode_of(hook) == MODE_COUNT)
		return;
	if (hook->rule->wraps)
		wrap_end(call);
	if (!hook->rule->at_return || call->kept[0] & KEPT_LATE)
		return;
	t = hook_enter(call->frame - 2 * sizeof(uintptr_t));
	if (unlikely(!t)) {
		lose_nested();
		return;
	}
	/* it may have begun in another thread (coroutines) */
	if (likely(t->hook_calls || calls_make(t)))
		record_call(t, call, true);
	hook_leave(t);
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

/* ---- fork -------------------------------------------------------------------------------------------------------------------- */

void record_fork_prepare(void)
{
	tracked_fork_prepare();
	quarantine_fork_prepare();
}

void record_fork_done(bool child)
{
	quarantine_fork_done(child);
	tracked_fork_done(child);
	if (child)
		record_names_fork_child();
}

void record_jump(void)
{
	quarantine_jump();
	tracked_jump();
	record_names_jump();
}
