// A timer signal comes all the time; its handler does what handlers may do; slow calls are restarted or interrupted just as
// asked for; jumps out of handlers; errno is left alone.
// LIBS: -lpthread
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "enough.h"

static sigjmp_buf back;
static volatile sig_atomic_t ticks, faults;

static void on_tick(int s)
{
	int e = errno;
	ticks++;
	getpid();
	errno = e;
}

static void on_fault(int s)
{
	faults++;
	siglongjmp(back, 1);
}

static void *sleeper(void *arg)
{
	/* Only the process's own signals, and this thread blocks those, may wake it. */
	int ep = epoll_create1(0), *interrupted = arg;
	struct epoll_event event;
	struct timespec t = {0, 100000000};

	for (int i = 0; i < 10 || !enough(); i++) {
		if (epoll_wait(ep, &event, 1, 100) < 0)
			++*interrupted;
		if (nanosleep(&t, NULL))
			++*interrupted;
	}
	return NULL;
}

int main(void)
{
	struct sigaction tick = {.sa_handler = on_tick, .sa_flags = SA_RESTART}, fault = {.sa_handler = on_fault};
	struct itimerval timer = {{0, 1000}, {0, 1000}};
	pthread_t thread;
	sigset_t set;
	int interrupted = 0, lost_errno = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigaction(SIGALRM, &tick, NULL);
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGUSR1, &fault, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_create(&thread, NULL, sleeper, &interrupted);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (int i = 0; i < 200000; i++) {
		errno = 4711;
		char *p = malloc(i % 3000);
		p = realloc(p, i % 1000 + 1);
		free(p);
		if (errno != 4711)
			lost_errno++;
		if (i % 1000 == 0) {
			if (!sigsetjmp(back, 1))
				*(volatile int *)8 = 1;
			free(malloc(100));
			if (!sigsetjmp(back, 1))
				raise(SIGUSR1);
			free(malloc(100));
		}
	}
	timer = (struct itimerval){0};
	setitimer(ITIMER_REAL, &timer, NULL);
	pthread_join(thread, NULL);
	printf("faults %d, interrupted %d, errno lost %d, %s\n", (int)faults, interrupted, lost_errno,
	       ticks > 5 ? "ticked" : "no ticks");
	return 0;
}
