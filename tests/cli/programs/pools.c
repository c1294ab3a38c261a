/*
 * pools.c - pools of every kind, described twice: to memcheck by its requests, to refgraph by refgraph.h. Each case plants blocks whose
 * kinds are known; pools.py holds both judges against each other. With an argument: pools by eight threads, see churn().
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <valgrind/memcheck.h>

#include "refgraph.h"

#define CASE __attribute__((noinline))

struct arena {
	char *at, *end;
};

struct node {
	struct node *next;
	void *other;
};

void *hold[64]; /* roots */

static void create(struct arena *a, void *memory, size_t size, const char *name)
{
	*a = (struct arena){memory, (char *)memory + size};
	VALGRIND_CREATE_MEMPOOL(a, 0, 1);
	refgraph_pool_create(a, name);
}

static void *allocate(struct arena *a, size_t size, size_t align)
{
	char *p = (char *)(((uintptr_t)a->at + align - 1) & ~(align - 1));

	if (p + size > a->end)
		abort();
	a->at = p + size;
	VALGRIND_MEMPOOL_ALLOC(a, p, size);
	refgraph_pool_alloc(a, p, size);
	return p;
}

static void release(struct arena *a, void *p)
{
	VALGRIND_MEMPOOL_FREE(a, p);
	refgraph_pool_free(a, p);
}

static void destroy(struct arena *a)
{
	VALGRIND_DESTROY_MEMPOOL(a);
	refgraph_pool_destroy(a);
}

static struct arena arenas[16];

/* Blocks 8 bytes apart, from the first byte of a block of malloc: reachable, lost, freed. */
CASE void case_dense(void)
{
	struct arena *a = &arenas[0];
	void **kept;

	create(a, malloc(4096), 4096, "dense");
	kept = allocate(a, 64, 8);
	hold[0] = kept;
	for (int i = 0; i < 8; i++)
		kept[i] = allocate(a, 8, 8);
	for (int i = 0; i < 5; i++)
		memset(allocate(a, 8, 8), 0, 8);
	release(a, kept[7]);
	kept[7] = NULL;
}

/* Odd sizes and addresses. */
CASE void case_odd(void)
{
	struct arena *a = &arenas[1];

	create(a, calloc(1, 1000), 1000, "odd");
	hold[1] = allocate(a, 13, 1);
	allocate(a, 21, 1);
	hold[2] = allocate(a, 9, 1);
	allocate(a, 33, 1);
}

/* A list in a pool: the head lost, the rest indirectly; a cycle. */
CASE void case_list(void)
{
	struct arena *a = &arenas[2];
	struct node *first, *last;

	create(a, calloc(1, 4096), 4096, "list");
	first = last = allocate(a, sizeof *first, 16);
	for (int i = 0; i < 9; i++)
		last = last->next = allocate(a, sizeof *first, 16);
	first = allocate(a, sizeof *first, 16);
	first->next = allocate(a, sizeof *first, 16);
	first->next->next = first;
	first = last = NULL;
}

/* From a pool's block to a block of malloc, and back to another pool. */
CASE void case_between(void)
{
	struct arena *a = &arenas[3], *b = &arenas[4];
	struct node *n;
	void **m;

	create(a, calloc(1, 512), 512, "from");
	create(b, calloc(1, 512), 512, "to");
	n = allocate(a, sizeof *n, 16);
	hold[3] = n;
	m = n->other = malloc(72);
	memset(m, 0, 72);
	m[0] = allocate(b, 40, 8);
	/* and the same, lost */
	n = allocate(a, 24, 8);
	m = n->other = calloc(1, 56);
	n->next = NULL;
	m[3] = allocate(b, 88, 8);
}

/* A pointer into the middle of a pool's block. */
CASE void case_interior(void)
{
	struct arena *a = &arenas[5];

	create(a, calloc(1, 512), 512, "interior");
	hold[4] = (char *)allocate(a, 100, 8) + 48;
	allocate(a, 30, 8);
}

/* Freed by the end of the pool; the superblock is a block of malloc again, lost or not. */
CASE void case_destroyed(void)
{
	struct arena a;
	void *memory = calloc(1, 256);

	create(&a, memory, 256, "destroyed");
	hold[5] = allocate(&a, 16, 8);
	allocate(&a, 24, 8);
	destroy(&a);
	memory = NULL;
}

/* Freed back to a mark, as obstacks do; a block across the mark is cut. */
CASE void case_trimmed(void)
{
	struct arena *a = &arenas[6];
	char *memory = calloc(1, 512), *low;

	create(a, memory, 512, "trimmed");
	low = allocate(a, 32, 8);
	allocate(a, 32, 8);
	allocate(a, 32, 8);
	allocate(a, 32, 8);
	VALGRIND_MEMPOOL_TRIM(a, low, 80);
	refgraph_pool_trim(a, low, 80);
	hold[6] = low;
}

