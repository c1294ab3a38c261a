/* hash.h - text to number, for names. Open addressing over a growing table; names are not
 * copied. */
#ifndef REFGRAPH_HASH_H
#define REFGRAPH_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names {
	const char **names; /* by number */
	size_t n;
	uint32_t *slots; /* number + 1 */
	size_t nslots;
	size_t room;
};

#define NAMES_NONE UINT32_MAX

/* Number of `name`, given out from 0 in order of first sight. `name` must live as long as the
 * table. NAMES_NONE without memory. */
uint32_t names_add(struct names *names, const char *name);
/* NAMES_NONE when it was never added. */
uint32_t names_find(const struct names *names, const char *name);
/* The same for a text that may go: the table keeps a copy when it is new. A table of such names is freed by names_free_kept(). */
uint32_t names_keep(struct names *names, const char *name);
void names_free(struct names *names);
void names_free_kept(struct names *names);

#endif
