/*
 * chains BLOCKS - BLOCKS blocks of 32 bytes in 1000 lists of equal length that a table holds; prints "ready" and sleeps until it is ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LISTS 1000

struct node {
	struct node *next;
	long payload[3];
};

static struct node *heads[LISTS];

int main(int argc, char **argv)
{
	unsigned long blocks = argc > 1 ? strtoul(argv[1], 0, 0) : 1000000;

	for (unsigned long i = 0; i < blocks; i++) {
		struct node *n = malloc(sizeof(*n)), **head = &heads[i % LISTS];
		if (!n)
			abort();
		*n = (struct node){*head, {(long)i, 1, 2}};
		*head = n;
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
