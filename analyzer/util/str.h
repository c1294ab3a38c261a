/* str.h - building text. A string that ran out of memory stays what it was and remembers it:
 * check `failed` once. */
#ifndef REFGRAPH_STR_H
#define REFGRAPH_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	char *data; /* NUL-terminated once anything was added; may be NULL before */
	size_t n, room;
	bool failed;
};

void str_bytes(struct str *s, const char *p, size_t n);
void str_add(struct str *s, const char *text);
void str_char(struct str *s, char c);
void str_printf(struct str *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Decimal, and "0x" with hexadecimal: what tables are full of, so without printf. */
void str_number(struct str *s, uint64_t value);
void str_hex(struct str *s, uint64_t value);
/* Text of a dump made safe for a terminal: control characters become \n, \t, \xNN. */
void str_printable(struct str *s, const char *text);
/* With quotes; for JSON. */
void str_json(struct str *s, const char *text);
/* "17", "4.0 KiB", "1.2 GiB" */
void str_size(struct str *s, uint64_t bytes);
/* In a sentence: "17 bytes", "4.0 KiB"; `exact`: always bytes. */
void str_size_words(struct str *s, uint64_t bytes, bool exact);
/* Forgets what lies behind the first `n` bytes; takes `n` bytes from `at` on out. */
void str_truncate(struct str *s, size_t n);
void str_cut(struct str *s, size_t at, size_t n);
/* Forgets the text, keeps the memory. */
void str_clear(struct str *s);
void str_free(struct str *s);
/* The text, "" when empty. */
static inline const char *str_text(const struct str *s)
{
	return s->data ? s->data : "";
}

/* Columns that a UTF-8 text takes on a terminal, roughly: one for each code point. */
size_t text_width(const char *text);
/* True when text is well-formed UTF-8 (no NUL, no surrogates, no overlong forms). */
bool text_is_utf8(const char *text, size_t n);
/* Edit distance for suggestions, at most `limit` + 1. */
unsigned text_distance(const char *a, const char *b, unsigned limit);

#endif
