/* Known structures, told apart by their sizes; snap_native.sh knows what refers to what. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "../../../include/refgraph.h"

struct node {
	void *words[8];
};

static void *volatile global_list;     /* 1001 -> 1002 -> 1003 */
static void *volatile global_interior; /* byte 40 of 1010 */
static __thread void *volatile tls_pointer;     /* 1020 in the main thread, 1021 in the other */
static pthread_barrier_t barrier;

/* Leaves no address of its own work behind. */
static __attribute__((noinline)) void scrub(void)
{
	volatile char area[16384];
	memset((char *)area, 0, sizeof area);
}

static __attribute__((noinline)) void *make(size_t size)
{
	return memset(malloc(size), 0, size);
}

static __attribute__((noinline)) void plant(void)
{
	struct node *a = make(1001), *b = make(1002), *c = make(1003), *cycle = make(1030), *back = make(1031);
	char *big = make(1010);
	void **region = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	global_list = a;
	a->words[0] = b;
	b->words[3] = c;
	b->words[4] = (char *)c + 17;  /* interior */
	c->words[7] = a;
	c->words[5] = big + 1010;      /* one behind the end: no reference */
	global_interior = big + 40;
	cycle->words[1] = back;        /* two blocks that hold each other, and nobody else */
	back->words[2] = cycle;
	make(1040);                    /* simply lost */
	region[100] = make(1050);
	tls_pointer = make(1020);
	free(make(1060));              /* not alive */
	a->words[6] = realloc(make(1070), 3071);
}

static void *other(void *unused)
{
	void *volatile on_stack = make(1081);
	tls_pointer = make(1021);
	scrub();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return on_stack;
}

/* Its own stack holds a block while it runs on another one. */
static ucontext_t home, away;

static void elsewhere(void)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
}

static void *traveller(void *stack)
{
	void *volatile on_stack = make(1091);

	mprotect(stack, 4096, PROT_NONE); /* so that it is a mapping of its own */
	mprotect((char *)stack + 61440, 4096, PROT_NONE);
	scrub();
	getcontext(&away);
	away.uc_stack.ss_sp = (char *)stack + 4096;
	away.uc_stack.ss_size = 57344;
	away.uc_link = &home;
	makecontext(&away, elsewhere, 0);
	swapcontext(&home, &away);
	return on_stack;
}

int main(void)
{
	void *volatile on_stack;
	pthread_t thread, far;
	int status;

	pthread_barrier_init(&barrier, NULL, 3);
	plant();
	on_stack = make(1080);
	pthread_create(&thread, NULL, other, NULL);
	pthread_create(&far, NULL, traveller, mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	pthread_barrier_wait(&barrier);
	scrub();
	status = refgraph_snapshot("native");
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_join(far, NULL);
	printf("%d %d %p %p\n", status, refgraph_active(), (void *)&global_list, (void *)&on_stack);
	return 0;
}
