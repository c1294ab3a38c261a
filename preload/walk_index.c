/*
 * walk_index.c - which blocks and objects there are, and which of them a word points to.
 */
#include "hooks/quarantine.h"
#include "walk_pools.h"

#define CLAIMS_CHUNK (1u << 20)
#define CLAIM_CHUNKS 4096

/* ---- blocks and claims ------------------------------------------------------------------------------------------------------ */

bool walk_add_live(const struct live_block *block, void *context)
{
	struct walk *w = context;
	if (!nodes_add(&w->nodes, block->address))
		w->lost_blocks++;
	w->live_bytes += block->size;
	return !w->pool.failed;
}

void walk_block_add(struct walk *w, const struct walk_block *block)
{
	walk_add_live(&(struct live_block){.address = block->address, .size = block->size}, w);
}

bool walk_block_find(struct walk *w, uintptr_t address, bool inside, struct live_block *block)
{
	struct walk_block found;

	if (inside ? live_find_containing(address, block) : live_find(address, block))
		return true;
	for (unsigned i = 0; adapters[i]; i++) {
		if (w->plan->skip & 1u << i || !adapters[i]->block ||
		    !adapters[i]->block(w, address, inside, &found))
			continue;
		*block = (struct live_block){found.address, found.size, found.stack, found.epoch};
		return true;
	}
	return false;
}

/* One step of the adapter at `i`, NULL: it has none; should it crash, the page says whose it was. */
static void adapter_step(struct walk *w, unsigned i, bool (*step)(struct walk *),
			 const char *partial)
{
	if (w->plan->skip & 1u << i || !step)
		return;
	__atomic_store_n(&w->page->adapter, i + 1, __ATOMIC_RELAXED);
	if (!step(w))
		walk_partial(w, partial);
	__atomic_store_n(&w->page->adapter, 0, __ATOMIC_RELAXED);
}

/* Blocks of allocators on top of mmap. */
void walk_adapters_blocks(struct walk *w)
{
	for (unsigned i = 0; adapters[i]; i++)
		adapter_step(w, i, adapters[i]->blocks, "not all blocks of a runtime were found");
}

static bool claim_keep(struct walk *w, uint64_t claim)
{
	size_t chunk = w->claim_count / CLAIMS_CHUNK;
	if (chunk >= CLAIM_CHUNKS)
		return false;
	if (!w->claims && !(w->claims = pool_map(&w->pool, CLAIM_CHUNKS * sizeof *w->claims)))
		return false;
	if (!w->claims[chunk] &&
	    !(w->claims[chunk] = pool_map(&w->pool, CLAIMS_CHUNK * sizeof **w->claims)))
		return false;
	w->claims[chunk][w->claim_count++ % CLAIMS_CHUNK] = claim;
	return true;
}

bool walk_add(struct walk *w, uint32_t runtime, uintptr_t address, uintptr_t base, unsigned tag)
{
	uint64_t back = base && base <= address ? (address - base) / 8 : 0;
	if ((address & 7) || address >> NODES_ADDRESS_BITS) {
		w->lost_objects++;
		return false;
	}
	if (!nodes_claim(&w->nodes, address))
		return false;
	if (back && !nodes_claimed(&w->nodes, base))
		nodes_remove(&w->nodes, base);
	if (!claim_keep(w, (uint64_t)address << 16 | (runtime & 15) << 12 | (tag & 15) << 8 |
				   (back < 255 ? back : 255)))
		w->lost_objects++;
	return true;
}

bool walk_has(struct walk *w, uintptr_t address)
{
	return nodes_has(&w->nodes, address);
}

bool walk_claimed(struct walk *w, uintptr_t address)
{
	return nodes_claimed(&w->nodes, address);
}

bool walk_readable(struct walk *w, uintptr_t address, size_t size)
{
	return memory_readable(&w->map, address, size) == size;
}

bool walk_block(struct walk *w, uintptr_t address, uint64_t *size)
{
	struct live_block block;
	if (!walk_block_find(w, address, false, &block))
		return false;
	*size = block.size;
	return true;
}

struct each_block {
	struct walk *w;
	bool (*visit)(struct walk *, uintptr_t, uint64_t, void *);
	void *context;
};

static bool each_block(const struct live_block *block, void *context)
{
	const struct each_block *each = context;
	return each->visit(each->w, block->address, block->size, each->context);
}

bool walk_each_block(struct walk *w, bool (*visit)(struct walk *, uintptr_t, uint64_t, void *),
		     void *context)
{
	struct each_block each = {w, visit, context};
	return live_each(each_block, &each);
}

struct each_kept {
	struct walk *w;
	void (*visit)(struct walk *, uintptr_t);
};

static void each_kept(uintptr_t slice, void *context)
{
	const struct each_kept *each = context;

	each->visit(each->w, slice);
}

void walk_each_kept_slice(struct walk *w, void (*visit)(struct walk *, uintptr_t))
{
	struct each_kept each = {w, visit};

	quarantine_slices_each(each_kept, &each);
}

bool walk_refers(struct walk *w, uintptr_t address)
{
	uint32_t number;
	uint64_t interior;
	return walk_plausible(w, address) && walk_resolve(w, address, &number, &interior);
}

/* ---- words that an adapter knows ------------------------------------------------------------------------------------------- */

