/*
 * pools_obstack.c - obstacks in the walker. An obstack is a chain of chunks from malloc(), each of which begins with the address of its end
 * and that of the one before (obstack.h, public and unchanged for decades). What lies in a chunk has no heads: a chunk's used part is one
 * object. The obstack itself lies in data, on a stack or in a block, wherever a word refers to the last chunk with the right neighbours:
 *	-8 size of chunks   0 chunk   8 the object that grows   16 next free byte   24 end of the chunk
 */
#include "live.h"
#include "walk_pools.h"

enum { LIMIT = 0, PREV = 8, CHUNK_HEAD = 16 };
#define SMALLEST 128u
#define FIRST_SLOTS 4096u
#define MOST_SLOTS (1u << 24)

/* A chunk that another one has before it is not the last: what refers to it is a copy of an obstack, from earlier. */
struct chunk {
	uintptr_t address;
	bool inner, found;
};

struct obstacks {
	struct walk *w;
	struct chunk *chunks; /* hash set; address 0 = free */
	uint32_t slots, n;
};

static bool is_chunk(struct walk *w, uintptr_t chunk, struct live_block *block)
{
	return live_find(chunk, block) && block->size > CHUNK_HEAD &&
	       pools_readable(w, chunk, CHUNK_HEAD) &&
	       pools_word(chunk + LIMIT) == chunk + block->size;
}

static uint32_t slot_of(const struct obstacks *o, uintptr_t chunk)
{
	uint32_t i = (uint32_t)((chunk * 0x9e3779b97f4a7c15ull) >> 40) & (o->slots - 1);

	while (o->chunks[i].address && o->chunks[i].address != chunk)
		i = (i + 1) & (o->slots - 1);
	return i;
}

/* Room for two more. */
static bool reserve(struct obstacks *o)
{
	struct obstacks larger = {.w = o->w, .slots = o->slots ? o->slots * 2 : FIRST_SLOTS};

	if (o->n + 2 < o->slots / 2)
		return true;
	larger.chunks = larger.slots <= MOST_SLOTS
				? pool_map(&o->w->pool, larger.slots * sizeof *larger.chunks)
				: NULL;
	if (!larger.chunks)
		return false;
	for (uint32_t i = 0; i < o->slots; i++)
		if (o->chunks[i].address)
			larger.chunks[slot_of(&larger, o->chunks[i].address)] = o->chunks[i];
	if (o->slots)
		pool_unmap(&o->w->pool, o->chunks, o->slots * sizeof *o->chunks);
	o->chunks = larger.chunks;
	o->slots = larger.slots;
	return true;
}

static struct chunk *enter(struct obstacks *o, uintptr_t address)
{
	struct chunk *c = &o->chunks[slot_of(o, address)];

	o->n += !c->address;
	c->address = address;
	return c;
}

static bool note(const struct live_block *block, void *context)
{
	struct obstacks *o = context;
	struct live_block same, before;
	uintptr_t prev;

	/* most blocks of a program are small, and looked at for the first time here */
	if (block->size < SMALLEST || !is_chunk(o->w, block->address, &same))
		return true;
	prev = pools_word(block->address + PREV);
	if (prev && !is_chunk(o->w, prev, &before))
		return true;
	if (!reserve(o))
		return false;
	enter(o, block->address);
	if (prev)
		enter(o, prev)->inner = true;
	return true;
}

static void add(struct obstacks *o, uintptr_t at, uintptr_t chunk)
{
	uintptr_t free_from = pools_word(at + 16);
	struct walk_pool row = {.kind = RGD_POOL_OBSTACK, .address = at - 8};
	struct live_block block;
	uint32_t pool;

	if (is_chunk(o->w, chunk, &block)) {
		row.stack = block.stack;
		row.epoch = block.epoch;
	}
	pool = pools_add(o->w, &row);
	for (unsigned i = 0; pool != UINT32_MAX && i < 1u << 24 && is_chunk(o->w, chunk, &block);
	     i++) {
		uintptr_t prev = pools_word(chunk + PREV);

		if (!pools_add_block(o->w, pool,
				     &(struct mempool_block){chunk, free_from - chunk, block.stack,
							     block.epoch}))
			return;
		/* each holds the one before it: that is found there, as any reference */
		chunk = prev;
		if (chunk && is_chunk(o->w, chunk, &block))
			free_from = chunk + block.size;
	}
}

/* `at` may hold the second word of a struct obstack. */
static void look_at(struct obstacks *o, uintptr_t at)
{
	uintptr_t chunk = pools_word(at), base = pools_word(at + 8), next = pools_word(at + 16);
	struct chunk *c;

	if (!chunk || chunk & 7)
		return;
	c = &o->chunks[slot_of(o, chunk)];
	if (!c->address || c->inner || c->found)
		return;
	if (pools_word(at + 24) != pools_word(chunk + LIMIT) || base < chunk + CHUNK_HEAD ||
	    next < base || next > pools_word(at + 24) || !pools_word(at - 8) ||
	    pools_word(at - 8) > 1u << 30)
		return;
	c->found = true;
	add(o, at, chunk);
}

static void look_through(struct obstacks *o, uintptr_t low, uintptr_t high)
{
	low = (low + 7) & ~(uintptr_t)7;
	if (high < low + 40 || !pools_readable(o->w, low, high - low))
		return;
	for (uintptr_t at = low + 8; at + 32 <= high; at += 8)
		look_at(o, at);
}

static bool look_into(const struct live_block *block, void *context)
{
	look_through(context, block->address, block->address + block->size);
	return true;
}

static void look_on_stacks(struct obstacks *o)
{
	const struct frozen_thread *threads;
	size_t n = frozen_threads(&threads);

	for (size_t i = 0; i < n; i++) {
		const struct mapping *map =
			threads[i].sp ? memory_mapping(&o->w->map, threads[i].sp) : NULL;

		if (map && threads[i].state != RGD_THREAD_HELPER)
			look_through(o, threads[i].sp, map->high);
	}
}

void pools_obstack(struct walk *w)
{
	struct obstacks o = {.w = w};

	live_each(note, &o);
	for (uint32_t i = 0; o.n && i < modules_count(); i++) {
		const struct module *m = modules_get(i);

		for (unsigned k = 0; !m->own && !m->unloaded && k < m->nwritable; k++)
			look_through(&o, m->writable[k].low, m->writable[k].high);
	}
	if (o.n) {
		look_on_stacks(&o);
		live_each(look_into, &o);
	}
	if (o.slots)
		pool_unmap(&w->pool, o.chunks, o.slots * sizeof *o.chunks);
}
