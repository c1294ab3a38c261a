/* rgd_text.h - the small language in which tests describe a dump; mkdump.c documents it. */
#ifndef REFGRAPH_TESTS_RGD_TEXT_H
#define REFGRAPH_TESTS_RGD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define LINE_WORDS 64

/* One statement: words[0] is its verb. A word NAME=VALUE (unquoted up to the "=") is an option, not a positional. */
struct line {
	const char *file;
	unsigned number;
	size_t npositional, noptions;
	char *positional[LINE_WORDS];
	struct { char *name, *value; bool used; } options[LINE_WORDS];
};

/* Calls `statement` for each statement, with repeat blocks unrolled. Ends the program on a syntax error. */
void text_read(FILE *in, const char *name, void (*statement)(struct line *line));

/* For statements: die with file and line. */
void text_error(const struct line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
/* The option's value, NULL when absent. Marks it as used. */
char *text_option(struct line *line, const char *name);
uint64_t text_number(const struct line *line, const char *text);
/* Number of the option, or `otherwise`. */
uint64_t text_option_number(struct line *line, const char *name, uint64_t otherwise);
/* Positional n, which must be there. */
char *text_positional(const struct line *line, size_t n);
/* Dies when an option was not used or a positional is left over. */
void text_done(const struct line *line, size_t npositional);

#endif
