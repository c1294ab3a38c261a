/*
 * scan.c - machine code, 16 places at a time. See scan.h.
 */
#include <string.h>

#include "scan.h"

typedef uint8_t bytes __attribute__((vector_size(16)));
typedef int32_t words __attribute__((vector_size(16)));
#define STEP 16u

static inline bytes load(uintptr_t at)
{
	bytes v;

	memcpy(&v, (const void *)at, sizeof(v));
	return v;
}

/* A bit for each byte of the mask, which are 0 or 255. */
static inline uint32_t bits_of(bytes mask)
{
#if defined(__SSE2__)
	return (uint32_t)__builtin_ia32_pmovmskb128((__attribute__((vector_size(16))) char)mask);
#else
	uint32_t bits = 0;

	for (unsigned i = 0; i < STEP; i++)
		bits |= (mask[i] & 1u) << i;
	return bits;
#endif
}

static inline bool any(bytes mask)
{
	uint64_t half[2];

	memcpy(half, &mask, sizeof(half));
	return half[0] | half[1];
}

/* ---- jumps with 32 bits ----------------------------------------------------------------------------------------------------- */

struct jumps {
	const struct marks *marks;
	void (*each)(uintptr_t target, void *context);
	void *context;
};

/* The last byte of its opcode stands at `at`. */
static inline void look_at(const struct jumps *j, uintptr_t at)
{
	int32_t displacement;
	uintptr_t target;

	memcpy(&displacement, (const void *)(at + 1), 4);
	target = at + 5 + (uintptr_t)(intptr_t)displacement;
	if (__builtin_expect(is_marked(j->marks, target), 0))
		j->each(target, j->context);
}

static inline uint32_t last_bytes(uintptr_t at)
{
	bytes here = load(at), before = load(at - 1);

	return bits_of((bytes)((here & 0xfe) == 0xe8) |
		       (bytes)(((here & 0xf0) == 0x80) & (before == 0x0f)));
}

void scan_jumps(uintptr_t low, uintptr_t high, const struct marks *marks,
		void (*each)(uintptr_t target, void *context), void *context)
{
	const struct jumps j = {marks, each, context};
	uintptr_t at = low;

	if (high - low < 5)
		return;
	/* the first byte has none before it, the last 4 have no 32 bits behind them */
	if ((*(const uint8_t *)at++ & 0xfe) == 0xe8)
		look_at(&j, low);
	for (; at + 4 * STEP + 4 <= high; at += 4 * STEP) {
		uint64_t found = last_bytes(at) | (uint64_t)last_bytes(at + STEP) << 16 |
				 (uint64_t)last_bytes(at + 2 * STEP) << 32 |
				 (uint64_t)last_bytes(at + 3 * STEP) << 48;

		for (; found; found &= found - 1)
			look_at(&j, at + (unsigned)__builtin_ctzll(found));
	}
	for (; at + 5 <= high; at++) {
		const uint8_t *byte = (const uint8_t *)at;

		if ((*byte & 0xfe) == 0xe8 || ((*byte & 0xf0) == 0x80 && byte[-1] == 0x0f))
			look_at(&j, at);
	}
}

/* ---- one function's code ---------------------------------------------------------------------------------------------------- */

/* As immediates go: 0, 1, 2 or 4 bytes. */
#define BEHIND 4u

bool scan_refers(uintptr_t low, uintptr_t high, uintptr_t first, uintptr_t last)
{
	/* 32 bits at `at` lead there when at + bits - from is below `width`, with both turned so that signed comparison does */
	uintptr_t from = first - 4 - BEHIND;
	uint32_t turn = 1u << 31, width = (uint32_t)(last - first + BEHIND), bits;
	int32_t limit = (int32_t)(width + turn);
	uintptr_t at = low;

	for (; at + STEP + 3 <= high; at += STEP) {
		words hit = {0};

		for (unsigned i = 0; i < 4; i++) {
			int32_t base = (int32_t)((uint32_t)(at + i - from) + turn);
			words place = {0, 4, 8, 12};

			hit |= ((words)load(at + i) + (place + base)) < limit;
		}
		if (any((bytes)hit))
			return true;
	}
	for (; at + 4 <= high; at++) {
		memcpy(&bits, (const void *)at, 4);
		if ((uint32_t)(at - from) + bits < width)
			return true;
	}
	return false;
}

bool scan_indirect(uintptr_t low, uintptr_t high)
{
	uintptr_t at = low;

	for (; at + STEP + 1 <= high; at += STEP) {
		bytes next = load(at + 1);

		if (any((bytes)((load(at) == 0xff) & ((next & 0x38) == 0x20) & (next != 0x25))))
			return true;
	}
	for (; at + 2 <= high; at++) {
		const uint8_t *byte = (const uint8_t *)at;

		if (byte[0] == 0xff && (byte[1] & 0x38) == 0x20 && byte[1] != 0x25)
			return true;
	}
	return false;
}

bool scan_short(uintptr_t low, uintptr_t high, uintptr_t first, uintptr_t last)
{
	for (uintptr_t at = low; at + 2 <= high; at++) {
		uint8_t opcode = *(const uint8_t *)at;

		if ((opcode & 0xf0) != 0x70 && opcode != 0xeb && (opcode & 0xfc) != 0xe0)
			continue;
		if (at + 2 + (uintptr_t)(intptr_t) * (const int8_t *)(at + 1) - first <
		    last - first)
			return true;
	}
	return false;
}
