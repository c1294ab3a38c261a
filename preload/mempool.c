/* mempool.c - see mempool.h. */
#include "mempool.h"

#include <string.h>

#include "live.h"

#define SMALLEST 16u /* slots of a table */
#define FREE_CLASSES                                                                               \
	7u /* tables of 16 to 1024 slots are kept for the next pool; larger ones go back */

#define LOCK_TRIES 20u

struct spare {
	struct spare *next;
};

static struct shard {
	struct mempool *pools; /* hash table by anchor, linear probing */
	uint32_t room, used;
	struct spare *spare[FREE_CLASSES];
} shards[MEMPOOL_SHARDS];
trylock_t mempool_locks[MEMPOOL_SHARDS];
static _Atomic bool any;

bool mempool_any(void)
{
	return atomic_load_explicit(&any, memory_order_relaxed);
}

/* ---- memory of tables, under the lock of the shard ------------------------------------------------------------------- */

static unsigned class_of(uint32_t room)
{
	return (unsigned)__builtin_ctz(room / SMALLEST);
}

static struct mempool_block *table_get(struct shard *s, uint32_t room)
{
	size_t size = room * sizeof(struct mempool_block);
	unsigned class = class_of(room);
	struct spare *spare = class < FREE_CLASSES ? s->spare[class] : NULL;

	if (!spare)
		return class < FREE_CLASSES ? arena_alloc(size) : arena_map(size);
	s->spare[class] = spare->next;
	memset(spare, 0, size);
	return (struct mempool_block *)spare;
}

static void table_put(struct shard *s, struct mempool_block *table, uint32_t room)
{
	struct spare *spare = (struct spare *)table;

	if (!room)
		return;
	if (class_of(room) >= FREE_CLASSES) {
		arena_unmap(table, room * sizeof *table);
		return;
	}
	spare->next = s->spare[class_of(room)];
	s->spare[class_of(room)] = spare;
}

/* ---- blocks of a pool -------------------------------------------------------------------------------------------------- */

static uint64_t hash(uintptr_t address)
{
	uint64_t h = address * 0x9e3779b97f4a7c15ull;

	return h ^ h >> 32;
}

/* The slot that holds the address, or the free one where it would go. */
static struct mempool_block *slot_of(const struct mempool *p, uintptr_t address)
{
	uint32_t i = (uint32_t)hash(address) & (p->room - 1);

	while (p->slots[i].address && p->slots[i].address != address)
		i = (i + 1) & (p->room - 1);
	return &p->slots[i];
}

static struct mempool_block *known(const struct mempool *p, uintptr_t address)
{
	struct mempool_block *slot = p->room && address ? slot_of(p, address) : NULL;

	return slot && slot->address ? slot : NULL;
}

/* Closes the gap (Knuth, volume 3, 6.4, algorithm R). */
static void clear_slot(struct mempool *p, struct mempool_block *slot)
{
	uint32_t hole = (uint32_t)(slot - p->slots), i = hole, mask = p->room - 1;

	p->bytes -= slot->size;
	p->used--;
	for (;;) {
		uint32_t home;

		i = (i + 1) & mask;
		if (!p->slots[i].address)
			break;
		home = (uint32_t)hash(p->slots[i].address) & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		p->slots[hole] = p->slots[i];
		hole = i;
	}
	p->slots[hole].address = 0;
}

static bool blocks_grow(struct shard *s, struct mempool *p)
{
	struct mempool bigger = {.room = p->room ? p->room * 2 : SMALLEST};

	if (p->room >= 1u << 30)
		return false;
	bigger.slots = table_get(s, bigger.room);
	if (!bigger.slots)
		return false;
	for (uint32_t i = 0; i < p->room; i++)
		if (p->slots[i].address)
			*slot_of(&bigger, p->slots[i].address) = p->slots[i];
	table_put(s, p->slots, p->room);
	p->slots = bigger.slots;
	p->room = bigger.room;
	return true;
}

/* A block that is there already is replaced. */
static bool block_put(struct shard *s, struct mempool *p, const struct mempool_block *block)
{
	struct mempool_block *slot;

	if (!block->address || (p->used >= p->room / 4 * 3 && !blocks_grow(s, p)))
		return false;
	slot = slot_of(p, block->address);
	if (slot->address)
		p->bytes -= slot->size;
	else
		p->used++;
	p->bytes += block->size;
	*slot = *block;
	return true;
}

/* ---- pools of a shard -------------------------------------------------------------------------------------------------- */

static uint32_t shard_of(uintptr_t anchor)
{
	return (uint32_t)(hash(anchor) >> 40) % MEMPOOL_SHARDS;
}

static struct mempool *pool_slot(const struct shard *s, uintptr_t anchor)
{
	uint32_t i = (uint32_t)hash(anchor) & (s->room - 1);

