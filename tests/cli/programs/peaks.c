/*
 * peaks.c - allocations from a few sites by chance, with an exact recorder of its own: after each operation it knows what every site has, and
 * copies all of it when the process is at a new peak. Prints one line a site; peaks.py holds `refgraph sites` against them. With an argument:
 * eight threads, where only the sums and each site's own peak are exact.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "refgraph.h"

#define SITES 5
#define SLOTS 200
#define OLD 20 /* of them are never freed */
#define ROUNDS 30000
#define NOINLINE __attribute__((noinline))

struct record {
	long made, made_bytes, blocks, bytes, peak_blocks, peak_bytes, at_blocks, at_bytes, temporary, young;
};
static struct record sites[SITES];
static long total, total_peak;
static unsigned epoch = 1;

static struct slot {
	void *block;
	int site;
	long size;
	unsigned epoch;
} slots[SLOTS];
static struct slot *last; /* made by the operation before */

/* Volatile, so that no call is the last thing in its function, and each return address lies in it. */
#define SITE(n)                                                                                    \
	NOINLINE void *site_##n(size_t size)                                                       \
	{                                                                                          \
		void *volatile p = malloc(size);                                                   \
		return p;                                                                          \
	}
SITE(0)
SITE(1)
SITE(2)
SITE(3)
NOINLINE void *site_4(void *old, size_t size)
{
	void *volatile p = realloc(old, size);
	return p;
}

static void made(struct slot *s)
{
	struct record *r = &sites[s->site];

	r->made++;
	r->made_bytes += s->size;
	r->blocks++;
	r->bytes += s->size;
	total += s->size;
	if (r->blocks > r->peak_blocks)
		r->peak_blocks = r->blocks;
	if (r->bytes > r->peak_bytes)
		r->peak_bytes = r->bytes;
	if (total > total_peak) {
		total_peak = total;
		for (int i = 0; i < SITES; i++) {
			sites[i].at_blocks = sites[i].blocks;
			sites[i].at_bytes = sites[i].bytes;
		}
	}
	last = s;
}

static void gone(struct slot *s)
{
	struct record *r = &sites[s->site];

	r->blocks--;
	r->bytes -= s->size;
	total -= s->size;
	r->temporary += last == s;
	r->young += s->epoch == epoch;
	last = NULL;
}

static unsigned long seed = 17;
static unsigned chance(unsigned n)
{
	seed = seed * 6364136223846793005ul + 1442695040888963407ul;
	return (unsigned)(seed >> 33) % n;
}

static void *from(int site, size_t size)
{
	switch (site) {
	case 0:
		return site_0(size);
	case 1:
		return site_1(size);
	case 2:
		return site_2(size);
	case 3:
		return site_3(size);
	default:
		return site_4(NULL, size);
	}
}

static void step(unsigned round)
{
	struct slot *s = &slots[chance(SLOTS - OLD)];

	if (s->block && s->site == 4 && chance(2)) { /* another block, perhaps in the same place */
		gone(s);
		s->size = 1 + chance(3000);
		void *moved = site_4(s->block, s->size);
		/* what stays where it is keeps its epoch */
		if (moved != s->block)
			s->epoch = epoch;
		s->block = moved;
		made(s);
		return;
	}
	if (s->block) {
		free(s->block);
		gone(s);
		s->block = NULL;
		return;
	}
	s->site = (int)chance(SITES);
	/* it grows for the first half, so that the peak lies in the middle */
	s->size = 1 + chance(round < ROUNDS / 2 ? round / 8 + 1 : 50);
	s->epoch = epoch;
	s->block = from(s->site, s->size);
	made(s);
	if (s->site == 2 || chance(8) == 0) { /* at once */
		free(s->block);
		gone(s);
		s->block = NULL;
	}
}

static void *thread(void *unused)
{
	for (int i = 0; i < ROUNDS; i++)
		free(site_0(100));
	site_1(1000);
	return unused;
}

static int threads(void)
{
	pthread_t ids[8];

	for (int i = 0; i < 8; i++)
		pthread_create(&ids[i], NULL, thread, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(ids[i], NULL);
	refgraph_snapshot(NULL);
	return 0;
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return threads();
	setvbuf(stdout, malloc(65536), _IOFBF, 65536);
	total = 65536;
	total_peak = total;
	/* what is there but not from a site counts for the process's peak */
	for (int i = SLOTS - OLD; i < SLOTS; i++) {
		slots[i] = (struct slot){from(i % SITES, 64), i % SITES, 64, epoch};
		made(&slots[i]);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i == ROUNDS / 3 || i == ROUNDS / 2 || i == ROUNDS - 100)
			epoch = refgraph_mark("round");
		step(i);
	}
	long generation[SITES][3] = {0};
	for (int i = 0; i < SLOTS; i++) {
		unsigned age = epoch - slots[i].epoch;
		if (slots[i].block)
			generation[slots[i].site][age > 2 ? 2 : age]++;
	}
	for (int i = 0; i < SITES; i++) {
		struct record *r = &sites[i];
		printf("site_%d,%ld,%ld,%ld,%ld,%ld,%ld,%ld,%ld,%ld,%ld,%ld,%ld,%ld\n", i, r->made, r->made_bytes, r->temporary,
		       r->young, r->peak_bytes, r->peak_blocks, r->at_bytes, r->at_blocks, r->bytes, r->blocks, generation[i][0],
		       generation[i][1], generation[i][2]);
	}
	refgraph_snapshot(NULL);
	return 0;
}
