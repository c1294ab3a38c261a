/*
 * err.h - errors as values. A function that can fail returns a struct error *, NULL when it did not; results go through
 * its last parameters and are untouched on failure. Only main prints an error, once.
 */
#ifndef REFGRAPH_ERR_H
#define REFGRAPH_ERR_H

#include <stdint.h>

/* Also the exit status. */
enum error_class {
	ERROR_FINDINGS = 1, /* the user asked to fail on what was found */
	ERROR_USAGE = 2,    /* the command line, a selector, an expression */
	ERROR_INPUT = 3,    /* the input cannot be read, or this machine cannot go on (memory, disk) */
};

#define ERROR_NO_OFFSET UINT64_MAX

struct error {
	enum error_class class;
	const char *file;    /* dump or other file, NULL none */
	const char *section; /* name of a dump's section, NULL none */
	uint64_t offset;     /* in the file; ERROR_NO_OFFSET none */
	char *message;       /* may hold more lines: a caret under an expression */
	char *text;          /* everything above in one string, as main prints it */
};

/* All return an error that the caller owns, or the static out-of-memory error. */
struct error *error_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct error *error_input(const char *file, const char *section, uint64_t offset, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Appends strerror(number). `file` may be NULL. */
struct error *error_system(int number, const char *file, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
struct error *error_findings(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct error *error_memory(void);

/* NULL is fine. */
void error_destroy(struct error *error);

/* Leaves the function when `call` fails. Nothing may be owned by then that is not freed by its owner. */
#define TRY(call)                                                                                  \
	do {                                                                                       \
		struct error *try_error_ = (call);                                                 \
		if (try_error_)                                                                    \
			return try_error_;                                                         \
	} while (0)

#endif
