/*
 * leak_api.c - every call of refgraph.h about leaks. Prints what each check returned. All blocks are made in threads that end,
 * so that no register or stack holds them by chance.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../../include/refgraph.h"

static void **hidden; /* the page below, which the shim has not seen */
static uintptr_t secret;
#define KEY 0x5555555555555555ul

static __attribute__((noinline, noclone)) void *lose(void *size)
{
	*(volatile char *)malloc((size_t)size) = 1;
	return NULL;
}

/* A block of 1000 bytes that holds one of 2000, both meant to stay; then one that is not. */
static void *disabled(void *unused)
{
	void **kept;

	refgraph_leaks_disable();
	refgraph_leaks_disable();
	refgraph_leaks_enable();
	kept = malloc(1000);
	refgraph_leaks_enable();	*(void *volatile *)kept = malloc(2000);
	lose((void *)30);
	return NULL;

}

static void *ignored(void *unused)
{
	char *block = malloc(3000);

	refgraph_ignore(block + 100);
	return NULL;
}

static void *in_region(void *unused)
{
	*(void *volatile *)hidden = malloc(400);
	return NULL;
}

static void *passes(void *unused)
{
	secret = (uintptr_t)malloc(50) ^ KEY;
	return NULL;
}

static void in_thread(void *(*function)(void *), size_t argument)
{
	pthread_t thread;

	pthread_create(&thread, NULL, function, (void *)argument);
	pthread_join(thread, NULL);
}

static void check(const char *label)
{
	printf("%s %d\n", label, refgraph_leak_check(label));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	check("none");
	hidden = (void **)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	refgraph_root_region(hidden, 4096);
	in_thread(in_region, 0);
	in_thread(ignored, 0);
	check("meant");
	in_thread(disabled, 0);
	check("thirty");
	in_thread(passes, 0);
	check("eighty");
	free((void *)(secret ^ KEY));
	refgraph_root_region_end(hidden, 4096);
	check("region");
	*hidden = NULL;
	return argc > 1 ? atoi(argv[1]) : 0;
}
