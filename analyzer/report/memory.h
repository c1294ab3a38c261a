/*
 * memory.h - where the resident memory of a process is: each mapping has a kind, and the live
 * objects in it are added up.
 *
 * The sum over all kinds is the resident size, for every mapping has one. Where the kernel made one
 * mapping of neighbours of different kinds (an arena beside a stack), its resident bytes are
 * divided by size.
 */
#ifndef REFGRAPH_MEMORY_H
#define REFGRAPH_MEMORY_H

#include "report/arenas.h"

enum memory_kind {
	MEMORY_PROGRAM,	  /* the executable: code, constants, variables */
	MEMORY_LIBRARIES, /* the same of what it loaded */
	MEMORY_ARENAS,	  /* of pymalloc */
	MEMORY_ZENDMM,	  /* of PHP: chunks and huge blocks */
	MEMORY_MALLOC,	  /* heaps of malloc, and its mapped chunks */
	MEMORY_MAPPED,	  /* anonymous memory that the program mapped itself */
	MEMORY_STACKS,
	MEMORY_FILES,  /* mapped files that are no code */
	MEMORY_SHIM,   /* refgraph's own, and anonymous memory of which nothing is known */
	MEMORY_KERNEL, /* vdso and the like */
	MEMORY_NUMBER_OF
};

struct memory_sum {
	uint64_t maps, size, rss;
	uint64_t objects, live; /* live objects and blocks in it, and their bytes */
};

struct memory {
	struct memory_sum kinds[MEMORY_NUMBER_OF];
	struct memory_sum total;
	struct arenas arenas;
};

struct error *memory_compute(struct model *model, struct memory *ret); /* loads what it needs */
void memory_deinit(struct memory *memory);
const char *memory_kind_name(unsigned kind);
const char *memory_kind_about(unsigned kind);

#endif
