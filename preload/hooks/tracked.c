/*
 * tracked.c - see tracked.h.
 */
#include <string.h>
#include <time.h>

#include "lives.h"
#include "outside.h"

/* ---- memory: of a shard, in a few sizes that are used again ------------------------------------------------------------- */

#define CHUNK (64u << 10)
#define CLASS_BYTES(class) ((size_t)64 << (class))

struct shard tracked_shards[TRACKED_SHARDS];
_Atomic uint64_t tracked_given_up;
static _Atomic uint64_t losses[TRACKED_LOSSES], bytes_used;

void tracked_lose(enum tracked_loss which)
{
	atomic_fetch_add_explicit(&losses[which], 1, memory_order_relaxed);
}

uint64_t tracked_lost(enum tracked_loss which)
{
	return atomic_load_explicit(&losses[which], memory_order_relaxed);
}

uint64_t tracked_bytes(void)
{
	return atomic_load_explicit(&bytes_used, memory_order_relaxed);
}

void *tracked_map(size_t size)
{
	void *p = NULL;

	if (atomic_fetch_add_explicit(&bytes_used, size, memory_order_relaxed) + size <=
	    config.hook_memory)
		p = (void *)OUTSIDE(arena_map, size);
	if (!p) {
		atomic_fetch_sub_explicit(&bytes_used, size, memory_order_relaxed);
		tracked_lose(LOST_MEMORY);
	}
	return p;
}

static void *shard_bump(struct shard *s, size_t size)
{
	void *p;

	if ((size_t)(s->end - s->at) < size) {
		uint8_t *chunk = tracked_map(CHUNK);

		if (!chunk)
			return NULL;
		s->at = chunk;
		s->end = chunk + CHUNK;
	}
	p = s->at;
	s->at += size;
	return p;
}

static void *class_take(struct shard *s, unsigned class)
{
	void *p = s->spare[class];

	if (!p)
		return shard_bump(s, CLASS_BYTES(class));
	s->spare[class] = *(void **)p;
	return p;
}

static void class_give(struct shard *s, unsigned class, void *p)
{
	if (!p)
		return;
	*(void **)p = s->spare[class];
	s->spare[class] = p;
}

/* The class of a list with room for n things of 16 bytes: 4, 8, ... */
static unsigned class_of(unsigned room)
{
	return (unsigned)__builtin_ctz(room / 4);
}

_Static_assert(sizeof(struct event) == 16 && sizeof(struct event_sum) == 16, "class_of()");

/* ---- locks ----------------------------------------------------------------------------------------------------------------- */

/*
 * The holder does a few dozen instructions, but may lose its processor in them, and with more threads than processors for long. So who waits
 * sleeps in the end, and gives up only when the holder must be gone: it was in a process of which this is a copy that no handler of ours saw.
 */
__attribute__((noinline)) bool tracked_lock(trylock_t *lock)
{
	const struct timespec nap = {0, 100000};

	if (trylock(lock))
		return true;
	for (int i = 0; i < 20000 && !shim_sandboxed; i++) {
		if (trylock_once(lock))
			return true;
		sys(SYS_nanosleep, &nap, 0);
	}
	return false;
}

void tracked_fork_prepare(void)
{
	for (unsigned i = 0; i < TRACKED_SHARDS; i++)
		tracked_lock(&tracked_shards[i].lock);
	lives_fork_prepare();
}

void tracked_unlock(trylock_t *lock, bool child)
{
	if (child || trylock_is_mine(lock))
		atomic_store_explicit(lock, 0, memory_order_release);
}

void tracked_fork_done(bool child)
{
	lives_fork_done(child);
	for (unsigned i = 0; i < TRACKED_SHARDS; i++)
		tracked_unlock(&tracked_shards[i].lock, child);
}

void tracked_jump(void)
{
	lives_jump();
	for (unsigned i = 0; i < TRACKED_SHARDS; i++) {
		struct shard *s = &tracked_shards[i];

		if (!trylock_is_mine(&s->lock))
			continue;
		for (uint32_t n = s->used + 1; n; n--)
			tracked_lose(LOST_EVENTS);
		atomic_fetch_add_explicit(&tracked_given_up, 1, memory_order_relaxed);
		memset((char *)s + sizeof(s->lock), 0, sizeof(*s) - sizeof(s->lock));
		trylock_release(&s->lock);
	}
}

/* ---- objects --------------------------------------------------------------------------------------------------------------- */

