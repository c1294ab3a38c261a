/*
 * calls: every way to get a block of C, each from a function of its own and with a size of its own; prints "SIZE FUNCTION" of
 * those that live at exit. What is freed, in every way, must not be in the dump.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* C23; the shim has them even where libc does not */
__attribute__((weak)) void free_sized(void *, size_t);
__attribute__((weak)) void free_aligned_sized(void *, size_t, size_t);

void *kept[100];
static unsigned used;

static void *keep(void *p, size_t size, const char *function)
{
	if (!p || malloc_usable_size(p) < size)
		exit(10);
	memset(p, 7, size);
	kept[used++] = p;
	printf("%zu %s\n", size, function);
	return p;
}
#define KEEP(p, size) keep(p, size, __func__)
#define KIND __attribute__((noinline)) static void

KIND by_malloc(void) { KEEP(malloc(100001), 100001); }
KIND by_calloc(void)
{
	char *p = calloc(16667, 6);
	for (int i = 0; i < 100002; i++)
		if (p[i])
			exit(11);
	KEEP(p, 100002);
}
KIND by_realloc_null(void) { KEEP(realloc(NULL, 100003), 100003); }
KIND by_realloc_moved(void) { void *p = malloc(20); void *wall = malloc(20); KEEP(realloc(p, 100004), 100004); free(wall); }
KIND by_realloc_shrunk(void) { KEEP(realloc(malloc(300000), 100005), 100005); }
KIND by_reallocarray(void) { KEEP(reallocarray(malloc(1), 50003, 2), 100006); }
KIND by_posix_memalign(void) { void *p; if (posix_memalign(&p, 256, 100007) || (uintptr_t)p % 256) exit(12); KEEP(p, 100007); }
KIND by_aligned_alloc(void) { void *p = aligned_alloc(64, 100008); if ((uintptr_t)p % 64) exit(13); KEEP(p, 100008); }
KIND by_memalign(void) { void *p = memalign(4096, 100009); if ((uintptr_t)p % 4096) exit(14); KEEP(p, 100009); }
KIND by_valloc(void) { void *p = valloc(100010); if ((uintptr_t)p % 4096) exit(15); KEEP(p, 100010); }
/* a whole number of pages */
KIND by_pvalloc(void) { void *p = pvalloc(100011); if ((uintptr_t)p % 4096) exit(16); KEEP(p, 102400); }
/* malloc's address in a table, as -fno-plt and C++ libraries call it */
static void *(*volatile table)(size_t) = malloc;
KIND by_pointer(void) { KEEP(table(100012), 100012); }
/* a failure keeps the old block */
KIND by_realloc_failed(void)
{
	void *p = malloc(100013);
	volatile size_t huge = PTRDIFF_MAX;
	errno = 0;
	if (realloc(p, huge) || errno != ENOMEM || reallocarray(p, huge, 4) || errno != ENOMEM)
		exit(17);
	KEEP(p, 100013);
}
static void on_signal(int n) { kept[99] = malloc(100014); free(kept[98]); }
KIND in_a_handler(void)
{
	kept[98] = malloc(100098);
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	printf("100014 on_signal\n");
}

KIND freed(void)
{
	void *p;

	free(malloc(200001));
	free(calloc(1, 200002));
	if (realloc(malloc(200003), 0)) /* glibc frees */
		exit(18);
	free(realloc(malloc(200004), 200005));
	if (posix_memalign(&p, 64, 200006))
		exit(19);
	free(p);
	free(aligned_alloc(64, 200007));
	free(memalign(64, 200008));
	free(valloc(200009));
	free(pvalloc(200010));
	if (free_sized && free_aligned_sized) {
		free_sized(malloc(200011), 200011);
		free_aligned_sized(aligned_alloc(64, 200012), 64, 200012);
		free_sized(NULL, 0);
	} else {
		puts("no free_sized");
	}
	free(NULL);
}

/* requests that no allocator grants, and arguments that are wrong: libc's answers */
KIND refused(void)
{
	volatile size_t huge = PTRDIFF_MAX, zero = 0, three = 3;
	void *p = (void *)5;

	errno = 0;
	if (malloc(huge) || errno != ENOMEM)
		exit(20);
	errno = 0;
	if (calloc(huge, 3) || errno != ENOMEM)
		exit(21);
	errno = 0;
	if (pvalloc(SIZE_MAX - zero) || errno != ENOMEM)
		exit(22);
	errno = 77;
	if (posix_memalign(&p, three, 10) != EINVAL || p != (void *)5 || errno != 77)
		exit(23);
	free(malloc(zero));
	free(calloc(zero, 5));
	if (errno != 77)
		exit(24);
}

int main(void)
{
	static char out[4096];

	setvbuf(stdout, out, _IOFBF, sizeof(out)); /* no block of stdio's own */
	by_malloc(), by_calloc(), by_realloc_null(), by_realloc_moved(), by_realloc_shrunk(), by_reallocarray();
	by_posix_memalign(), by_aligned_alloc(), by_memalign(), by_valloc(), by_pvalloc(), by_pointer();
	by_realloc_failed(), in_a_handler(), freed(), refused();
	return 0;
}
