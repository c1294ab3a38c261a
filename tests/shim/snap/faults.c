/* Takes one snapshot and says what came of it; then shows that it is unharmed: memory, threads, children. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../../include/refgraph.h"

static void *run(void *argument)
{
	return memset(malloc(100), 1, 100);
}

static const char *witness;

/* The program's own handler: the walker must never run it. */
static void on_fault(int number)
{
	open(witness, O_WRONLY | O_CREAT, 0600);
	_exit(1);
}

static void soft_limit(int what, rlim_t n)
{
	struct rlimit limit;

	getrlimit(what, &limit);
	limit.rlim_cur = n;
	setrlimit(what, &limit);
}

static rlim_t pages(void)
{
	unsigned long n = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%lu", &n) == 1)
		fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	void *list[1000], *result;
	struct rlimit limit = { 0, 0 }, before;
	pthread_attr_t small;
	pthread_t thread;
	int status;

	for (int i = 0; i < 1000; i++)
		list[i] = malloc(1000);
	if (argc > 1 && !strncmp(argv[1], "fsize=", 6)) {
		limit.rlim_cur = limit.rlim_max = (rlim_t)atol(argv[1] + 6);
		setrlimit(RLIMIT_FSIZE, &limit);
	}
	if (argc > 1 && !strncmp(argv[1], "nofile=", 7)) {
		limit.rlim_cur = limit.rlim_max = (rlim_t)atol(argv[1] + 7);
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (argc > 1 && !strncmp(argv[1], "softfile=", 9))
		soft_limit(RLIMIT_NOFILE, (rlim_t)atol(argv[1] + 9));
	if (argc > 1 && !strncmp(argv[1], "handler=", 8)) {
		witness = argv[1] + 8;
		signal(SIGSEGV, on_fault);
	}
	getrlimit(RLIMIT_AS, &before);
	if (argc > 1 && !strncmp(argv[1], "softspace=", 10))
		soft_limit(RLIMIT_AS, (pages() << 12) + ((rlim_t)atol(argv[1] + 10) << 10));
	if (argc > 1 && !strncmp(argv[1], "hardspace=", 10)) {
		limit.rlim_cur = limit.rlim_max = (pages() << 12) + ((rlim_t)atol(argv[1] + 10) << 10);
		setrlimit(RLIMIT_AS, &limit);
	}
	errno = 0;
	status = refgraph_snapshot("fault");
	if (setrlimit(RLIMIT_AS, &before) < 0)
		errno = 0;
	printf("%s", status ? strerror(status) : "fine");
	for (int i = 0; i < 1000; i++)
		free(list[i]);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 1 << 17);
	pthread_create(&thread, &small, run, NULL);
	pthread_join(thread, &result);
	free(result);
	printf(", children %d, errno %d", waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : 1, errno == ECHILD ? 0 : errno);
	printf("\n");
	fflush(stdout);
	if (argc > 2)
		pause();
	return 0;
}
