// A process that waits for any child in every way that there is sees its own children only, and no SIGCHLD but theirs.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "enough.h"

static volatile sig_atomic_t sigchld;
static void on_child(int s)
{
	sigchld++;
}

int main(void)
{
	int own = 0, foreign = 0, echild = 0;
	struct timespec until, now;
	struct sigaction sa = {.sa_handler = on_child, .sa_flags = SA_RESTART};

	sigaction(SIGCHLD, &sa, NULL);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += 2;
	for (int i = 0;; i++) {
		int status;
		siginfo_t info = {0};

		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec > until.tv_nsec)) &&
		    enough())
			break;
		free(malloc(1000));
		/* no child now */
		int options[] = {WNOHANG, WNOHANG | __WALL, WNOHANG | __WCLONE, WNOHANG | WUNTRACED | WCONTINUED};
		for (int k = 0; k < 4; k++) {
			pid_t p = waitpid(-1, &status, options[k]);
			if (p >= 0)
				foreign++;
		}
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) == 0)
			foreign++;
		if (i % 50 == 0) {
			pid_t c = fork();
			if (c == 0)
				_exit(7);
			pid_t got = waitpid(-1, &status, __WALL);
			if (got == c && WEXITSTATUS(status) == 7)
				own++;
			else
				foreign++;
			errno = 0;
			if (waitpid(-1, &status, __WALL) == -1 && errno == ECHILD)
				echild++;
		}
		usleep(300);
	}
	printf("foreign %d, %s, SIGCHLDs %s\n", foreign, own == echild && own > 5 ? "own as should be" : "own wrong",
	       sigchld == own ? "as many" : "others");
	return 0;
}
