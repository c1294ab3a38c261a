/* pools_talloc.c - a hierarchy of talloc, each kind of chunk: pools_known.py has the answers. */
#include <stdio.h>
#include <string.h>
#include <talloc.h>

#include "refgraph.h"

struct server {
	int port;
	char padding[60];
};
struct session {
	struct session *next;
	char *user;
	char padding[80];
};

struct server *server;

__attribute__((noinline)) static void lose(void)
{
	struct session *lost = talloc_zero(NULL, struct session);

	talloc_strdup(lost, "lost with it");
}

__attribute__((noinline)) static void wipe(void)
{
	volatile char space[8192];

	for (size_t i = 0; i < sizeof space; i++)
		space[i] = 0;
}

__attribute__((noinline)) static void make(void)
{
	void *pool;

	server = talloc_zero(NULL, struct server);
	for (int i = 0; i < 5; i++) {
		struct session *s = talloc_zero(server, struct session);

		s->user = talloc_strdup(s, "somebody");
	}
	/* held by their parent alone */
	talloc_free(talloc_zero(server, struct session));
	talloc_array(server, int, 100);
	talloc_size(server, 333);
	talloc_set_name_const(talloc_size(server, 50), "settings");
	/* a pool of talloc's: chunks in one block of malloc */
	pool = talloc_pool(server, 4096);
	for (int i = 0; i < 7; i++)
		talloc_zero(pool, struct server);
	/* smaller, where it was */
	talloc_realloc(server, talloc_array(server, short, 300), short, 200);
}

int main(void)
{
	make();
	lose();
	wipe();
	refgraph_snapshot(NULL);
	talloc_free(server);
	return 0;
}
