// libc's own signals: threads change user and group (libc tells all threads by a signal); then they cancel each other and
// timers make threads. One after the other: both at once is a deadlock in glibc 2.36 alone.
// LIBS: -lpthread -lrt
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static _Atomic int stop;
static _Atomic long changes, cancelled, fired, bad;

static void *changer(void *arg)
{
	while (!stop) {
		if (setegid(changes % 2 ? 65534 : 0) || setresgid(-1, 0, -1))
			bad++;
		changes++;
		free(malloc(100));
		usleep(300); /* libc's lock of threads is not fair */
	}
	return NULL;
}

static void cleanup(void *p)
{
	free(p);
}

static void *victim(void *arg)
{
	void *p = malloc(1000);

	if (arg)
		pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
	pthread_cleanup_push(cleanup, p);
	for (;;) {
		free(malloc(64));
		usleep(arg ? 100 : 10000000);
	}
	pthread_cleanup_pop(1);
	return NULL;
}

static void *canceller(void *arg)
{
	for (long i = 0; !stop; i++) {
		pthread_t t;
		void *result;

		if (pthread_create(&t, NULL, victim, (void *)(i % 2)))
			continue;
		if (i % 3)
			usleep(500);
		pthread_cancel(t);
		pthread_join(t, &result);
		if (result == PTHREAD_CANCELED)
			cancelled++;
		else
			bad++;
	}
	return NULL;
}

static void on_timer(union sigval v)
{
	free(malloc(10));
	fired++;
}

static void until(int seconds)
{
	for (time_t end = time(NULL) + seconds; time(NULL) <= end;)
		usleep(10000); /* libc's signal ends it */
	stop = 1;
}

int main(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_timer};
	struct itimerspec every = {{0, 5000000}, {0, 5000000}};
	timer_t timer;
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, changer, NULL);
	until(1);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	stop = 0;
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &every, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, canceller, NULL);
	until(1);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	timer_delete(timer);
	printf("bad %ld %s %s %s\n", bad, changes > 10 ? "changed" : "-", cancelled > 10 ? "cancelled" : "-", fired > 10 ? "fired" : "-");
	return 0;
}
