/*
 * balance.h - who took the reference that was never given back. Of each type of counted objects: those that should be gone, the events of their lives by the
 * place that made them, with what belongs together folded away, against the lives of those that ended properly.
 *
 * Which references and releases belong together is learned from objects that ended: in each of their lives every reference has its release, and those
 * whose calls are next to each other in the tree of calls are taken for pairs. So a release is known to be that of a reference by how often the two were
 * pairs; where nothing was learned, by how near they are. What is left over of an object that should be gone is what nobody gave back (or, of one that
 * ended too early, what nobody took). (Mozilla's refcount balancer shows the tree of calls with the sums of both, and leaves the pairing to its reader.)
 *
 * An object should be gone when no root reaches it, or when it counts more references than there are pointers to it and the life of its type is
 * known to be another. Objects that are no blocks of the dump are judged by their lives alone. One that the library itself still holds (a handle in
 * its loop, a proxy in its display's table) is reached, and may be meant to stay: it is named, behind the others, when nobody else holds it
 * (library_held.h) and it was referenced from where none was of the many that ended.
 */
#ifndef REFGRAPH_REPORT_BALANCE_H
#define REFGRAPH_REPORT_BALANCE_H

#include "report/call_paths.h"

enum balance_verdict {
	BALANCE_LEAK,	 /* references that were not given back */
	BALANCE_SURPLUS, /* releases of what was not taken: seen by tombstones */
	BALANCE_KEPT, /* not lost, but only the library holds them, and nothing that began there ever ended */
	BALANCE_ASKED, /* the user named the objects: no verdict */
};

/* A place of a type's objects of one verdict. */
struct balance_row {
	uint32_t type;
	uint8_t verdict;
	uint32_t site;
	uint32_t
		partner; /* site of what is usually its other half, when that is missing; MODEL_NONE none known */
	uint64_t objects;     /* of the type and verdict: what the sums are about */
	uint64_t plus, minus; /* references taken and given back there */
	int64_t net;	      /* of what is not folded away */
	double normal; /* references taken (or given back) there in an average life that ended, 0 none */
	uint64_t
		example; /* address of one of the objects of which something is left over there; 0 none */
};

struct balance_sum {
	uint32_t type;
	uint64_t live, ended, leaked, surplus, kept;
	uint64_t inlined; /* of the surplus: by code that nobody saw, RGD_EVENT_F_INLINE */
};

struct balance_query {
	const char *type;	   /* NULL all */
	const struct ids *objects; /* ascending; NULL: those that should be gone */
	uint64_t address;	   /* of one that need not live; 0 none */
	bool all;		   /* pairs too */
};

struct balance {
	struct call_paths paths;
	VEC(struct balance_row)
	rows; /* by type, the worst first; what differs from a normal life first */
	VEC(struct balance_sum) types;
	VEC(uint32_t) found; /* places in model->counted of the objects that the rows are about */
	uint64_t live, ended;
	uint32_t *normal_at; /* by place, while a type is judged: where its sums are, + 1 */
	size_t places;
};

struct error *balance_make(struct model *model, const struct balance_query *query,
			   struct balance *ret);
void balance_deinit(struct balance *balance);

#endif
