/* Children of fork, their children, and what each of them keeps alive; every process takes its own snapshot. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../../include/refgraph.h"

static void *volatile held[4];

static void *busy(void *unused)
{
	for (;;)
		free(malloc(50));
	return NULL;
}

static void wait_all(void)
{
	int status, bad = 0;
	while (wait(&status) > 0)
		bad |= status;
	if (bad)
		printf("a child failed: %x\n", bad);
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int bad = 0;

	held[0] = malloc(5000);
	if (argc > 1)
		pthread_create(&thread, NULL, busy, NULL);
	bad |= refgraph_snapshot("parent");
	for (int i = 1; i <= 2; i++) {
		if (fork())
			continue;
		held[i] = malloc(5000 + (size_t)i);
		bad |= refgraph_snapshot("child");
		if (i == 2 && !fork()) {
			free(held[0]);
			held[3] = malloc(5003);
			bad |= refgraph_snapshot("grandchild");
			_exit(bad != 0);
		}
		wait_all();
		_exit(bad != 0);
	}
	wait_all();
	held[3] = malloc(5009);
	bad |= refgraph_snapshot("parent again");
	printf("done %d\n", bad);
	fflush(stdout);
	if (argc > 2)
		pause();
	_exit(0);
}
