/*
 * tracked.h - objects that count their references, and what happened to each. Knows no rules, no calls and no dumps: roles.c says what
 * happened, record_walk.c writes it down.
 *
 * Objects lie in shards by their address; a shard has a lock, a hash table and memory of its own, so that threads meet only over the
 * same object. What happened to an object is a list of events in their order, which is bounded: when it is full, its older half is
 * folded into sums by (kind, stack, function). So a count is never lost, only the order of what happened long ago, and an object that is
 * referenced and released millions of times takes no more than one to which it happened fifty times.
 *
 * What ended becomes a life: all objects of a type that had the same events, however often that was. Its key is the sum of a hash of each
 * event, which does not depend on their order, so a life that is known already costs one look-up. What a leaked object has and these do not
 * (or the other way around) is what the analyzer shows.
 */
#ifndef REFGRAPH_TRACKED_H
#define REFGRAPH_TRACKED_H

#include "../glue.h"

#define TRACKED_SHARDS 64u
#define EVENTS_MAX 64u /* of an object, in their order */
#define SUMS_MAX 1024u /* and without: places for distinct (kind, stack, function) */
#define COUNT_UNKNOWN INT32_MIN

/* enum rgd_event_kind above the number of a stack. */
#define EVENT_STACK(what) ((what)&LIVE_STACK_NUMBER)
#define EVENT_KIND(what) ((what) >> 28)
#define EVENT_WHAT(kind, stack) ((uint32_t)(kind) << 28 | EVENT_STACK(stack))

struct event {
	uint32_t what;
	uint32_t thread;
	int32_t before; /* references before it, COUNT_UNKNOWN; of UNSEEN also what there was after the last one */
	int16_t change; /* of the count, as far as it fits */
	uint16_t hook;	/* number in rules_hooks(), below 2^13, and RGD_EVENT_F_* above */
};
#define EVENT_HOOK(hook) ((hook)&0x1fffu)
#define EVENT_FLAGS(hook) ((unsigned)(hook) >> 13)
#define EVENT_HOOK_WITH(hook, flags) ((uint16_t)((hook) | (flags) << 13))

struct event_sum {
	uint32_t what;
	uint16_t hook;	/* as in an event */
	uint64_t times; /* 0: this place is not used */
};

struct tracked {
	/* what each event needs, in one cache line */
	uint64_t id;	      /* its address, or its number; 0: nobody's any more */
	struct tracked *next; /* of the same bucket; of free ones */
	uint64_t life;
	struct event *events;
	int32_t count;	 /* references after the last event */
	int32_t skew;	 /* what the object itself said beyond that, because a call was under way */
	uint32_t thread; /* of the last event */
	uint32_t ref_in, ref_at; /* as born_in, born_at: of the last reference taken */
	uint16_t type;		 /* number of the rule_type */
	uint16_t nevents, events_room;
	uint16_t deferred; /* unrefs that somebody else carries out later */
	uint8_t state;	   /* RGD_COUNTED_ALIVE, RGD_COUNTED_ENDED */
	uint8_t flags;	   /* RGD_COUNTED_F_* */
	bool ignored;	   /* of a type that is not wanted: no events */
	bool in_block;	   /* began at the start of a live block */
	/* and the rest */
	struct tracked *later;	/* tombstones: the one that ended after it */
	struct event_sum *sums; /* sums_room places, by hash */
	uint32_t name;		/* of its type; record.c */
	uint32_t lost;		/* events that are neither in the list nor in the sums */
	uint32_t epoch;
	uint32_t born_in,
		born_at; /* thread, and which of its events of reference counts that was */
	uint16_t nsums, sums_room;
	bool let_go; /* a tombstone whose memory was kept for a while, and is not any more */
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct tracked, later) == 64, "one cache line");

#define TRACKED_CLASSES 9u /* of memory: 64 bytes to 16 KiB */
struct shard {
	trylock_t lock;
	uint32_t mask, used; /* of buckets */
	struct tracked **buckets;
	uint8_t *at, *end; /* of the chunk in use */
	void *spare[TRACKED_CLASSES];
	struct tracked *spare_objects;
	struct tracked *oldest, *newest; /* tombstones */
	uint32_t tombstones;
} __attribute__((aligned(64)));

extern struct shard tracked_shards[TRACKED_SHARDS];

/* What got lost: no memory, no lock, a call within another hook. */
enum tracked_loss { LOST_LOCKS, LOST_MEMORY, LOST_EVENTS, LOST_LIVES, LOST_NESTED, TRACKED_LOSSES };
uint64_t tracked_lost(enum tracked_loss which);
void tracked_lose(enum tracked_loss which);
/* Bytes of memory in use. */
uint64_t tracked_bytes(void);

