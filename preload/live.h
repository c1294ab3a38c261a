/*
 * live.h - the table of live blocks: the part that the hooks inline. shim.h explains the words of a block. One leaf's words are
 * followed by
 *   - a few more words: a block that starts in the last granules of a leaf keeps its later words here, so that no path has to
 *     ask whether a block crosses a leaf's end (the next leaf's own words for these granules stay unused);
 *   - one byte per page of words, set when a block was ever put there: walks skip what was never touched and so do not
 *     make the kernel materialise it.
 *
 * Order: word 0 is written last and cleared first. Nobody reads another thread's words while that thread is inside a hook
 * (the freezer waits), so relaxed stores do.
 */
#ifndef REFGRAPH_LIVE_H
#define REFGRAPH_LIVE_H

#include <stdatomic.h>

#include "shim.h"

#define LIVE_GRANULE_SHIFT 4
#define LIVE_LEAF_SHIFT 26 /* address space of one leaf */
#define LIVE_ADDRESS_BITS 47
#define LIVE_LEAVES (1u << (LIVE_ADDRESS_BITS - LIVE_LEAF_SHIFT))
#define LIVE_LEAF_WORDS (1u << (LIVE_LEAF_SHIFT - LIVE_GRANULE_SHIFT))
#define LIVE_TAIL_WORDS 16u
#define LIVE_PAGE_SHIFT 10 /* words of one page */
#define LIVE_LEAF_PAGES (LIVE_LEAF_WORDS >> LIVE_PAGE_SHIFT)
#define LIVE_LEAF_SIZE ((LIVE_LEAF_WORDS + LIVE_TAIL_WORDS) * sizeof(uint32_t) + LIVE_LEAF_PAGES)

#define LIVE_START 0x80000000u
#define LIVE_STACK_MASK 0x7fffffffu
#define LIVE_EPOCH_BITS 21
#define LIVE_EPOCH_MASK ((1u << LIVE_EPOCH_BITS) - 1)
#define LIVE_SIZE_FAR ((1u << (31 - LIVE_EPOCH_BITS)) - 1) /* the size is in word 2 */
#define LIVE_SIZE_BITS 30				   /* of word 2 */
#define LIVE_SIZE_MORE (1u << LIVE_SIZE_BITS)
#define LIVE_LARGE (1u << 20) /* blocks from this size on move the bound of backward scans */

typedef _Atomic uint32_t live_word;
extern live_word *_Atomic live_top[LIVE_LEAVES];
extern _Atomic uint64_t live_largest;

/* Slow paths, out of line. */
live_word *live_leaf_make(size_t index);
bool live_put_odd(uintptr_t address, uint64_t size, uint32_t stack, uint32_t epoch);
bool live_take_odd(uintptr_t address, struct live_block *block);
bool live_find_odd(uintptr_t address, struct live_block *block);
void live_note_large(uint64_t size);

/*
 * An address as its granule's number, rotated, so that the low four bits come on top: what is no multiple of 16 or too high
 * is then too large a number, by one comparison.
 */
static inline uint64_t live_granule(uintptr_t address)
{
	return (uint64_t)address >> LIVE_GRANULE_SHIFT | (uint64_t)address
								 << (64 - LIVE_GRANULE_SHIFT);
}

static inline bool live_is_odd(uintptr_t address)
{
	return live_granule(address) >> (LIVE_ADDRESS_BITS - LIVE_GRANULE_SHIFT);
}

/* The first word of the block at this address, or NULL. What is no multiple of 16 gets its granule's. */
static inline live_word *live_slot(uintptr_t address)
{
	size_t top = address >> LIVE_LEAF_SHIFT;
	live_word *leaf;

	if (unlikely(top >= LIVE_LEAVES))
		return NULL;
	leaf = atomic_load_explicit(&live_top[top], memory_order_acquire);
	return likely(leaf) ? leaf + (address >> LIVE_GRANULE_SHIFT & (LIVE_LEAF_WORDS - 1)) : NULL;
}

/* Not of an odd address. */
static inline live_word *live_leaf(uintptr_t address)
{
	return atomic_load_explicit(
		&live_top[live_granule(address) >> (LIVE_LEAF_SHIFT - LIVE_GRANULE_SHIFT)],
		memory_order_acquire);
}

static inline size_t live_index(uintptr_t address)
{
	return live_granule(address) & (LIVE_LEAF_WORDS - 1);
}

static inline uint8_t *live_touched(live_word *leaf, size_t index)
{
	return (uint8_t *)(leaf + LIVE_LEAF_WORDS + LIVE_TAIL_WORDS) + (index >> LIVE_PAGE_SHIFT);
}

