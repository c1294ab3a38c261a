/*
 * single belief | busy - a program of one thread.
 *   belief   prints what libc and this executable hold of the number of threads: at the start, in a child of fork(), after a
 *            snapshot, and after a thread came and went
 *   busy     777 blocks of 4300 bytes; then the allocator, a mutex and the loader's lock in turns until standard input ends, each block
 *            checked before it is freed. Prints how many were not what they should be, and libc's belief
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/single_threaded.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *when)
{
	const char *libcs = dlsym(RTLD_NEXT, "__libc_single_threaded");

	printf("%s %d %d\n", when, __libc_single_threaded, libcs ? *libcs : -1);
	fflush(stdout);
}

static void *nothing(void *p)
{
	return p;
}

static int belief(void)
{
	int (*snapshot)(const char *);
	pthread_t thread;
	pid_t child;

	tell("start");
	child = fork();
	if (!child) {
		tell("child");
		_exit(0);
	}
	waitpid(child, NULL, 0);
	tell("parent");
	snapshot = dlsym(RTLD_DEFAULT, "refgraph_snapshot");
	if (snapshot)
		snapshot("here");
	tell("snapshot");
	pthread_create(&thread, NULL, nothing, NULL);
	pthread_join(thread, NULL);
	tell("thread");
	return 0;
}

enum { HELD = 500 };
static struct {
	unsigned char *block;
	size_t size;
} held[HELD];

static void plant(void)
{
	for (int i = 0; i < 777; i++)
		memset(malloc(4300), 0, 4300);
}

static int replace(int at, unsigned r)
{
	int wrong = 0;

	if (held[at].block)
		wrong = held[at].block[0] != (unsigned char)at ||
			held[at].block[held[at].size - 1] != (unsigned char)at;
	if (r % 7 == 0 && held[at].block) {
		held[at].size += 100;
		held[at].block = realloc(held[at].block, held[at].size);
	} else {
		free(held[at].block);
		held[at].size = r % 31 ? 16 + r % 2000 : 200000;
		held[at].block = malloc(held[at].size);
	}
	held[at].block[0] = held[at].block[held[at].size - 1] = (unsigned char)at;
	return wrong;
}

static int busy(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct pollfd input = {.fd = 0, .events = POLLIN};
	int wrong = 0;

	plant();
	puts("here");
	fflush(stdout);
	for (unsigned i = 0, r = 1; i % 4096 || !poll(&input, 1, 0); i++) {
		r = r * 1664525 + 1013904223;
		pthread_mutex_lock(&lock);
		wrong += replace((int)(r >> 8) % HELD, r >> 12);
		wrong += !dlsym(RTLD_DEFAULT, "qsort");
		pthread_mutex_unlock(&lock);
	}
	printf("wrong %d single %d\n", wrong, __libc_single_threaded);
	return 0;
}

int main(int argc, char **argv)
{
	return argc == 2 && !strcmp(argv[1], "busy") ? busy() : belief();
}
