// limits WHAT: the program lowers a limit and goes on; allocation fails where it must and nothing else does.
// LIBS: -lpthread
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static void limit(int what, rlim_t n)
{
	struct rlimit r = {n, n};

	if (setrlimit(what, &r))
		perror("setrlimit");
}

static long rss_kb(void)
{
	long size = 0, rss = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%ld %ld", &size, &rss) == 2)
		fclose(f);
	return rss * 4;
}

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

static void *thread(void *arg)
{
	return malloc(10);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	size_t n = 0;
	pthread_t t;

	if (!strcmp(what, "as")) { /* until nothing is left, many times */
		struct node { struct node *next; char pad[4000]; } *list = NULL, *p;

		limit(RLIMIT_AS, 600ul << 20);
		for (int round = 0; round < 5; round++) {
			while ((p = malloc(sizeof *p))) {
				p->next = list;
				list = p;
				n++;
			}
			if (errno != ENOMEM)
				puts("errno?");
			for (; list; list = p) {
				p = list->next;
				free(list);
			}
			usleep(100000);
		}
		puts(n > 5 * 1000 ? "many" : "few");
	} else if (!strcmp(what, "data")) {
		limit(RLIMIT_DATA, 100ul << 20);
		while (n < 1000 && malloc(1 << 20))
			n++;
		churn(500);
		puts(n < 200 ? "stopped" : "not stopped");
	} else if (!strcmp(what, "nofile")) {
		limit(RLIMIT_NOFILE, 3);
		churn(800);
		printf("%d\n", dup(0));
	} else if (!strcmp(what, "fsize")) {
		limit(RLIMIT_FSIZE, 0);
		churn(800);
		return 33;
	} else if (!strcmp(what, "nproc")) {
		limit(RLIMIT_NPROC, 1);
		if (setuid(65534))
			puts("setuid?");
		churn(800);
		printf("thread: %d\n", pthread_create(&t, NULL, thread, NULL));
	} else if (!strcmp(what, "cpu")) {
		limit(RLIMIT_CPU, 60);
		churn(500);
		puts("alive");
	} else if (!strcmp(what, "stack")) {
		limit(RLIMIT_STACK, 64 << 10);
		churn(300);
		printf("thread: %d\n", pthread_create(&t, NULL, thread, NULL));
		pthread_join(t, NULL);
	} else if (!strcmp(what, "lock")) {
		if (mlockall(MCL_CURRENT | MCL_FUTURE))
			puts("mlockall?");
		for (int i = 0; i < 10000; i++)
			malloc(100);
		churn(500);
		long kb = rss_kb();
		puts(kb < 400 << 10 ? "small" : "bloated");
		if (kb >= 400 << 10)
			fprintf(stderr, "%ld KiB\n", kb);
	} else if (!strcmp(what, "sigpending")) {
		limit(RLIMIT_SIGPENDING, 0);
		churn(800);
		puts("alive");
	} else if (!strcmp(what, "none")) {
		return 3;
	}
	return 0;
}