/* Room for one more: twice as many buckets as objects at least. Tables that were too small stay; together they are as large as the newest. */
static bool buckets_room(struct shard *s)
{
	uint32_t old = s->buckets ? s->mask + 1 : 0, n = old ? old * 2 : 64;
	size_t size = n * sizeof(*s->buckets);
	struct tracked **before = s->buckets, **fresh;

	if (s->used < old / 2)
		return true;
	fresh = size <= CHUNK / 4 ? shard_bump(s, size) : tracked_map(size);
	if (!fresh)
		return old > 0;
	s->buckets = fresh;
	s->mask = n - 1;
	for (uint32_t i = 0; i < old; i++)
		for (struct tracked *o = before[i], *next; o; o = next) {
			struct tracked **bucket = tracked_bucket(s, o->id);

			/* in their order: the newest in front */
			while (*bucket)
				bucket = &(*bucket)->next;
			next = o->next;
			o->next = NULL;
			*bucket = o;
		}
	return true;
}

static void object_remove(struct shard *s, struct tracked *o)
{
	struct tracked **link = tracked_bucket(s, o->id);

	while (*link && *link != o)
		link = &(*link)->next;
	if (*link)
		*link = o->next;
	s->used--;
	class_give(s, class_of(o->events_room), o->events);
	if (o->sums)
		class_give(s, class_of(o->sums_room), o->sums);
	o->id = 0;
	o->next = s->spare_objects;
	s->spare_objects = o;
}

static struct tracked *object_take(struct shard *s)
{
	struct tracked *o = s->spare_objects;

	if (o)
		s->spare_objects = o->next;
	else
		o = shard_bump(s, sizeof(*o));
	if (o)
		*o = (struct tracked){0};
	return o;
}

struct tracked *tracked_begin(struct shard *s, uint64_t id, uint16_t type)
{
	struct tracked *o = tracked_find(s, id), **bucket;

	if (o && o->state == RGD_COUNTED_ALIVE)
		tracked_end(s, o, TRACKED_UNSEEN);
	if (!buckets_room(s) || !(o = object_take(s)))
		return NULL;
	o->events_room = 4;
	o->events = class_take(s, class_of(o->events_room));
	if (!o->events) {
		o->next = s->spare_objects;
		s->spare_objects = o;
		return NULL;
	}
	o->id = id;
	o->type = type;
	o->epoch = atomic_load_explicit(&epoch_now, memory_order_relaxed);
	o->count = COUNT_UNKNOWN;
	bucket = tracked_bucket(s, id);
	o->next = *bucket;
	*bucket = o;
	s->used++;
	return o;
}

/* ---- events ---------------------------------------------------------------------------------------------------------------- */

static uint64_t key_of(uint32_t what, uint16_t hook)
{
	uint64_t key = ((uint64_t)what << 16 | hook) * 0xd6e8feb86659fd93ull;

	key ^= key >> 32;
	return key * 0xd6e8feb86659fd93ull;
}

/* The sum of this kind, or the unused one where it would be. */
static struct event_sum *sum_at(struct event_sum *sums, unsigned room, uint32_t what, uint16_t hook)
{
	for (unsigned i = (unsigned)(key_of(what, hook) >> 32);; i++) {
		struct event_sum *sum = &sums[i % room];

		if (!sum->times || (sum->what == what && sum->hook == hook))
			return sum;
	}
}

/* A quarter of them stays unused. False: there is no room for one more. */
static bool sums_room(struct shard *s, struct tracked *o)
{
	unsigned room = o->sums_room ? o->sums_room * 2u : 4;
	struct event_sum *larger;

	if (4u * (o->nsums + 1u) <= 3u * o->sums_room)
		return true;
	if (room > SUMS_MAX || !(larger = class_take(s, class_of(room))))
		return false;
	for (unsigned i = 0; i < room; i++)
		larger[i].times = 0;
	for (unsigned i = 0; i < o->sums_room; i++)
		if (o->sums[i].times)
			*sum_at(larger, room, o->sums[i].what, o->sums[i].hook) = o->sums[i];
	if (o->sums)
		class_give(s, class_of(o->sums_room), o->sums);
	o->sums = larger;
	o->sums_room = (uint16_t)room;
	return true;
}

