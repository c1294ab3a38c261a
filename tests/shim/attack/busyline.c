// Coroutines that switch all the time while the world is frozen, on stacks of 12 KiB, busy and in allocation.
// LIBS: -lpthread
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#define N 8
struct loom {
	ucontext_t home, c[N];
	long sum;
	int turn;
};

static void body(unsigned low, unsigned high, int n)
{
	struct loom *l = (struct loom *)((unsigned long)high << 32 | low);

	for (int i = 0; i < 200000; i++) {
		void *p = malloc(i % 100 + 1);
		for (volatile int k = 0; k < 50; k++)
			;
		free(p);
		l->sum += i % 7;
		if (i % 10 == 0)
			swapcontext(&l->c[n], &l->home);
	}
}

static void *run(void *arg)
{
	struct loom *l = arg;
	char *stacks = malloc(N * 12288);

	for (int i = 0; i < N; i++) {
		getcontext(&l->c[i]);
		l->c[i].uc_stack.ss_sp = stacks + i * 12288;
		l->c[i].uc_stack.ss_size = 12288;
		l->c[i].uc_link = &l->home;
		makecontext(&l->c[i], (void (*)(void))body, 3, (unsigned)(unsigned long)l, (unsigned)((unsigned long)l >> 32), i);
	}
	for (int round = 0; round < 20001; round++)
		for (int i = 0; i < N; i++)
			if (round <= 20000)
				swapcontext(&l->home, &l->c[i]);
	free(stacks);
	return NULL;
}

int main(void)
{
	pthread_t t[3];
	static struct loom looms[3];
	long sum = 0;

	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, run, &looms[i]);
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], NULL);
		sum += looms[i].sum;
	}
	printf("%ld\n", sum);
	return 0;
}
