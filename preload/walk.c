/*
 * walk.c - from frozen memory to OBJECTS and EDGES, in the walker.
 *
 * Phases
 *   blocks    every live block sets its bit in the index
 *   discover  adapters claim their objects: the bit moves from the start of the block to the object
 *   number    objects are numbered in ascending order of address
 *   objects   one pass in that order writes each object and its edges: an adapter describes its own; a bare block
 *             is scanned for words that are addresses of objects (conservative edges)
 *   roots     roots.c      facts     facts.c
 *
 * Memory is bounded: two bytes an object, the index (about 3 % of the heap's address range) and the interning tables. Edges
 * are never kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

#include "sys.h"
#include "wake.h"
#include "walk_pools.h"

#define CLAIMS_CHUNK (1u << 20)
#define CLAIM_CHUNKS 4096

const char *const walk_phase_names[WALK_PHASES] = {
	[WALK_START] = "starting",
	[WALK_BLOCKS] = "indexing blocks",
	[WALK_DISCOVER] = "finding objects",
	[WALK_NUMBER] = "numbering",
	[WALK_OBJECTS] = "writing objects",
	[WALK_ROOTS] = "writing roots",
	[WALK_FACTS] = "writing facts",
	[WALK_FINISH] = "finishing",
	[WALK_DONE] = "done",
};

/* ---- leaving ------------------------------------------------------------------------------------------------------------ */

static void walk_exit(struct walk *w, int status) __attribute__((noreturn));
static void walk_exit(struct walk *w, int status)
{
	struct walk_page *page = w->page;
	page->status = status;
	page->partial = w->partial;
	page->objects = w->objects.total;
	page->edges = w->edges.total;
	page->bytes = w->writer.offset;
	__atomic_store_n(&page->done, 1, __ATOMIC_RELEASE);
	sys(SYS_futex, &page->done, 1 /* FUTEX_WAKE */, 64);
	for (;;)
		sys(SYS_exit_group, 0);
}

/* The dump is marked; the first reasons that fit are kept. */
static void walk_partial(struct walk *w, const char *why)
{
	char *note = w->page->partial_note;
	size_t used = strlen(note);

	w->partial = true;
	if (why[0])
		log_format(note + used, sizeof w->page->partial_note - used, "%s%s",
			   used ? "; " : "", why);
}

/* The writer's or the pool's trouble ends the walk; asked now and then, not per row. */
static void walk_check(struct walk *w)
{
	if (w->pool.failed || w->intern.failed)
		walk_exit(w, ENOMEM);
	if (w->writer.error)
		walk_exit(w, w->writer.error);
}

static void phase(struct walk *w, enum walk_phase now)
{
	walk_check(w);
	__atomic_store_n(&w->page->phase, now, __ATOMIC_RELAXED);
}

/* ---- blocks and claims ------------------------------------------------------------------------------------------------------ */

static bool add_block(const struct live_block *block, void *context)
{
	struct walk *w = context;
	if (!nodes_add(&w->nodes, block->address))
		w->lost_blocks++;
	w->live_bytes += block->size;
	return !w->pool.failed;
}

