/*
 * worker_sharing.h - what a forked process still shares, and why the rest became private.
 *
 * A fork shares every page until one side writes to it. The dump of the child has the pages that nobody else maps any more; on them lie
 * objects that were there at the fork. Compared with a dump of the parent, an object of the same address and type that has
 * other references or another size was changed by the program; one with nothing but another reference count only was looked at; and where
 * neither is so the collector may have written its headers, which gc.freeze() ahead of the fork prevents.
 *
 * What cannot be seen: a count that went up and came back, and writes by C code into memory that is no object.
 */
#ifndef REFGRAPH_WORKER_SHARING_H
#define REFGRAPH_WORKER_SHARING_H

#include "dump/model.h"
#include "util/hash.h"
#include "util/vec.h"

enum sharing_cause {
	SHARING_OWN,	   /* nothing on it was there at the fork */
	SHARING_CONTENTS,  /* objects were made, changed or freed on it */
	SHARING_REFCOUNT,  /* else: reference counts were written */
	SHARING_COLLECTOR, /* else: the collector wrote its headers */
	SHARING_OTHER,	   /* else */
	SHARING_CAUSES
};

/* Objects of one type whose reference counts differ, on pages that are private for no other reason. */
struct sharing_type {
	uint64_t objects, pages;
};

struct sharing {
	uint64_t page;			 /* bytes */
	uint64_t shared, shim;		 /* pages */
	uint64_t causes[SHARING_CAUSES]; /* private pages */
	bool known;			 /* the dump has pages */
	bool compared;			 /* there was a dump of the parent */
	bool collected;			 /* a full collection ran in the child */
	VEC(struct sharing_type) types;	 /* by number in the names given */
};

/* What is compared of the parent. */
struct sharing_parent {
	uint32_t nobjects, *type, *epoch, *generation;
	bool before; /* its dump is older than the fork: what it has and the child lacks was freed */
	uint64_t *address, *refcount, *size, *edges;
};
struct error *sharing_parent_read(struct model *parent, struct names *types,
				  struct sharing_parent *ret);
void sharing_parent_deinit(struct sharing_parent *parent);

/* `parent` NULL: no dump of it. `fork_epoch` of the child. */
struct error *sharing_compute(struct model *child, const struct sharing_parent *parent,
			      uint64_t fork_epoch, struct names *types, struct sharing *ret);
void sharing_deinit(struct sharing *sharing);
const char *sharing_cause_name(unsigned cause);
const char *sharing_cause_about(unsigned cause);

#endif
