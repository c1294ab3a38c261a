// Threads that a bare clone() made, which run without rest: one with thread-local storage of its own making that libc knows nothing of and
// that lies behind a hole, one with that of its maker.
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { STACK = 65536, THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM };
static volatile int stop;
static volatile long turns[2], ended;

__attribute__((noinline)) static int spin(void *argument)
{
	volatile long *mine = argument;

	while (!stop)
		++*mine;
	__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
	__asm__ volatile("syscall" : : "a"(SYS_exit), "D"(0));
	return 0;
}

int main(void)
{
	char *stacks = mmap(0, 2 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *hole = mmap(0, 16 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *own = hole + 15 * 4096;

	free(malloc(100));
	mprotect(own, 4096, PROT_READ | PROT_WRITE);
	if (clone(spin, stacks + STACK, THREAD | CLONE_SETTLS, (void *)&turns[0], NULL, own) < 0 ||
	    clone(spin, stacks + 2 * STACK, THREAD, (void *)&turns[1]) < 0)
		return 2;
	for (int i = 0; i < 200; i++) {
		struct timespec moment = {0, 5000000};

		free(malloc(1000 + i));
		nanosleep(&moment, NULL);
	}
	stop = 1;
	while (ended < 2)
		sched_yield();
	puts(turns[0] && turns[1] ? "both ran" : "none ran");
	return 0;
}