static inline void live_word_set(live_word *w, uint32_t value)
{
	atomic_store_explicit(w, value, memory_order_relaxed);
}

static inline uint32_t live_word_get(const live_word *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

/* A block starts there. Not of an odd address. */
static inline bool live_starts(uintptr_t address)
{
	const live_word *leaf = live_leaf(address);

	return leaf && live_word_get(leaf + live_index(address)) & LIVE_START;
}

/* live_mark() of what is not odd, where marks are not the hooks' own (config.peaks). */
static inline bool live_mark_start(uintptr_t address)
{
	live_word *leaf = live_leaf(address), *w = leaf ? leaf + live_index(address) : NULL;

	if (!w || !(live_word_get(w) & LIVE_START))
		return false;
	live_word_set(w, live_word_get(w) | LIVE_COUNTED);
	return true;
}

static inline void live_put_far(live_word *w, uint64_t size)
{
	if (size >= LIVE_LARGE)
		live_note_large(size);
	if (likely(size < LIVE_SIZE_MORE)) {
		live_word_set(w + 2, (uint32_t)size);
		return;
	}
	live_word_set(w + 2, ((uint32_t)size & (LIVE_SIZE_MORE - 1)) | LIVE_SIZE_MORE);
	live_word_set(w + 3, (uint32_t)(size >> LIVE_SIZE_BITS));
}

static inline bool live_is_touched(live_word *leaf, size_t index)
{
	return __atomic_load_n(live_touched(leaf, index), __ATOMIC_RELAXED);
}

/* size <= LIVE_SIZE_FAR */
static inline void live_put_small(live_word *w, uint32_t size, uint32_t stack, uint32_t epoch)
{
	live_word_set(w + 1, epoch | size << LIVE_EPOCH_BITS);
	live_word_set(w, LIVE_START | stack);
}

static inline uint32_t live_small(uint32_t word1)
{
	return word1 >> LIVE_EPOCH_BITS;
}

static inline void live_put_words(live_word *w, uint64_t size, uint32_t stack, uint32_t epoch)
{
	if (unlikely(size >= LIVE_SIZE_FAR)) {
		live_put_far(w, size);
		size = LIVE_SIZE_FAR;
	}
	live_put_small(w, (uint32_t)size, stack, epoch);
}

static inline uint64_t live_size(const live_word *w, uint32_t word1)
{
	uint64_t size = live_small(word1);

	if (likely(size != LIVE_SIZE_FAR))
		return size;
	size = live_word_get(w + 2);
	if (unlikely(size & LIVE_SIZE_MORE))
		size = (size & (LIVE_SIZE_MORE - 1)) | (uint64_t)live_word_get(w + 3)
							       << LIVE_SIZE_BITS;
	return size;
}

/* False: there is no memory for it (counted). */
static inline __attribute__((always_inline)) bool live_put(uintptr_t address, uint64_t size,
							   uint32_t stack, uint32_t epoch)
{
	live_word *leaf;
	size_t index;

	if (unlikely(live_is_odd(address)))
		return live_put_odd(address, size, stack, epoch);
	leaf = live_leaf(address);
	if (unlikely(!leaf)) {
		leaf = live_leaf_make(address >> LIVE_LEAF_SHIFT);
		if (!leaf)
			return false;
	}
	index = live_index(address);
	if (unlikely(!live_is_touched(leaf, index)))
		__atomic_store_n(live_touched(leaf, index), 1, __ATOMIC_RELAXED);
	live_put_words(leaf + index, size, stack, epoch);
	return true;
}

/* False: not known. */
static inline __attribute__((always_inline)) bool live_take(uintptr_t address,
							    struct live_block *block)
{
	live_word *leaf, *w;
	uint32_t word0, word1;

	if (unlikely(live_is_odd(address)))
		return live_take_odd(address, block);
	leaf = live_leaf(address);
	if (unlikely(!leaf))
		return false;
	w = leaf + live_index(address);
	word0 = live_word_get(w);
	if (unlikely(!(word0 & LIVE_START)))
		return false;
	live_word_set(w, 0);
	word1 = live_word_get(w + 1);
	block->address = address;
	block->stack = word0 & LIVE_STACK_MASK;
	block->epoch = word1 & LIVE_EPOCH_MASK;
	block->size = live_size(w, word1);
	return true;
}

/* What the owner of a block just took out goes back as it was. */
static inline void live_put_back(const struct live_block *block)
{
	live_put(block->address, block->size, block->stack, block->epoch);
}

#endif
