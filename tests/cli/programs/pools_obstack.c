/* pools_obstack.c - obstacks in data, on the stack and in a block: pools_known.py has the answers. */
#include <obstack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "refgraph.h"

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free

struct obstack early; /* a copy of names as it once was: comes first in memory, and is none */
static struct obstack names;

int main(void)
{
	struct obstack local, *heap = malloc(sizeof *heap);
	void **held, *mark;

	obstack_begin(&names, 1000);
	for (int i = 0; i < 100; i++)
		obstack_alloc(&names, 96), early = i == 55 ? names : early; /* 10 in each chunk of 1000 */
	obstack_init(&local);
	held = obstack_alloc(&local, 64);
	held[1] = calloc(1, 555); /* held by the obstack alone */
	obstack_init(heap);
	obstack_alloc(heap, 200);
	mark = obstack_alloc(heap, 300);
	obstack_alloc(heap, 400);
	obstack_free(heap, mark);
	obstack_blank(heap, 50); /* an object that grows */
	held = NULL;
	refgraph_snapshot(NULL);
	printf("%d\n", (int)obstack_object_size(heap));
	return 0;
}
