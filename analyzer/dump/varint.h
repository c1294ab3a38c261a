/* varint.h - LEB128 and zigzag, bounds-checked. */
#ifndef REFGRAPH_VARINT_H
#define REFGRAPH_VARINT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The rest of varint_get(): p[0] has its high bit set or lies at the end. */
static inline const uint8_t *varint_long(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
	uint64_t v = 0;

	for (unsigned shift = 0; p < end && shift < 70; shift += 7) {
		uint8_t byte = *p++;

		if (shift == 63 && byte > 1)
			return NULL; /* more than 64 bits */
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*value = v;
			return p;
		}
	}
	return NULL;
}

/* Reads one number at p; NULL when it is cut off by `end` or longer than 64 bits. */
static inline const uint8_t *varint_get(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
	if (__builtin_expect(end - p >= 3, 1)) {
		if (p[0] < 0x80) {
			*value = p[0];
			return p + 1;
		}
		if (p[1] < 0x80) {
			*value = (p[0] & 0x7f) | (uint32_t)p[1] << 7;
			return p + 2;
		}
		if (p[2] < 0x80) {
			*value =
				(p[0] & 0x7f) | (uint32_t)(p[1] & 0x7f) << 7 | (uint32_t)p[2] << 14;
			return p + 3;
		}
	}
	return varint_long(p, end, value);
}

/* High bits of eight bytes: clear where a number ends. */
#define VARINT_HIGH 0x8080808080808080ull

/* varint_get() for numbers whose length nobody can foresee: a branch that is taken wrongly costs more than all of this. */
static inline const uint8_t *varint_get_any(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
	uint64_t word, ends;

	if (end - p < 8)
		return varint_get(p, end, value);
	if (p[0] < 0x80) {
		*value = p[0];
		return p + 1;
	}
	memcpy(&word, p, sizeof word);
	ends = ~word & VARINT_HIGH;
	if (__builtin_expect(!ends, 0))
		return varint_get(p, end, value);
	word &= (ends ^ (ends - 1)) & ~VARINT_HIGH;
	/* seven bits of each byte, then fourteen of two, then 28 of four are moved together */
	word = (word & 0x007f007f007f007full) | (word & 0x7f007f007f007f00ull) >> 1;
	word = (word & 0x00003fff00003fffull) | (word & 0x3fff00003fff0000ull) >> 2;
	word = (word & 0x000000000fffffffull) | (word & 0x0fffffff00000000ull) >> 4;
	*value = word;
	return p + __builtin_ctzll(ends) / 8 + 1;
}

static inline int64_t zigzag_decode(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static inline int32_t zigzag_decode32(uint32_t v)
{
	return (int32_t)(v >> 1) ^ -(int32_t)(v & 1);
}

#endif
