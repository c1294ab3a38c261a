// A program that takes hold of every signal: looks at, ignores, resets and blocks all 64, in libc and by raw calls, and waits
// for all of them. It must not see ours, nor die of it.
// LIBS: -lpthread
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic int stop;
static _Atomic long surprises;

static void *waiter(void *arg)
{
	sigset_t all;
	siginfo_t info;
	struct timespec t = {0, 20000000};

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	while (!stop) {
		if (sigtimedwait(&all, &info, &t) > 0)
			surprises++;
		free(malloc(64));
	}
	return NULL;
}

static void *blocker(void *arg) /* busy, with everything blocked */
{
	sigset_t all, pending;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	while (!stop) {
		free(malloc(128));
		sigemptyset(&pending);
		sigpending(&pending);
		for (int s = 1; s <= 64; s++)
			if (sigismember(&pending, s) == 1)
				surprises++;
	}
	return NULL;
}

int main(void)
{
	int handled = 0, fd;
	pthread_t t[2];
	sigset_t all, old;
	char buffer[sizeof(struct signalfd_siginfo)];

	for (int s = 1; s <= 64; s++) {
		struct sigaction sa;
		if (sigaction(s, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL)
			handled++;
	}
	pthread_sigmask(SIG_SETMASK, NULL, &old);
	int blocked = 0;
	for (int s = 1; s <= 64; s++)
		blocked += sigismember(&old, s) == 1;
	for (int s = 1; s <= 64; s++)
		signal(s, s % 2 ? SIG_IGN : SIG_DFL);
	for (int s = 1; s <= 64; s++)
		signal(s, SIG_DFL);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, i ? blocker : waiter, NULL);
	for (int i = 0; i < 300; i++) {
		free(malloc(1000));
		usleep(2000);
		for (volatile int k = 0; k < 300000; k++)
			;
	}
	for (int s = 1; s <= 64; s++) { /* the kernel's view */
		struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } sa = {0};
		syscall(SYS_rt_sigaction, s, &sa, NULL, 8);
	}
	for (int i = 0; i < 300; i++) {
		free(malloc(1000));
		usleep(2000);
		for (volatile int k = 0; k < 300000; k++)
			;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	fd = signalfd(-1, &all, SFD_NONBLOCK);
	for (int i = 0; i < 200; i++) {
		free(malloc(1000));
		for (volatile int k = 0; k < 300000; k++)
			;
		if (read(fd, buffer, sizeof buffer) > 0)
			surprises++;
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	printf("handled at start %d, blocked %d, surprises %ld\n", handled, blocked, surprises);
	return 0;
}
