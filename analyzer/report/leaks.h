/*
 * leaks.h - the native blocks by what still reaches them, with the words of valgrind's memcheck:
 *
 *   reachable   from a root, by pointers to the starts of blocks alone
 *   possible    from a root, but one pointer at least on each way points inside a block, and no heuristic takes it for one to the start
 *   definite    nothing points to it but blocks that are lost themselves through it: the head of what was lost
 *   indirect    lost, but only because a definitely lost block is: freeing that one properly would free it
 *   garbage     only objects that wait for their runtime's collector reach it (memcheck knows none)
 *
 * The references are those that keep alive (alive.h), whatever their source: a C block that a Python object holds is reachable.
 * Blocks that a runtime with a collector describes as its objects are no blocks here, nor is storage that belongs to an object.
 *
 * The kinds and their order are memcheck's (its manual, "Memory leak detection"); two markings from the roots, then two rounds over
 * what is lost (leaks.c). A cycle that nothing else points to has one head, its lowest address: exactly one head for each such
 * set, where memcheck may name a second one in a knot of several cycles. O(n + m); 5 bytes an object and 4 while it works.
 */
#ifndef REFGRAPH_LEAKS_H
#define REFGRAPH_LEAKS_H

#include "report/alive.h"

enum leak_kind {
	LEAK_NONE, /* no native block */
	LEAK_DEFINITE,
	LEAK_INDIRECT,
	LEAK_POSSIBLE,
	LEAK_GARBAGE,
	LEAK_REACHABLE,
	LEAK_KINDS
};
extern const char *const leak_kind_names[LEAK_KINDS]; /* "definite", ... */

/*
 * Bit set (1 << kind) of the kinds that a list names, words apart by any of `separators`; "all" is every kind, "none" no more. *unknown:
 * the first word that is none of these, *length long; NULL when there is none.
 */
unsigned leak_kinds_parse(const char *text, const char *separators, const char **unknown,
			  size_t *length);

struct leak_sum {
	uint64_t blocks, bytes;
};

/* Blocks of one kind that were allocated at one place. */
struct leak_record {
	enum leak_kind kind;
	struct leak_sum own, indirect; /* indirect: what is lost because these are */
	struct leak_sum cyclic;	 /* definite: those of `own` that hold themselves, in the end */
	uint32_t stack;		 /* MODEL_NONE unknown */
	uint32_t example;	 /* the largest, of these the first */
	uint32_t oldest, newest; /* epochs of birth */
	const char *suppressed;	 /* the name of what suppresses it; NULL: not */
};

struct leaks {
	struct alive *alive;
	unsigned heuristics; /* LEAKS_STDSTRING and its like */
	struct leak_sum
		by_heuristic[HEURISTICS]; /* reachable only because of one: enum heuristic */
	uint8_t *kind;			  /* by object: enum leak_kind */
	uint32_t *
		head; /* by object: of an indirectly lost block the definitely lost one; else MODEL_NONE or itself */
	struct leak_sum sums[LEAK_KINDS]; /* without what is suppressed */
	struct leak_sum suppressed;
	struct leak_sum undecided; /* of `sums`: some of the stacks of their site are suppressed */
	VEC(struct leak_record) records; /* by kind, then bytes lost with them descending */
	uint32_t *whole;		 /* by stack: model_whole_stack() */
	uint32_t *record_at;		 /* by stack and kind: see leaks_record() */
};

/* Pointers into blocks that count as pointers to their starts: memcheck's heuristics, by its own names. */
#define LEAKS_HEURISTIC(h) (1u << (h))
#define LEAKS_ALL_HEURISTICS                                                                       \
	(LEAKS_HEURISTIC(HEURISTIC_STDSTRING) | LEAKS_HEURISTIC(HEURISTIC_LENGTH64) |              \
	 LEAKS_HEURISTIC(HEURISTIC_NEWARRAY) | LEAKS_HEURISTIC(HEURISTIC_INHERITANCE) |            \
	 LEAKS_HEURISTIC(HEURISTIC_GCHEAD) | LEAKS_HEURISTIC(HEURISTIC_PHPTABLE))
extern const char *const leak_heuristic_names[HEURISTICS]; /* "stdstring", ...; NULL: none */

/* `heuristics`: LEAKS_HEURISTIC() of those that count. `alive` must outlive it. Loads what it needs. After an error, too,
 * leaks_deinit() is due. */
struct error *leaks_find(struct alive *alive, unsigned heuristics, struct leaks *ret);
void leaks_deinit(struct leaks *leaks);

/* The place in `records` of a block's, MODEL_NONE for what is no block. */
uint32_t leaks_record(const struct leaks *leaks, uint32_t object);

#endif
