/*
 * roots.c - where reachability starts: writable data of modules, stacks, registers and thread-local storage of threads, memory
 * that the program mapped itself, and what the adapters name.
 *
 * Not roots: the shim's own data and its helper's stack; the allocator's own lists, which would hold everything (glibc's
 * main_arena, the data of an allocator that stands in for it); mapped memory that holds tracked blocks (an allocator's
 * arena), because the blocks are objects themselves.
 */
#include "walk_pools.h"

enum {
	ROOT_CLASS,
	ROOT_KIND,
	ROOT_LABEL,
	ROOT_OWNER,
	ROOT_VALUE,
	ROOT_TARGET,
	ROOT_INTERIOR,
	ROOT_CONTEXT,
	ROOT_FLAGS
};
static const struct column_spec root_columns[] = {
	{RGD_ROOT_CLASS, RGD_ENC_U8},	     {RGD_ROOT_KIND, RGD_ENC_U8},
	{RGD_ROOT_LABEL, RGD_ENC_VARINT},    {RGD_ROOT_OWNER, RGD_ENC_VARINT},
	{RGD_ROOT_VALUE, RGD_ENC_VARINT},    {RGD_ROOT_TARGET, RGD_ENC_VARINT},
	{RGD_ROOT_INTERIOR, RGD_ENC_VARINT}, {RGD_ROOT_CONTEXT, RGD_ENC_VARINT},
	{RGD_ROOT_FLAGS, RGD_ENC_VARINT},    {0, 0},
};

struct root_row {
	uint32_t class, kind, label, owner, target, context, flags;
	uint64_t value, interior;
};

static void emit_root(struct walk *w, const struct root_row *row)
{
	struct column *column = w->roots.column;
	column_put(&column[ROOT_CLASS], row->class);
	column_put(&column[ROOT_KIND], row->kind);
	column_put(&column[ROOT_LABEL], row->label);
	column_put(&column[ROOT_OWNER], row->owner);
	column_put(&column[ROOT_VALUE], row->value);
	column_put(&column[ROOT_TARGET], row->target);
	column_put(&column[ROOT_INTERIOR], row->interior);
	column_put(&column[ROOT_CONTEXT], row->context);
	column_put(&column[ROOT_FLAGS], row->flags);
	table_row(&w->writer, &w->roots);
}

void walk_root(struct walk *w, enum rgd_root_class class, enum rgd_edge_kind kind,
	       uint32_t label_string, uint32_t owner, uint64_t value, uintptr_t target,
	       uint32_t context_string)
{
	struct root_row row = {.class = class,
			       .kind = kind,
			       .label = label_string,
			       .owner = owner,
			       .value = value,
			       .context = context_string};
	if (walk_resolve(w, target, &row.target, &row.interior))
		emit_root(w, &row);
	else
		w->lost_edges++;
}

/* ---- words ---------------------------------------------------------------------------------------------------------------- */

static void word_root(struct walk *w, uint32_t class, uint32_t owner, uint64_t value,
		      uintptr_t word, uintptr_t location)
{
	struct root_row row = {
		.class = class, .kind = RGD_EDGE_CONSERVATIVE, .owner = owner, .value = value};
	if (!walk_plausible(w, word) || !walk_resolve(w, word, &row.target, &row.interior))
		return;
	if (location && w->kind[row.target] & 15 && walk_is_weak(w, location))
		row.kind = RGD_EDGE_WEAK;
	if (row.interior)
		row.flags = heuristics_of(w, row.target, word - row.interior, row.interior);
	/* glibc puts the thread-local variables of all but the main thread on top of its stack */
	if (class == RGD_ROOT_STACK && tls_holds(w, owner - 1, value))
		row.class = RGD_ROOT_TLS;
	emit_root(w, &row);
}

/* Where the block of a pool ends that holds this address; `at` when none does. Such blocks are objects, wherever they lie: what they hold
 * is no root. */
