/*
 * tasks.h - the tasks of asyncio: what each of them runs, and what it waits for; and PHP's fibers.
 */
#ifndef REFGRAPH_TASKS_H
#define REFGRAPH_TASKS_H

#include "dump/model.h"
#include "report/universe.h"
#include "util/vec.h"

struct task {
	uint32_t object;
	uint32_t coroutine; /* the outermost; MODEL_NONE unknown; a fiber: itself */
	uint32_t inner;	    /* the innermost that is suspended or runs; a fiber: its frame */
	uint32_t waits_for; /* a future, mostly; MODEL_NONE unknown */
	bool unreachable;   /* a fiber: nobody can resume it */
};

struct tasks {
	VEC(struct task) rows; /* ascending by object */
};

/* All tasks. Loads what it needs. */
struct error *tasks_find(struct model *model, struct tasks *ret);
void tasks_deinit(struct tasks *tasks);

/* A fiber is one, too. */
bool is_task_type(const struct model *model, uint32_t type);
/* Of CPython: a coroutine, a generator, or what an asynchronous generator gives to be awaited. */
bool is_coroutine(const struct model *model, uint32_t object);
/* What a suspended one of them awaits; MODEL_NONE nothing known. */
struct error *awaited_by(struct model *model, uint32_t object, uint32_t *ret);

#endif
