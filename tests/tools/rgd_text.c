/* rgd_text.c - words, options and repeat blocks. See mkdump.c for the language. */
#include "rgd_text.h"

#include <ctype.h>
#include <err.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct source {
	const char *name;
	char **lines;
	size_t nlines;
};

static struct {
	char name[16];
	int64_t value;
} variables[16];
static size_t nvariables;

void text_error(const struct line *line, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%u: ", line->file, line->number);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

/* ---- {expressions}: + - * / % ( ) numbers and variables ---------------------------------------------------- */

static int64_t sum(const struct line *line, const char **p);

static int64_t atom(const struct line *line, const char **p)
{
	char *end;
	int64_t v;

	if (**p == '(') {
		++*p;
		v = sum(line, p);
		if (*(*p)++ != ')')
			text_error(line, "missing )");
		return v;
	}
	if (**p == '-') {
		++*p;
		return -atom(line, p);
	}
	if (isdigit((unsigned char)**p)) {
		v = strtoll(*p, &end, 0);
		*p = end;
		return v;
	}
	size_t n = 0;
	while (isalpha((unsigned char)(*p)[n]))
		n++;
	for (size_t i = nvariables; n && i-- > 0;)
		if (strlen(variables[i].name) == n && !memcmp(variables[i].name, *p, n)) {
			*p += n;
			return variables[i].value;
		}
	text_error(line, "in braces: %s", *p);
}

static int64_t product(const struct line *line, const char **p)
{
	int64_t v = atom(line, p), w;

	while (**p == '*' || **p == '/' || **p == '%') {
		char op = *(*p)++;
		w = atom(line, p);
		if (op != '*' && !w)
			text_error(line, "division by 0");
		v = op == '*' ? v * w : op == '/' ? v / w : v % w;
	}
	return v;
}

static int64_t sum(const struct line *line, const char **p)
{
	int64_t v = product(line, p);

	while (**p == '+' || **p == '-') {
		char op = *(*p)++;
		int64_t w = product(line, p);
		v = op == '+' ? v + w : v - w;
	}
	return v;
}

/* The line with {…} replaced; malloc'ed. Outside repeat blocks braces are ordinary characters. */
static char *expand(const struct line *line, const char *text)
{
	size_t room = strlen(text) + 1, n = 0;
	char *out = malloc(room * 24 + 32);

	if (!out)
		err(2, "memory");
	while (*text) {
		if (*text != '{' || !nvariables) {
			out[n++] = *text++;
			continue;
		}
		text++;
		int64_t v = sum(line, &text);
		if (*text == ':' && text[1] == 'x') {
			n += sprintf(out + n, "%lx", (unsigned long)v);
			text += 2;
		} else {
			n += sprintf(out + n, "%ld", (long)v);
		}
		if (*text++ != '}')
			text_error(line, "missing }");
	}
	out[n] = 0;
	return out;
}

/* ---- words --------------------------------------------------------------------------------------------------- */

static char unescape(const struct line *line, char **p)
{
	unsigned byte;

	switch (*(*p)++) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '"':
		return '"';
	case '\\':
		return '\\';
	case 'x':
		if (sscanf(*p, "%2x", &byte) != 1)
			text_error(line, "\\x wants two digits");
		*p += 2;
		return (char)byte;
	}
	text_error(line, "unknown escape");
}

/* Takes one word at *p and unquotes it in place. *equals: where an unquoted "=" was, or NULL. */
static char *word(const struct line *line, char **p, char **equals)
{
	char *start = *p, *out = start;
	bool quoted = false;

	*equals = NULL;
	for (; **p && (quoted || !isspace((unsigned char)**p));) {
		char c = *(*p)++;
		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (c == '\\' && quoted)
			c = unescape(line, p);
		else if (c == '=' && !quoted && !*equals && out > start && start[0] != '"')
			*equals = out;
		*out++ = c;
	}
	if (quoted)
		text_error(line, "missing \"");
	if (**p)
		++*p;
	*out = 0;
	return start;
}

