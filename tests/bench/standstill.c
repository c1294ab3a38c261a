/*
 * standstill THREADS MIB - THREADS threads fill MIB with blocks of 2000 bytes and go on replacing them, now and then with a short sleep. On
 * each line from stdin all of them stop and the program forks itself: what a snapshot's pause is compared with, the kernel's copy of the
 * same page tables. Prints "ready", and for each line the milliseconds that fork() took. Ends with stdin.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 2000

static size_t blocks;
static atomic_uint ready;
static pthread_rwlock_t going = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP; /* who forks has it alone */

static char *block_make(void)
{
	char *block = malloc(BLOCK);

	if (!block)
		abort();
	block[0] = 1;
	return block;
}

static void *work(void *number)
{
	unsigned long seed = (unsigned long)number * 77 + 1;
	char **live = malloc(blocks * sizeof(*live));

	if (!live)
		abort();
	for (size_t i = 0; i < blocks; i++) {
		live[i] = block_make();
		memset(live[i], 1, BLOCK);
	}
	atomic_fetch_add(&ready, 1);
	for (;;) {
		pthread_rwlock_rdlock(&going);
		for (unsigned n = 0; n < 64; n++) {
			seed = seed * 6364136223846793005ul + 1;
			char **own = &live[(seed >> 33) % blocks];
			free(*own);
			*own = block_make();
		}
		pthread_rwlock_unlock(&going);
		usleep(200);
	}
	return 0;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double fork_ms(void)
{
	double start = now_ms(), took;
	pid_t child = fork();

	if (!child)
		_exit(0);
	took = now_ms() - start;
	waitpid(child, 0, 0);
	return took;
}

int main(int argc, char **argv)
{
	unsigned long threads = argc > 1 ? strtoul(argv[1], 0, 0) : 8;
	size_t bytes = (argc > 2 ? strtoul(argv[2], 0, 0) : 1024) << 20;
	char line[16];

	blocks = bytes / threads / (BLOCK + 16);
	for (unsigned long i = 0; i < threads; i++) {
		pthread_t thread;
		if (pthread_create(&thread, 0, work, (void *)i))
			abort();
	}
	while (atomic_load(&ready) < threads)
		usleep(1000);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		pthread_rwlock_wrlock(&going);
		printf("%.2f\n", fork_ms());
		fflush(stdout);
		pthread_rwlock_unlock(&going);
	}
	_exit(0);
}
