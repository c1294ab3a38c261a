/* What a program can see of its own process, while it is asked for snapshots: children, signals, descriptors, threads' calls. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../../include/refgraph.h"

static volatile sig_atomic_t chld;

static void on_chld(int number)
{
	chld++;
}

static int descriptors(void)
{
	int n = 0;
	DIR *folder = opendir("/proc/self/fd");
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

/* The lowest free number, again and again, while dumps are made. */
static int lowest_moves(int seconds_of_snapshots)
{
	int first = open("/dev/null", O_RDONLY), moves = 0;
	close(first);
	for (int i = 0; i < seconds_of_snapshots; i++) {
		int fd = open("/dev/null", O_RDONLY);
		moves += fd != first;
		close(fd);
		usleep(100);
	}
	return moves;
}

int main(int argc, char **argv)
{
	int before = descriptors(), status, failures = 0, ours, foreign = 0;
	pid_t child;

	signal(SIGCHLD, on_chld);
	for (int i = 0; i < 10; i++) {
		failures += refgraph_snapshot("") != 0;
		if (waitpid(-1, &status, WNOHANG) >= 0 || errno != ECHILD)
			foreign++;
	}
	printf("failures %d sigchld %d foreign %d descriptors %d\n", failures, (int)chld, foreign, descriptors() - before);

	/* a real child among snapshots is the only one that is waited for */
	child = fork();
	if (!child)
		_exit(7);
	refgraph_snapshot("");
	ours = waitpid(-1, &status, 0) == child && WEXITSTATUS(status) == 7;
	printf("child %d sigchld %d more %d\n", ours, (int)chld, waitpid(-1, &status, 0) == -1 && errno == ECHILD);

	/* no child of ours is reaped when the program ignores SIGCHLD, and no zombie stays */
	signal(SIGCHLD, SIG_IGN);
	failures = refgraph_snapshot("") != 0;
	printf("ignored %d\n", failures);
	fflush(stdout);

	/* REFGRAPH_EVERY makes dumps meanwhile */
	printf("moves %d\n", lowest_moves(30000));

	/* every descriptor closed, and the root elsewhere */
	fflush(stdout);
	if (argc > 1) {
		int out = fcntl(1, F_DUPFD, 900);
		for (int i = 0; i < 900; i++)
			close(i);
		if (chroot(argv[1]) || chdir("/"))
			dprintf(out, "no chroot\n");
		dprintf(out, "chroot %d\n", refgraph_snapshot("chroot"));
		dprintf(out, "first %d\n", open("/", O_RDONLY));
	}
	_exit(0);
}
