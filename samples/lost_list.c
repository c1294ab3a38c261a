/*
 * A linked list whose head is lost.
 *
 * The bug       reload() reads the new configuration into `head` without freeing the old list: 1000 nodes that nothing reaches.
 *
 * The command   gcc -g -O1 -Iinclude -o lost_list samples/lost_list.c
 *               refgraph run -- ./lost_list           (prints "ready PID", waits for a line)
 *               refgraph snapshot PID -o list.rgd
 *               refgraph count --where 'size == 88' list.rgd
 *               refgraph find-backref-chain --where 'size == 104' list.rgd
 *               refgraph find-backref-chain --where 'size == 88' list.rgd
 *
 * The answer    1000 nodes of 88 bytes. The node of the new list (104 bytes) is held by the global `head`; for a node of the
 *               old list there is no chain to any root: the answer is the object alone, and exit status 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct node {
	struct node *next;
	char text[];
};

static struct node *head;

static __attribute__((noinline)) void push(size_t size, unsigned number)
{
	struct node *n = calloc(1, size);

	snprintf(n->text, size - sizeof(*n), "setting-%u", number);
	n->next = head;
	head = n;
}

static __attribute__((noinline)) void load(size_t size, unsigned count)
{
	head = NULL; /* the bug: the nodes that it led to are lost */
	for (unsigned i = 0; i < count; i++)
		push(size, i);
}

/* Old values of `head` must not stay behind in dead stack slots, or the answer would depend on the compiler. */
static __attribute__((noinline)) void wipe_stack(void)
{
	volatile char waste[16384];

	memset((char *)waste, 0, sizeof(waste));
	__asm__ volatile("" ::"r"(waste) : "memory");
}

int main(void)
{
	char line[16];

	printf("starting\n"); /* stdio's buffers come before the list */
	load(88, 1000);
	load(104, 1);
	wipe_stack();
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	return 0;
}
