/* err.c - see err.h. */
#include "util/err.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct error error_out_of_memory = {
	.class = ERROR_INPUT,
	.offset = ERROR_NO_OFFSET,
	.message = (char *)"out of memory",
	.text = (char *)"out of memory",
};

void error_destroy(struct error *error)
{
	if (!error || error == &error_out_of_memory)
		return;
	free((char *)error->file);
	free(error->message);
	free(error->text);
	free(error);
}

/* "FILE: SECTION at offset 0xN: MESSAGE", each part only where known. */
static char *compose(const struct error *e)
{
	char place[40] = "", *text;

	if (e->offset != ERROR_NO_OFFSET)
		snprintf(place, sizeof place, "%sat offset 0x%" PRIx64, e->section ? " " : "",
			 e->offset);
	if (asprintf(&text, "%s%s%s%s%s%s", e->file ? e->file : "", e->file ? ": " : "",
		     e->section ? e->section : "", place, e->section || place[0] ? ": " : "",
		     e->message) < 0)
		return NULL;
	return text;
}

static struct error *create(enum error_class class, const char *file, const char *section,
			    uint64_t offset, int number, const char *format, va_list arguments)
{
	struct error *e = calloc(1, sizeof *e);
	char *message;

	if (!e)
		return &error_out_of_memory;
	*e = (struct error){.class = class, .section = section, .offset = offset};
	if (vasprintf(&message, format, arguments) < 0) {
		free(e);
		return &error_out_of_memory;
	}
	e->message = message;
	if (number && asprintf(&message, "%s%s%s", e->message, e->message[0] ? ": " : "",
			       strerror(number)) >= 0) {
		free(e->message);
		e->message = message;
	}
	e->file = file ? strdup(file) : NULL;
	e->text = compose(e);
	if (!e->text || (file && !e->file)) {
		error_destroy(e);
		return &error_out_of_memory;
	}
	return e;
}

struct error *error_usage(const char *format, ...)
{
	va_list arguments;
	struct error *e;

	va_start(arguments, format);
	e = create(ERROR_USAGE, NULL, NULL, ERROR_NO_OFFSET, 0, format, arguments);
	va_end(arguments);
	return e;
}

struct error *error_findings(const char *format, ...)
{
	va_list arguments;
	struct error *e;

	va_start(arguments, format);
	e = create(ERROR_FINDINGS, NULL, NULL, ERROR_NO_OFFSET, 0, format, arguments);
	va_end(arguments);
	return e;
}

struct error *error_input(const char *file, const char *section, uint64_t offset,
			  const char *format, ...)
{
	va_list arguments;
	struct error *e;

	va_start(arguments, format);
	e = create(ERROR_INPUT, file, section, offset, 0, format, arguments);
	va_end(arguments);
	return e;
}

struct error *error_system(int number, const char *file, const char *format, ...)
{
	va_list arguments;
	struct error *e;

	va_start(arguments, format);
	e = create(ERROR_INPUT, file, NULL, ERROR_NO_OFFSET, number, format, arguments);
	va_end(arguments);
	return e;
}
