/*
 * cpython_text.c - str objects read in place, and the numbers that their texts have in the dump.
 *
 * Memory does not change while the walker reads it, so the address of a str stands for its text: numbers of strings and
 * labels are kept by address, and most lookups never look at a character.
 */
#include <string.h>

#include "cpython.h"

struct characters {
	const void *data;
	uint64_t length;
	unsigned width; /* bytes per character: 1, 2, 4; 0 = not readable */
	bool ascii;
};

static struct characters characters_of(uintptr_t object)
{
	struct characters c = {0};
	uint32_t state = half_at(object, UNICODE_STATE);
	bool compact = (state >> 5) & 1;
	c.length = word_at(object, UNICODE_LENGTH);
	c.ascii = (state >> 6) & 1;
	c.width = (state >> 2) & 7;
	if (compact)
		c.data = (const void *)(object + (uintptr_t)(c.ascii ? python.at->unicode_ascii
								     : python.at->unicode_compact));
	else
		c.data = (const void *)word_at(object, python.at->unicode_compact);
	if (!c.data || (c.width != 1 && c.width != 2 && c.width != 4)) {
		c.width = 0;
		c.length = 0;
	}
	return c;
}

static uint32_t character_at(const struct characters *c, uint64_t i)
{
	switch (c->width) {
	case 1:
		return ((const uint8_t *)c->data)[i];
	case 2:
		return ((const uint16_t *)c->data)[i];
	default:
		return ((const uint32_t *)c->data)[i];
	}
}

static size_t encode(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c >= 0xd800 && c < 0xe000)
		c = 0xfffd; /* a lone surrogate */
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

size_t text_of(uintptr_t object, char *buffer, size_t size)
{
	size_t used = 0;
	if (object && is_str(object)) {
		struct characters c = characters_of(object);
		char one[4];
		for (uint64_t i = 0; i < c.length; i++) {
			uint32_t code = character_at(&c, i);
			size_t n = encode(code ? code : 0xfffd, one);
			if (used + n + 1 > size)
				break;
			memcpy(buffer + used, one, n);
			used += n;
		}
	}
	buffer[used] = 0;
	return used;
}

static bool name_character(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

bool text_is_name(uintptr_t object)
{
	if (!is_str(object))
		return false;
	struct characters c = characters_of(object);
	if (!c.ascii || c.width != 1 || c.length == 0 || c.length > 64)
		return false;
	const char *text = c.data;
	if (!name_character((uint8_t)text[0]) || (text[0] >= '0' && text[0] <= '9'))
		return false;
	for (uint64_t i = 1; i < c.length; i++) {
		bool inner_dot = text[i] == '.' && i + 1 < c.length && text[i - 1] != '.';
		if (!name_character((uint8_t)text[i]) && !inner_dot)
			return false;
	}
	return true;
}

bool text_equals(uintptr_t object, const char *ascii)
{
	if (!is_str(object))
		return false;
	struct characters c = characters_of(object);
	size_t n = strlen(ascii);
	return c.length == n && c.width == 1 && memcmp(c.data, ascii, n) == 0;
}

/* ---- numbers by address --------------------------------------------------------------------------------------------- */

struct number_row {
	uint64_t key; /* 0 = free */
	uint32_t number;
};
struct number_cache {
	struct number_row *rows;
	uint32_t mask, used;
};

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 32;
	return x;
}

static struct number_row *cache_row(struct number_cache *c, uint64_t key)
{
	uint32_t i = (uint32_t)mix(key) & c->mask;
	while (c->rows[i].key && c->rows[i].key != key)
		i = (i + 1) & c->mask;
	return &c->rows[i];
}

static bool cache_grow(struct walk *walk, struct number_cache *c)
{
	uint32_t size = c->rows ? (c->mask + 1) * 2 : 4096;
	struct number_cache bigger = {walk_memory(walk, size * sizeof(struct number_row)), size - 1,
				      c->used};
	if (!bigger.rows)
		return false;
	for (uint32_t i = 0; c->rows && i <= c->mask; i++) {
		if (c->rows[i].key)
			*cache_row(&bigger, c->rows[i].key) = c->rows[i];
	}
	*c = bigger;
	return true;
}

/* The row for the key, found or free (its key is 0); NULL without memory. */
static struct number_row *cache_find(struct walk *walk, struct number_cache *c, uint64_t key)
{
	if ((!c->rows || c->used * 2 > c->mask) && !cache_grow(walk, c) && !c->rows)
		return NULL;
	if (c->used >= c->mask) /* no memory to grow: full */
		return NULL;
	return cache_row(c, key);
}

/* ---- strings and labels ------------------------------------------------------------------------------------------------ */

#define TEXT_MAX 4096

static uint32_t text_number(struct walk *walk, uintptr_t object)
{
	char buffer[TEXT_MAX];
	size_t n = text_of(object, buffer, sizeof(buffer));
	return walk_string(walk, buffer, n);
}

uint32_t text_string(struct walk *walk, uintptr_t object)
{
	static struct number_cache cache;
	if (!object || !is_str(object))
		return 0;
	struct number_row *row = cache_find(walk, &cache, object);
	if (!row)
		return text_number(walk, object);
	if (!row->key) {
		row->key = object;
		row->number = text_number(walk, object);
		cache.used++;
	}
	return row->number;
}

static uint32_t label_number(struct walk *walk, enum rgd_edge_kind kind, struct edge_name name,
			     unsigned flags)
{
	uint32_t string = 0;
	if (name.source == NAME_C)
		string =
			walk_string(walk, (const char *)name.text, strlen((const char *)name.text));
	else if (name.source == NAME_STR)
		string = text_string(walk, name.text);
	return walk_label(walk, kind, name.class, flags, string);
}

uint32_t label_of(struct walk *walk, enum rgd_edge_kind kind, struct edge_name name, unsigned flags)
{
	static struct number_cache cache;
	uintptr_t text = name.source == NAME_NONE ? 0 : name.text;
	uint64_t key = (uint64_t)text << 12 | (uint64_t)kind << 8 | (uint64_t)name.class << 2 |
		       (flags & 1) << 1 | 1;
	struct number_row *row = cache_find(walk, &cache, key);
	if (!row)
		return label_number(walk, kind, name, flags);
	if (!row->key) {
		row->key = key;
		row->number = label_number(walk, kind, name, flags);
		cache.used++;
	}
	return row->number;
}
