/*
 * got.h - the second way: the tables through which modules call functions of others.
 */
#ifndef REFGRAPH_HOOKS_GOT_H
#define REFGRAPH_HOOKS_GOT_H

#include "hook.h"
#include "image.h"

/* A function that is hooked so. */
struct got {
	struct hook *hook; /* NULL: removed or forgotten */
	uintptr_t function, stub;
	struct got *next;
};

/* Leads the imports of all relocated modules that are bound to g->function, or would be, to g->stub. How many there are. May be called
 * with threads running: each is one store of a pointer. Skips what is done. */
size_t got_redirect(const struct got *g);
/* One store into an import's slot; where it is read-only after relocation the page is open for the moment. */
bool got_store(const struct image *image, uintptr_t slot, uintptr_t value);
/* Back again. */
size_t got_restore(const struct got *g);

#endif
