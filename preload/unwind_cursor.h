/*
 * unwind_cursor.h - reading DWARF's numbers without ever passing the end of what they stand in.
 */
#ifndef REFGRAPH_UNWIND_CURSOR_H
#define REFGRAPH_UNWIND_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A cursor that never passes its end: `bad` stays set. */
struct cursor {
	const uint8_t *at, *end;
	bool bad;
};

static inline uint64_t take(struct cursor *c, size_t size)
{
	uint64_t value = 0;
	if (c->bad || (size_t)(c->end - c->at) < size) {
		c->bad = true;
		return 0;
	}
	memcpy(&value, c->at, size);
	c->at += size;
	return value;
}

static inline uint64_t take_uleb(struct cursor *c)
{
	uint64_t value = 0, byte;
	unsigned shift = 0;
	do {
		byte = take(c, 1);
		if (shift < 64)
			value |= (byte & 127) << shift;
		shift += 7;
	} while (byte & 128 && !c->bad);
	return value;
}

static inline int64_t take_sleb(struct cursor *c)
{
	uint64_t value = 0, byte;
	unsigned shift = 0;
	do {
		byte = take(c, 1);
		if (shift < 64)
			value |= (byte & 127) << shift;
		shift += 7;
	} while (byte & 128 && !c->bad);
	if (byte & 64 && shift < 64)
		value |= ~0ull << shift;
	return (int64_t)value;
}

static inline void skip(struct cursor *c, uint64_t size)
{
	if (c->bad || size > (size_t)(c->end - c->at))
		c->bad = true;
	else
		c->at += size;
}

#endif
