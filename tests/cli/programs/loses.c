/* loses - a step for each line of input: makes a list, a cache with a table of rows, a pair; then loses all but the head of the list, five rows,
 * both ends of a pair, and a block that was born meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct item {
	struct item *next;
	long value[4];
};
struct cache {
	long size;
	struct item **rows;
};
struct item *list;
struct cache *cache;
struct {
	void *first, *second;
} *pair;

static __attribute__((noinline)) struct item *item_new(void)
{
	return calloc(1, sizeof(struct item));
}

static __attribute__((noinline)) void *end_new(void)
{
	return calloc(1, 100);
}

static __attribute__((noinline)) void build(void)
{
	for (int i = 0; i < 10; i++) {
		struct item *new = item_new();

		new->next = list;
		list = new;
	}
	cache = malloc(sizeof *cache);
	cache->size = 20;
	cache->rows = calloc(20, sizeof *cache->rows);
	for (int i = 0; i < 20; i++)
		cache->rows[i] = malloc(100);
	pair = malloc(sizeof *pair);
	pair->first = end_new();
	pair->second = end_new();
}

static __attribute__((noinline)) void lose(void)
{
	list->next = NULL;
	for (int i = 0; i < 5; i++)
		cache->rows[i] = NULL;
	pair->first = pair->second = NULL;
	*(void *volatile *)&list->value[1] = malloc(300);
	list->value[1] = 0;
}

static __attribute__((noinline)) void scrub(void)
{
	volatile char room[8192];

	for (size_t i = 0; i < sizeof room; i++)
		room[i] = 0;
}

static void wait_for_line(void)
{
	char c;

	scrub();
	printf("ready %d\n", getpid());
	fflush(stdout);
	while (read(0, &c, 1) == 1 && c != '\n')
		;
}

int main(void)
{
	build();
	wait_for_line();
	lose();
	wait_for_line();
	return 0;
}
