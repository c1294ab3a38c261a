/*
 * site.h - what type of memory an allocation asks for, by what the code does with the address that comes back: the variable that
 * is found at the return address (or a few instructions later, or behind a store), the constructor that is called
 * with it, the allocator whose template argument it is, the function that returns it. Debug information tells what
 * these are; the code at the return address is read, not run.
 */
#ifndef REFGRAPH_TYPES_SITE_H
#define REFGRAPH_TYPES_SITE_H

#include "symbol/image.h"
#include "types/debug.h"

#define SITE_CANDIDATES 6u

struct site {
	struct ctype
		*types[SITE_CANDIDATES]; /* of what lies in the memory, the best evidence first */
	unsigned count;
	struct ctype *
		weak; /* what the function returns a pointer to, if nothing better is known; NULL */
	bool allocator; /* a library's allocator of a known type: any number of them */
	bool passes; /* the memory goes to the caller, or nobody knows: ask the next frame, too */
};

/* `code`: the file with the code, NULL not at hand: then only the function and the allocator are looked at. */
void site_look(struct debug *debug, struct image *code, uint64_t return_address, struct site *ret);

#endif
