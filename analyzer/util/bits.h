/* bits.h - sets of small numbers, one bit each. The words come from big_alloc() or calloc(). */
#ifndef REFGRAPH_BITS_H
#define REFGRAPH_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t bits_words(size_t n)
{
	return (n + 63) / 64;
}

static inline bool bits_get(const uint64_t *bits, size_t i)
{
	return bits[i >> 6] >> (i & 63) & 1;
}

static inline void bits_set(uint64_t *bits, size_t i)
{
	bits[i >> 6] |= 1ull << (i & 63);
}

static inline void bits_clear(uint64_t *bits, size_t i)
{
	bits[i >> 6] &= ~(1ull << (i & 63));
}

#endif
