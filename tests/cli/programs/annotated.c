/* annotated.c - blocks that nothing but the program's word tells the type of; takes one dump and ends. */
#include <stdlib.h>
#include <string.h>

#include "refgraph.h"

struct session {
	struct session *next;
	char *name;
	long id;
};
struct message {
	long length;
	void *parts[];
};
void *first, *many, *grown, *gone, *again, *plain, *flexible;

static __attribute__((noinline)) void *get(size_t size)
{
	return memset(malloc(size), 0, size);
}

int main(void)
{
	struct session *s = first = get(sizeof *s), *list = many = get(4 * sizeof *s);
	struct message *m = flexible = get(sizeof *m + 3 * sizeof *m->parts);

	s->name = get(30);
	s->next = get(sizeof *s);
	list[2].name = get(31);
	m->parts[1] = get(32);
	refgraph_type(s, "struct session");
	refgraph_type(&list[1], "session[]"); /* any address in the block will do */
	refgraph_type(m, "message");
	refgraph_type(plain = get(100), "device registers");
	/* what becomes of a block ends what was said of it */
	grown = get(200);
	refgraph_type(grown, "session");
	grown = realloc(grown, 5000);
	gone = get(sizeof *s);
	refgraph_type(gone, "message");
	free(gone);
	again = get(sizeof *s);
	refgraph_type(&first, "session"); /* no block */
	refgraph_type(NULL, "session");
	refgraph_type(s, NULL);
	refgraph_snapshot("annotated");
	return 0;
}
