/* sparse.c - allocates many blocks, keeps one in 50, and tells what the kernel says of its memory around a snapshot. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *blocks[40000];

static long resident(void)
{
	char line[256];
	long kib = 0;
	FILE *f = fopen("/proc/self/smaps_rollup", "r");

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "Rss: %ld kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024;
}

int main(void)
{
	int (*snapshot)(const char *) = (int (*)(const char *))dlsym(RTLD_DEFAULT, "refgraph_snapshot");
	long before;

	for (int i = 0; i < 40000; i++)
		memset(blocks[i] = malloc(1000), 1, 1000);
	for (int i = 0; i < 40000; i++)
		if (i % 50) {
			free(blocks[i]);
			blocks[i] = NULL;
		}
	before = resident();
	printf("{\"status\": %d, ", snapshot ? snapshot("sparse") : -1);
	printf("\"before\": %ld, \"after\": %ld}\n", before, resident());
	return 0;
}