static uintptr_t after_pooled(struct walk *w, uintptr_t at)
{
	const struct pooled *pooled;
	uint32_t number;
	uint64_t interior;

	if (!walk_resolve(w, at, &number, &interior) || !(pooled = pooled_of(w, number)))
		return at;
	at = pooled->block.address + pooled->block.size;
	return (at + 7) & ~(uintptr_t)7;
}

static bool holds_pooled(struct walk *w, uintptr_t low, uintptr_t high)
{
	uint32_t number;
	uintptr_t start;

	for (; w->pools && nodes_before(&w->nodes, high - 1, &number, &start); high = start)
		if (start < low)
			return false;
		else if (pooled_of(w, number))
			return true;
	return false;
}

/* `origin` is subtracted from the address of the word to make the row's value. */
static void scan_roots(struct walk *w, uint32_t class, uint32_t owner, uintptr_t low,
		       uintptr_t high, uintptr_t origin)
{
	bool pooled = low < high && holds_pooled(w, low, high);
	low = (low + 7) & ~(uintptr_t)7;
	while (low + 8 <= high) {
		uintptr_t end = low + memory_readable(&w->map, low, high - low);
		for (; low + 8 <= end; low += 8) {
			uintptr_t next = unlikely(pooled) ? after_pooled(w, low) : low;
			if (next > low)
				low = next - 8;
			else
				word_root(w, class, owner, low - origin, *(const uintptr_t *)low,
					  low);
		}
		if (end >= high)
			return;
		low = memory_next(&w->map, end, high);
	}
}

/* ---- modules -------------------------------------------------------------------------------------------------------------- */

struct range {
	uintptr_t low, high;
};

/*
 * glibc's main_arena holds addresses of free chunks. A chunk's address is its header's, which lies in the last word of the
 * block before: every such block would seem to be referred to. The arena is found by its empty bins, pairs of words that
 * both hold their own address minus 16; most of the 127 are always empty.
 */
#define BINS 127
static struct range find_main_arena(struct walk *w, uintptr_t low, uintptr_t high)
{
	uintptr_t first = 0, last = 0;
	unsigned pairs = 0;
	if (memory_readable(&w->map, low, high - low) != high - low)
		return (struct range){0, 0};
	for (uintptr_t at = (low + 7) & ~(uintptr_t)7; at + 16 <= high; at += 8) {
		const uintptr_t *word = (const uintptr_t *)at;
		if (word[0] != at - 16 || word[1] != at - 16)
			continue;
		if (!first || at - first > BINS * 16) {
			first = at;
			pairs = 0;
		}
		last = at;
		pairs++;
	}
	if (pairs < BINS / 2)
		return (struct range){0, 0};
	/* before the bins: lock, flags, ten fast bins, top chunk, last remainder */
	return (struct range){last - (BINS - 1) * 16 - 14 * 8, first + BINS * 16};
}

/* The module that the program's malloc comes from, when that is not libc: all it has is an allocator's state. */
static uint32_t foreign_allocator(void)
{
	uint32_t index = modules_find((uintptr_t)real.malloc);
	const struct module *m = index ? modules_get(index - 1) : NULL;
	const char *name = m && m->path ? strrchr(m->path, '/') : NULL;
	if (!name || m->own || modules_find((uintptr_t)&strlen) == index)
		return 0;
	return strstr(name, "malloc") ? index : 0;
}

static void module_roots(struct walk *w, uint32_t index, const struct module *m)
{
	for (unsigned i = 0; i < m->nwritable; i++) {
		uintptr_t low = m->writable[i].low, high = m->writable[i].high;
		struct range arena = find_main_arena(w, low, high);
		if (!arena.low || arena.low > high || arena.high < low) {
			scan_roots(w, RGD_ROOT_GLOBAL, index, low, high, m->base);
			continue;
		}
		scan_roots(w, RGD_ROOT_GLOBAL, index, low, arena.low, m->base);
		scan_roots(w, RGD_ROOT_GLOBAL, index, arena.high, high, m->base);
	}
}

