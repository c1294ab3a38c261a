/* str.c - see str.h. */
#include "util/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct str *s, size_t more)
{
	size_t want = s->n + more + 1, room = s->room * 2 > want ? s->room * 2 : want + 32;
	char *p;

	if (want <= s->room)
		return true;
	p = realloc(s->data, room);
	if (!p) {
		s->failed = true;
		return false;
	}
	s->data = p;
	s->room = room;
	return true;
}

void str_bytes(struct str *s, const char *p, size_t n)
{
	if (!reserve(s, n))
		return;
	memcpy(s->data + s->n, p, n);
	s->n += n;
	s->data[s->n] = 0;
}

void str_add(struct str *s, const char *text)
{
	str_bytes(s, text, strlen(text));
}

void str_char(struct str *s, char c)
{
	str_bytes(s, &c, 1);
}

void str_printf(struct str *s, const char *format, ...)
{
	va_list arguments, again;
	int n;

	va_start(arguments, format);
	va_copy(again, arguments);
	n = vsnprintf(NULL, 0, format, arguments);
	if (n < 0)
		s->failed = true;
	else if (reserve(s, n)) {
		vsnprintf(s->data + s->n, n + 1, format, again);
		s->n += n;
	}
	va_end(again);
	va_end(arguments);
}

void str_number(struct str *s, uint64_t value)
{
	char digits[20];
	unsigned n = sizeof digits;

	do
		digits[--n] = '0' + value % 10;
	while (value /= 10);
	str_bytes(s, digits + n, sizeof digits - n);
}

void str_hex(struct str *s, uint64_t value)
{
	char digits[18];
	unsigned n = sizeof digits;

	do
		digits[--n] = "0123456789abcdef"[value & 15];
	while (value >>= 4);
	digits[--n] = 'x';
	digits[--n] = '0';
	str_bytes(s, digits + n, sizeof digits - n);
}

void str_printable(struct str *s, const char *text)
{
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '\n')
			str_add(s, "\\n");
		else if (c == '\t')
			str_add(s, "\\t");
		else if (c < 0x20 || c == 0x7f)
			str_printf(s, "\\x%02x", c);
		else if (c == 0xc2 && (unsigned char)text[1] >= 0x80 &&
			 (unsigned char)text[1] < 0xa0)
			str_printf(s, "\\x%02x", (unsigned char)*++text); /* C1 controls */
		else
			str_char(s, *text);
	}
}

void str_json(struct str *s, const char *text)
{
	str_char(s, '"');
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			str_printf(s, "\\%c", c);
		else if (c == '\n')
			str_add(s, "\\n");
		else if (c == '\t')
			str_add(s, "\\t");
		else if (c < 0x20 || c == 0x7f)
			str_printf(s, "\\u%04x", c);
		else
			str_char(s, *text);
	}
	str_char(s, '"');
}

void str_size(struct str *s, uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	double value = bytes;
	unsigned unit = 0;

	if (bytes < 1024) {
		str_number(s, bytes);
		return;
	}
	for (value /= 1024; value >= 1024 && unit < 5; unit++)
		value /= 1024;
	str_printf(s, "%.1f %ciB", value, units[unit]);
}

void str_size_words(struct str *s, uint64_t bytes, bool exact)
{
	if (exact || bytes < 1024) {
		str_number(s, bytes);
		str_add(s, bytes == 1 ? " byte" : " bytes");
	} else {
		str_size(s, bytes);
	}
}

void str_truncate(struct str *s, size_t n)
{
	if (n >= s->n)
		return;
	s->n = n;
	s->data[n] = 0;
}

void str_cut(struct str *s, size_t at, size_t n)
{
	if (at > s->n || n > s->n - at)
		return;
	memmove(s->data + at, s->data + at + n, s->n - at - n);
	str_truncate(s, s->n - n);
}

void str_clear(struct str *s)
{
	s->n = 0;
	if (s->data)
		s->data[0] = 0;
}

void str_free(struct str *s)
{
	free(s->data);
	*s = (struct str){0};
}

size_t text_width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

/* Length of the sequence at p (n bytes left), 0 when it is malformed. */
static unsigned sequence(const unsigned char *p, size_t n)
{
	unsigned low = 0x80, high = 0xbf, more;

	if (p[0] < 0x80)
		return p[0] ? 1 : 0;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		more = 1;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		more = 2;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		more = 3;
	else
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0; /* overlong */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f; /* above U+10FFFF */
	if (n <= more || p[1] < low || p[1] > high)
		return 0;
	for (unsigned i = 2; i <= more; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return more + 1;
}

bool text_is_utf8(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + n;

	while (p < end) {
		unsigned k = sequence(p, end - p);

		if (!k)
			return false;
		p += k;
	}
	return true;
}

unsigned text_distance(const char *a, const char *b, unsigned limit)
{
	unsigned row[65];
	size_t na = strlen(a), nb = strlen(b);

	if (na > 64 || nb > 64)
		return limit + 1;
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned up = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = up;
		}
	}
	return row[nb] <= limit ? row[nb] : limit + 1;
}
