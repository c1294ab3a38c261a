// A thousand idle threads beside a few busy ones.
// LIBS: -lpthread
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static int stop;
static long ends;

static void *idle(void *arg)
{
	void *p = malloc(100);

	pthread_mutex_lock(&lock);
	while (!stop)
		pthread_cond_wait(&wake, &lock);
	ends++;
	pthread_mutex_unlock(&lock);
	free(p);
	return NULL;
}

static void *busy(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		free(malloc(500));
	return NULL;
}

int main(void)
{
	enum { N = 1000 };
	static pthread_t t[N];
	pthread_t b[2];
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN);
	for (int i = 0; i < N; i++)
		if (pthread_create(&t[i], &small, idle, NULL))
			return 2;
	for (int i = 0; i < 2; i++)
		pthread_create(&b[i], NULL, busy, NULL);
	sleep(1);
	pthread_mutex_lock(&lock);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&wake);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < N; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(b[i], NULL);
	printf("%ld\n", ends);
	return 0;
}
