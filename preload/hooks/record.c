/*
 * record.c - see record.h: from a call to the role that it has for its object (roles.h).
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
#include "roles.h"

#define HOOKS_MAX 8192u

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
	if (s->after && s->type->count_from == RULE_COUNT_RESULT && role_change(s->kind)) {
		s->has_memory = true;
		s->memory = (int32_t)s->call->result;
	}
	s->id = id_of(s->type, s->id);
	return true;
}

/* A live block starts at the object. */
static bool starts_block(uint64_t object)
{
	struct live_block block;

	return likely(!live_is_odd(object)) ? live_starts(object)
					    : (uint8_t)OUTSIDE(live_find, object, (uint64_t)&block);
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
	    !role_is_after_end(o, &s)) {
		shard_leave(shard);
		shard = s.kind == RGD_EVENT_DESTROY && !o ? NULL : enter_named(&s);
		if (!shard)
			return true;
		o = find_known(t, shard, s.id);
	}
	alive = o && o->state == RGD_COUNTED_ALIVE;
	if (o && unlikely(o->type != (uint16_t)s.type->number) && s.kind != RGD_EVENT_CREATE &&
	    (alive || role_is_after_end(o, &s)))
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
	late = role_after_end(shard, o, &s);
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

	call->kept[0] = role_moments;
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
