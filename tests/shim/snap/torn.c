/*
 * What a snapshot must not see half done, made as wide as it gets:
 *   sleepers  sleep, and when they wake hand the only pointer to a block from a global down to a frame far below and back: a copy
 *             that believes that they sleep, and is made when they are awake, finds nobody that holds the block
 *   resizers  are nearly always inside of realloc, at work, asleep or waiting for its lock (slow.c): each has one block
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../../../include/refgraph.h"

enum { THREADS = 4, HELD = 4321, SMALL = 5432, LARGE = 6543 };
static atomic_int stop;
static void *volatile held[THREADS];

static void spin(long ns)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < ns);
}

static __attribute__((noinline)) void awake(long id)
{
	void *volatile below[2048];

	below[0] = held[id];
	held[id] = NULL;
	spin(2000000);
	held[id] = below[0];
	below[0] = NULL;
}

static __attribute__((noinline)) void plant(long id)
{
	held[id] = malloc(HELD);
}

static void *sleeper(void *argument)
{
	struct timespec moment = { 0, 2000000 };

	plant((long)argument);
	while (!stop) {
		nanosleep(&moment, NULL);
		awake((long)argument);
	}
	return NULL;
}

static void *resizer(void *argument)
{
	void *block = malloc(SMALL);

	while (!stop) {
		block = realloc(block, LARGE);
		block = realloc(block, SMALL);
	}
	held[(long)argument] = block;
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	int snapshots = atoi(argv[2]), failures = 0;
	int n = !strcmp(argv[1], "sleepers") ? 2 : THREADS;

	for (long i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, n == 2 ? sleeper : resizer, (void *)i);
	usleep(50000);
	for (int i = 0; i < snapshots; i++) {
		failures += refgraph_snapshot("") != 0;
		usleep(3000);
	}
	stop = 1;
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("failures %d\n", failures);
	return 0;
}
