// memory WHAT: mappings that a scan must not touch, or must not touch for long.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "enough.h"

#define MB (1ul << 20)

static void *map(size_t n, int protection, int flags, int fd)
{
	void *p = mmap(NULL, n, protection, flags, fd, 0);

	if (p == MAP_FAILED) {
		printf("mmap: %d\n", errno);
		exit(2);
	}
	return p;
}

static int temporary(size_t n)
{
	char name[] = "/tmp/refgraph-attack.XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	if (ftruncate(fd, n))
		exit(3);
	return fd;
}

static void live(int ms)
{
	for (int i = 0; i < ms || !enough(); i++) {
		free(malloc(100 + i));
		usleep(1000);
	}
	puts("alive");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	void *kept = malloc(777), **p;
	int fd;

	if (!strcmp(what, "truncated")) { /* pages behind the end of the file are SIGBUS */
		fd = temporary(4 * MB);
		p = map(4 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
		p[0] = kept;
		p[2 * MB / 8] = kept;
		if (ftruncate(fd, 4096))
			return 4;
		map(4 * MB, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	} else if (!strcmp(what, "huge")) { /* a terabyte that nobody touches */
		for (int i = 0; i < 8; i++) {
			p = map(1ul << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
			p[((size_t)i << 33) + 5] = kept;
		}
	} else if (!strcmp(what, "hugeblock")) { /* the same from malloc */
		p = malloc(1ul << 38);
		if (p)
			p[1 << 30] = kept;
	} else if (!strcmp(what, "dontfork")) {
		p = map(4 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		memset(p, 1, 4 * MB);
		printf("%d\n", madvise(p, 4 * MB, MADV_DONTFORK));
		p = malloc(4 * MB);
		uintptr_t page = ((uintptr_t)p + 4095) & ~4095ul;
		printf("%d\n", madvise((void *)page, 2 * MB, MADV_DONTFORK));
		memset(p, 1, 4 * MB);
	} else if (!strcmp(what, "wipe")) {
		p = map(4 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		printf("%d\n", madvise(p, 4 * MB, 18 /* MADV_WIPEONFORK */));
	} else if (!strcmp(what, "protected")) { /* electric fence: blocks and globals without access */
		for (int i = 0; i < 200; i++) {
			char *q = aligned_alloc(4096, 8192);
			memset(q, 1, 8192);
			if (mprotect(q + 4096, 4096, PROT_NONE))
				return 5;
			if (i % 3 == 0 && mprotect(q, 4096, PROT_NONE))
				return 5;
		}
		map(16 * MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		map(16 * MB, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		map(16 * MB, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	} else if (!strcmp(what, "global")) { /* a page of .bss without access */
		static char bss[1 << 20] __attribute__((aligned(4096)));
		*(void **)(bss + 8) = kept;
		if (mprotect(bss + 65536, 65536, PROT_NONE))
			return 6;
	} else if (!strcmp(what, "many")) { /* as many mappings as the kernel gives */
		int n = 0;
		while (n < 64000 && mmap(NULL, 4096, n % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
			n++;
		puts(n > 60000 ? "many" : "few");
	} else if (!strcmp(what, "stackgrows")) {
		p = map(4 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1);
	} else if (!strcmp(what, "brk")) { /* the program's own break */
		char *q = sbrk(8 * MB);
		memset(q, 0x55, 8 * MB);
		free(malloc(1000000));
	} else if (!strcmp(what, "secret")) {
		fd = syscall(447 /* memfd_secret */, 0);
		if (fd >= 0 && !ftruncate(fd, MB)) {
			void *secret = mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			if (secret != MAP_FAILED)
				memset(secret, 7, MB);
		}
	} else if (!strcmp(what, "locked")) {
		p = map(64 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		printf("%d\n", mlock(p, 64 * MB));
	} else if (!strcmp(what, "none")) {
		return 9;
	}
	live(400);
	return p == NULL && kept == NULL;
}