	while (s->pools[i].anchor && s->pools[i].anchor != anchor)
		i = (i + 1) & (s->room - 1);
	return &s->pools[i];
}

static struct mempool *pool_find(const struct shard *s, uintptr_t anchor)
{
	struct mempool *p = s->room && anchor ? pool_slot(s, anchor) : NULL;

	return p && p->anchor ? p : NULL;
}

static void pool_clear(struct shard *s, struct mempool *p)
{
	uint32_t hole = (uint32_t)(p - s->pools), i = hole, mask = s->room - 1;

	for (;;) {
		uint32_t home;

		i = (i + 1) & mask;
		if (!s->pools[i].anchor)
			break;
		home = (uint32_t)hash(s->pools[i].anchor) & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		s->pools[hole] = s->pools[i];
		hole = i;
	}
	s->pools[hole] = (struct mempool){0};
	s->used--;
}

static bool pools_grow(struct shard *s)
{
	struct shard bigger = {.room = s->room ? s->room * 2 : 16};

	bigger.pools = arena_map(bigger.room * sizeof *bigger.pools);
	if (!bigger.pools)
		return false;
	for (uint32_t i = 0; i < s->room; i++)
		if (s->pools[i].anchor)
			*pool_slot(&bigger, s->pools[i].anchor) = s->pools[i];
	arena_unmap(s->pools, s->room * sizeof *s->pools);
	s->pools = bigger.pools;
	s->room = bigger.room;
	return true;
}

/* The slot for a pool of this anchor, new or not. */
static struct mempool *pool_make(struct shard *s, uintptr_t anchor)
{
	struct mempool *p;

	if (!anchor || (s->used >= s->room / 4 * 3 && !pools_grow(s)))
		return NULL;
	p = pool_slot(s, anchor);
	if (!p->anchor)
		s->used++;
	p->anchor = anchor;
	return p;
}

/* NULL: not to be had; a signal handler may have interrupted who holds it. */
static struct shard *shard_lock(uintptr_t anchor)
{
	uint32_t i = shard_of(anchor);

	if (unlikely(trylock_is_mine(&mempool_locks[i])) && !fork_holds)
		return NULL;
	/* a fork holds all of them for as long as it takes to copy the page tables */
	for (unsigned tries = 0; tries < LOCK_TRIES; tries++)
		if (trylock(&mempool_locks[i]))
			return &shards[i];
	return NULL;
}

static void shard_unlock(const struct shard *s)
{
	trylock_release(&mempool_locks[s - shards]);
}

/* ---- what programs say -------------------------------------------------------------------------------------------------- */

static const char *name_keep(const char *name)
{
	size_t n = name ? strnlen(name, 255) : 0;
	char *copy = n ? arena_alloc(n + 1) : NULL;

	return copy ? memcpy(copy, name, n) : "";
}

/* Most pools of a program have the same few names, one after the other. */
static const char *name_intern(const char *name)
{
	static const char *_Atomic last[16];
	uint32_t h = 0;
	const char *kept;

	if (!name || !name[0])
		return "";
	for (const char *c = name; *c; c++)
		h = h * 31 + (unsigned char)*c;
	kept = atomic_load_explicit(&last[h % 16], memory_order_acquire);
	if (kept && strncmp(kept, name, 255) == 0)
		return kept;
	kept = name_keep(name);
	atomic_store_explicit(&last[h % 16], kept, memory_order_release);
	return kept;
}

void mempool_create(uintptr_t anchor, const char *name, uint32_t stack)
{
	const char *kept = name_intern(name);
	struct shard *s = shard_lock(anchor);
	struct mempool *p = s ? pool_make(s, anchor) : NULL;

	if (p) {
		table_put(s, p->slots, p->room);
		*p = (struct mempool){
			.anchor = anchor,
			.stack = stack,
			.epoch = atomic_load_explicit(&epoch_now, memory_order_relaxed),
			.name = kept};
		atomic_store_explicit(&any, true, memory_order_relaxed);
	}
	if (s)
		shard_unlock(s);
}

void mempool_destroy(uintptr_t anchor)
{
	struct shard *s = shard_lock(anchor);
	struct mempool *p = s ? pool_find(s, anchor) : NULL;

	if (p) {
		table_put(s, p->slots, p->room);
		pool_clear(s, p);
	} else {
		counter_add(COUNTER_UNKNOWN_FREES, 1);
	}
	if (s)
		shard_unlock(s);
}

void mempool_add(uintptr_t anchor, const struct mempool_block *block)
{
	struct shard *s = shard_lock(anchor);
	struct mempool *p = s ? pool_find(s, anchor) : NULL;

	if (!p || !block_put(s, p, block))
		counter_add(COUNTER_LOST_BLOCKS, 1);
	if (s)
		shard_unlock(s);
}

