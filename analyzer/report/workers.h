/*
 * workers.h - the processes of a pool, from a dump or more of each: who made whom, what they did, what grew in them.
 *
 * Growth is what the last dump of a process has more than its first one, garbage that waits for Python's collector aside. A process with one dump that was forked has grown by what
 * was born since the fork and lives; one that was started by exec has no growth that is known.
 */
#ifndef REFGRAPH_WORKERS_H
#define REFGRAPH_WORKERS_H

#include <stdbool.h>

#include "dump/model.h"
#include "util/hash.h"
#include "util/vec.h"

#define WORKERS_UNKNOWN UINT64_MAX

/* What is known of one dump without its objects. */
struct worker_dump {
	size_t number; /* of the dumps given */
	uint64_t pid, process, time_ns, started_ns, parent, cpu_us;
	uint64_t tasks;			   /* done; WORKERS_UNKNOWN */
	uint64_t fork_process, fork_epoch; /* 0: not forked under the shim */
	uint64_t rss, shared, private,
		shim; /* bytes; of a forked process: shim is in neither of the two before */
	uint64_t objects, bytes,
		garbage; /* garbage: bytes that gc.collect() would free; workers_count() */
	char *role, *name, *method, *task; /* "" unknown */
};

/* Objects of one type that were made by one task (NAMES_NONE: by none that is known). */
struct worker_cell {
	uint32_t task, type; /* of workers.tasks, workers.types */
	uint64_t count, bytes;
};
typedef VEC(struct worker_cell) worker_cells;

struct worker {
	struct worker_dump *first, *last; /* the same for one dump */
	uint32_t parent; /* its process, if there is a dump of it; else MODEL_NONE */
	bool is_worker;	 /* it does tasks; else it feeds or makes those who do */
	bool grows;	 /* its growth is known */
	int64_t growth, growth_objects;
	uint64_t tasks; /* that growth is due to; WORKERS_UNKNOWN */
	worker_cells cells[2];
};

/* A task by name. */
struct worker_task {
	uint64_t done; /* while the pool grew; WORKERS_UNKNOWN */
};

struct worker_growth {
	uint32_t task, type;
	int64_t count, bytes;
	uint32_t workers; /* in how many it grew */
};

struct workers {
	VEC(struct worker_dump) dumps;
	VEC(struct worker) rows; /* parents before their children, else by pid */
	struct names tasks, types;
	VEC(struct worker_task) task_rows; /* by task */
	uint64_t done;	  /* tasks of all workers, that the growth is due to; WORKERS_UNKNOWN */
	bool pool_agrees; /* what the pool's parent counted is what the workers counted */
	bool pool_counts; /* ... and it counted */
};

/* workers_add() for each dump, workers_arrange(), workers_count() for each dump that workers_wants(), workers_finish(). After
 * an error, too, workers_deinit() is due. */
struct error *workers_add(struct workers *workers, struct model *model, size_t number);
struct error *workers_arrange(struct workers *workers);
bool workers_wants(const struct workers *workers, size_t number);
struct error *workers_count(struct workers *workers, struct model *model, size_t number);
struct error *workers_finish(struct workers *workers);
void workers_deinit(struct workers *workers);

/* What grew in all workers together, by type or by task and type; descending by bytes. */
typedef VEC(struct worker_growth) worker_growths;
struct error *workers_growth(const struct workers *workers, bool by_task, worker_growths *ret);

/* ---- worker_tasks.c ------------------------------------------------------------------------- */

/* By stack + 1: number in `names` of the task whose code made what has this stack, NAMES_NONE none that is known. From the
 * frames of Python's stacks, so REFGRAPH_PYTHON_STACKS must have been on. The result has nstacks + 1 entries and is free()d. */
struct error *worker_tasks_of_stacks(struct model *model, struct names *names, uint32_t **ret);

#endif
