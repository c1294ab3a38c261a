/*
 * signals ignore COMMAND...: runs it with libc's two signals ignored, which it inherits.
 * signals look: shows its dispositions at the start, after each line of its input, with a thread, and after an exec.
 * signals exec N: asks for a snapshot by SIGUSR2 and execs itself while it is taken, N times, in several ways.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static void ignore(int signal)
{
	struct { unsigned long handler, flags, restorer, mask; } action = { 1, 0, 0, 0 };
	syscall(SYS_rt_sigaction, signal, &action, NULL, 8); /* libc's function refuses */
}

static void look(const char *when)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof line, f))
		if (!strncmp(line, "SigIgn", 6) || !strncmp(line, "SigCgt", 6) || !strncmp(line, "SigBlk", 6))
			printf("%s %s", when, line);
	fclose(f);
	fflush(stdout);
}

static void *thread(void *argument)
{
	free(malloc(10));
	pause();
	return NULL;
}

static void exec_again(const char *self, char *count, int how)
{
	char *list[] = { "signals", "exec", count, NULL };
	switch (how) {
	case 0: execl(self, "signals", "exec", count, NULL); break;
	case 1: execle(self, "signals", "exec", count, NULL, environ); break;
	case 2: execlp(self, "signals", "exec", count, NULL); break;
	case 3: execv(self, list); break;
	case 4: execvp(self, list); break;
	case 5: execve(self, list, environ); break;
	case 6: execvpe(self, list, environ); break;
	case 7: execveat(-100, self, list, environ, 0); break;
	case 8: syscall(SYS_execve, self, list, environ); break;
	}
}

int main(int argc, char **argv)
{
	char self[4096] = "", line[16], count[16];
	pthread_t t;
	readlink("/proc/self/exe", self, sizeof self - 1);
	if (argc > 2 && !strcmp(argv[1], "ignore")) {
		ignore(32);
		ignore(33);
		execvp(argv[2], argv + 2);
		return 127;
	}
	if (argc > 2 && !strcmp(argv[1], "exec")) {
		int n = atoi(argv[2]);
		if (n == 0)
			return puts("through") < 0;
		kill(getpid(), SIGUSR2);
		for (volatile int i = 0; i < n * 7919 % 300000; i++)
			;
		snprintf(count, sizeof count, "%d", n - 1);
		execl("/nonexistent", "x", NULL);
		exec_again(self, count, n % 9);
		return 1;
	}
	look(argc > 2 ? argv[2] : "start");
	if (argc > 2)
		return 0;
	while (fgets(line, sizeof line, stdin) && line[0] != '\n')
		look("later");
	printf("initgroups %d\n", initgroups("root", 0));
	look("initgroups");
	if (line[0] && fork() == 0) { /* a child of a program without threads */
		execl(self, "signals", "look", "child", NULL);
		return 1;
	}
	usleep(200000);
	pthread_create(&t, NULL, thread, NULL);
	usleep(200000); /* until it has allocated */
	look("thread");
	printf("setgid %d\n", setgid(getgid()));
	look("setgid");
	execl(self, "signals", "look", "after", NULL);
	return 1;
}
