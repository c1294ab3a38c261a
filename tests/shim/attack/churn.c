// Short-lived threads on the smallest stacks allocate, grow, shrink and free, and hand blocks to each other.
// LIBS: -lpthread
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>

#define SHARED 64
static void *_Atomic shared[SHARED];
static _Atomic long done;

static void *worker(void *arg)
{
	unsigned seed = (unsigned)(long)arg * 2654435761u + 1;

	for (int i = 0; i < 2000; i++) {
		seed = seed * 1664525 + 1013904223;
		size_t n = seed >> 20;
		char *p = i % 3 == 0 ? malloc(n) : i % 3 == 1 ? calloc(1, n) : aligned_alloc(64, (n + 63) & ~63ul);
		if (p && n)
			p[n - 1] = 1;
		p = realloc(p, n / 2 + 1);
		p[n / 2] = 2;
		if (malloc_usable_size(p) < n / 2 + 1)
			abort();
		void *old = __atomic_exchange_n(&shared[seed % SHARED], p, __ATOMIC_SEQ_CST);
		free(old);
	}
	done++;
	return NULL;
}

int main(void)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	if (pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN))
		return 2;
	for (long round = 0; round < 150; round++) {
		pthread_t t[8];
		for (long i = 0; i < 8; i++)
			if (pthread_create(&t[i], &attr, worker, (void *)(round * 8 + i)))
				return 3;
		for (int i = 0; i < 8; i++)
			pthread_join(t[i], NULL);
	}
	for (int i = 0; i < SHARED; i++)
		free(shared[i]);
	printf("%ld workers\n", done);
	return 0;
}
