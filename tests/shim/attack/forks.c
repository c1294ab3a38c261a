// Threads fork while others allocate; children allocate, fork again and exit; every status is the child's own and nobody
// reaps a child that is not his.
// LIBS: -lpthread
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static _Atomic int stop;
static _Atomic long right, wrong;

static void *allocator(void *arg)
{
	while (!stop) {
		void *p[100];
		for (int i = 0; i < 100; i++)
			p[i] = malloc(16 + i * 8);
		for (int i = 0; i < 100; i++)
			free(p[i]);
	}
	return NULL;
}

static void child(int n)
{
	char *p = malloc(1000 + n);

	p = realloc(p, 100000);
	if (!p)
		_exit(99);
	if (n % 4 == 0) { /* a grandchild */
		int status = 0;
		pid_t g = fork();
		if (g == 0)
			_exit(malloc(10) ? 5 : 98);
		if (waitpid(g, &status, 0) != g || WEXITSTATUS(status) != 5)
			_exit(97);
	}
	free(p);
	if (n % 3)
		_exit(n % 50);
	exit(n % 50);
}

static void *forker(void *arg)
{
	for (int i = 0; i < 200; i++) {
		int n = (int)(long)arg * 200 + i, status = 0;
		pid_t p = fork();

		if (p == 0)
			child(n);
		if (p > 0 && waitpid(p, &status, 0) == p && WIFEXITED(status) && WEXITSTATUS(status) == n % 50)
			right++;
		else
			wrong++;
	}
	return NULL;
}

int main(void)
{
	pthread_t a[2], f[3];

	for (int i = 0; i < 2; i++)
		pthread_create(&a[i], NULL, allocator, NULL);
	for (long i = 0; i < 3; i++)
		pthread_create(&f[i], NULL, forker, (void *)i);
	for (int i = 0; i < 3; i++)
		pthread_join(f[i], NULL);
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(a[i], NULL);
	int status, rc = wait(&status);
	printf("right %ld wrong %ld, then wait %d %s\n", right, wrong, rc, errno == ECHILD ? "ECHILD" : "?");
	return 0;
}
