/*
 * lineage.c - where this process comes from: who forked it, when, and in which epoch its own life begins; and the tasks
 * that it says it has done (refgraph_task_done).
 */
#include <string.h>

#include "glue.h"
#include "snapshot.h"

static struct lineage lineage;

void lineage_started(void)
{
	lineage.started_ns = wall_clock();
}

const struct lineage *lineage_get(void)
{
	return &lineage;
}

/* ---- tasks --------------------------------------------------------------------------------------------------------------- */

/* A row belongs to a name for ever once `state` is 2. The last row takes what does not fit. */
static struct task {
	_Atomic uint32_t state; /* 0 free, 1 its name is being written, 2 used */
	char name[TASK_NAME];
	_Atomic uint64_t done;
} tasks[TASKS_MAX + 1] = {[TASKS_MAX] = {.state = 2, .name = "(other)"}};

static bool is_row(struct task *t, const char *name)
{
	uint32_t free_state = 0, state = atomic_load_explicit(&t->state, memory_order_acquire);

	if (!state &&
	    atomic_compare_exchange_strong_explicit(&t->state, &free_state, 1, memory_order_acq_rel,
						    memory_order_acquire)) {
		memcpy(t->name, name, TASK_NAME);
		atomic_store_explicit(&t->state, 2, memory_order_release);
		return true;
	}
	/* another thread writes a name there: a few instructions, unless it was stopped in them */
	for (unsigned i = 0; i < 1000 && atomic_load_explicit(&t->state, memory_order_acquire) == 1;
	     i++)
		glue_relax();
	return atomic_load_explicit(&t->state, memory_order_acquire) == 2 &&
	       strcmp(t->name, name) == 0;
}

uint64_t task_done(const char *text)
{
	char name[TASK_NAME] = "";
	uint32_t hash = 2166136261u, at = TASKS_MAX;

	for (unsigned i = 0; text && text[i] && i < TASK_NAME - 1; i++) {
		name[i] = text[i];
		hash = (hash ^ (uint8_t)text[i]) * 16777619u;
	}
	for (uint32_t i = 0; i < TASKS_MAX; i++) {
		uint32_t row = (hash + i) % TASKS_MAX;

		if (is_row(&tasks[row], name)) {
			at = row;
			break;
		}
	}
	return atomic_fetch_add_explicit(&tasks[at].done, 1, memory_order_relaxed) + 1;
}

bool task_get(uint32_t i, const char **name, uint64_t *done)
{
	if (i > TASKS_MAX)
		return false;
	*name = tasks[i].name;
	*done = atomic_load_explicit(&tasks[i].state, memory_order_acquire) == 2
			? atomic_load_explicit(&tasks[i].done, memory_order_relaxed)
			: 0;
	return true;
}

/* What the parent did is not the child's. */
void lineage_forked(uint32_t parent, uint32_t epoch)
{
	lineage = (struct lineage){parent, epoch, control_process_key(), wall_clock()};
	semaphores_after_fork_child();
	for (uint32_t i = 0; i <= TASKS_MAX; i++) {
		atomic_store_explicit(&tasks[i].done, 0, memory_order_relaxed);
		if (atomic_load_explicit(&tasks[i].state, memory_order_relaxed) == 1)
			atomic_store_explicit(&tasks[i].state, 0, memory_order_relaxed);
	}
}
