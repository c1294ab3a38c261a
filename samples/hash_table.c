/*
 * A hash table that is never emptied.
 *
 * The bug       session_open() puts a session under its cookie; session_close() clears the user and forgets to unlink the
 *               entry. The table and every session that ever was stay reachable from the global `sessions`.
 *
 * The command   gcc -g -O1 -Iinclude -o hash_table samples/hash_table.c
 *               refgraph run -- ./hash_table          (prints "ready PID"; each line on its standard input serves 500)
 *               refgraph snapshot PID -o 1.rgd
 *               refgraph snapshot PID -o 2.rgd        (after one more line)
 *               refgraph count --where 'size == 72' 2.rgd
 *               refgraph show-growth 1.rgd 2.rgd
 *               refgraph find-backref-chain 'session[0]' 2.rgd
 *
 * The answer    500 entries of 72 bytes in 1.rgd, 1000 in 2.rgd; show-growth: session 1000 +500. The chain starts at the global
 *               `sessions` of hash_table and passes through ->buckets and an entry of that array.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 4096

struct session {
	struct session *next; /* in its bucket */
	char cookie[32];
	char user[24];
	uint64_t hash;
};
_Static_assert(sizeof(struct session) == 72, "the size that the command above asks for");

struct table {
	struct session **buckets;
	size_t entries;
};

static struct table *sessions;

static uint64_t hash_of(const char *text)
{
	uint64_t h = 14695981039346656037ull;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211ull;
	return h;
}

static __attribute__((noinline)) struct session *session_open(unsigned number)
{
	struct session *s = calloc(1, sizeof(*s));
	struct session **bucket;

	snprintf(s->cookie, sizeof(s->cookie), "cookie-%u", number);
	snprintf(s->user, sizeof(s->user), "user-%u", number);
	s->hash = hash_of(s->cookie);
	bucket = &sessions->buckets[s->hash % BUCKETS];
	s->next = *bucket;
	*bucket = s;
	sessions->entries++;
	return s;
}

static void session_close(struct session *s)
{
	s->user[0] = '\0'; /* and here the entry should leave its bucket */
}

int main(void)
{
	char line[16];
	unsigned served = 0;

	sessions = malloc(sizeof(*sessions));
	sessions->entries = 0;
	sessions->buckets = calloc(BUCKETS, sizeof(*sessions->buckets));
	do {
		for (unsigned end = served + 500; served < end; served++)
			session_close(session_open(served));
		printf("ready %d served %u\n", (int)getpid(), served);
		fflush(stdout);
	} while (fgets(line, sizeof(line), stdin));
	return 0;
}
