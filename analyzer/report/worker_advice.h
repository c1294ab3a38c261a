/*
 * worker_advice.h - when to replace a worker, from what a task leaves behind and what a new worker costs.
 *
 * Measured over all dumps of the workers, by least squares: resident bytes and processor time as functions of the number of tasks. At
 * 0 tasks they are those of a fresh worker; the slope of the time is the cost of a task. Then
 *	by memory   the tasks after which a worker has grown by a quarter of a fresh one, or by 16 MiB where that is more
 *	by cost     the tasks below which starting workers takes more than 1 % of the work
 * The advice is the larger one: below the second, replacing costs more than it should, whatever the memory.
 */
#ifndef REFGRAPH_WORKER_ADVICE_H
#define REFGRAPH_WORKER_ADVICE_H

#include "report/workers.h"

struct advice {
	bool known;			    /* growth and tasks were measured */
	bool grows;			    /* worth replacing: within 10 million tasks */
	double bytes_per_task;		    /* live bytes that a task leaves behind */
	double fresh_rss;		    /* bytes of a worker that has done nothing */
	bool costs;			    /* the next two are known */
	double start_us, task_us;	    /* processor time of a start, and of a task */
	uint64_t by_memory, by_cost, tasks; /* as told above; 0 unknown. tasks: the advice */
	uint64_t memory_kib;		    /* resident then */
};
void advice_compute(const struct workers *workers, struct advice *ret);

/* One setting to paste; `role` as in worker_dump. False past the last one. */
struct advice_setting {
	char text[64];
	const char *note;
};
bool advice_setting(const struct advice *advice, const char *role, unsigned i,
		    struct advice_setting *ret);

#endif
