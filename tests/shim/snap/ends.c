/* ends HOW: ends in this way, with one block of 4000 bytes alive and one of 4001 freed by an exit handler. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void *volatile held, *volatile freed;

static void handler(void)
{
	free(freed);
}

static void *leave(void *how)
{
	if (!strcmp(how, "thread-exit"))
		exit(5);
	raise(SIGSEGV);
	return NULL;
}

int main(int argc, char **argv)
{
	const char *how = argv[1];
	struct rlimit none = { 0, 0 };
	pthread_t thread;

	setrlimit(RLIMIT_CORE, &none);
	held = malloc(4000);
	freed = malloc(4001);
	atexit(handler);
	puts("here");
	fflush(stdout);
	if (!strcmp(how, "return"))
		return 3;
	if (!strcmp(how, "exit"))
		exit(3);
	if (!strcmp(how, "_exit"))
		_exit(4);
	if (!strncmp(how, "thread", 6)) {
		pthread_create(&thread, NULL, leave, (void *)how);
		pthread_join(thread, NULL);
	}
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "segv"))
		*(volatile int *)16 = 1;
	if (!strcmp(how, "fpe"))
		raise(SIGFPE);
	if (!strcmp(how, "bus"))
		raise(SIGBUS);
	if (!strcmp(how, "ill"))
		__builtin_trap();
	if (!strcmp(how, "corrupt")) { /* abort inside the allocator */
		void *volatile twice = malloc(24);
		free(twice);
		free(twice);
	}
	if (!strcmp(how, "term"))
		kill(getpid(), SIGTERM);
	if (!strcmp(how, "kill"))
		kill(getpid(), SIGKILL);
	return 9;
}
