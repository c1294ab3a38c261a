/* heaps.c - main and two threads allocate, free half, keep the rest; mallinfo2() beside a snapshot of the same instant. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static pthread_barrier_t made, over;
static void *kept[3][2000], *volatile large[3];

static void fill(int who)
{
	for (int i = 0; i < 2000; i++)
		memset(kept[who][i] = malloc(200 + (size_t)(i * 37 % 1800)), 1, 100);
	for (int i = 0; i < 2000; i++)
		if (i % 4) {
			free(kept[who][i]);
			kept[who][i] = NULL;
		}
	if (who) /* right below a thread's heap: the kernel makes one mapping of both */
		mmap((void *)(((unsigned long)kept[who][0] & -(64ul << 20)) - (1 << 20)), 1 << 20, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	large[who] = malloc((size_t)(who + 1) << 20);
}

static void *worker(void *which)
{
	fill((int)(long)which);
	pthread_barrier_wait(&made);
	pthread_barrier_wait(&over);
	return NULL;
}

int main(void)
{
	int (*snapshot)(const char *) = (int (*)(const char *))dlsym(RTLD_DEFAULT, "refgraph_snapshot");
	pthread_t threads[2];
	struct mallinfo2 info;
	char text[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	pthread_barrier_init(&made, NULL, 3);
	pthread_barrier_init(&over, NULL, 3);
	for (long i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, worker, (void *)(i + 1));
	fill(0);
	pthread_barrier_wait(&made);
	info = mallinfo2();
	snprintf(text, sizeof text, "%d", snapshot ? snapshot("heaps") : -1);
	printf("{\"status\": %s, \"arena\": %zu, \"uordblks\": %zu, \"fordblks\": %zu, \"fsmblks\": %zu, \"keepcost\": %zu, \"hblks\": %zu, "
	       "\"hblkhd\": %zu}\n",
	       text, info.arena, info.uordblks, info.fordblks, info.fsmblks, info.keepcost, info.hblks, info.hblkhd);
	pthread_barrier_wait(&over);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
