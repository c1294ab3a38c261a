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

#define BYTES_MOST (64ull << 20)
/* Blocks from LARGE on share half of it, so that what is small does not go for them. glibc maps a block of more than LARGE_MOST by itself
 * (M_MMAP_THRESHOLD is 32 MiB at most) and unmaps it when it is freed: who uses that later faults where he does it. */
#define LARGE (64ull << 10)
#define LARGE_MOST (BYTES_MOST / 2)
#define CHANGE_MOST 1000 /* beyond that it is no count that was written there */
enum grave_state { GRAVE_NONE, GRAVE_WANTED, GRAVE_HELD };
struct grave {
	uintptr_t block, object, place;
	uint64_t size, word; /* the word of its count as it was when it was freed */
	struct adapter_wrap *owner;
	uint32_t same_block, same_object; /* the next of the bucket, + 1 */
	uint32_t later_large;		  /* the next that is large, + 1 */
	uint16_t type;
	uint8_t width;
	uint8_t state : 2, ends : 1;
};
_Static_assert(sizeof(struct grave) == 64, "one cache line");

static trylock_t lock;
static struct grave *graves;
static uint32_t *by_block, *by_object; /* buckets: grave + 1 */
static uint32_t room;
const uint32_t *quarantine_places; /* by_object, for who has no lock */
uint32_t quarantine_mask;
static uint64_t oldest, newest; /* of all that there ever were */
static _Atomic uint64_t bytes;
static uint32_t first_large; /* grave + 1, in the order in which they were freed */
static uint64_t large_bytes;
/* GLib's slices: of it no more than what is due. */
static struct adapter_wrap slices;

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
	quarantine_mask = (uint32_t)buckets - 1;
	__atomic_store_n(&quarantine_places, by_object, __ATOMIC_RELEASE);
	room = config.tombstones;
	return true;
}

static uint32_t *block_bucket(uintptr_t block)
{
	return &by_block[tracked_mix(block) >> 20 & quarantine_mask];
}

static uint32_t *object_bucket(uintptr_t object)
{
	return &by_object[quarantine_place(object)];
}

static struct grave *find_block(uintptr_t block, enum grave_state state)
{
	for (uint32_t i = graves ? *block_bucket(block) : 0; i; i = graves[i - 1].same_block)
		if (graves[i - 1].block == block && graves[i - 1].state == state)
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

/* The newest that is wanted and lies in [address, address + size), which is not more than a page of slices. */
static struct grave *find_wanted_in(uintptr_t address, size_t size)
{
	uintptr_t place = address >> QUARANTINE_PLACE_SHIFT,
		  last = (address + size - 1) >> QUARANTINE_PLACE_SHIFT;

