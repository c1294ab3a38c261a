/*
 * quarantine.c - see quarantine.h.
 *
 * A ring of graves in the order in which objects ended. A grave is WANTED until the block is freed; the flag that sends its end the general
 * way is that of sites that count (LIVE_COUNTED), so free() pays nothing for it elsewhere.
 */
#include "quarantine.h"

#include <string.h>

#include "../adapters/adapter.h"
#include "../entry.h"
#include "lives.h"
#include "record.h"

#define LARGEST (64u << 10) /* of a block: larger ones hold many objects, or are dear */
#define BYTES_MOST (64ull << 20)
#define CHANGE_MOST 1000 /* beyond that it is no count that was written there */

enum grave_state { GRAVE_NONE, GRAVE_WANTED, GRAVE_HELD };
struct grave {
	uintptr_t block, object, place;
	uint64_t size, word; /* the word of its count as it was when it was freed */
	struct adapter_wrap *owner;
	uint32_t same_block, same_object; /* the next of the bucket, + 1 */
	uint16_t type;
	uint8_t width, state;
	bool ends;
};

static trylock_t lock;
static struct grave *graves;
static uint32_t *by_block, *by_object; /* buckets: grave + 1 */
static uint32_t room, mask;
static uint64_t oldest, newest; /* of all that there ever were */
static _Atomic uint64_t bytes;

uint64_t quarantine_bytes(void)
{
	return atomic_load_explicit(&bytes, memory_order_relaxed);
}

static bool ready(void)
{
	size_t buckets = 64, size;

	if (graves)
		return true;
	while (buckets < config.tombstones)
		buckets *= 2;
	size = config.tombstones * sizeof(*graves) + 2 * buckets * sizeof(*by_block);
	graves = arena_map(size);
	if (!graves)
		return false;
	by_block = (uint32_t *)(graves + config.tombstones);
	by_object = by_block + buckets;
	mask = (uint32_t)buckets - 1;
	room = config.tombstones;
	return true;
}

static uint32_t *block_bucket(uintptr_t block)
{
	return &by_block[tracked_mix(block) >> 20 & mask];
}

static uint32_t *object_bucket(uintptr_t object)
{
	return &by_object[tracked_mix(object) >> 20 & mask];
}

static struct grave *find_block(uintptr_t block)
{
	for (uint32_t i = graves ? *block_bucket(block) : 0; i; i = graves[i - 1].same_block)
		if (graves[i - 1].block == block)
			return &graves[i - 1];
	return NULL;
}

static struct grave *find_object(uintptr_t object)
{
	for (uint32_t i = graves ? *object_bucket(object) : 0; i; i = graves[i - 1].same_object)
		if (graves[i - 1].object == object)
			return &graves[i - 1];
	return NULL;
}

static void grave_remove(struct grave *g)
{
	uint32_t number = (uint32_t)(g - graves) + 1, *link = block_bucket(g->block);

	while (*link && *link != number)
		link = &graves[*link - 1].same_block;
	if (*link)
		*link = g->same_block;
	link = object_bucket(g->object);
	while (*link && *link != number)
		link = &graves[*link - 1].same_object;
	if (*link)
		*link = g->same_object;
	if (g->state == GRAVE_HELD)
		atomic_fetch_sub_explicit(&bytes, g->size, memory_order_relaxed);
	g->state = GRAVE_NONE;
}

static uint64_t load(const struct grave *g)
{
	uint64_t word = 0;

	memcpy(&word, (const void *)g->place, g->width);
	return word;
}

static int64_t change_of(const struct grave *g)
{
	const struct rule_type *const *types;
	uint64_t now = g->place ? load(g) : 0;
	int64_t change;

	if (!g->place || now == g->word || g->type >= rules_types(&types))
		return 0;
	/* two counts without a sign: from 0 on it goes to the largest */
	change = (int64_t)((uint64_t)rule_count_in_word(types[g->type], now) -
			   (uint64_t)rule_count_in_word(types[g->type], g->word));
	if (types[g->type]->count_width == 4)
		change = (int32_t)change;
	return change >= -CHANGE_MOST && change <= CHANGE_MOST ? change : 0;
}

/* With the lock: the oldest leaves the ring. False: there is none. */
static bool pop(struct grave *ret)
{
	struct grave *g;

	if (oldest == newest)
		return false;
	g = &graves[oldest++ % room];
	*ret = *g;
	if (g->state)
		grave_remove(g);
	return true;
}

