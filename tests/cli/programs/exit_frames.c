/* Loses three pairs of blocks and ends; what the last calls left on the stack below is no reference. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../include/refgraph.h"

struct node {
	struct node *next;
	char name[40];
};

__attribute__((noinline)) static struct node *make(const char *name)
{
	struct node *n = malloc(sizeof *n);
	strcpy(n->name, name);
	n->next = NULL;
	return n;
}

__attribute__((noinline)) static void lose(void)
{
	for (int i = 0; i < 3; i++) {
		struct node *n = make("head");
		n->next = make("tail");
	}
}

/* Nothing but a register that calls preserve holds the pair. */
__attribute__((noinline)) static int keep(void (*end)(int))
{
	register struct node *kept __asm__("r14") = make("head");
	kept->next = make("tail");
	__asm__ volatile("" : "+r"(kept));
	end(0);
	__asm__ volatile("" : : "r"(kept));
	return 0;
}

static void check(int status)
{
	refgraph_leak_check_(NULL);
	_exit(status);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "return";

	lose();
	if (!strcmp(how, "exit"))
		keep(exit);
	if (!strcmp(how, "check"))
		keep(check);
	return 0;
}
