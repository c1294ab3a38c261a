/* triggers WHAT: grows, or waits, so that REFGRAPH_GROWTH, _EVERY and _SIGNAL have something to do. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void *volatile held[1000];

static void sleep_whole(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

int main(int argc, char **argv)
{
	if (!strcmp(argv[1], "grow")) /* 40 MiB in steps of 1 MiB, slowly enough for each dump to be made */
		for (int i = 0; i < 40; i++) {
			held[i] = malloc(1 << 20);
			sleep_whole(30);
		}
	if (!strcmp(argv[1], "churn")) /* no growth */
		for (int i = 0; i < 400; i++)
			free(malloc(1 << 20));
	if (!strcmp(argv[1], "wait"))
		sleep_whole(atol(argv[2]));
	if (!strcmp(argv[1], "own")) { /* a program with its own handler keeps it */
		signal(SIGUSR2, SIG_IGN);
		raise(SIGUSR2);
	}
	printf("done\n");
	return 0;
}
