/* junit.h - results as JUnit's XML, which continuous integration shows as tests: one suite a file, one case a finding. */
#ifndef REFGRAPH_JUNIT_H
#define REFGRAPH_JUNIT_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"
#include "util/str.h"

struct junit {
	struct str cases;
	unsigned tests, failures, errors;
};

enum junit_result { JUNIT_PASSED, JUNIT_FAILED, JUNIT_ERROR };

/* `type` and `details` are shown with a failure or error. Texts may hold anything: what XML forbids is replaced. */
void junit_case(struct junit *junit, enum junit_result result, const char *class, const char *name,
		const char *type, const char *details);
/* Writes the suite of this name, as a whole document, and forgets its cases. */
struct error *junit_write(struct junit *junit, const char *suite, const char *path);
/* One document out of those that junit_write() made; those that are missing are left out. */
struct error *junit_join(char *const *parts, size_t nparts, const char *path);

#endif