/* What the allocator's own code got from malloc(), which is us, its data holds; all other addresses there are its lists. */
static bool allocated_by(struct walk *w, uint32_t index, uintptr_t word)
{
	struct live_block block;
	uint32_t number, stack;
	uint64_t interior;

	if (!walk_plausible(w, word) || !walk_resolve(w, word, &number, &interior) ||
	    !walk_object_block(w, number, word - interior, &block))
		return false;
	stack = block.stack & LIVE_STACK_NUMBER;
	return stack && modules_find(frame_get(stack_frame_of(stack))->pc) == index;
}

static void allocator_roots(struct walk *w, uint32_t index, const struct module *m)
{
	for (unsigned i = 0; i < m->nwritable; i++) {
		uintptr_t at = (m->writable[i].low + 7) & ~(uintptr_t)7, high = m->writable[i].high;

		if (memory_readable(&w->map, at, high - at) != high - at)
			continue;
		for (; at + 8 <= high; at += 8)
			if (allocated_by(w, index, *(const uintptr_t *)at))
				word_root(w, RGD_ROOT_GLOBAL, index, at - m->base,
					  *(const uintptr_t *)at, at);
	}
}

static void modules_roots(struct walk *w)
{
	uint32_t allocator = foreign_allocator();
	for (uint32_t i = 0; i < modules_count(); i++) {
		const struct module *m = modules_get(i);
		if (m->own || m->unloaded)
			continue;
		if (i + 1 == allocator)
			allocator_roots(w, i + 1, m);
		else
			module_roots(w, i + 1, m);
	}
}

/* ---- threads --------------------------------------------------------------------------------------------------------------- */

/* A stack that nobody described: from sp to the end of its mapping, but not through a heap. */
#define UNKNOWN_STACK_MAX ((uintptr_t)64 << 20)

static void stack_by_mapping(struct walk *w, uint32_t owner, uintptr_t sp)
{
	const struct mapping *map = memory_mapping(&w->map, sp);
	struct live_block block;
	uintptr_t high;

	if (live_find_containing(sp, &block)) { /* a coroutine's stack in a block */
		scan_roots(w, RGD_ROOT_STACK, owner, sp, block.address + block.size, 0);
		return;
	}
	if (!map)
		return;
	high = map->high - sp > UNKNOWN_STACK_MAX ? sp + UNKNOWN_STACK_MAX : map->high;
	scan_roots(w, RGD_ROOT_STACK, owner, sp, high, 0);
}

/* What can be the thread's own stack around `top`, whole. */
static void stack_whole(struct walk *w, uint32_t owner, uintptr_t top)
{
	const struct mapping *map = memory_mapping(&w->map, top);
	struct live_block block;
	uintptr_t low;

	if (live_find_containing(top, &block)) {
		scan_roots(w, RGD_ROOT_STACK, owner, block.address, block.address + block.size, 0);
		return;
	}
	if (!map)
		return;
	low = top - map->low > UNKNOWN_STACK_MAX ? top - UNKNOWN_STACK_MAX : map->low;
	scan_roots(w, RGD_ROOT_STACK, owner, low, map->high, 0);
}

static bool on_own_stack(struct walk *w, const struct frozen_thread *t)
{
	const struct mapping *map = memory_mapping(&w->map, t->sp);

	return map && t->stack_top >= t->sp && t->stack_top < map->high;
}

/* From 128 bytes below sp (a leaf function may use them) to the top; thread-local storage lies above the frames. */
static void thread_stack_roots(struct walk *w, uint32_t owner, const struct frozen_thread *t)
{
	if (t->sp)
		stack_by_mapping(w, owner, t->sp > 128 ? t->sp - 128 : 0);
	/* on another stack (a signal's, a coroutine's), or nobody knows where */
	if (t->stack_top && !on_own_stack(w, t))
		stack_whole(w, owner, t->stack_top);
}

