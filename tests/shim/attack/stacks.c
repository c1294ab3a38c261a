// Allocation on odd stacks: an alternate signal stack, coroutines on 16 KiB that come from malloc and go away, deep recursion,
// a stack overflow that is handled.
// LIBS: -lpthread
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static char alternate[16384] __attribute__((aligned(16)));
static volatile int handled, overflowed;
static sigjmp_buf back;
static ucontext_t main_context;
static long sum;

static void on_usr1(int s)
{
	for (int i = 0; i < 10; i++)
		free(malloc(100 + i));
	handled++;
}

static void on_segv(int s)
{
	overflowed++;
	siglongjmp(back, 1);
}

static void coroutine(int n)
{
	for (int i = 0; i < 50; i++) {
		char *p = malloc(n + i);
		memset(p, 1, n + i);
		sum += n + i;
		ucontext_t *self = NULL;
		(void)self;
		free(p);
	}
}

static int recurse(int depth)
{
	char *p = depth % 100 ? NULL : malloc(depth + 1);
	int n = depth > 0 ? recurse(depth - 1) + 1 : 0;

	free(p);
	return n;
}

static int overflow(volatile char *above)
{
	volatile char frame[512];

	frame[0] = above[0];
	if (frame[0] == 1)
		free(malloc(10));
	return overflow(frame) + frame[0];
}

static void run_coroutine(int n, size_t size, int from_mmap)
{
	ucontext_t c;
	char *stack = from_mmap ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : malloc(size);

	getcontext(&c);
	c.uc_stack.ss_sp = stack;
	c.uc_stack.ss_size = size;
	c.uc_link = &main_context;
	makecontext(&c, (void (*)(void))coroutine, 1, n);
	swapcontext(&main_context, &c);
	if (from_mmap)
		munmap(stack, size);
	else
		free(stack);
}

int main(void)
{
	stack_t ss = {.ss_sp = alternate, .ss_size = sizeof alternate};
	struct sigaction usr1 = {.sa_handler = on_usr1, .sa_flags = SA_ONSTACK};
	struct sigaction segv = {.sa_handler = on_segv, .sa_flags = SA_ONSTACK};
	int deep = 0;

	sigaltstack(&ss, NULL);
	sigaction(SIGUSR1, &usr1, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	for (int round = 0; round < 3000; round++) {
		raise(SIGUSR1);
		run_coroutine(round, 16384, 0);
		run_coroutine(round, 16384, 1);
		deep += recurse(2000);
		if (round % 300 == 0 && !sigsetjmp(back, 1))
			overflow((volatile char *)alternate);
	}
	printf("handled %d, overflowed %d, deep %d, sum %ld\n", handled, overflowed, deep, sum);
	return 0;
}