void mempool_remove(uintptr_t anchor, uintptr_t address)
{
	struct shard *s = shard_lock(anchor);
	struct mempool *p = s ? pool_find(s, anchor) : NULL;
	struct mempool_block *slot = p ? known(p, address) : NULL;

	if (slot)
		clear_slot(p, slot);
	else
		counter_add(COUNTER_UNKNOWN_FREES, 1);
	if (s)
		shard_unlock(s);
}

void mempool_change(uintptr_t anchor, uintptr_t from, const struct mempool_block *to)
{
	struct shard *s = shard_lock(anchor);
	struct mempool *p = s ? pool_find(s, anchor) : NULL;
	struct mempool_block *slot = p ? known(p, from) : NULL, block = *to;

	if (slot) {
		block.epoch = slot->epoch;
		block.stack |= slot->stack & LIVE_IGNORED;
		clear_slot(p, slot);
	}
	if (!p || !block_put(s, p, &block))
		counter_add(COUNTER_LOST_BLOCKS, 1);
	if (s)
		shard_unlock(s);
}

/* What of the block lies in [low, high); false: nothing. A block of no bytes lies where it begins. */
static bool cut(struct mempool_block *block, uintptr_t low, uintptr_t high)
{
	uintptr_t end = block->address + block->size;

	if (block->address >= low && block->address < high && !block->size)
		return true;
	if (block->address < low)
		block->address = low;
	if (end > high)
		end = high;
	if (block->address >= end)
		return false;
	block->size = end - block->address;
	return true;
}

/* Into a table of its own: what is cut at its beginning gets another address. */
static bool pool_trim(struct shard *s, struct mempool *p, uintptr_t low, uintptr_t high)
{
	struct mempool kept = *p;

	kept.slots = p->room ? table_get(s, p->room) : NULL;
	kept.used = 0;
	kept.bytes = 0;
	if (!kept.slots)
		return !p->room;
	for (uint32_t i = 0; i < p->room; i++) {
		struct mempool_block block = p->slots[i];

		if (block.address && cut(&block, low, high))
			block_put(s, &kept, &block);
	}
	table_put(s, p->slots, p->room);
	*p = kept;
	return true;
}

void mempool_trim(uintptr_t anchor, uintptr_t address, uint64_t size)
{
	struct shard *s = shard_lock(anchor);
	struct mempool *p = s ? pool_find(s, anchor) : NULL;
	uintptr_t high = size > UINTPTR_MAX - address ? UINTPTR_MAX : address + size;

	if (!p || !pool_trim(s, p, address, high))
		counter_add(COUNTER_UNKNOWN_FREES, 1);
	if (s)
		shard_unlock(s);
}

/* The blocks go along: a table lies in memory that any shard may keep. */
void mempool_move(uintptr_t from, uintptr_t to)
{
	struct shard *s = shard_lock(from);
	struct mempool *p = s ? pool_find(s, from) : NULL, moved = {0};

	if (p) {
		moved = *p;
		pool_clear(s, p);
	}
	if (s)
		shard_unlock(s);
	if (!moved.anchor) {
		counter_add(COUNTER_UNKNOWN_FREES, 1);
		return;
	}
	s = shard_lock(to);
	p = s ? pool_make(s, to) : NULL;
	if (p) {
		table_put(s, p->slots, p->room);
		*p = moved;
		p->anchor = to;
	} else {
		counter_add(COUNTER_LOST_BLOCKS, moved.used);
	}
	if (s)
		shard_unlock(s);
}

static bool pool_flag(struct mempool *p, uintptr_t address, uint32_t flag)
{
	for (uint32_t i = 0; i < p->room; i++) {
		struct mempool_block *b = &p->slots[i];

		if (!b->address || address - b->address >= (b->size ? b->size : 1))
			continue;
		b->stack |= flag;
		return true;
	}
	return false;
}

bool mempool_flag(uintptr_t address, uint32_t flag)
{
	bool found = false;

	for (uint32_t i = 0; i < MEMPOOL_SHARDS && !found; i++) {
		if (!shards[i].used || !trylock(&mempool_locks[i]))
			continue;
		for (uint32_t k = 0; k < shards[i].room && !found; k++)
			found = shards[i].pools[k].anchor &&
				pool_flag(&shards[i].pools[k], address, flag);
		trylock_release(&mempool_locks[i]);
	}
	return found;
}

void mempool_each(void (*visit)(const struct mempool *pool, void *context), void *context)
{
	for (uint32_t i = 0; i < MEMPOOL_SHARDS; i++)
		for (uint32_t k = 0; k < shards[i].room; k++)
			if (shards[i].pools[k].anchor)
				visit(&shards[i].pools[k], context);
}
