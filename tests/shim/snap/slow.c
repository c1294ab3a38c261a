/* An allocator whose realloc works for a while and sleeps for a while, with its lock held: preloaded behind the shim. */
#include <pthread.h>
#include <stddef.h>
#include <time.h>

void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), __libc_free(void *);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void *malloc(size_t size) { return __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return __libc_calloc(n, size); }
void free(void *block) { __libc_free(block); }

void *realloc(void *block, size_t size)
{
	struct timespec start, now, moment = { 0, 1000000 };

	pthread_mutex_lock(&lock);
	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < 1000000);
	nanosleep(&moment, NULL);
	block = __libc_realloc(block, size);
	pthread_mutex_unlock(&lock);
	return block;
}
