/*
 * Threads that sleep while the memory is copied:
 *   quiet   they sleep briefly, over and over, and never allocate: nothing but their birth has told of them
 *   signals one that runs handlers on an alternate stack in its sleep: what a handler wrote may be in the copy or not
 * Prints how many snapshots failed.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include "../../../include/refgraph.h"

enum { QUIET = 8 };
static volatile int stop, handled;

static void *quiet(void *argument)
{
	struct timespec moment = {0, 100000 + *(int *)argument * 90000};

	while (!stop)
		nanosleep(&moment, NULL);
	return argument;
}

static void on_alarm(int signal)
{
	handled++;
}

static void *signals(void *argument)
{
	static char memory[65536];
	stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
	struct timespec long_time = {1000, 0};
	sigset_t alarm;

	free(malloc(100));
	sigaltstack(&stack, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	while (!stop)
		nanosleep(&long_time, NULL);
	return argument;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_ONSTACK};
	struct itimerval often = {{0, 2500}, {0, 2500}};
	pthread_t threads[QUIET];
	int numbers[QUIET], failures = 0, n = strcmp(argv[1], "quiet") ? 1 : QUIET;
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < n; i++) {
		numbers[i] = i;
		pthread_create(&threads[i], NULL, n == 1 ? signals : quiet, &numbers[i]);
	}
	if (n == 1)
		setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < atoi(argv[2]); i++)
		failures += refgraph_snapshot("") != 0;
	stop = 1;
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("failures %d\n", failures);
	return 0;
}