/* Without it. */
static void dispose(const struct grave *g)
{
	int64_t change;

	if (g->state != GRAVE_HELD)
		return;
	change = change_of(g);
	if (change)
		record_written(g->object, g->type, change);
	if (!g->owner) {
		real.free((void *)g->block);
		return;
	}
	/* its allocator wants the lock of its runtime: the next who frees there has it */
	if (!tracked_lock(&lock))
		return;
	*(void **)g->block = g->owner->due;
	__atomic_store_n(&g->owner->due, (void *)g->block, __ATOMIC_RELEASE);
	trylock_release(&lock);
}

void quarantine_want(uint64_t object, uint64_t place, uint64_t width, uint64_t type)
{
	struct live_block block;
	struct grave *g, old = {0};

	if (!live_find_containing(object, &block) || block.size > LARGEST ||
	    block.stack & LIVE_SAMPLED || !trylock(&lock))
		return;
	if (!ready()) {
		trylock_release(&lock);
		return;
	}
	g = find_block(block.address);
	if (g && g->state == GRAVE_WANTED)
		grave_remove(g); /* it is the newest now */
	if (newest - oldest == room)
		pop(&old);
	g = &graves[newest++ % room];
	*g = (struct grave){.block = block.address,
			    .object = object,
			    .type = (uint16_t)type,
			    .ends = type & QUARANTINE_ENDS,
			    .state = GRAVE_WANTED};
	if (width && place >= block.address && place + width <= block.address + block.size) {
		g->place = place;
		g->width = (uint8_t)width;
	}
	g->same_block = *block_bucket(g->block);
	*block_bucket(g->block) = (uint32_t)(g - graves) + 1;
	g->same_object = *object_bucket(g->object);
	*object_bucket(g->object) = (uint32_t)(g - graves) + 1;
	trylock_release(&lock);
	if (!config.peaks) /* all blocks have it then, or their sites do not count */
		live_flag(block.address, LIVE_COUNTED);
	dispose(&old);
}

bool quarantine_take(void *block, size_t size, struct adapter_wrap *owner)
{
	struct grave *g, old = {0};
	uint64_t object, type;
	bool ends;

	if (!trylock(&lock))
		return false;
	g = find_block((uintptr_t)block);
	if (!g || g->state != GRAVE_WANTED) {
		trylock_release(&lock);
		return false;
	}
	g->state = GRAVE_HELD;
	g->size = size;
	g->owner = owner;
	g->word = g->place ? load(g) : 0;
	object = g->object;
	type = g->type;
	ends = g->ends;
	/* the newest stays in any case */
	while (atomic_fetch_add_explicit(&bytes, size, memory_order_relaxed) + size > BYTES_MOST &&
	       &graves[oldest % room] != g && pop(&old)) {
		size = 0;
		trylock_release(&lock);
		dispose(&old);
		if (!tracked_lock(&lock))
			return true;
	}
	trylock_release(&lock);
	if (ends)
		record_freed(object, (uint32_t)type);
	return true;
}

bool quarantine_drop(void *block)
{
	struct grave *g;
	bool held;

	if (!trylock(&lock))
		return false;
	g = find_block((uintptr_t)block);
	held = g && g->state == GRAVE_HELD && !g->owner;
	if (held)
		grave_remove(g);
	trylock_release(&lock);
	return held;
}

void *quarantine_due(struct adapter_wrap *owner)
{
	void *block;

	if (!__atomic_load_n(&owner->due, __ATOMIC_ACQUIRE) || !trylock(&lock))
		return NULL;
	block = owner->due;
	if (block)
		__atomic_store_n(&owner->due, *(void **)block, __ATOMIC_RELEASE);
	trylock_release(&lock);
	return block;
}

bool quarantine_holds(uint64_t object)
{
	struct grave *g;
	bool held;

	if (!trylock(&lock))
		return false;
	g = find_object(object);
	held = g && g->state == GRAVE_HELD;
	trylock_release(&lock);
	return held;
}

void quarantine_used(uint64_t object)
{
	struct grave *g;

	if (!trylock(&lock))
		return;
	g = find_object(object);
	if (g)
		g->place = 0;
	trylock_release(&lock);
}

int64_t quarantine_change(uint64_t object)
{
	const struct grave *g = find_object(object);

	return g && g->state == GRAVE_HELD ? change_of(g) : 0;
}

void quarantine_fork_prepare(void)
{
	tracked_lock(&lock);
}

void quarantine_fork_done(bool child)
{
	tracked_unlock(&lock, child);
}

/* The ring may be half changed: what it holds is given up. */
void quarantine_jump(void)
{
	if (!trylock_is_mine(&lock))
		return;
	graves = NULL;
	oldest = newest = 0;
	trylock_release(&lock);
}