/* Where our frames have saved the caller's register, as a word of the stack: there it can be told whose variable it is. */
static bool saved_roots(struct walk *w, uint32_t owner, const struct frozen_thread *t,
			uintptr_t value)
{
	bool found = false;

	for (uintptr_t at = t->sp & ~(uintptr_t)7; at < t->record->called_at; at += 8) {
		if (*(const uintptr_t *)at != value)
			continue;
		word_root(w, RGD_ROOT_STACK, owner, at, value, at);
		found = true;
	}
	return found;
}

/* A thread that waits for this very snapshot: caller.c. */
static bool caller_roots(struct walk *w, uint32_t owner, const struct frozen_thread *t)
{
	uintptr_t from = t->record ? t->record->called_at : 0;

	if (!from || t->sp > from || from > t->stack_top ||
	    memory_readable(&w->map, t->sp, from - t->sp) != from - t->sp)
		return false;
	stack_by_mapping(w, owner, from);
	for (unsigned r = 0; r < CALLER_REGISTERS; r++)
		if (t->record->caller[r] && !saved_roots(w, owner, t, t->record->caller[r]))
			word_root(w, RGD_ROOT_REGISTER, owner, r, t->record->caller[r], 0);
	return true;
}

static void threads_roots(struct walk *w)
{
	const struct frozen_thread *threads;
	size_t n = frozen_threads(&threads);
	for (size_t i = 0; i < n; i++) {
		const struct frozen_thread *t = &threads[i];
		if (t->state == RGD_THREAD_HELPER)
			continue;
		if (caller_roots(w, (uint32_t)i + 1, t))
			continue;
		thread_stack_roots(w, (uint32_t)i + 1, t);
		for (uint32_t r = 0; r < t->nregisters && r < 32; r++)
			word_root(w, RGD_ROOT_REGISTER, (uint32_t)i + 1, r, t->registers[r], 0);
	}
}

uint32_t walk_thread(struct walk *w, uintptr_t address)
{
	const struct mapping *map = memory_mapping(&w->map, address);
	const struct frozen_thread *threads;
	size_t n = frozen_threads(&threads);

	if (n && address >= w->plan->tls_low && address < w->plan->tls_high)
		return 1;
	for (size_t i = 0; map && i < n; i++) {
		const struct frozen_thread *t = &threads[i];

		if ((t->sp >= map->low && t->sp < map->high) ||
		    (t->stack_top >= map->low && t->stack_top < map->high))
			return (uint32_t)i + 1;
	}
	return 0;
}

/* ld.so made it before anything else; what of the range is not mapped is passed over. Other threads' lies in their stacks. */
static void main_tls_roots(struct walk *w)
{
	scan_roots(w, RGD_ROOT_TLS, 1, w->plan->tls_low, w->plan->tls_high, 0);
}

static bool block_at(struct walk *w, uintptr_t address, uint32_t *number)
{
	uint64_t interior;

	return walk_plausible(w, address) && walk_resolve(w, address, number, &interior);
}

/* Not all that blocks hold is a root: a stack in a block has been read with its thread's storage on top. */
static void tls_in_block_roots(struct walk *w, const struct tls_block *b, uintptr_t thread_pointer)
{
	uint32_t block, control;

	if (!block_at(w, b->address, &block) ||
	    (block_at(w, thread_pointer, &control) && control == block))
		return;
	scan_roots(w, RGD_ROOT_TLS, b->thread + 1, b->address, b->address + b->size, 0);
}

/* The thread knows its vector by the address of the third word; that is no doubt about it. */
static void tls_vector_root(struct walk *w, uint32_t owner, const struct frozen_thread *t)
{
	uintptr_t vector = tls_vector(w, t);
	uint32_t number;

	if (vector && block_at(w, vector - 16, &number))
		word_root(w, RGD_ROOT_TLS, owner, t->thread_pointer + 8, vector - 16, 0);
}

