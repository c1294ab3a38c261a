/*
 * threads SNAPSHOTS [births] - eight threads in malloc, realloc, calloc and free, four that sleep in calls a signal would end, and planted
 * leaks. With "births", threads are made and end all the time as well.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include "../../../include/refgraph.h"

static atomic_int stop;
static atomic_long eintr;
static void *kept[8][64];

static void *churn(void *argument)
{
	long id = (long)argument;
	unsigned seed = (unsigned)id * 7919 + 1;
	while (!stop) {
		unsigned i, what;
		size_t size;
		seed = seed * 1103515245 + 12345;
		i = seed >> 16 & 63;
		what = seed >> 8 & 3;
		seed = seed * 1103515245 + 12345;
		size = 16 + (seed >> 16 & 1023);
		if (what == 1) {
			kept[id][i] = realloc(kept[id][i], size);
			continue;
		}
		free(kept[id][i]);
		kept[id][i] = what == 0 ? malloc(size) : what == 2 ? calloc(1, size) : NULL;
	}
	return NULL;
}

static void count(long result)
{
	if (result < 0 && errno == EINTR)
		eintr++;
	errno = 0;
}

/* In and out of calls all the time: between our look at the thread and a signal to it, it may have gone to sleep. */
static void *doze(void *argument)
{
	int set = epoll_create1(0);
	struct epoll_event event;
	struct timespec moment = { 0, 50000 };
	while (!stop) {
		count(nanosleep(&moment, NULL));
		count(epoll_wait(set, &event, 1, 1));
		count(poll(NULL, 0, 1));
		count(usleep(10));
	}
	return NULL;
}

static void *sleep_long(void *argument)
{
	struct timespec left = { 3600, 0 };
	count(nanosleep(&left, &left));
	return NULL;
}

/* Lives for some allocations; what it makes it frees, and what it leaves in its keys the destructor frees. */
static pthread_key_t key;

static void *short_life(void *argument)
{
	void *blocks[16];
	for (int i = 0; i < 16; i++)
		blocks[i] = malloc(32 + 64 * (size_t)i);
	pthread_setspecific(key, malloc(100));
	for (int i = 0; i < 16; i++)
		free(blocks[i]);
	return NULL;
}

static void *births(void *argument)
{
	pthread_attr_t detached;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	while (!stop) {
		pthread_t threads[4], other;
		int made = 0;
		while (made < 4 && !pthread_create(&threads[made], NULL, short_life, NULL))
			made++;
		pthread_create(&other, &detached, short_life, NULL);
		while (made)
			pthread_join(threads[--made], NULL);
	}
	return NULL;
}

static __attribute__((noinline)) void plant(void)
{
	for (int i = 0; i < 777; i++)
		*(volatile char *)malloc(4321) = 1;
}

int main(int argc, char **argv)
{
	int snapshots = atoi(argv[1]), failures = 0;
	pthread_t threads[12], mothers[2];
	plant();
	pthread_key_create(&key, free);
	for (long i = 0; i < 12; i++)
		pthread_create(&threads[i], NULL, i < 8 ? churn : i < 11 ? doze : sleep_long, (void *)i);
	for (int i = 0; i < 2 && argc > 2; i++)
		pthread_create(&mothers[i], NULL, births, NULL);
	usleep(10000);
	for (int i = 0; i < snapshots; i++) {
		failures += refgraph_snapshot("") != 0;
		usleep(2000);
	}
	stop = 1;
	for (int i = 0; i < 11; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2 && argc > 2; i++)
		pthread_join(mothers[i], NULL);
	printf("failures %d eintr %ld\n", failures, eintr);
	fflush(stdout);
	_exit(0);
}
