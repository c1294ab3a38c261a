/*
 * err.h - errors as values. A function that can fail returns a struct error *, NULL when it did
 * not; results go through its last parameters and are untouched on failure. Only main prints an
 * error, once.
 */
#ifndef REFGRAPH_ERR_H
#define REFGRAPH_ERR_H

#include <stdint.h>

/* Also the exit status. */
enum error_class {
	ERROR_FINDINGS = 1, /* the user asked to fail on what was found */
	ERROR_USAGE = 2,    /* the command line, a selector, an expression */
	ERROR_INPUT = 3, /* the input cannot be read, or this machine cannot go on (memory, disk) */
};

#define ERROR_NO_OFFSET UINT64_MAX

struct error {
	enum error_class class;
	const char *file;    /* dump or other file, NULL none */
	const char *section; /* name of a dump's section, NULL none */
	uint64_t offset;     /* in the file; ERROR_NO_OFFSET none */
	char *message;	     /* may hold more lines: a caret under an expression */
	char *text;	     /* everything above in one string, as main prints it */
};

#define ERROR_NEVER_NULL(format_at)                                                                \
	__attribute__((returns_nonnull, format(printf, format_at, format_at + 1)))

/* All return an error that the caller owns, or the static out-of-memory error. */
struct error *error_usage(const char *format, ...) ERROR_NEVER_NULL(1);
struct error *error_input(const char *file, const char *section, uint64_t offset,
			  const char *format, ...) ERROR_NEVER_NULL(4);
/* Appends strerror(number). `file` may be NULL. */
struct error *error_system(int number, const char *file, const char *format, ...)
	ERROR_NEVER_NULL(3);
struct error *error_findings(const char *format, ...) ERROR_NEVER_NULL(1);

/* Reporting that memory is out must not need memory. */
extern struct error error_out_of_memory;
static inline struct error *error_memory(void)
{
	return &error_out_of_memory;
}

/* NULL is fine. */
void error_destroy(struct error *error);

/* Leaves the function when `call` fails. Nothing may be owned by then that is not freed by its
 * owner. */
#define TRY(call)                                                                                  \
	do {                                                                                       \
		struct error *try_error_ = (call);                                                 \
		if (try_error_)                                                                    \
			return try_error_;                                                         \
	} while (0)

#endif