/* As trylock(), with much more patience; around fork see tracked_fork_done(). */
bool tracked_lock(trylock_t *lock);

static inline uint64_t tracked_mix(uint64_t id)
{
	id *= 0x9e3779b97f4a7c15ull;
	return id ^ id >> 29;
}

static inline struct tracked **tracked_bucket(const struct shard *shard, uint64_t id)
{
	return &shard->buckets[tracked_mix(id) >> 20 & shard->mask];
}

static inline struct shard *shard_of(uint64_t id)
{
	_Static_assert(TRACKED_SHARDS == 64, "the shift");
	return &tracked_shards[tracked_mix(id) >> 58];
}

/* Takes the lock of the object's shard; NULL: not to be had (counted). */
static inline struct shard *shard_enter(uint64_t id)
{
	struct shard *s = shard_of(id);

	if (likely(trylock_once(&s->lock)) || tracked_lock(&s->lock))
		return s;
	tracked_lose(LOST_LOCKS);
	return NULL;
}

static inline void shard_leave(struct shard *shard)
{
	trylock_release(&shard->lock);
}

/* All locks, around fork. In the child nobody else can hold one. */
void tracked_fork_prepare(void);
void tracked_fork_done(bool child);
/* The calling thread leaves a bracket by a jump, out of a signal's handler: its locks are given back, and what the shard held that it was
 * changing is given up, for it may be half written. Counted. */
void tracked_jump(void);

/* The rest is called with the shard's lock. */

/* The one that lives, else the one that ended last; NULL none. */
static inline struct tracked *tracked_find(const struct shard *shard, uint64_t id)
{
	struct tracked *ended = NULL;

	if (unlikely(!shard->buckets))
		return NULL;
	for (struct tracked *o = *tracked_bucket(shard, id); o; o = o->next) {
		if (o->id != id)
			continue;
		if (likely(o->state == RGD_COUNTED_ALIVE))
			return o;
		if (!ended) /* those that came later lie further in front */
			ended = o;
	}
	return ended;
}

/*
 * A thread's own short way to the objects that it had to do with last. An entry leads to memory that was an object's and always is one's, so it can be
 * looked at; it holds while that object is still the one, and no shard was given up.
 */
#define KNOWN_OBJECTS 512u
struct known {
	uint64_t id;
	struct tracked *object;
	uint64_t given_up;
};
extern _Atomic uint64_t tracked_given_up; /* shards, by tracked_jump() */

static inline struct known *known_at(struct known *all, uint64_t id)
{
	return &all[tracked_mix(id) >> 40 & (KNOWN_OBJECTS - 1)];
}

/* The living object; NULL: not known. */
static inline struct tracked *known_object(const struct known *k, uint64_t id)
{
	if (k->id == id && id && k->object->id == id && k->object->state == RGD_COUNTED_ALIVE &&
	    k->given_up == atomic_load_explicit(&tracked_given_up, memory_order_relaxed))
		return k->object;
	return NULL;
}

/* A new one; what lived there before has ended without our seeing it. NULL: no memory (counted). */
struct tracked *tracked_begin(struct shard *shard, uint64_t id, uint16_t type);
void tracked_event(struct shard *shard, struct tracked *object, const struct event *event);
/* Its life is over: it becomes a tombstone, or is forgotten. */
enum tracked_known {
	TRACKED_UNSEEN, /* nobody saw it end */
	TRACKED_PART,	/* nobody saw it begin, though others of its type do not begin unseen */
	TRACKED_WHOLE,	/* what we know of it is a whole life */
};
void tracked_end(struct shard *shard, struct tracked *object, enum tracked_known known);
/* The first event got another stack: the object's birth belongs to a caller further out. */
void tracked_rename(struct tracked *object, struct event *event, uint32_t what, uint16_t hook);

/* What lives and is `left_out` is nobody's any more, in all shards; no lock is held. What ended stays. */
void tracked_forget(bool (*left_out)(const struct tracked *object));

/* ---- lives, and for the walker --------------------------------------------------------------------------------------- */

struct life {
	struct life *next;
	uint64_t key;
	_Atomic uint64_t objects;
	uint64_t lost;
	uint32_t name;
	uint16_t type;
	uint16_t nrows;
	bool rest; /* the sums of all lives that have no row; its rows lie scattered, unused ones have `times` 0 */
	struct event_sum *rows;
};

/* While no other thread runs. */
void tracked_each(void (*visit)(const struct tracked *object, void *context), void *context);
void lives_each(void (*visit)(const struct life *life, void *context), void *context);

#endif
