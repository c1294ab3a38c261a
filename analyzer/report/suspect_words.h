/* suspect_words.h - putting findings into words; for the files that find them. */
#ifndef REFGRAPH_SUSPECT_WORDS_H
#define REFGRAPH_SUSPECT_WORDS_H

#include "report/suspects.h"

#define MAX_OF_A_KIND 5u

/* Adds the finding, whose texts it takes over, also when it fails. */
struct error *suspect_add(struct suspects *suspects, struct finding finding);
/* The same, unless `error` came in between: that is returned then. */
struct error *suspect_add_unless(struct suspects *suspects, struct finding finding,
				 struct error *error);
void suspect_deinit(struct finding *finding);

/* Texts of their own, freed by the caller; NULL without memory. */
char *suspect_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *suspect_size(const struct suspects *suspects, uint64_t bytes);
char *suspect_object(const struct suspects *suspects, uint32_t object); /* "dict 3 items #17" */
char *suspect_site(const struct suspects *suspects, uint32_t object);	/* where it was made */
/* The shortest way to it as a programmer would write it; empty when no root reaches it. */
struct error *suspect_path(const struct suspects *suspects, uint32_t object, char **ret);

const char *suspect_plural(uint64_t n); /* "s", unless n is 1 */
/* Between the two dumps; 0 with one. */
double suspect_seconds(const struct suspects *suspects);

#endif
