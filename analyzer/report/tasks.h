/*
 * tasks.h - the tasks of asyncio: what each of them runs, what it waits for, and what its
 * coroutines hold.
 */
#ifndef REFGRAPH_TASKS_H
#define REFGRAPH_TASKS_H

#include "dump/model.h"
#include "report/universe.h"
#include "util/vec.h"

struct task {
	uint32_t object;
	uint32_t coroutine; /* the outermost; MODEL_NONE unknown */
	uint32_t inner;	    /* the innermost that is suspended or runs */
	uint32_t waits_for; /* a future, mostly; MODEL_NONE unknown */
	uint32_t holds;	    /* of the chosen objects: those that its coroutines reach */
};

struct tasks {
	VEC(struct task) rows; /* ascending by object */
};

/*
 * All tasks; with `chosen` (NULL none) how many of these each holds: what is reached from its
 * coroutines without passing through modules, types, functions, event loops or other tasks. Loads
 * what it needs.
 */
struct error *tasks_find(struct model *model, const struct ids *chosen, struct tasks *ret);
void tasks_deinit(struct tasks *tasks);

#endif
