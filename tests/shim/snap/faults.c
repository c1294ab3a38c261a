/* Takes one snapshot and says what came of it; then shows that it is unharmed: memory, threads, children. */
#include <errno.h>
#include <pthread.h>
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

int main(int argc, char **argv)
{
	void *list[1000], *result;
	struct rlimit limit = { 0, 0 };
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
	errno = 0;
	status = refgraph_snapshot("fault");
	printf("%s", status ? strerror(status) : "fine");
	for (int i = 0; i < 1000; i++)
		free(list[i]);
	pthread_create(&thread, NULL, run, NULL);
	pthread_join(thread, &result);
	free(result);
	printf(", children %d, errno %d", waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : 1, errno == ECHILD ? 0 : errno);
	printf("\n");
	fflush(stdout);
	if (argc > 2)
		pause();
	return 0;
}
