/*
 * What a snapshot must not see half done, made as wide as it gets:
 *   sleepers  sleep, and when they wake hand the only pointer to a block from a global down to a frame far below and back: a copy
 *             that believes that they sleep, and is made when they are awake, finds nobody that holds the block
 *   faulters  wait for a page that does not come, with the only pointer to a block in a register
 *   resizers  are nearly always inside of realloc, at work, asleep or waiting for its lock (slow.c): each has one block
 */
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../../../include/refgraph.h"

enum { THREADS = 4, HELD = 4321, SMALL = 5432, LARGE = 6543, PAGE = 4096 };
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

/* Pages that do not come until they are served. */
static struct {
	char *memory;
	int fd;
} late = { NULL, -1 };

static bool late_make(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	late.fd = (int)syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */);
	late.memory = mmap(NULL, THREADS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)late.memory;
	range.range.len = THREADS * PAGE;
	return late.fd >= 0 && !ioctl(late.fd, UFFDIO_API, &api) && !ioctl(late.fd, UFFDIO_REGISTER, &range);
}

static void late_serve(void)
{
	struct uffdio_zeropage page = { .range = { (uintptr_t)late.memory, THREADS * PAGE } };

	ioctl(late.fd, UFFDIO_ZEROPAGE, &page);
}

/* What earlier calls left below the caller's frame. */
static __attribute__((noinline)) void wipe(void)
{
	volatile char below[PAGE];

	for (int i = 0; i < PAGE; i++)
		below[i] = 0;
}

static void *faulter(void *argument)
{
	long id = (long)argument;

	plant(id);
	wipe();
	__asm__ volatile("xor %%ebx, %%ebx\n\txchg %%rbx, %[held]\n\tmovb $1, (%[page])\n\txchg %%rbx, %[held]"
			 : [held] "+m"(held[id])
			 : [page] "r"(late.memory + id * PAGE)
			 : "rbx", "memory");
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
	const char *what = argv[1];
	void *(*body)(void *) = !strcmp(what, "sleepers") ? sleeper : !strcmp(what, "faulters") ? faulter : resizer;
	int n = body == resizer ? THREADS : 2;

	if (body == faulter && !late_make()) {
		puts("no userfaultfd");
		return 0;
	}
	for (long i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, body, (void *)i);
	usleep(50000);
	for (int i = 0; i < snapshots; i++) {
		failures += refgraph_snapshot("") != 0;
		usleep(3000);
	}
	stop = 1;
	if (late.memory)
		late_serve();
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("failures %d\n", failures);
	return 0;
}