/* One more of this kind. False: no room. */
static bool sum_add(struct shard *s, struct tracked *o, uint32_t what, uint16_t hook)
{
	struct event_sum *sum = o->sums ? sum_at(o->sums, o->sums_room, what, hook) : NULL;

	if (!sum || !sum->times) {
		if (!sums_room(s, o))
			return false;
		sum = sum_at(o->sums, o->sums_room, what, hook);
		sum->what = what;
		sum->hook = hook;
		o->nsums++;
	}
	sum->times++;
	return true;
}

/* The older half of a full list goes into the sums. The birth stays: it is the row that everybody looks for. */
static void fold(struct shard *s, struct tracked *o)
{
	unsigned first = o->events[0].what && EVENT_KIND(o->events[0].what) == RGD_EVENT_CREATE;
	unsigned end = first + EVENTS_MAX / 2;

	for (unsigned i = first; i < end; i++) {
		if (sum_add(s, o, o->events[i].what, o->events[i].hook))
			continue;
		o->lost++;
		tracked_lose(LOST_EVENTS);
	}
	for (unsigned i = end; i < o->nevents; i++)
		o->events[i - (end - first)] = o->events[i];
	o->nevents = (uint16_t)(o->nevents - (end - first));
}

static bool events_room(struct shard *s, struct tracked *o)
{
	struct event *larger;

	if (o->nevents < o->events_room)
		return true;
	if (o->events_room == EVENTS_MAX ||
	    !(larger = class_take(s, class_of(o->events_room * 2u)))) {
		if (o->events_room < EVENTS_MAX)
			return false;
		fold(s, o);
		return true;
	}
	for (unsigned i = 0; i < o->nevents; i++)
		larger[i] = o->events[i];
	class_give(s, class_of(o->events_room), o->events);
	o->events = larger;
	o->events_room = (uint16_t)(o->events_room * 2);
	return true;
}

void tracked_event(struct shard *s, struct tracked *o, const struct event *event)
{
	o->life += key_of(event->what, event->hook);
	if (likely(events_room(s, o))) {
		o->events[o->nevents++] = *event;
		return;
	}
	o->lost++;
	tracked_lose(LOST_EVENTS);
}

void tracked_rename(struct tracked *o, struct event *event, uint32_t what, uint16_t hook)
{
	o->life += key_of(what, hook) - key_of(event->what, event->hook);
	event->what = what;
	event->hook = hook;
}

/* ---- the end --------------------------------------------------------------------------------------------------------------- */

static void tombstone_add(struct shard *s, struct tracked *o)
{
	uint32_t most = (config.tombstones + TRACKED_SHARDS - 1) / TRACKED_SHARDS;

	o->state = RGD_COUNTED_ENDED;
	o->later = NULL;
	if (s->newest)
		s->newest->later = o;
	else
		s->oldest = o;
	s->newest = o;
	if (++s->tombstones <= most)
		return;
	o = s->oldest;
	s->oldest = o->later;
	s->tombstones--;
	object_remove(s, o);
}

void tracked_end(struct shard *s, struct tracked *o, enum tracked_known known)
{
	if (o->state == RGD_COUNTED_ENDED)
		return;
	if (known == TRACKED_WHOLE && !o->ignored)
		lives_add(o);
	if (config.tombstones && known != TRACKED_UNSEEN && !o->ignored)
		tombstone_add(s, o);
	else
		object_remove(s, o);
}

static void shard_forget(struct shard *s, bool (*left_out)(const struct tracked *object))
{
	for (uint32_t i = 0; s->buckets && i <= s->mask; i++)
		for (struct tracked *o = s->buckets[i], *next; o; o = next) {
			next = o->next;
			if (o->state == RGD_COUNTED_ALIVE && left_out(o))
				object_remove(s, o);
		}
}

void tracked_forget(bool (*left_out)(const struct tracked *object))
{
	for (unsigned i = 0; i < TRACKED_SHARDS; i++)
		if (tracked_lock(&tracked_shards[i].lock)) {
			shard_forget(&tracked_shards[i], left_out);
			shard_leave(&tracked_shards[i]);
		} else {
			tracked_lose(LOST_LOCKS);
		}
}

void tracked_each(void (*visit)(const struct tracked *object, void *context), void *context)
{
	for (unsigned i = 0; i < TRACKED_SHARDS; i++)
		for (uint32_t k = 0; tracked_shards[i].buckets && k <= tracked_shards[i].mask; k++)
			for (const struct tracked *o = tracked_shards[i].buckets[k]; o; o = o->next)
				visit(o, context);
}