void walk_block_add(struct walk *w, const struct walk_block *block)
{
	add_block(&(struct live_block){.address = block->address, .size = block->size}, w);
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

/* Blocks of allocators on top of mmap. */
static void adapters_blocks(struct walk *w)
{
	for (unsigned i = 0; adapters[i]; i++) {
		if (w->plan->skip & 1u << i || !adapters[i]->blocks)
			continue;
		__atomic_store_n(&w->page->adapter, i + 1, __ATOMIC_RELAXED);
		if (!adapters[i]->blocks(w))
			walk_partial(w, "not all blocks of a runtime were found");
	}
	__atomic_store_n(&w->page->adapter, 0, __ATOMIC_RELAXED);
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

static void adapters_discover(struct walk *w)
{
	for (unsigned i = 0; adapters[i]; i++) {
		if (w->plan->skip & 1u << i || !adapters[i]->discover)
			continue;
		__atomic_store_n(&w->page->adapter, i + 1, __ATOMIC_RELAXED);
		if (!adapters[i]->discover(w))
			walk_partial(w, "not all objects of a runtime were found");
	}
	__atomic_store_n(&w->page->adapter, 0, __ATOMIC_RELAXED);
}

/* Claims become bytes by object number. */
static void settle_claims(struct walk *w)
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

static void pooled_block(const struct pooled *pooled, struct live_block *block)
{
	*block = (struct live_block){pooled->block.address, pooled->block.size, pooled->block.stack,
				     pooled->block.epoch};
}

bool walk_object_block(struct walk *w, uint32_t number, uintptr_t address, struct live_block *block)
{
	const struct pooled *pooled = pooled_of(w, number);

	if (pooled) {
		pooled_block(pooled, block);
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

/* ---- edges --------------------------------------------------------------------------------------------------------------------- */

uint32_t walk_string(struct walk *w, const char *text, size_t length)
{
	return intern_string(&w->intern, text, length);
}

uint32_t walk_type(struct walk *w, uint32_t runtime, const struct walk_type *type)
{
	return intern_type(&w->intern, runtime, type);
}

uint32_t walk_label(struct walk *w, enum rgd_edge_kind kind, enum rgd_label_class class,
		    unsigned flags, uint32_t string)
{
	return intern_label(&w->intern, kind, class, flags & ~RGD_LABEL_F_INTERIOR, string);
}

/* The same label with the interior flag, or without its value. */
static uint32_t label_variant(struct walk *w, uint32_t label, bool interior)
{
	struct interned_label l = w->intern.labels[label];
	uint32_t known = interior ? l.interior : l.plain, made;
	if (known)
		return known - 1;
	if (interior)
		made = intern_label(&w->intern, l.kind, l.class, l.flags | RGD_LABEL_F_INTERIOR,
				    l.string);
	else
		made = intern_label(&w->intern, l.kind, RGD_LABEL_NONE, l.flags, l.string);
	if (interior)
		w->intern.labels[label].interior = made + 1;
	else
		w->intern.labels[label].plain = made + 1;
	return made;
}

enum { EDGE_LABEL, EDGE_VALUE, EDGE_TARGET, EDGE_INTERIOR };

static inline void emit_edge(struct walk *w, uint32_t label, uint64_t value, uint32_t target,
			     uint64_t interior)
{
	const struct interned_label *l = &w->intern.labels[label];
	uint32_t slot = label + (l->class == RGD_LABEL_OFFSET ? (uint32_t)value : 0);
	uint32_t *last = &w->predict[slot % RGD_PREDICT_SLOTS];
	struct column *column = w->edges.column;

	column_put(&column[EDGE_LABEL], label);
	if (RGD_LABEL_HAS_VALUE(l->class))
		column_put(&column[EDGE_VALUE], value);
	column[EDGE_TARGET].rows++;
	column_varint(&column[EDGE_TARGET], zigzag32((int32_t)(target - *last)));
	*last = target;
	if (l->flags & RGD_LABEL_F_INTERIOR)
		column_put(&column[EDGE_INTERIOR], interior);
	if (table_row(&w->writer, &w->edges))
		memset(w->predict, 0, sizeof w->predict);
}

bool walk_edge(struct walk *w, uint32_t label, uint64_t value, uintptr_t target)
{
	uint32_t number, key;
	uint64_t interior, ignored;

	if (label >= w->intern.label_count || !walk_resolve(w, target, &number, &interior)) {
		w->lost_edges++;
		return false;
	}
	if (w->intern.labels[label].class == RGD_LABEL_KEY_OBJECT) {
		if (walk_resolve(w, value, &key, &ignored))
			value = key;
		else
			label = label_variant(w, label, false);
	}
	if (interior)
		label = label_variant(w, label, true);
	emit_edge(w, label, value, number, interior);
	w->degree++;
	return true;
}

/* The label of a word that points `interior` bytes into an object at `address`. */
static uint32_t interior_label(struct walk *w, uint32_t number, uintptr_t address,
			       uint64_t interior)
{
	unsigned flags = heuristics_of(w, number, address, interior);
	uint32_t *label = &w->offset_interior[flags / RGD_LABEL_F_STDSTRING];

	if (!*label)
		*label = 1 + intern_label(&w->intern, RGD_EDGE_CONSERVATIVE, RGD_LABEL_OFFSET,
					  RGD_LABEL_F_INTERIOR | flags, 0);
	return *label - 1;
}

/* `location` is that of the word. */
static void emit_word(struct walk *w, uintptr_t location, uint64_t offset, uintptr_t value,
		      uint32_t number, uint64_t interior)
{
	const struct interned_label *known = unlikely(w->known.count) && w->kind[number] & 15
						     ? walk_known_word(w, location)
						     : NULL;
	uint32_t label;

	if (known) {
		label = (uint32_t)(known - w->intern.labels);
		label = interior ? label_variant(w, label, true) : label;
	} else {
		label = interior ? interior_label(w, number, value - interior, interior)
				 : w->offset_label;
	}
	emit_edge(w, label, offset, number, interior);
}

void walk_scan(struct walk *w, uintptr_t low, uintptr_t high)
{
	uint32_t number;
	uint64_t interior;

	low = (low + 7) & ~(uintptr_t)7;
	if (low < w->address)
		low = w->address;
	while (low + 8 <= high) {
		uintptr_t end = low + memory_readable(&w->map, low, high - low);
		for (; low + 8 <= end; low += 8) {
			uintptr_t value = *(const uintptr_t *)low;
			if (!walk_plausible(w, value) ||
			    !walk_resolve(w, value, &number, &interior))
				continue;
			emit_word(w, low, (low - w->address) / 8, value, number, interior);
			w->degree++;
		}
		if (end >= high)
			return;
		low = memory_next(&w->map, end, high);
	}
}

void walk_words(struct walk *w, uint32_t label, uintptr_t low, uintptr_t high)
{
	uint32_t number;
	uint64_t interior;

	for (low = (low + 7) & ~(uintptr_t)7; low + 8 <= high; low += 8) {
		uintptr_t value;

		if (memory_readable(&w->map, low, 8) != 8)
			return;
		value = *(const uintptr_t *)low;
		if (!walk_plausible(w, value) || !walk_resolve(w, value, &number, &interior) ||
		    number == w->number)
			continue;
		emit_edge(w, interior ? label_variant(w, label, true) : label, 0, number, interior);
		w->degree++;
	}
}

enum { PROP_OBJECT, PROP_KEY, PROP_VALUE };

void walk_property(struct walk *w, enum rgd_property key, uint64_t value)
{
	column_put(&w->properties.column[PROP_OBJECT], w->number);
	column_put(&w->properties.column[PROP_KEY], key);
	column_put(&w->properties.column[PROP_VALUE], value);
	table_row(&w->writer, &w->properties);
}

/* ---- objects ------------------------------------------------------------------------------------------------------------------- */

struct object_row {
	uintptr_t address;
	uint64_t size, refcount, base;
	uint32_t type, flags, epoch, stack, degree;
};

static void emit_object(struct walk *w, const struct object_row *row)
{
	struct column *column = w->objects.column;
	uint32_t stack = intern_stack(&w->intern, row->stack & LIVE_STACK_NUMBER);
	uint32_t flags = row->flags | (row->stack & LIVE_SAMPLED ? RGD_OBJ_F_SAMPLED : 0) |
			 (row->stack & LIVE_SHARE ? RGD_OBJ_F_SHARE : 0);
	uint32_t permanent = (row->flags & RGD_OBJ_F_GENERATION_MASK) == RGD_OBJ_F_GENERATION_MASK;
	uint32_t tracked = row->flags & RGD_OBJ_F_TRACKED    ? (permanent ? 3 : 1)
			   : row->flags & RGD_OBJ_F_INTERNAL ? 2
							     : 0;

	column_put(&column[RGD_OBJ_ADDRESS], row->address);
	column_put(&column[RGD_OBJ_TYPE], row->type);
	column_put(&column[RGD_OBJ_SIZE], row->size);
	column_put(&column[RGD_OBJ_REFCOUNT], row->refcount);
	column_put(&column[RGD_OBJ_FLAGS], flags);
	column_put(&column[RGD_OBJ_EPOCH], row->epoch);
	column_put(&column[RGD_OBJ_STACK], stack);
	column_put(&column[RGD_OBJ_DEGREE], row->degree);
	column_put(&column[RGD_OBJ_BASE], row->base);
	if (table_row(&w->writer, &w->objects))
		walk_check(w);
	intern_summary(&w->intern, row->type, stack, tracked, row->size);
}

static uint32_t native_generation(const struct walk *w, uint32_t birth)
{
	uint32_t age = w->epoch > birth ? w->epoch - birth : 0;
	return (age > 2 ? 2 : age) << RGD_OBJ_F_GENERATION_SHIFT;
}

/* First all are looked up; what the heuristics look at in the blocks that are pointed into is on its way to the cache by then. */
static void words_drain(struct walk *w)
{
	for (uint32_t i = 0; i < w->word_count; i++) {
		struct walk_word *word = &w->words[i];

		if (!walk_resolve(w, word->value, &word->number, &word->interior))
			word->number = UINT32_MAX;
		else if (word->interior)
			__builtin_prefetch((const void *)(word->value - word->interior));
	}
	for (uint32_t i = 0; i < w->word_count; i++) {
		uint32_t number = w->words[i].number;
		uint64_t interior = w->words[i].interior;

		if (number == UINT32_MAX)
			continue;
		emit_word(w, w->batch[w->word_owner[i]].block.address + w->words[i].offset * 8,
			  w->words[i].offset, w->words[i].value, number, interior);
		w->batch[w->word_owner[i]].degree++;
	}
	w->word_count = 0;
}

static void batch_flush(struct walk *w)
{
	words_drain(w);
	for (uint32_t i = 0; i < w->batch_count; i++) {
		const struct live_block *block = &w->batch[i].block;
		struct object_row row = {.address = block->address,
					 .type = w->batch[i].type,
					 .size = block->size,
					 .epoch = block->epoch,
					 .stack = block->stack,
					 .degree = w->batch[i].degree,
					 .flags = RGD_RT_NATIVE | RGD_OBJ_F_BLOCK |
						  native_generation(w, block->epoch)};
		emit_object(w, &row);
	}
	w->batch_count = 0;
}

/* Candidates are only collected here, and the index is fetched ahead for them. */
static void scan_run(struct walk *w, uintptr_t at, uintptr_t end, uintptr_t start, uint32_t owner)
{
	for (; at < end; at += 8) {
		uintptr_t value = *(const uintptr_t *)at;
		if (!walk_plausible(w, value) || !nodes_prefetch(&w->nodes, value))
			continue;
		w->words[w->word_count] = (struct walk_word){value, (at - start) / 8};
		w->word_owner[w->word_count] = owner;
		if (++w->word_count == WALK_BATCH)
			words_drain(w);
	}
}

/* The requested size, rounded up to a word: the allocator's granularity makes that readable. w->number is the object. */
static void scan_block(struct walk *w, const struct live_block *block, uint32_t owner)
{
	uintptr_t at = block->address, end = at + ((block->size + 7) & ~7ull);
	if (pooled_of(w, w->number)) { /* another block may follow at once */
		end = (at + block->size) & ~(uintptr_t)7;
		at = (at + 7) & ~(uintptr_t)7;
	}
	while (at < end) {
		size_t run = memory_readable(&w->map, at, end - at);
		scan_run(w, at, at + (run & ~(size_t)7), block->address, owner);
		at += run;
		if (at < end)
			at = memory_next(&w->map, at, end);
	}
}

static uint32_t block_type(struct walk *w, const struct live_block *block)
{
	const char *name = block->stack & LIVE_TYPED ? annotate_type_of(block->address) : NULL;
	struct walk_type type = {.name = name, .module = ""};

	return name ? intern_type(&w->intern, RGD_RT_NATIVE, &type)
		    : vtable_type(w, block->address, block->size);
}

/* A block of a pool of which it is known what it holds, beside what is found in it. */
static void visit_linked(struct walk *w, const struct pooled *pooled)
{
	const struct mempool_block *block = &pooled->block;
	struct object_row row = {.address = block->address,
				 .type = pooled->type,
				 .size = block->size,
				 .epoch = block->epoch,
				 .stack = block->stack,
				 .flags = RGD_RT_NATIVE | RGD_OBJ_F_BLOCK |
					  native_generation(w, block->epoch)};

	batch_flush(w);
	w->address = block->address;
	w->degree = 0;
	for (uint32_t i = 0; i < pooled->links; i++) {
		const struct pool_link *link = &w->pools->links[pooled->first_link + i];

		walk_edge(w, link->label, 0, link->to);
	}
	walk_scan(w, block->address, (block->address + block->size) & ~(uintptr_t)7);
	row.degree = w->degree;
	emit_object(w, &row);
}

/* A bare block, or what an adapter claimed and then could not describe. */
static void visit_bare(struct walk *w, uint32_t number, uintptr_t address)
{
	const struct pooled *pooled = pooled_of(w, number);
	struct live_block block;
	uint32_t owner = w->batch_count;

	w->number = number;
	if (pooled) {
		walk_property(w, RGD_PROP_POOL, pooled->pool);
		if (pooled->links) {
			visit_linked(w, pooled);
			return;
		}
		pooled_block(pooled, &block);
	} else if (!walk_block_find(w, address, false, &block)) {
		block = (struct live_block){.address = address};
	}
	w->batch[owner].degree = 0;
	w->batch[owner].block = block;
	w->batch[owner].type = pooled && pooled->type ? pooled->type : block_type(w, &block);
	w->batch_count++;
	scan_block(w, &block, owner);
	if (w->batch_count == sizeof w->batch / sizeof *w->batch)
		batch_flush(w);
}

const struct adapter *walk_adapter(uint32_t runtime)
{
	for (unsigned i = 0; adapters[i]; i++)
		if (adapters[i]->runtime == runtime)
			return adapters[i];
	return NULL;
}

static void visit_runtime(struct walk *w, const struct adapter *adapter, uint32_t number,
			  uintptr_t address)
{
	struct walk_object object = {0};
	struct live_block block = {0};
	bool in_block = walk_object_block(w, number, address, &block);
	unsigned tag = w->kind[number] >> 4;
	struct object_row row = {.address = address, .epoch = block.epoch, .stack = block.stack};

	w->number = number;
	w->address = address;
	w->degree = 0;
	__atomic_store_n(&w->page->address, address, __ATOMIC_RELAXED);
	if (w->plan->fault == FAULT_ADAPTER_CRASH)
		sys(SYS_kill, sys(SYS_getpid), SIGSEGV);
	if (adapter->describe(w, address, tag, &object)) {
		adapter->edges(w, address, tag);
		object.flags |= RGD_OBJ_F_INSPECTED;
	} else {
		w->lost_objects++;
		if (in_block)
			walk_scan(w, address, block.address + block.size);
	}
	row.type = object.type;
	if (!in_block && object.static_size) {
		block.size = object.static_size;
		object.flags |= RGD_OBJ_F_STATIC;
	}
	row.size = object.size ? object.size : block.size;
	row.refcount = object.refcount;
	row.degree = w->degree;
	row.base = in_block ? address - block.address : 0;
	row.flags = (object.flags & ~RGD_OBJ_F_RUNTIME_MASK) | adapter->runtime |
		    (in_block ? RGD_OBJ_F_BLOCK : 0);
	emit_object(w, &row);
}

static void faults(struct walk *w)
{
	struct itimerval never = {0};

	if (w->plan->fault == FAULT_CRASH)
		sys(SYS_kill, sys(SYS_getpid), SIGSEGV);
	if (w->plan->fault == FAULT_HANG)
		sys(SYS_setitimer, 0 /* ITIMER_REAL */, &never, 0);
	while (w->plan->fault == FAULT_HANG || w->plan->fault == FAULT_HANG_TIMED)
		sys(SYS_pause);
	w->pool.refuse = w->plan->fault == FAULT_WALKER_ENOMEM;
	if (w->pool.refuse)
		pool_map(&w->pool, 4096);
	w->writer.no_space = w->plan->fault == FAULT_WRITE;
}

static bool visit(uint32_t number, uintptr_t address, void *context)
{
	struct walk *w = context;
	uint32_t runtime = w->kind[number] & 15;
	const struct adapter *adapter;

	if (!(number & 0xfff))
		__atomic_store_n(&w->page->progress,
				 (uint32_t)((uint64_t)number * 950 / w->nodes.count),
				 __ATOMIC_RELAXED);
	if (!runtime) {
		visit_bare(w, number, address);
		return true;
	}
	batch_flush(w);
	adapter = walk_adapter(runtime);
	__atomic_store_n(&w->page->adapter, w->adapter_index[runtime], __ATOMIC_RELAXED);
	visit_runtime(w, adapter, number, address);
	__atomic_store_n(&w->page->adapter, 0, __ATOMIC_RELAXED);
	return true;
}

static const struct column_spec object_columns[] = {
	{RGD_OBJ_ADDRESS, RGD_ENC_ASC},	 {RGD_OBJ_TYPE, RGD_ENC_VARINT},
	{RGD_OBJ_SIZE, RGD_ENC_VARINT},	 {RGD_OBJ_REFCOUNT, RGD_ENC_VARINT},
	{RGD_OBJ_FLAGS, RGD_ENC_VARINT}, {RGD_OBJ_EPOCH, RGD_ENC_VARINT},
	{RGD_OBJ_STACK, RGD_ENC_VARINT}, {RGD_OBJ_DEGREE, RGD_ENC_VARINT},
	{RGD_OBJ_BASE, RGD_ENC_VARINT},	 {0, 0},
};
static const struct column_spec edge_columns[] = {
	{RGD_EDGE_LABEL, RGD_ENC_VARINT},
	{RGD_EDGE_VALUE, RGD_ENC_VARINT},
	{RGD_EDGE_TARGET, RGD_ENC_TARGET},
	{RGD_EDGE_INTERIOR, RGD_ENC_VARINT},
	{0, 0},
};
static const struct column_spec property_columns[] = {
	{RGD_PROP_OBJECT, RGD_ENC_ASC},
	{RGD_PROP_KEY, RGD_ENC_U8},
	{RGD_PROP_VALUE, RGD_ENC_VARINT},
	{0, 0},
};

static void walk_objects(struct walk *w)
{
	table_open(&w->writer, &w->objects, RGD_SEC_OBJECTS, object_columns, RGD_GROUP_ROWS);
	table_open(&w->writer, &w->edges, RGD_SEC_EDGES, edge_columns, RGD_GROUP_ROWS);
	table_open(&w->writer, &w->properties, RGD_SEC_PROPERTIES, property_columns, 16384);
	walk_check(w);
	faults(w);
	nodes_each(&w->nodes, visit, w);
	batch_flush(w);
	table_close(&w->writer, &w->objects);
	table_close(&w->writer, &w->edges);
	table_close(&w->writer, &w->properties);
}

/* ---- the child ------------------------------------------------------------------------------------------------------------------ */

struct kernel_sigaction {
	uintptr_t handler;
	unsigned long flags;
	uintptr_t restorer;
	uint64_t mask;
};

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
static struct walk_page *crash_page;

/* Says where, and dies of the same signal. The kernel has put the default action back. */
static void on_crash(int number, siginfo_t *info, void *context)
{
#if defined(__x86_64__)
	uintptr_t pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	uintptr_t pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.pc;
#endif
	crash_page->crash_pc = pc - (uintptr_t)__ehdr_start;
	crash_page->crash_address = (uintptr_t)info->si_addr;
	for (;;) {
		uint64_t none = 0;
		sys(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, SYS_SIGSET_SIZE);
		sys(SYS_kill, sys(SYS_getpid), number);
		sys(SYS_exit_group, 1);
	}
}

/* Nothing of the program's may run here: its handlers go, everything but a planted death is blocked. */
static void quiet_signals(const struct walk_plan *plan)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
	struct kernel_sigaction plain = {0}, crash = {(uintptr_t)on_crash,
						      SA_SIGINFO | (int)SA_RESETHAND, 0, ~0ull};
	uint64_t all = ~(1ull << (SIGALRM - 1));
	struct itimerval when = {.it_value = {.tv_sec = plan->deadline_ms / 1000 + 5}};

#if defined(__x86_64__)
	crash.flags |= 0x04000000; /* SA_RESTORER; the handler never returns */
#endif
	crash_page = plan->page;
	sys(SYS_rt_sigaction, SIGALRM, &plain, 0, SYS_SIGSET_SIZE);
	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
		sys(SYS_rt_sigaction, deadly[i], &crash, 0, SYS_SIGSET_SIZE);
		all &= ~(1ull << (deadly[i] - 1));
	}
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, SYS_SIGSET_SIZE);
	/* should the parent die, nobody else would end a walker that hangs */
	sys(SYS_setitimer, 0 /* ITIMER_REAL */, &when, 0);
}

/* What the program may still have is not much; the walker takes what it may at most. */
static void raise_limit(int which)
{
	struct rlimit limit;
	if (sys(SYS_prlimit64, 0, which, 0, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		sys(SYS_prlimit64, 0, which, &limit, 0);
	}
}

static void become_walker(const struct walk_plan *plan)
{
	struct rlimit none = {0, 0};
	long fd;

	quiet_signals(plan);
	/* a pipe's reader must not wait for our end; where there is no close_range, one by one */
	if (sys(SYS_close_range, 0u, ~0u, 0) < 0)
		for (fd = 0; fd < 65536; fd++)
			sys(SYS_close, fd);
	sys(SYS_prlimit64, 0, RLIMIT_CORE, &none, 0);
	raise_limit(RLIMIT_AS);
	raise_limit(RLIMIT_DATA);
	raise_limit(RLIMIT_NOFILE);
	sys(SYS_prctl, PR_SET_NAME, "refgraph-walk");
	sys(SYS_setpriority, 0, 0, 10);
	fd = sys(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
	if (fd >= 0) {
		sys(SYS_write, fd, "1000", 4);
		sys(SYS_close, fd);
	}
}

/* The name in the making is ours alone: two processes with one pid may share a folder (containers). */
static long file_create(struct walk *w)
{
	char name[sizeof w->page->temporary];
	long fd = -EEXIST;
	for (unsigned i = 0; i < 100 && fd == -EEXIST; i++) {
		log_format(name, sizeof name, "%s.%u.%u.tmp", w->plan->final, w->plan->pid, i);
		fd = sys(SYS_openat, AT_FDCWD, name,
			 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	if (fd >= 0) /* from here on the parent removes it when we fail */
		memcpy(w->page->temporary, name, sizeof name);
	return fd;
}

static void file_open(struct walk *w)
{
	struct rgd_file_header header = {
		.time_ns = w->plan->time_ns,
		.pid = w->plan->pid,
		.serial = w->plan->serial,
		.pointer_size = sizeof(void *),
		.byte_order = 1,
#if defined(__x86_64__)
		.machine = 62,
#elif defined(__aarch64__)
		.machine = 183,
#endif
		.page_size = 4096,
		.process_key = w->plan->process_key
	};
	long fd;

	/* said before the work, not after it; the rename decides */
	if (!w->plan->pattern && !sys(SYS_faccessat, AT_FDCWD, w->plan->final, 0))
		walk_exit(w, EEXIST);
	fd = file_create(w);
	if (fd < 0)
		walk_exit(w, (int)-fd);
	writer_open(&w->writer, &w->pool, (int)fd, &header);
	walk_check(w);
}

/* The parent kills a walker whose copy may be torn. Nothing outside this process may have come of it by then: no file is made
 * before the verdict. A parent that is gone will not give one. */
static void wait_for_verdict(struct walk *w)
{
	struct timespec nap = {1, 0};
	long parent = sys(SYS_getppid);
	uint32_t verdict;

	while (!(verdict = __atomic_load_n(&w->page->verdict, __ATOMIC_ACQUIRE))) {
		if (sys(SYS_getppid) != parent)
			walk_exit(w, ESRCH);
		sys(SYS_futex, &w->page->verdict, 0 /* FUTEX_WAIT */, VERDICT_NONE, &nap);
	}
	if (verdict == VERDICT_PROBE) {
		__atomic_store_n(&w->page->probed, wake_probe() ? PROBE_WORKS : PROBE_FAILS,
				 __ATOMIC_SEQ_CST);
		sys(SYS_futex, &w->page->probed, 1 /* FUTEX_WAKE */, 1);
		sys(SYS_exit_group, 0);
	}
	w->torn = verdict == VERDICT_TORN;
}

/* What is known about the copy before anything of it was read. */
static void judge_copy(struct walk *w)
{
	char text[128];
	uint32_t missed = freeze_missed(), in_hooks = freeze_in_hooks();

	if (w->plan->partial_note[0])
		walk_partial(w, w->plan->partial_note);
	for (unsigned i = 0; adapters[i] && i < WALK_ADAPTERS; i++)
		if (w->plan->missing & 1u << i)
			walk_partial(w, w->plan->notes[i]);
	if (w->torn)
		walk_partial(w, "a thread ran while the memory was copied, in each of the tries");
	if (missed) {
		log_format(text, sizeof text, "%u threads could not be stopped", missed);
		walk_partial(w, text);
	}
	if (in_hooks) {
		log_format(text, sizeof text, "%u threads were stopped inside of an allocation",
			   in_hooks);
		walk_partial(w, text);
	}
}

/* The final name must not exist. A pattern with %n takes the next number instead. */
static int file_rename(struct walk *w)
{
	const struct walk_plan *plan = w->plan;
	uint32_t serial = plan->serial;
	long status;

	memcpy(w->page->path, plan->final, strlen(plan->final) + 1);
	while ((status = name_move(w->page->temporary, w->page->path)) == -EEXIST) {
		if (!plan->pattern || !name_has_serial(plan->pattern) ||
		    ++serial - plan->serial > 100000)
			break;
		if (!name_expand(w->page->path, sizeof w->page->path, plan->pattern, plan->pid,
				 serial, plan->program, plan->time_ns))
			return ENAMETOOLONG;
	}
	w->page->serial = serial;
	return (int)-status;
}

static struct walk *walk_create(const struct walk_plan *plan)
{
	struct pool pool = {0};
	struct walk *w = pool_map(&pool, sizeof *w);
	if (!w) {
		plan->page->status = ENOMEM;
		__atomic_store_n(&plan->page->done, 1, __ATOMIC_RELEASE);
		for (;;)
			sys(SYS_exit_group, 0);
	}
	w->plan = plan;
	w->page = plan->page;
	w->epoch = __atomic_load_n(&epoch_now, __ATOMIC_RELAXED);
	for (unsigned i = 0; adapters[i]; i++)
		w->adapter_index[adapters[i]->runtime & 15] = i + 1;
	return w;
}

void walk_main(const struct walk_plan *plan)
{
	struct walk *w;

	become_walker(plan);
	w = walk_create(plan);
	wait_for_verdict(w);
	judge_copy(w);
	memory_map_read(&w->map, &w->pool);
	file_open(w);
	if (!nodes_init(&w->nodes, &w->pool) || !intern_init(&w->intern, &w->pool))
		walk_exit(w, ENOMEM);
	w->offset_label = intern_label(&w->intern, RGD_EDGE_CONSERVATIVE, RGD_LABEL_OFFSET, 0, 0);
	phase(w, WALK_BLOCKS);
	live_each(add_block, w);
	pools_index(w);
	adapters_blocks(w);
	phase(w, WALK_DISCOVER);
	adapters_discover(w);
	phase(w, WALK_NUMBER);
	settle_claims(w);
	pools_number(w);
	phase(w, WALK_OBJECTS);
	walk_objects(w);
	phase(w, WALK_ROOTS);
	walk_roots(w);
	phase(w, WALK_FACTS);
	walk_facts(w);
	phase(w, WALK_FINISH);
	if (!writer_finish(&w->writer, w->partial ? RGD_TAIL_PARTIAL : 0))
		walk_exit(w, w->writer.error);
	walk_exit(w, file_rename(w));
}
