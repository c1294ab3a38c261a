/*
 * holders.h - who in a program that does many things at once holds an object: a task of asyncio, a thread by a local variable of one
 * of its calls, a threading.local, a context variable, or a generator that is suspended.
 *
 * Held is what is reached from there without passing through modules, types, functions, event loops, contexts or tasks: these are
 * everybody's. What a generator or coroutine holds that another one waits for, the outer one holds.
 */
#ifndef REFGRAPH_HOLDERS_H
#define REFGRAPH_HOLDERS_H

#include "report/tasks.h"

enum holder_kind {
	HOLDER_TASK,
	HOLDER_THREAD,
	HOLDER_LOCAL,	/* a threading.local, for one thread */
	HOLDER_CONTEXT, /* the variables of a Context */
	HOLDER_GENERATOR,
	HOLDER_KINDS
};
extern const char *const holder_kinds[HOLDER_KINDS];

struct holder {
	enum holder_kind kind;
	uint32_t
		object; /* the task, threading.local, Context or generator; MODEL_NONE for a thread */
	uint32_t
		user; /* of a Context: a task that runs in it, or a handle that will; else MODEL_NONE */
	uint32_t thread; /* MODEL_NONE unknown or none */
	const struct task *task;
	uint32_t first, nstarts; /* in holders.starts: where its references begin */
	uint32_t holds;		 /* of the chosen objects */
	char *path; /* how it holds the first of them that was found: "inner() > deep.items[3]" */
};

struct start {
	uint32_t object;
	uint32_t root; /* of a thread: a number in model->roots; else MODEL_NONE */
};

struct holders {
	struct tasks tasks;
	VEC(struct holder) rows; /* by kind, then by object or thread */
	VEC(struct start) starts;
};

/* All holders; with `chosen` (NULL none) how many of these each holds. Loads what it needs. */
struct error *holders_find(struct model *model, const struct ids *chosen, struct holders *ret);
void holders_deinit(struct holders *holders);

#endif
