/*
 * threads [THREADS [PAIRS [SHARED]]] - PAIRS malloc and free pairs in all, divided among THREADS. Each thread replaces blocks of its own
 * live set; SHARED percent of the frees are of blocks that another thread made, handed over through slots that all share. Prints a
 * checksum of what was counted, which does not depend on the order.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define LIVE 4096
#define SLOTS 1024

static _Atomic(unsigned char *) slots[SLOTS];
static unsigned long pairs = 8000000, threads = 8, shared = 5;

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static unsigned char *allocate(uint64_t random)
{
	size_t size = 16 + (random >> 8) % ((random & 7) ? 240 : 4000);
	unsigned char *block = malloc(size);

	if (!block)
		abort();
	block[0] = 1;
	return block;
}

static void *work(void *number)
{
	uint64_t seed = 88172645463325252ull + (uintptr_t)number * 7919, count = 0;
	unsigned char *live[LIVE];

	for (unsigned i = 0; i < LIVE; i++)
		live[i] = allocate(next_random(&seed));
	for (unsigned long i = 0; i < pairs / threads; i++) {
		uint64_t r = next_random(&seed);
		unsigned char **own = &live[r % LIVE], *block = *own;

		if ((r >> 40) % 100 < shared)
			block = atomic_exchange(&slots[(r >> 20) % SLOTS], block);
		if (block)
			count += block[0];
		free(block);
		*own = allocate(next_random(&seed));
	}
	for (unsigned i = 0; i < LIVE; i++)
		free(live[i]);
	return (void *)(uintptr_t)count;
}

int main(int argc, char **argv)
{
	pthread_t ids[256];
	uint64_t sum = 0;
	void *count;

	threads = argc > 1 ? strtoul(argv[1], NULL, 10) : threads;
	pairs = argc > 2 ? strtoul(argv[2], NULL, 10) : pairs;
	shared = argc > 3 ? strtoul(argv[3], NULL, 10) : shared;
	if (!threads || threads > 256)
		return 2;
	for (uintptr_t i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, work, (void *)i))
			return 2;
	for (unsigned long i = 0; i < threads; i++) {
		pthread_join(ids[i], &count);
		sum += (uintptr_t)count;
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		sum += slots[i] ? slots[i][0] : 0;
		free(slots[i]);
	}
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
