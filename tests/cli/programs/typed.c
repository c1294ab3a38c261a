/* One block of each way to be typed in C; takes one dump and ends. Built by tests/cli/types.py in many ways. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "refgraph.h"

struct item {
	struct item *next;
	char *name;
	double weight;
	int tags[6];
};
struct link { /* intrusive: lies in front of what it links */
	struct link *next, *previous;
};
struct job {
	struct link link;
	unsigned long id;
	void *argument;
};
struct shape {
	int kind;
};
struct circle { /* is a shape, in C's way */
	struct shape shape;
	double radius;
	char *label;
};
struct message {
	size_t length;
	struct item *sender;
	char text[];
};
typedef struct {
	struct item **buckets;
	unsigned long mask;
	struct {
		struct message *first, *last;
	} queue;
	union {
		struct circle *circle;
		unsigned long number;
	} what;
} registry;
struct opaque;

/* used: whatever an optimizer of the whole program thinks */
#define KEPT __attribute__((used))
KEPT registry *table;
static struct link jobs = {&jobs, &jobs};
KEPT struct shape *shapes[4];
struct {
	int size;
	struct {
		long key;
		struct item *item;
	} slots[3];
} KEPT cache;
KEPT void *untyped;
KEPT int *numbers;
KEPT struct item **cursor;

#define NOINLINE __attribute__((noinline))

static NOINLINE void *xallocate(size_t size)
{
	void *p = malloc(size);
	if (!p)
		abort();
	return p;
}

static NOINLINE struct item *item_make(const char *name, struct item *next)
{
	struct item *item = xallocate(sizeof *item);
	item->name = strdup(name);
	item->weight = 1.5;
	item->next = next;
	memset(item->tags, 0, sizeof item->tags);
	return item;
}

static NOINLINE void job_add(unsigned long id)
{
	struct job *job = malloc(sizeof *job);
	job->id = id;
	job->argument = NULL;
	job->link.next = jobs.next;
	job->link.previous = &jobs;
	jobs.next->previous = &job->link;
	jobs.next = &job->link;
}

static NOINLINE struct shape *circle_make(double radius)
{
	struct circle *circle = calloc(1, sizeof *circle);
	circle->radius = radius;
	circle->label = malloc(40);
	strcpy(circle->label, "round");
	return &circle->shape;
}

static NOINLINE struct message *message_make(struct item *sender, const char *text)
{
	struct message *m = malloc(sizeof *m + strlen(text) + 1);
	m->length = strlen(text);
	m->sender = sender;
	strcpy(m->text, text);
	return m;
}

int main(void)
{
	struct item *list = NULL;

	table = calloc(1, sizeof *table);
	table->mask = 7;
	table->buckets = calloc(8, sizeof *table->buckets);
	for (int i = 0; i < 5; i++) {
		char name[32];
		snprintf(name, sizeof name, "an item by the name of %d", i);
		list = item_make(name, i == 3 ? NULL : list);
		if (i == 2)
			table->buckets[6] = list;
	}
	cache.slots[2].item = list;
	for (int i = 0; i < 10; i++)
		job_add(i);
	shapes[1] = circle_make(2);
	table->queue.first = message_make(list, "hello, whoever reads this message");
	table->what.circle = calloc(3, sizeof *table->what.circle);
	untyped = malloc(123);
	numbers = malloc(16 * sizeof *numbers);
	cursor = malloc(sizeof *cursor * 3);
	cursor[0] = cursor[1] = NULL;
	cursor[2] = list;
	refgraph_snapshot("typed");
	return list == NULL;
}
