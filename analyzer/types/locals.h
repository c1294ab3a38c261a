/*
 * locals.h - what a word of a stopped thread is: on its stack, in a register, in its thread-local storage. The dump has the native frames
 * with their places (RGD_SEC_CALLS); debug information says where the function that runs there has its variables at that instruction,
 * and those of the functions that are inlined around it. Without debug information the function alone is known.
 *
 * Only functions that are on a stack are looked at, each when one of its words is asked for.
 */
#ifndef REFGRAPH_TYPES_LOCALS_H
#define REFGRAPH_TYPES_LOCALS_H

#include "types/infer.h"

struct locals;

struct local_word {
	const char *function; /* "process_request()"; NULL: not in a known frame */
	const char *file;     /* where that frame stands; NULL not known */
	unsigned line;
	bool below; /* the word lies below the stack pointer of that frame: in its red zone, if it has one */
	const char *variable; /* NULL: none that is known to live there */
	uint32_t module;      /* of a thread-local variable; else MODEL_NONE */
	struct ctype *type;   /* the variable's */
	uint64_t offset;      /* of the word in it */
};

/* False: nothing is known of the root. The texts live as long as `types`. */
bool locals_find(struct types *types, const struct root *root, struct local_word *ret);
/* Opens the debug information of all functions that are on stacks. */
void locals_open_debug(struct types *types);
void locals_destroy(struct locals *locals, uint32_t calls);

#endif
