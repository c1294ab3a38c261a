/* threads.c - see threads.h. */
#include "util/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/progress.h"

#define MAX_THREADS 64

struct job {
	struct error *(*work)(void *, size_t);
	void *context;
	size_t n;
	atomic_size_t next;
	atomic_bool stop;
	pthread_mutex_t lock;
	struct error *error; /* of piece number failed */
	size_t failed;
};

unsigned threads_online(void)
{
	static unsigned online;
	const char *wish = getenv("REFGRAPH_THREADS");
	long wished = wish ? strtol(wish, NULL, 10) : 0;
	cpu_set_t set;

	if (online)
		return online;
	if (wished > 0)
		online = wished < MAX_THREADS ? wished : MAX_THREADS;
	else if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
		online = CPU_COUNT(&set) < MAX_THREADS ? CPU_COUNT(&set) : MAX_THREADS;
	else
		online = 1;
	return online;
}

static void keep_first(struct job *job, size_t i, struct error *e)
{
	struct error *drop = e;

	pthread_mutex_lock(&job->lock);
	if (!job->error || i < job->failed) {
		drop = job->error;
		job->error = e;
		job->failed = i;
	}
	pthread_mutex_unlock(&job->lock);
	error_destroy(drop);
	atomic_store_explicit(&job->stop, true, memory_order_relaxed);
}

static void *run(void *argument)
{
	struct job *job = argument;

	while (!atomic_load_explicit(&job->stop, memory_order_relaxed)) {
		size_t i = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
		struct error *e;

		if (i >= job->n)
			break;
		e = job->work(job->context, i);
		if (e)
			keep_first(job, i, e);
		progress_piece_done();
	}
	return NULL;
}

struct error *parallel_for(size_t n, struct error *(*work)(void *context, size_t i), void *context)
{
	struct job job = {
		.work = work, .context = context, .n = n, .lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t threads[MAX_THREADS];
	unsigned want = threads_online(), started = 0;

	/* Pieces are taken in ascending order, so when one fails every smaller one has begun and
	 * will be heard. */
	if (want > n)
		want = n;
	progress_pieces(n);
	while (started + 1 < want && pthread_create(&threads[started], NULL, run, &job) == 0)
		started++;
	run(&job);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return job.error;
}
