/*
 * live.c - the table of live blocks: leaves, odd addresses, walks. The hot half is live.h.
 *
 * Memory: 4 bytes per 16 bytes of address space that blocks were ever in, page by page: 25 % of the heap at most, 6 % when
 * blocks are large. The address space that is reserved, 16 MiB for each 64 MiB that hold a block, costs nothing until touched.
 */
#include <string.h>
#include <sys/mman.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "glue.h"
#include "live.h"

live_word *_Atomic live_top[LIVE_LEAVES];
_Atomic uint64_t live_largest;

/* One byte per page of live_top: which of its pages hold a leaf. */
#define TOP_PAGE_SHIFT 9
static _Atomic uint8_t top_touched[LIVE_LEAVES >> TOP_PAGE_SHIFT];

bool live_init(void)
{
	return config.test_fault != FAULT_ENOMEM;
}

static void leaf_advise(void *leaf)
{
	/* Words are touched as sparsely as the heap is: huge pages would multiply the memory. */
	sys(SYS_madvise, leaf, (LIVE_LEAF_SIZE + 4095) & ~(size_t)4095, MADV_NOHUGEPAGE);
}

live_word *live_leaf_make(size_t index)
{
	live_word *leaf = config.test_fault == FAULT_LEAF ? NULL : arena_map(LIVE_LEAF_SIZE),
		  *other = NULL;

	if (!leaf) {
		counter_add(COUNTER_LOST_BLOCKS, 1);
		return NULL;
	}
	leaf_advise(leaf);
	if (!atomic_compare_exchange_strong_explicit(&live_top[index], &other, leaf,
						     memory_order_acq_rel, memory_order_acquire)) {
		arena_unmap(leaf, LIVE_LEAF_SIZE);
		return other;
	}
	atomic_store_explicit(&top_touched[index >> TOP_PAGE_SHIFT], 1, memory_order_release);
	return leaf;
}