static void split(struct line *line, char *text)
{
	char *equals;

	line->npositional = line->noptions = 0;
	for (;;) {
		while (isspace((unsigned char)*text))
			text++;
		if (!*text || (*text == '#' && !isdigit((unsigned char)text[1])))
			return;
		char first = *text, *w = word(line, &text, &equals);
		if (line->npositional == LINE_WORDS || line->noptions == LINE_WORDS)
			text_error(line, "too many words");
		if (equals && first != '"') {
			*equals = 0;
			line->options[line->noptions].name = w;
			line->options[line->noptions].used = false;
			line->options[line->noptions++].value = equals + 1;
		} else {
			line->positional[line->npositional++] = w;
		}
	}
}

static bool first_word_is(const char *text, const char *want)
{
	size_t n = strlen(want);

	while (isspace((unsigned char)*text))
		text++;
	return !strncmp(text, want, n) && (!text[n] || isspace((unsigned char)text[n]));
}

/* Index of the line that ends the block that starts at `at`. */
static size_t block_end(const struct source *s, size_t at, const struct line *line)
{
	unsigned depth = 1;

	for (size_t i = at + 1; i < s->nlines; i++) {
		if (first_word_is(s->lines[i], "repeat"))
			depth++;
		if (first_word_is(s->lines[i], "end") && --depth == 0)
			return i;
	}
	text_error(line, "repeat without end");
}

static void run(const struct source *s, size_t from, size_t to, void (*statement)(struct line *))
{
	for (size_t i = from; i < to; i++) {
		struct line line = {.file = s->name, .number = i + 1};
		char *text = expand(&line, s->lines[i]);

		split(&line, text);
		if (line.npositional && !strcmp(line.positional[0], "repeat")) {
			size_t end = block_end(s, i, &line), slot = nvariables++;
			uint64_t times = text_number(&line, text_positional(&line, 1));

			if (nvariables > sizeof variables / sizeof *variables)
				text_error(&line, "too deep");
			snprintf(variables[slot].name, sizeof variables[slot].name, "%s",
				 line.npositional > 2 ? line.positional[2] : "i");
			for (uint64_t n = 0; n < times; n++) {
				variables[slot].value = (int64_t)n;
				run(s, i + 1, end, statement);
			}
			nvariables--;
			i = end;
		} else if (line.npositional || line.noptions) {
			statement(&line);
		}
		free(text);
	}
}

void text_read(FILE *in, const char *name, void (*statement)(struct line *line))
{
	struct source s = {.name = name};
	char *text = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&text, &room, in)) >= 0) {
		if (n && text[n - 1] == '\n')
			text[n - 1] = 0;
		s.lines = realloc(s.lines, (s.nlines + 1) * sizeof *s.lines);
		if (!s.lines || !(s.lines[s.nlines++] = strdup(text)))
			err(2, "memory");
	}
	free(text);
	run(&s, 0, s.nlines, statement);
	for (size_t i = 0; i < s.nlines; i++)
		free(s.lines[i]);
	free(s.lines);
}

/* ---- for statements -------------------------------------------------------------------------------------------- */

char *text_option(struct line *line, const char *name)
{
	for (size_t i = 0; i < line->noptions; i++)
		if (!strcmp(line->options[i].name, name)) {
			line->options[i].used = true;
			return line->options[i].value;
		}
	return NULL;
}

uint64_t text_number(const struct line *line, const char *text)
{
	char *end;
	uint64_t n = *text == '-' ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);

	if (end == text || *end)
		text_error(line, "no number: %s", text);
	return n;
}

uint64_t text_option_number(struct line *line, const char *name, uint64_t otherwise)
{
	char *value = text_option(line, name);

	return value ? text_number(line, value) : otherwise;
}

char *text_positional(const struct line *line, size_t n)
{
	if (n >= line->npositional)
		text_error(line, "%s: word %zu is missing", line->positional[0], n);
	return line->positional[n];
}

void text_done(const struct line *line, size_t npositional)
{
	if (line->npositional > npositional)
		text_error(line, "what is %s?", line->positional[npositional]);
	for (size_t i = 0; i < line->noptions; i++)
		if (!line->options[i].used)
			text_error(line, "unknown option %s=", line->options[i].name);
}