static uint32_t known_slot(const struct known_words *known, uintptr_t location)
{
	uint32_t slot = (uint32_t)((location >> 3) * 0x9e3779b97f4a7c15ull >> 32) & known->mask;
	while (known->slots[slot].location && known->slots[slot].location != location)
		slot = (slot + 1) & known->mask;
	return slot;
}

static bool known_grow(struct walk *w)
{
	struct known_words old = w->known;
	uint32_t size = old.slots ? (old.mask + 1) * 2 : 1024;
	w->known.slots = pool_alloc(&w->pool, size * sizeof *old.slots);
	if (!w->known.slots) {
		w->known = old;
		return false;
	}
	w->known.mask = size - 1;
	for (uint32_t i = 0; old.slots && i <= old.mask; i++)
		if (old.slots[i].location)
			w->known.slots[known_slot(&w->known, old.slots[i].location)] = old.slots[i];
	return true;
}

void walk_word(struct walk *w, uintptr_t location, uint32_t label)
{
	struct known_word *slot;
	if (!location || label >= w->intern.label_count ||
	    ((!w->known.slots || w->known.count > w->known.mask / 2) && !known_grow(w)))
		return;
	slot = &w->known.slots[known_slot(&w->known, location)];
	w->known.count += !slot->location;
	*slot = (struct known_word){location, label};
}

const struct interned_label *walk_known_word(const struct walk *w, uintptr_t location)
{
	const struct known_word *slot;
	if (!w->known.count)
		return NULL;
	slot = &w->known.slots[known_slot(&w->known, location)];
	return slot->location ? &w->intern.labels[slot->label] : NULL;
}

bool walk_is_weak(const struct walk *w, uintptr_t location)
{
	const struct interned_label *label = walk_known_word(w, location);
	return label && label->kind == RGD_EDGE_WEAK;
}

void walk_adapters_discover(struct walk *w)
{
	for (unsigned i = 0; adapters[i]; i++)
		adapter_step(w, i, adapters[i]->discover,
			     "not all objects of a runtime were found");
}

/* Claims become bytes by object number. */
void walk_settle_claims(struct walk *w)
{
	uint32_t count = nodes_number(&w->nodes), number;
	w->kind = pool_map(&w->pool, count + 1u);
	w->back = pool_map(&w->pool, count + 1u);
	walk_check(w);
	for (size_t i = 0; i < w->claim_count; i++) {
		uint64_t claim = w->claims[i / CLAIMS_CHUNK][i % CLAIMS_CHUNK];
		if (!nodes_find(&w->nodes, claim >> 16, &number))
			continue;
		w->kind[number] = (uint8_t)((claim >> 12 & 15) | (claim >> 8 & 15) << 4);
		w->back[number] = (uint8_t)claim;
		if (i % CLAIMS_CHUNK == CLAIMS_CHUNK - 1)
			pool_unmap(&w->pool, w->claims[i / CLAIMS_CHUNK],
				   CLAIMS_CHUNK * sizeof **w->claims);
	}
}

/* ---- resolving --------------------------------------------------------------------------------------------------------------- */

void walk_pooled_block(const struct pooled *pooled, struct live_block *block)
{
	*block = (struct live_block){pooled->block.address, pooled->block.size, pooled->block.stack,
				     pooled->block.epoch};
}

bool walk_object_block(struct walk *w, uint32_t number, uintptr_t address, struct live_block *block)
{
	const struct pooled *pooled = pooled_of(w, number);

	if (pooled) {
		walk_pooled_block(pooled, block);
		return true;
	}
	if (w->back[number] == 255)
		return walk_block_find(w, address, true, block);
	return walk_block_find(w, address - w->back[number] * 8u, false, block);
}

/* A pool's block may begin up to 7 bytes after the address that it has in the index; what lies there is the block's before. */
static bool resolve_pooled(struct walk *w, uintptr_t address, uint32_t *number, uint64_t *interior)
{
	const struct pooled *pooled = pooled_of(w, *number);
	struct live_block block;
	uintptr_t start;

	if (address < pooled->block.address) {
		if (!nodes_before(&w->nodes, (address & ~(uintptr_t)7) - 1, number, &start) ||
		    !walk_object_block(w, *number, start, &block) ||
		    address - block.address >= block.size)
			return false;
		*interior = address - start;
		pooled = pooled_of(w, *number);
	}
	if (pooled)
		*interior = address - pooled->block.address;
	return !pooled || *interior < (pooled->block.size ? pooled->block.size : 1);
}

/* An address before the object in its own block (a collector's header) is not a reference to it. */
bool walk_resolve(struct walk *w, uintptr_t address, uint32_t *number, uint64_t *interior)
{
	struct live_block block;
	uintptr_t start;

	if (nodes_find(&w->nodes, address, number)) {
		*interior = 0;
		return !pooled_of(w, *number) || resolve_pooled(w, address, number, interior);
	}
	if (address < w->nodes.low || !nodes_before(&w->nodes, address, number, &start))
		return false;
	if (pooled_of(w, *number))
		return resolve_pooled(w, address, number, interior);
	/* the cheap refusal first: most words that are no references lie just behind or between blocks */
	if (!walk_object_block(w, *number, start, &block) || address - block.address >= block.size)
		return false;
	*interior = address - start;
	return true;
}