/* Thread-local variables of libraries that came by dlopen, and the vector that leads to them. */
static void dynamic_tls_roots(struct walk *w)
{
	const struct frozen_thread *threads;
	size_t n = frozen_threads(&threads);

	for (size_t i = 0; i < n; i++)
		tls_vector_root(w, (uint32_t)i + 1, &threads[i]);
	for (uint32_t i = 0; i < w->tls_count; i++)
		tls_in_block_roots(w, &w->tls[i], threads[w->tls[i].thread].thread_pointer);
}

/* ---- regions ---------------------------------------------------------------------------------------------------------------- */

#define REGION_MAX ((size_t)64 << 20)

static bool region_holds_objects(struct walk *w, const struct region *r)
{
	uint32_t number;
	uintptr_t start;
	return nodes_before(&w->nodes, r->address + r->size - 1, &number, &start) &&
	       start >= r->address;
}

/* Kind 1 is a runtime's arena. Larger ones are counted, not scanned: a file cache or a shared buffer, most likely. */
static void regions_roots(struct walk *w)
{
	const struct region *regions;
	size_t n = regions_get(&regions);
	for (size_t i = 0; i < n; i++) {
		const struct region *r = &regions[i];
		if (r->kind || !r->size || region_holds_objects(w, r) || pools_kept_region(w, r))
			continue;
		if (r->size > REGION_MAX)
			w->skipped_regions++;
		else
			scan_roots(w, RGD_ROOT_REGION, 0, r->address, r->address + r->size, 0);
	}
}

/* ---- what the program said (annotate.c) ----------------------------------------------------------------------------------- */

struct ignored {
	struct walk *w;
	uint32_t label;
};

static bool ignored_root(const struct live_block *block, void *context)
{
	const struct ignored *i = context;
	uint32_t number;

	if (!(block->stack & LIVE_IGNORED))
		return true;
	/* a superblock that begins with a pool's block is not that one */
	if (!nodes_find(&i->w->nodes, block->address, &number) || !pooled_of(i->w, number))
		walk_root(i->w, RGD_ROOT_ANNOTATED, RGD_EDGE_STRONG, i->label, 0, block->address,
			  block->address, 0);
	return true;
}

static void pooled_ignored_roots(const struct ignored *i)
{
	const struct walk_pools *p = i->w->pools;

	for (uint32_t k = 0; p && k < p->nblocks; k++)
		if (p->blocks[k].block.address && p->blocks[k].block.stack & LIVE_IGNORED)
			walk_root(i->w, RGD_ROOT_ANNOTATED, RGD_EDGE_STRONG, i->label, 0,
				  p->blocks[k].block.address, p->blocks[k].block.address, 0);
}

static void annotated_roots(struct walk *w)
{
	const struct annotated *regions;
	size_t n = annotate_regions(&regions);
	struct ignored ignored = {w, 0};

	for (size_t i = 0; i < n; i++)
		scan_roots(w, RGD_ROOT_ANNOTATED, 0, regions[i].address,
			   regions[i].address + regions[i].size, 0);
	if (!annotate_ignored())
		return;
	ignored.label = walk_string(w, "ignored", 7);
	live_each(ignored_root, &ignored);
	pooled_ignored_roots(&ignored);
}

/* ---- all ---------------------------------------------------------------------------------------------------------------------- */

void walk_roots(struct walk *w)
{
	if (!table_open(&w->writer, &w->roots, RGD_SEC_ROOTS, root_columns, 16384))
		return;
	walk_tls(w);
	if (w->nodes.count) {
		modules_roots(w);
		threads_roots(w);
		main_tls_roots(w);
		dynamic_tls_roots(w);
		regions_roots(w);
		annotated_roots(w);
		pools_roots(w);
	}
	for (unsigned i = 0; adapters[i]; i++) {
		if (w->plan->skip & 1u << i || !adapters[i]->roots)
			continue;
		__atomic_store_n(&w->page->adapter, i + 1, __ATOMIC_RELAXED);
		adapters[i]->roots(w);
	}
	__atomic_store_n(&w->page->adapter, 0, __ATOMIC_RELAXED);
	table_close(&w->writer, &w->roots);
	walk_calls(w);
}
