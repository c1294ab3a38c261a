/*
 * modes.c - told what to do, one word a line: "make" allocates 40000 blocks (3 of 4 by small() with 100 bytes, the 4th by large() with
 * 300), "drop" frees the oldest 40000. Answers each with "done".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 40000

static void *kept[16 * BATCH];
static size_t first, end;

static __attribute__((noinline)) void *leaf(size_t size)
{
	void *block = malloc(size);

	memset(block, 1, size);
	return block;
}

static __attribute__((noinline)) void *small(void)
{
	void *block = leaf(100);

	__asm__ volatile("" ::: "memory");
	return block;
}

static __attribute__((noinline)) void *large(void)
{
	void *block = leaf(300);

	__asm__ volatile("" ::: "memory");
	return block;
}

int main(void)
{
	char line[16];

	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		for (int i = 0; i < BATCH; i++) {
			if (!strcmp(line, "make\n"))
				kept[end++] = i % 4 ? small() : large();
			else
				free(kept[first++]);
		}
		puts("done");
		fflush(stdout);
	}
	return 0;
}
