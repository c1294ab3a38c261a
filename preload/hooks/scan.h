/*
 * scan.h - looks through machine code as bytes, at every place, whether an instruction begins there or not: what is not found so is in no
 * instruction either, however the code is to be read. Knows nothing of functions.
 */
#ifndef REFGRAPH_HOOKS_SCAN_H
#define REFGRAPH_HOOKS_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A set of addresses, as pieces of 16 bytes: a bit for each of [low, high). */
struct marks {
	uint8_t *bits; /* marks_size() bytes, all 0 at first */
	uintptr_t low, high;
};

static inline size_t marks_size(uintptr_t low, uintptr_t high)
{
	return (high - low) / 128 + 2;
}

static inline void mark(const struct marks *m, uintptr_t address)
{
	size_t piece = (address - m->low) >> 4;

	m->bits[piece / 8] |= (uint8_t)(1u << piece % 8);
}

static inline bool is_marked(const struct marks *m, uintptr_t address)
{
	size_t piece = (address - m->low) >> 4;

	return address - m->low < m->high - m->low && m->bits[piece / 8] >> piece % 8 & 1;
}

/* Each marked target of what would be a jump or call with 32 bits: E8, E9, 0F 8x. */
void scan_jumps(uintptr_t low, uintptr_t high, const struct marks *marks,
		void (*each)(uintptr_t target, void *context), void *context);

/* Any 32 bits in [low, high) that would lead into [first, last) from their end, or from up to 4 bytes (an immediate) behind it. */
bool scan_refers(uintptr_t low, uintptr_t high, uintptr_t first, uintptr_t last);

/* Any two bytes that would be a jump to where a register or a memory word says; not a word relative to rip. */
bool scan_indirect(uintptr_t low, uintptr_t high);

/* Any two bytes that would be a jump with 8 bits into [first, last). */
bool scan_short(uintptr_t low, uintptr_t high, uintptr_t first, uintptr_t last);

#endif