void live_note_large(uint64_t size)
{
	uint64_t largest = atomic_load_explicit(&live_largest, memory_order_relaxed);

	while (size > largest &&
	       !atomic_compare_exchange_weak_explicit(&live_largest, &largest, size,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

/*
 * Addresses that are no multiple of 16 or beyond 47 bits: a small locked hash with linear probing. No allocator that
 * we know makes them once requests are rounded up; it is here so that one that does loses nothing at first.
 */
#define ODD_SLOTS (1u << 16)
#define ODD_LIMIT (ODD_SLOTS / 4 * 3)
struct odd {
	uintptr_t address; /* 0: free */
	uint64_t size;
	uint32_t stack, epoch;
};
trylock_t live_odd_lock;
static struct {
	struct odd *slots;
	uint32_t used;
} odd;

static uint32_t odd_hash(uintptr_t address)
{
	return (uint32_t)((address * 0x9e3779b97f4a7c15ull) >> 40) & (ODD_SLOTS - 1);
}

/* The slot that holds the address, or the free one where it would go. */
static struct odd *odd_slot(uintptr_t address)
{
	uint32_t i = odd_hash(address);

	while (odd.slots[i].address && odd.slots[i].address != address)
		i = (i + 1) & (ODD_SLOTS - 1);
	return &odd.slots[i];
}

/* Closes the gap: whoever probed over the freed slot moves up (Knuth, volume 3, 6.4, algorithm R). */
static void odd_clear(struct odd *slot)
{
	uint32_t hole = (uint32_t)(slot - odd.slots), i = hole;

	for (;;) {
		uint32_t home;

		i = (i + 1) & (ODD_SLOTS - 1);
		if (!odd.slots[i].address)
			break;
		home = odd_hash(odd.slots[i].address);
		if (((i - home) & (ODD_SLOTS - 1)) < ((i - hole) & (ODD_SLOTS - 1)))
			continue;
		odd.slots[hole] = odd.slots[i];
		hole = i;
	}
	odd.slots[hole].address = 0;
	odd.used--;
}

static bool odd_store(const struct odd *value)
{
	struct odd *slot;

	if (!odd.slots)
		odd.slots = arena_map(ODD_SLOTS * sizeof(*odd.slots));
	if (!odd.slots)
		return false;
	slot = odd_slot(value->address);
	if (!slot->address) {
		if (odd.used >= ODD_LIMIT)
			return false;
		odd.used++;
	}
	*slot = *value;
	return true;
}

bool live_put_odd(uintptr_t address, uint64_t size, uint32_t stack, uint32_t epoch)
{
	struct odd value = {address, size, stack, epoch};
	bool stored = false;

	if (address && trylock(&live_odd_lock)) {
		stored = odd_store(&value);
		trylock_release(&live_odd_lock);
	}
	if (!stored)
		counter_add(COUNTER_LOST_BLOCKS, 1);
	else
		live_note_large(size);
	return stored;
}

static void odd_fill(const struct odd *slot, struct live_block *block)
{
	*block = (struct live_block){slot->address, slot->size, slot->stack, slot->epoch};
}

bool live_take_odd(uintptr_t address, struct live_block *block)
{
	struct odd *slot;
	bool found = false;

	if (!__atomic_load_n(&odd.slots, __ATOMIC_ACQUIRE) || !trylock(&live_odd_lock))
		return false;
	slot = odd_slot(address);
	if (slot->address) {
		odd_fill(slot, block);
		odd_clear(slot);
		found = true;
	}
	trylock_release(&live_odd_lock);
	return found;
}

bool live_find_odd(uintptr_t address, struct live_block *block)
{
	struct odd *slot;

	if (!odd.slots)
		return false;
	slot = odd_slot(address);
	if (!slot->address)
		return false;
	odd_fill(slot, block);
	return true;
}

/* ---- the table for everybody who is not a hook ------------------------------------------------------------------ */

void live_insert(uintptr_t address, uint64_t size, uint32_t stack)
{
	if (live_put(address, size, stack, atomic_load_explicit(&epoch_now, memory_order_relaxed)))
		threads_count_made(thread_current, 1, size);
}

bool live_remove(uintptr_t address, uint64_t *size)
{
	struct live_block block;

	if (!live_take(address, &block))
		return false;
	if (size)
		*size = block.size;
	threads_count_gone(thread_current, 1, block.size);
	return true;
}

static void live_fill(live_word *leaf, size_t top, size_t index, struct live_block *block)
{
	live_word *w = leaf + index;
	uint32_t word0 = live_word_get(w), word1 = live_word_get(w + 1);

	block->address = (uintptr_t)top << LIVE_LEAF_SHIFT | (uintptr_t)index << LIVE_GRANULE_SHIFT;
	block->stack = word0 & LIVE_STACK_MASK;
	block->epoch = word1 & LIVE_EPOCH_MASK;
	block->size = live_size(w, word1);
}

bool live_find(uintptr_t address, struct live_block *block)
{
	live_word *leaf;
	size_t index = live_index(address);

	if (live_is_odd(address))
		return live_find_odd(address, block);
	if (!live_starts(address))
		return false;
	leaf = live_leaf(address);
	live_fill(leaf, address >> LIVE_LEAF_SHIFT, index, block);
	return true;
}

static bool odd_flag(uintptr_t address, uint32_t flag)
{
	bool found = false;

	if (!odd.slots || !trylock(&live_odd_lock))
		return false;
	for (uint32_t i = 0; i < ODD_SLOTS && !found; i++) {
		struct odd *slot = &odd.slots[i];

		found = slot->address && address - slot->address < (slot->size ? slot->size : 1);
		if (found)
			slot->stack |= flag;
	}
	trylock_release(&live_odd_lock);
	return found;
}

bool live_flag(uintptr_t address, uint32_t flag)
{
	struct live_block block;
	live_word *w;

	if (!live_find(address, &block) && !live_find_containing(address, &block))
		return false;
	if (live_is_odd(block.address))
		return odd_flag(block.address, flag);
	w = live_leaf(block.address) + live_index(block.address);
	live_word_set(w, live_word_get(w) | flag);
	return true;
}

bool live_mark(uintptr_t address)
{
	struct live_block block;

	if (live_is_odd(address) ||
	    config.peaks) /* then all have the flag, or their sites do not count */
		return live_find(address, &block);
	return live_mark_start(address);
}

/*
 * Word 0 is the only word of a block with its top bit set, and a movemask takes the top bits of four words at once.
 * Returns the mask of 16 words, bit i for word i.
 */
static uint32_t starts16(const live_word *words)
{
#if defined(__SSE2__)
	const __m128i *v = (const __m128i *)words;
	__m128i a = _mm_loadu_si128(v), b = _mm_loadu_si128(v + 1), c = _mm_loadu_si128(v + 2),
		d = _mm_loadu_si128(v + 3);
	/* packs keeps signs */
	return (uint32_t)_mm_movemask_epi8(
		_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
#else
	uint32_t mask = 0;
	for (unsigned i = 0; i < 16; i++)
		mask |= (live_word_get(words + i) >> 31) << i;
	return mask;
#endif
}

/* The highest block start at or below `index`, not below `floor`, or -1. */
static ptrdiff_t leaf_last_start(live_word *leaf, ptrdiff_t index, ptrdiff_t floor)
{
	while (index >= floor) {
		ptrdiff_t group = index & ~(ptrdiff_t)15;
		uint32_t mask;

		if (!*live_touched(leaf, (size_t)index)) {
			index = (index & ~(ptrdiff_t)((1 << LIVE_PAGE_SHIFT) - 1)) - 1;
			continue;
		}
		mask = starts16(leaf + group) & (0xffffu >> (15 - (index - group)));
		if (mask) {
			ptrdiff_t at = group + 31 - __builtin_clz(mask);
			return at >= floor ? at : -1;
		}
		index = group - 1;
	}
	return -1;
}

static bool odd_containing(uintptr_t address, struct live_block *block)
{
	for (uint32_t i = 0; odd.slots && odd.used && i < ODD_SLOTS; i++) {
		if (odd.slots[i].address && address - odd.slots[i].address < odd.slots[i].size) {
			odd_fill(&odd.slots[i], block);
			return true;
		}
	}
	return false;
}

bool live_find_containing(uintptr_t address, struct live_block *block)
{
	uint64_t reach = atomic_load_explicit(&live_largest, memory_order_relaxed);
	uintptr_t lowest;

	if (reach < LIVE_LARGE)
		reach = LIVE_LARGE;
	lowest = address > reach ? address - reach : 0;
	if (address >> LIVE_ADDRESS_BITS)
		return odd_containing(address, block);
	for (size_t top = address >> LIVE_LEAF_SHIFT;; top--) {
		live_word *leaf = atomic_load_explicit(&live_top[top], memory_order_acquire);
		uintptr_t base = (uintptr_t)top << LIVE_LEAF_SHIFT;
		ptrdiff_t from = top == address >> LIVE_LEAF_SHIFT ? (ptrdiff_t)live_index(address)
								   : (ptrdiff_t)LIVE_LEAF_WORDS - 1;
		ptrdiff_t floor = lowest > base ? (ptrdiff_t)live_index(lowest) : 0;
		ptrdiff_t found = leaf ? leaf_last_start(leaf, from, floor) : -1;

		if (found >= 0) {
			live_fill(leaf, top, (size_t)found, block);
			/* a block of no bytes contains its own address */
			if (address - block->address < (block->size ? block->size : 1))
				return true;
			break;
		}
		if (base <= lowest || top == 0)
			break;
	}
	return odd_containing(address, block);
}

/* ---- all blocks ----------------------------------------------------------------------------------------------------- */

struct odd_list {
	struct odd *items;
	size_t n, next;
};

/* Heapsort: needs no memory and has no bad case (Williams 1964, Floyd's heap construction). */
static void odd_sift(struct odd *items, size_t root, size_t n)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child) {
		struct odd swap;

		if (child + 1 < n && items[child + 1].address > items[child].address)
			child++;
		if (items[root].address >= items[child].address)
			return;
		swap = items[root];
		items[root] = items[child];
		items[child] = swap;
	}
}

static void odd_sort(struct odd *items, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		odd_sift(items, i, n);
	for (size_t i = n; i-- > 1;) {
		struct odd swap = items[0];
		items[0] = items[i];
		items[i] = swap;
		odd_sift(items, 0, i);
	}
}

static bool odd_list_make(struct odd_list *list)
{
	if (!odd.slots || !odd.used)
		return true;
	list->items = arena_map(odd.used * sizeof(*list->items));
	if (!list->items)
		return false;
	for (uint32_t i = 0; i < ODD_SLOTS; i++) {
		if (odd.slots[i].address)
			list->items[list->n++] = odd.slots[i];
	}
	odd_sort(list->items, list->n);
	return true;
}

typedef bool (*live_visit)(const struct live_block *block, void *context);

static bool odd_visit_below(struct odd_list *list, uintptr_t limit, live_visit visit, void *context)
{
	struct live_block block;

	while (list->next < list->n && list->items[list->next].address < limit) {
		odd_fill(&list->items[list->next++], &block);
		if (!visit(&block, context))
			return false;
	}
	return true;
}

static bool page_each(live_word *leaf, size_t top, size_t page, struct odd_list *list,
		      live_visit visit, void *context)
{
	size_t index = page << LIVE_PAGE_SHIFT, end = index + (1u << LIVE_PAGE_SHIFT);
	struct live_block block;

	for (; index < end; index += 16) {
		for (uint32_t mask = starts16(leaf + index); mask; mask &= mask - 1) {
			live_fill(leaf, top, index + (unsigned)__builtin_ctz(mask), &block);
			if (unlikely(list->n) &&
			    !odd_visit_below(list, block.address, visit, context))
				return false;
			if (!visit(&block, context))
				return false;
		}
	}
	return true;
}

static bool leaf_each(live_word *leaf, size_t top, struct odd_list *list, live_visit visit,
		      void *context)
{
	const uint8_t *touched = live_touched(leaf, 0);

	for (size_t page = 0; page < LIVE_LEAF_PAGES; page++) {
		if (touched[page] && !page_each(leaf, top, page, list, visit, context))
			return false;
	}
	return true;
}

static bool top_each(struct odd_list *list, live_visit visit, void *context)
{
	for (size_t top = 0; top < LIVE_LEAVES; top++) {
		live_word *leaf;

		if (!(top & ((1u << TOP_PAGE_SHIFT) - 1)) && !top_touched[top >> TOP_PAGE_SHIFT]) {
			top += (1u << TOP_PAGE_SHIFT) - 1;
			continue;
		}
		leaf = atomic_load_explicit(&live_top[top], memory_order_acquire);
		if (leaf && !leaf_each(leaf, top, list, visit, context))
			return false;
	}
	return odd_visit_below(list, UINTPTR_MAX, visit, context);
}

bool live_each(live_visit visit, void *context)
{
	struct odd_list list = {NULL, 0, 0};
	bool complete;

	if (!odd_list_make(&list))
		counter_add(COUNTER_LOST_BLOCKS, odd.used);
	complete = top_each(&list, visit, context);
	arena_unmap(list.items, odd.used * sizeof(*list.items));
	return complete;
}

void live_totals(uint64_t *objects, uint64_t *bytes)
{
	int64_t n = 0, size = 0;

	threads_sum(&n, &size);
	*objects = n > 0 ? (uint64_t)n : 0;
	*bytes = size > 0 ? (uint64_t)size : 0;
}
