// Children in every way: vfork, posix_spawn, system, popen, clone(CLONE_VFORK); each runs a program and gives its status and
// output.
#define _GNU_SOURCE
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int run_clone(void *arg)
{
	execl("/bin/sh", "sh", "-c", "exit 9", (char *)NULL);
	_exit(127);
}

int main(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int sum[6] = {0};

	for (int i = 0; i < 150; i++) {
		int status;
		char line[64] = "";
		pid_t p = vfork();

		if (p == 0) {
			execl("/bin/sh", "sh", "-c", "exit 3", (char *)NULL);
			_exit(127);
		}
		waitpid(p, &status, 0);
		sum[0] += WEXITSTATUS(status);
		p = vfork();
		if (p == 0)
			_exit(6);
		waitpid(p, &status, 0);
		sum[1] += WEXITSTATUS(status);
		char *argv[] = {"sh", "-c", "exit 4", NULL};
		posix_spawn(&p, "/bin/sh", NULL, NULL, argv, environ);
		waitpid(p, &status, 0);
		sum[2] += WEXITSTATUS(status);
		sum[3] += WEXITSTATUS(system("exit 5"));
		FILE *f = popen("echo 12", "r");
		if (fgets(line, sizeof line, f))
			sum[4] += atoi(line);
		pclose(f);
		p = clone(run_clone, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
		waitpid(p, &status, 0);
		sum[5] += WEXITSTATUS(status);
		free(malloc(5000));
	}
	printf("%d %d %d %d %d %d\n", sum[0], sum[1], sum[2], sum[3], sum[4], sum[5]);
	return 0;
}