/* A block that grows where it is, and one that moves. */
CASE void case_changed(void)
{
	struct arena *a = &arenas[7];
	char *p, *q;

	create(a, calloc(1, 512), 512, "changed");
	p = allocate(a, 24, 8);
	q = a->at + 8;
	a->at += 128;
	VALGRIND_MEMPOOL_CHANGE(a, p, p, 32);
	refgraph_pool_change(a, p, p, 32);
	hold[7] = p;
	p = allocate(a, 40, 8);
	VALGRIND_MEMPOOL_CHANGE(a, p, q, 48);
	refgraph_pool_change(a, p, q, 48);
	p = q = NULL;
}

/* A pool that takes another name. */
CASE void case_moved(void)
{
	struct arena *a = &arenas[8], local;

	create(&local, calloc(1, 512), 512, "moved");
	allocate(&local, 48, 8);
	*a = local;
	VALGRIND_MOVE_MEMPOOL(&local, a);
	refgraph_pool_move(&local, a);
	hold[8] = allocate(a, 56, 8);
	release(a, allocate(a, 64, 8));
}

/* In memory from mmap(): no superblock of malloc. What is beside the blocks is not looked at. */
CASE void case_mapped(void)
{
	struct arena *a = &arenas[9];
	char *memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct node *n;

	VALGRIND_MAKE_MEM_NOACCESS(memory, 65536);
	create(a, memory, 65536, "mapped");
	n = allocate(a, 48, 16);
	VALGRIND_MAKE_MEM_DEFINED(n, 48);
	n->next = allocate(a, 32, 16);
	n->other = NULL;
	hold[9] = n;
	allocate(a, 96, 16);
}

/* Nothing but its size. */
CASE void case_empty(void)
{
	struct arena *a = &arenas[10];

	create(a, calloc(1, 128), 128, "empty");
	hold[10] = allocate(a, 0, 8);
	a->at += 8;
	allocate(a, 16, 8);
}

/* Two superblocks of one pool, one pool in two. */
CASE void case_pieces(void)
{
	struct arena *a = &arenas[11];
	char *second = calloc(1, 512);

	create(a, calloc(1, 256), 256, "pieces");
	hold[11] = allocate(a, 200, 8);
	a->at = second;
	a->end = second + 512;
	hold[12] = allocate(a, 72, 8);
	allocate(a, 80, 8);
}

/* ---- eight threads ------------------------------------------------------------------------------------------------ */

#define THREADS 8
#define KEPT 100
#define ROUNDS 20000

static struct arena shared;
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static struct arena own[THREADS];

/* Each has a pool of its own, 100 of whose blocks of 24 bytes stay, and 50 blocks of 40 bytes in the shared one; all else is freed. */
static void *churn(void *context)
{
	struct arena *mine = &own[(intptr_t)context];
	unsigned random = (unsigned)(intptr_t)context + 1;
	void *slots[64] = {0};

	for (int i = 0; i < KEPT; i++)
		allocate(mine, 24, 8);
	for (int i = 0; i < KEPT / 2; i++) {
		pthread_mutex_lock(&shared_lock);
		allocate(&shared, 40, 8);
		pthread_mutex_unlock(&shared_lock);
	}
	char *mark = mine->at;
	for (int i = 0; i < ROUNDS; i++) {
		random = random * 1103515245 + 12345;
		unsigned s = random >> 16 & 63;
		if (slots[s]) {
			release(mine, slots[s]);
			slots[s] = NULL;
		} else {
			if (mine->end - mine->at < 512)
				mine->at = mark + 64 * 128;
			slots[s] = mark + s * 128;
			refgraph_pool_alloc(mine, slots[s], 8 + (random >> 8 & 63));
		}
		if (i % 1000 == 0) { /* pools come and go */
			void *memory = malloc(256);
			struct arena brief;
			create(&brief, memory, 256, "brief");
			allocate(&brief, 64, 8);
			destroy(&brief);
			free(memory);
		}
	}
	for (int s = 0; s < 64; s++)
		if (slots[s])
			release(mine, slots[s]);
	return NULL;
}

static int threads(void)
{
	pthread_t ids[THREADS];

	create(&shared, malloc(1 << 20), 1 << 20, "shared");
	for (intptr_t i = 0; i < THREADS; i++)
		create(&own[i], malloc(1 << 16), 1 << 16, "own");
	for (intptr_t i = 0; i < THREADS; i++)
		pthread_create(&ids[i], NULL, churn, (void *)i);
	for (int i = 0; i < 5; i++)
		refgraph_snapshot("while they run");
	for (int i = 0; i < THREADS; i++)
		pthread_join(ids[i], NULL);
	return 0;
}

/* Whatever the cases left in registers and on the stack goes. */
CASE void wipe(void)
{
	volatile char space[8192];

	for (size_t i = 0; i < sizeof space; i++)
		space[i] = 0;
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return threads();
	case_dense();
	case_odd();
	case_list();
	case_between();
	case_interior();
	case_destroyed();
	case_trimmed();
	case_changed();
	case_moved();
	case_mapped();
	case_empty();
	case_pieces();
	wipe();
	return 0;
}