	for (; graves && place <= last; place++)
		for (uint32_t i = *object_bucket(place << QUARANTINE_PLACE_SHIFT); i;
		     i = graves[i - 1].same_object)
			if (graves[i - 1].object - address < size &&
			    graves[i - 1].state == GRAVE_WANTED)
				return &graves[i - 1];
	return NULL;
}

static void block_remove(struct grave *g)
{
	uint32_t number = (uint32_t)(g - graves) + 1, *link = block_bucket(g->block);

	while (*link && *link != number)
		link = &graves[*link - 1].same_block;
	if (*link)
		*link = g->same_block;
}

static void block_add(struct grave *g)
{
	uint32_t *bucket = block_bucket(g->block);

	g->same_block = *bucket;
	*bucket = (uint32_t)(g - graves) + 1;
}

static void object_remove(struct grave *g)
{
	uint32_t number = (uint32_t)(g - graves) + 1, *link = object_bucket(g->object);

	while (*link && *link != number)
		link = &graves[*link - 1].same_object;
	if (*link)
		*link = g->same_object;
}

/* The end of the chain of large ones, or the link to this one. They are few: LARGE_MOST / LARGE. */
static uint32_t *large_link(uint32_t number)
{
	uint32_t *link = &first_large;

	while (*link && *link != number)
		link = &graves[*link - 1].later_large;
	return link;
}

static void large_add(struct grave *g)
{
	g->later_large = 0;
	*large_link(0) = (uint32_t)(g - graves) + 1;
	large_bytes += g->size;
}

static void large_remove(struct grave *g)
{
	uint32_t *link = large_link((uint32_t)(g - graves) + 1);

	if (!*link)
		return;
	*link = g->later_large;
	large_bytes -= g->size;
}

static void grave_remove(struct grave *g)
{
	block_remove(g);
	object_remove(g);
	if (g->state == GRAVE_HELD) {
		atomic_fetch_sub_explicit(&bytes, g->size, memory_order_relaxed);
		if (g->size > LARGE)
			large_remove(g);
	}
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

/* With the lock: one that has to go so that there is no more than there may be; the newest, `but`, stays in any case. False: none. */
static bool pop_beyond(struct grave *ret, const struct grave *but)
{
	struct grave *g = first_large ? &graves[first_large - 1] : NULL;

	if (large_bytes > LARGE_MOST && g && g != but) {
		*ret = *g;
		grave_remove(g);
		return true;
	}
	return quarantine_bytes() > BYTES_MOST && &graves[oldest % room] != but && pop(ret);
}

/* Without it. */
static void dispose(const struct grave *g)
{
	if (g->state != GRAVE_HELD)
		return;
	record_let_go(g->object, g->type, change_of(g));
	if (!g->owner) {
		real.free((void *)g->block);
		return;
	}
	/* its allocator wants the lock of its runtime: the next who frees there has it */
	if (!tracked_lock(&lock))
		return;
	*(void **)g->block = g->owner->due;
	if (g->owner == &slices)
		((size_t *)g->block)[1] = g->size; /* no slice is smaller than two words */
	__atomic_store_n(&g->owner->due, (void *)g->block, __ATOMIC_RELEASE);
	trylock_release(&lock);
}

void quarantine_want(uint64_t object, uint64_t place, uint64_t width, uint64_t type)
{
	struct live_block block;
	struct grave *g, old = {0};

	if (!live_find_containing(object, &block) || block.size > LARGE_MOST ||
	    block.stack & LIVE_SAMPLED || !trylock(&lock))
		return;
	if (!ready()) {
		trylock_release(&lock);
		return;
	}
	/* it is the newest now; others of its block may be wanted too, which may be a page of slices */
	g = find_wanted_in(object, 1);
	if (g)
		grave_remove(g);
	if (newest - oldest == room)
		pop(&old);
	g = &graves[newest++ % room];
	*g = (struct grave){.block = block.address,
			    .object = object,
			    .type = (uint16_t)type,
			    .ends = type & QUARANTINE_ENDS ? 1 : 0,
			    .state = GRAVE_WANTED};
	if (width && place >= block.address && place + width <= block.address + block.size) {
		g->place = place;
		g->width = (uint8_t)width;
	}
	block_add(g);
	g->same_object = *object_bucket(g->object);
	*object_bucket(g->object) = (uint32_t)(g - graves) + 1;
	trylock_release(&lock);
	if (!config.peaks) /* all blocks have it then, or their sites do not count */
		live_flag(block.address, LIVE_COUNTED);
	dispose(&old);
}

/* With the lock, which is given back: the memory of this one is kept from now on. */
static void hold(struct grave *g, size_t size, struct adapter_wrap *owner)
{
	uint64_t object = g->object, type = g->type;
	bool ends = g->ends;
	struct grave old;

	g->state = GRAVE_HELD;
	g->size = size;
	g->owner = owner;
	g->word = g->place ? load(g) : 0;
	atomic_fetch_add_explicit(&bytes, size, memory_order_relaxed);
	if (size > LARGE)
		large_add(g);
	while (pop_beyond(&old, g)) {
		trylock_release(&lock);
		dispose(&old);
		if (!tracked_lock(&lock))
			return;
	}
	trylock_release(&lock);
	if (ends)
		record_freed(object, (uint32_t)type);
}

bool quarantine_take(void *block, size_t size, struct adapter_wrap *owner)
{
	struct grave *g;

	if (size > LARGE_MOST || !trylock(&lock))
		return false;
	g = find_block((uintptr_t)block, GRAVE_WANTED);
	if (!g) {
		trylock_release(&lock);
		return false;
	}
	hold(g, size, owner);
	return true;
}

enum quarantine_slice quarantine_slice(void *slice, size_t size)
{
	uintptr_t address = (uintptr_t)slice;
	struct live_block block;
	struct grave *g;

	if (!quarantine_near(address, size) || (live_find(address, &block) && block.size == size) ||
	    !trylock(&lock))
		return SLICE_FREE;
	g = find_block(address, GRAVE_HELD);
	if (g && g->owner == &slices) {
		grave_remove(g);
		trylock_release(&lock);
		return SLICE_TWICE;
	}
	g = find_wanted_in(address, size);
	if (!g) {
		trylock_release(&lock);
		return SLICE_FREE;
	}
	block_remove(g);
	g->block = address;
	block_add(g);
	if (g->place - address > size - g->width)
		g->place = 0;
	hold(g, size, &slices);
	return SLICE_KEPT;
}

void *quarantine_slice_due(size_t *size)
{
	void *slice = quarantine_due(&slices);

	if (slice)
		*size = ((size_t *)slice)[1];
	return slice;
}

void quarantine_slices_each(void (*visit)(uintptr_t slice, void *context), void *context)
{
	for (uint64_t i = oldest; graves && i < newest; i++)
		if (graves[i % room].state == GRAVE_HELD && graves[i % room].owner == &slices)
			visit(graves[i % room].block, context);
	for (void *slice = slices.due; slice; slice = *(void **)slice)
		visit((uintptr_t)slice, context);
}

void quarantine_slices_gone(void)
{
	if (!tracked_lock(&lock))
		return;
	for (uint64_t i = oldest; graves && i < newest; i++)
		if (graves[i % room].state == GRAVE_HELD && graves[i % room].owner == &slices)
			grave_remove(&graves[i % room]);
	slices.due = NULL;
	trylock_release(&lock);
}

bool quarantine_drop(void *block)
{
	struct grave *g;
	bool held;

	if (!trylock(&lock))
		return false;
	g = find_block((uintptr_t)block, GRAVE_HELD);
	held = g && !g->owner;
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

static bool is_in_state(uint64_t object, enum grave_state state)
{
	struct grave *g;
	bool is;

	if (!trylock(&lock))
		return false;
	g = find_object(object);
	is = g && g->state == state;
	trylock_release(&lock);
	return is;
}

bool quarantine_holds(uint64_t object)
{
	return is_in_state(object, GRAVE_HELD);
}

bool quarantine_wants(uint64_t object)
{
	return is_in_state(object, GRAVE_WANTED);
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
	first_large = 0;
	large_bytes = 0;
	trylock_release(&lock);
}
