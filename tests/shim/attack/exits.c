// exits HOW: every way to end, with allocation going on in other threads and in handlers.
// LIBS: -lpthread
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_key_t key;

static void churn(int ms)
{
	for (int i = 0; i < ms; i++) {
		void *p[50];
		for (int k = 0; k < 50; k++)
			p[k] = malloc(10 + k * 20);
		usleep(1000);
		for (int k = 0; k < 50; k++)
			free(p[k]);
	}
}

static void *forever(void *arg)
{
	pthread_setspecific(key, malloc(100));
	for (;;)
		free(malloc(1000));
}

static void *briefly(void *arg)
{
	pthread_setspecific(key, malloc(100));
	churn(300);
	return NULL;
}

static void *ends_all(void *arg)
{
	churn(300);
	exit(17);
}

static void at_exit(void)
{
	char *p = strdup("at exit");

	puts(p);
	churn(400);
	free(p);
}

static void destructor(void *p)
{
	free(p);
	free(malloc(50));
}

__attribute__((destructor)) static void last(void)
{
	for (int i = 0; i < 1000; i++)
		free(malloc(i));
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	pthread_t t[3];

	setvbuf(stdout, NULL, _IONBF, 0);
	pthread_key_create(&key, destructor);
	atexit(at_exit);
	at_quick_exit(at_exit);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, strcmp(how, "pthread_exit") ? forever : briefly, NULL);
	churn(400);
	if (!strcmp(how, "return"))
		return 11;
	if (!strcmp(how, "exit"))
		exit(12);
	if (!strcmp(how, "_exit"))
		_exit(13);
	if (!strcmp(how, "quick_exit"))
		quick_exit(14);
	if (!strcmp(how, "group"))
		syscall(SYS_exit_group, 15);
	if (!strcmp(how, "thread")) {
		pthread_create(&t[0], NULL, ends_all, NULL);
		churn(100000);
	}
	if (!strcmp(how, "pthread_exit"))
		pthread_exit(NULL);
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "segv"))
		*(volatile int *)16 = 1;
	if (!strcmp(how, "kill"))
		raise(SIGKILL);
	if (!strcmp(how, "term"))
		raise(SIGTERM);
	if (!strcmp(how, "exec"))
		execl("/bin/sh", "sh", "-c", "exit 19", (char *)NULL);
	return 99;
}
