// The corners of the allocation functions: results and errno are libc's.
// LIBS: -lpthread
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

#define SHOW(what, call)                                                              \
	do {                                                                          \
		errno = 0;                                                            \
		void *volatile p_ = (call);                                           \
		printf("%s: %s errno %d\n", what, p_ ? "block" : "NULL", errno);      \
		if (p_ && p_ != MAP_FAILED)                                           \
			free(p_);                                                     \
	} while (0)

int main(void)
{
	volatile size_t max = SIZE_MAX, half = SIZE_MAX / 2 + 2, zero = 0, big = PTRDIFF_MAX;
	void *p = (void *)77;

	SHOW("malloc(0)", malloc(zero));
	SHOW("malloc(max)", malloc(max));
	SHOW("malloc(ptrdiff)", malloc(big));
	SHOW("malloc(max-64)", malloc(max - 64));
	SHOW("calloc(0,0)", calloc(zero, zero));
	SHOW("calloc overflow", calloc(half, 2));
	SHOW("calloc overflow 2", calloc(1ul << 33, 1ul << 33));
	SHOW("realloc(NULL,0)", realloc(NULL, zero));
	SHOW("realloc(p,0)", realloc(malloc(10), zero));
	SHOW("realloc(NULL,max)", realloc(NULL, max));
	p = malloc(10);
	errno = 0;
	printf("realloc(p,max): %p %d\n", realloc(p, max), errno);
	free(p);
	SHOW("reallocarray", reallocarray(NULL, 10, 10));
	SHOW("reallocarray overflow", reallocarray(NULL, half, 2));
	SHOW("aligned_alloc(16,10)", aligned_alloc(16, 10));
	SHOW("aligned_alloc(3,10)", aligned_alloc(3, 10));
	SHOW("aligned_alloc(0,10)", aligned_alloc(zero, 10));
	SHOW("aligned_alloc(huge,10)", aligned_alloc(1ul << 63, 10));
	SHOW("aligned_alloc(4096,max)", aligned_alloc(4096, max));
	SHOW("memalign(64,0)", memalign(64, 0));
	SHOW("memalign(5,10)", memalign(5, 10));
	SHOW("memalign(max,10)", memalign(max, 10));
	SHOW("valloc(0)", valloc(0));
	SHOW("valloc(max)", valloc(max));
	SHOW("pvalloc(1)", pvalloc(1));
	SHOW("pvalloc(max)", pvalloc(max));
	p = (void *)77;
	int rc = posix_memalign(&p, 3, 10);
	printf("posix_memalign(3): %d %d\n", rc, p == (void *)77);
	rc = posix_memalign(&p, 4, 10);
	printf("posix_memalign(4): %d %d\n", rc, p == (void *)77);
	rc = posix_memalign(&p, 0, 10);
	printf("posix_memalign(0): %d %d\n", rc, p == (void *)77);
	rc = posix_memalign(&p, 64, max);
	printf("posix_memalign(max): %d %d\n", rc, p == (void *)77);
	rc = posix_memalign(&p, 64, 0);
	printf("posix_memalign(64, 0): %d %d\n", rc, (int)((uintptr_t)p % 64));
	free(p);
	printf("malloc_usable_size(NULL): %zu\n", malloc_usable_size(NULL));
	p = malloc(100);
	printf("usable %d\n", malloc_usable_size(p) >= 100);
	free(p);
	errno = 33;
	free(NULL);
	free(malloc(200000));
	free(malloc(20));
	printf("errno after free: %d\n", errno);
	for (size_t a = 16; a <= 1 << 20; a *= 2) {
		void *q = aligned_alloc(a, a), *r = NULL;
		if ((uintptr_t)q % a || posix_memalign(&r, a, 17) || (uintptr_t)r % a)
			printf("alignment %zu\n", a);
		free(q);
		free(r);
	}
	char *s = strndup("hello", 3);
	puts(s);
	free(s);
	asprintf(&s, "%d", 12);
	puts(s);
	free(s);
	wchar_t *ws = wcsdup(L"wide");
	printf("%zu\n", wcslen(ws));
	free(ws);
	s = realpath("/usr/../usr", NULL);
	puts(s);
	free(s);
	s = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&s, &n);
	fprintf(f, "stream");
	fclose(f);
	printf("%s %zu\n", s, n);
	free(s);
	p = mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("mmap(0): %d %d\n", p == MAP_FAILED, errno);
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 999, 0);
	printf("mmap(bad fd): %d %d\n", p == MAP_FAILED, errno);
	p = mmap((void *)0x10000000, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	printf("mmap(fixed): %p\n", p);
	p = mremap(p, 8192, 16384, MREMAP_MAYMOVE);
	printf("mremap: %d\n", p != MAP_FAILED);
	printf("munmap: %d\n", munmap(p, 16384));
	errno = 0;
	printf("munmap(odd): %d %d\n", munmap((void *)1, 4096), errno);
	errno = 0;
	void *now = sbrk(0);
	printf("sbrk: %d\n", sbrk(4096) == now);
	errno = 0;
	printf("mallopt %d, trim %d\n", mallopt(M_MMAP_THRESHOLD, 65536), malloc_trim(0) >= 0);
	return 0;
}
