/*
 * types.h - types of native blocks and names of their fields, from debug information: once for a dump, when the type of a block is
 * first asked for.
 *
 * Typed places are the start: global variables, the variables that receive what malloc returns, objects whose class their vtable
 * tells. From there types go along pointers: a block that a field of type T * points to holds a T. (Polishchuk, Liblit, Schulze:
 * "Dynamic heap type inference for program understanding and debugging", POPL 2007.) Where they typed by unification and
 * constraints, here each claim has a score: how well the type fits the block's size and the pointers that lie in it. The best one
 * wins, and what it says of other blocks goes on from there. So a claim by `struct list_head *`, or by a base class, gives
 * way to the struct that has one of them in front.
 */
#ifndef REFGRAPH_TYPES_TYPES_H
#define REFGRAPH_TYPES_TYPES_H

#include "dump/model.h"
#include "symbol/attach.h"

/* How much to read. */
enum types_effort {
	TYPES_OFF, /* nothing: "malloc in F", and classes that the dump names itself */
	TYPES_AUTO, /* files with debug information of usual size; no dumps of many millions of objects */
	TYPES_FULL,
};

struct types;

/* Connects the model's typer. Freed by types_destroy(), before the symbols and the model are. */
struct error *types_attach(struct model *model, struct symbols *symbols, enum types_effort effort,
			   struct types **ret);
void types_destroy(struct types *types); /* NULL is fine */
/* Containers' insides are to be storage of their owners: model->block_owner. Infers at once. */
void types_fold(struct types *types);

struct types_sum {
	uint64_t blocks, bytes;
};

/* What the inference came to. After the first question for a block's type. */
struct types_coverage {
	struct types_sum all, by_source[TYPE_SOURCES];
	uint64_t edges, named_edges; /* references out of native blocks; those that a field names */
	uint64_t conflicts;	     /* blocks that two certain claims differ about */
	uint64_t files, skipped;     /* with debug information; of these too large to be read */
	bool refused;		     /* the dump has too many objects for TYPES_AUTO */
};
struct error *types_coverage(struct types *types, struct types_coverage *ret);

#endif
