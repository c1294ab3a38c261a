/* junit.c - see junit.h. The elements and attributes are those that Jenkins and GitLab read. */
#include "out/junit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char head[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
static const char tail[] = "</testsuites>\n";

/* Quotes, too: it serves for attributes. */
static void add_text(struct str *out, const char *text)
{
	bool fine = text_is_utf8(text, strlen(text));

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '<')
			str_add(out, "&lt;");
		else if (c == '>')
			str_add(out, "&gt;");
		else if (c == '&')
			str_add(out, "&amp;");
		else if (c == '"')
			str_add(out, "&quot;");
		else if ((c < ' ' && c != '\n' && c != '\t') || (c >= 0x80 && !fine))
			str_char(out, '?');
		else
			str_char(out, *text);
	}
}

static void add_attribute(struct str *out, const char *name, const char *text)
{
	str_printf(out, " %s=\"", name);
	add_text(out, text);
	str_char(out, '"');
}

void junit_case(struct junit *j, enum junit_result result, const char *class, const char *name,
		const char *type, const char *details)
{
	const char *element = result == JUNIT_FAILED ? "failure" : "error";
	struct str *out = &j->cases;

	j->tests++;
	j->failures += result == JUNIT_FAILED;
	j->errors += result == JUNIT_ERROR;
	str_add(out, "    <testcase");
	add_attribute(out, "classname", class);
	add_attribute(out, "name", name);
	if (result == JUNIT_PASSED) {
		str_add(out, "/>\n");
		return;
	}
	str_printf(out, ">\n      <%s", element);
	add_attribute(out, "type", type);
	add_attribute(out, "message", name);
	str_char(out, '>');
	add_text(out, details);
	str_printf(out, "</%s>\n    </testcase>\n", element);
}

static struct error *finish(FILE *file, const char *path)
{
	int failed = ferror(file);

	return fclose(file) || failed ? error_system(errno, path, "cannot write") : NULL;
}

struct error *junit_write(struct junit *j, const char *suite, const char *path)
{
	struct str name = {0};
	FILE *file;

	add_attribute(&name, "name", suite);
	if (j->cases.failed || name.failed) {
		str_free(&name);
		return error_memory();
	}
	file = fopen(path, "we");
	if (!file) {
		str_free(&name);
		return error_system(errno, path, "cannot write");
	}
	fprintf(file,
		"%s  <testsuite%s tests=\"%u\" failures=\"%u\" errors=\"%u\">\n%s  "
		"</testsuite>\n%s",
		head, str_text(&name), j->tests, j->failures, j->errors, str_text(&j->cases), tail);
	str_free(&name);
	str_free(&j->cases);
	*j = (struct junit){0};
	return finish(file, path);
}

/* All but the first two lines and the last one, which ours have. */
static void copy_suites(const char *part, FILE *to)
{
	FILE *from = fopen(part, "re");
	char *line = NULL;
	size_t room = 0;

	for (unsigned number = 0; from && getline(&line, &room, from) >= 0; number++)
		if (number >= 2 && strcmp(line, tail) != 0)
			fputs(line, to);
	free(line);
	if (from)
		fclose(from);
}

struct error *junit_join(char *const *parts, size_t nparts, const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return error_system(errno, path, "cannot write");
	fputs(head, file);
	for (size_t i = 0; i < nparts; i++)
		copy_suites(parts[i], file);
	fputs(tail, file);
	return finish(file, path);
}
