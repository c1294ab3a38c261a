// A timer's handler forks in the middle of anything: of malloc, of dlsym, of another fork. The child allocates nothing (it may
// not) and ends; the parent goes on.
// LIBS: -lpthread -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t forks, wrong;

static void on_alarm(int s)
{
	int e = errno, status;
	pid_t p = _Fork();

	if (p == 0)
		_exit(23);
	if (p > 0) {
		while (waitpid(p, &status, 0) < 0 && errno == EINTR)
			;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 23)
			wrong++;
		forks++;
	}
	errno = e;
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval timer = {{0, 10000}, {0, 10000}};
	long sum = 0;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	while (forks < 150) {
		void *p[20];
		for (int i = 0; i < 20; i++)
			p[i] = malloc(i * 50 + 1);
		for (int i = 0; i < 20; i++)
			free(p[i]);
		sum += dlsym(RTLD_DEFAULT, "strlen") != NULL;
		if (sum % 20000 == 0) {
			int status;
			pid_t c = fork();
			if (c == 0)
				_exit(malloc(10) ? 3 : 4);
			while (waitpid(c, &status, 0) < 0 && errno == EINTR)
				;
			if (WEXITSTATUS(status) != 3)
				wrong++;
		}
	}
	timer = (struct itimerval){0};
	setitimer(ITIMER_REAL, &timer, NULL);
	printf("wrong %d\n", (int)wrong);
	return 0;
}
