/*
 * nodes.h - the walker's index from addresses to object numbers. Knows addresses and numbers; does not know sizes,
 * runtimes or memory contents.
 *
 * One bit per 8 bytes of address space says that an object starts there. Bits are grouped in words of 64 (512 bytes of
 * address space), each with the number of objects before it, so that an exact start costs one cache line:
 *	number(a) = word(a).rank + popcount(word(a).bits below a)
 * Words lie in leaves of 128 MiB of address space that are mapped when first needed. Two levels of summary bits per
 * leaf find the nearest start at or below any address in a few steps, however far away it is.
 * (Rank over bit vectors: G. Jacobson, "Space-efficient static trees and graphs", 1989.)
 */
#ifndef REFGRAPH_NODES_H
#define REFGRAPH_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "writer.h"

#define NODES_WORD_SHIFT 9u					       /* 512 bytes a word */
#define NODES_LEAF_SHIFT 27u					       /* 128 MiB a leaf */
#define NODES_LEAF_WORDS (1u << (NODES_LEAF_SHIFT - NODES_WORD_SHIFT)) /* 262144 */
#define NODES_ADDRESS_BITS 48u
#define NODES_TOP (1u << (NODES_ADDRESS_BITS - NODES_LEAF_SHIFT))

struct nodes_word {
	uint64_t bits;
	uint32_t
		rank; /* objects before this word; valid where bits is not 0, after nodes_number() */
	uint32_t unused;
};

struct nodes_leaf {
	struct nodes_word words[NODES_LEAF_WORDS];
	uint64_t claimed[NODES_LEAF_WORDS];   /* as words[].bits: the object belongs to a runtime */
	uint64_t some[NODES_LEAF_WORDS / 64]; /* bit: the word has a bit */
	uint64_t some_of_some[NODES_LEAF_WORDS / 4096]; /* bit: that u64 of `some` is not 0 */
	uint32_t slot;					/* in top[] */
};

struct nodes {
	struct pool *pool;
	struct nodes_leaf **top;
	struct nodes_leaf **leaves; /* in ascending order after nodes_number() */
	size_t leaf_count, leaf_capacity;
	uintptr_t low, high; /* first start, last start */
	uint32_t count;
};

bool nodes_init(struct nodes *n, struct pool *pool);
/* False when it cannot be held: not a multiple of 8, beyond 48 bits, no memory. Adding twice is fine. */
bool nodes_add(struct nodes *n, uintptr_t address);
void nodes_remove(struct nodes *n, uintptr_t address);
/* As nodes_add, and marks it as a runtime's. False also when it was marked already. */
bool nodes_claim(struct nodes *n, uintptr_t address);
bool nodes_claimed(const struct nodes *n, uintptr_t address);
/* Puts the leaves in order, so that nodes_before() finds what was added so far. */
void nodes_order(struct nodes *n);
/* Numbers all objects in ascending order of address; nothing may be added after. Returns how many. */
uint32_t nodes_number(struct nodes *n);
/* The object that starts nearest at or below address. False when none does. */
bool nodes_before(const struct nodes *n, uintptr_t address, uint32_t *number, uintptr_t *start);
/* Visits in ascending order; false from the visitor stops. */
bool nodes_each(const struct nodes *n,
		bool (*visit)(uint32_t number, uintptr_t address, void *context), void *context);

static inline struct nodes_word *nodes_word(const struct nodes *n, uintptr_t address)
{
	struct nodes_leaf *leaf;
	if (address >> NODES_ADDRESS_BITS)
		return NULL;
	leaf = n->top[address >> NODES_LEAF_SHIFT];
	if (!leaf)
		return NULL;
	return &leaf->words[(address >> NODES_WORD_SHIFT) & (NODES_LEAF_WORDS - 1)];
}

static inline uint64_t nodes_bit(uintptr_t address)
{
	return 1ull << ((address >> 3) & 63);
}

static inline bool nodes_has(const struct nodes *n, uintptr_t address)
{
	struct nodes_word *word = nodes_word(n, address);
	return !(address & 7) && word && (word->bits & nodes_bit(address));
}

/* Exact start. */
static inline bool nodes_find(const struct nodes *n, uintptr_t address, uint32_t *number)
{
	struct nodes_word *word = nodes_word(n, address);
	if ((address & 7) || !word || !(word->bits & nodes_bit(address)))
		return false;
	*number =
		word->rank + (uint32_t)__builtin_popcountll(word->bits & (nodes_bit(address) - 1));
	return true;
}

/* Brings the word of an address near, for a lookup that follows soon. False when no object can be there. */
static inline bool nodes_prefetch(const struct nodes *n, uintptr_t address)
{
	struct nodes_word *word = nodes_word(n, address);
	if (!word)
		return false;
	__builtin_prefetch(word);
	return true;
}

#endif
