/*
 * cycles.h - reference cycles (strongly connected components), gathered into patterns: those whose references are of the same
 * kinds are one pattern. A kind of reference is (type, label, type), with indexes and keys left out.
 */
#ifndef REFGRAPH_CYCLES_H
#define REFGRAPH_CYCLES_H

#include <stdbool.h>

#include "report/alive.h"
#include "util/hash.h"
#include "util/str.h"

/* A kind of reference. */
struct cycle_step {
	uint32_t from, to; /* types */
	uint32_t label;	   /* number in cycles.labels */
	bool attribute;	   /* by a name that the programmer chose, so that it can be made weak */
};

struct cycle_pattern {
	bool garbage;
	uint32_t count;		 /* cycles */
	uint64_t objects, bytes; /* of all of them */
	uint32_t example;	 /* smallest object of the first */
	uint32_t component;	 /* of the example */
	uint32_t nsteps;	 /* kinds of references */
	uint32_t finalizers;	 /* objects whose type has a finalizer */
	uint32_t legacy;	 /* of them: such that the collector gives up */
	uint32_t first_step;	 /* in cycles.pattern_steps */
};

struct cycles {
	struct alive *alive;
	/* by object: number of its pattern + 1, 0 = on no cycle that counts */
	uint32_t *pattern_of;
	uint32_t *component_of; /* by object */
	uint8_t *edge_class;	/* the edges among which cycles were looked for */
	VEC(struct cycle_step) steps;
	uint32_t *step_slots; /* hash table of steps */
	size_t nslots;
	struct names labels; /* ".parent", "[]" */
	struct ids pattern_steps;
	VEC(struct cycle_pattern)
	patterns; /* garbage first; then by bytes, descending, then by example */
};

/*
 * Among what is alive, modules with their names and types are left out unless `with_types`: through its class every object
 * reaches the module's names, and through them nearly everything. Among garbage nothing is left out.
 */
struct error *cycles_find(struct alive *alive, bool with_types, struct cycles *ret);
void cycles_deinit(struct cycles *cycles);

/* ".parent", "[]", "+0x8": what is the same in all cycles of a pattern. Appended. */
void cycles_label(struct model *model, const struct edge *edge, struct str *out);
/* The pattern in words: "Parent.children[] -> Child.parent". Appended. */
struct error *cycles_words(struct cycles *cycles, uint32_t pattern, struct str *out);
/* The kind of reference that is the natural one to make weak: "Child.parent"; nothing when no single kind breaks the cycle
 * or the cycle is too large to tell. Appended. */
struct error *cycles_weak(struct cycles *cycles, uint32_t pattern, struct str *out);
/*
 * Objects and bytes that would go: of live cycles what they retain, together; of garbage what is reachable from them.
 */
struct error *cycles_retained(struct cycles *cycles, uint32_t pattern, uint64_t *objects,
			      uint64_t *bytes);

#endif
