/*
 * kernels.c - what allocators are compared by, each pattern in its smallest form: kernels NAME. The shapes are those of the programs
 * that mimalloc-bench collects, the code is ours.
 *   short    many small blocks that die at once, as bignum code makes them (cfrac)
 *   stacks   many made, then freed in the order they were made, in the reverse one and mixed (sh6bench)
 *   server   threads replace random blocks of random size, and hand their blocks to a next thread when they end (larson)
 *   cross    one thread makes what another one frees (xmalloc)
 *   tree     binary trees that are built and thrown away, as of a parser (alloc-test, espresso)
 *   buffers  vectors that grow by realloc (mstress)
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static void *made(size_t size)
{
	char *p = malloc(size);

	if (!p)
		abort();
	p[0] = p[size - 1] = 1;
	return p;
}

static void run_short(void)
{
	uint64_t r = 1;

	for (int i = 0; i < 16000000; i++) {
		void *a = made(16 + next(&r) % 48), *b = made(16 + next(&r) % 48);

		free(a);
		free(b);
	}
}

enum { STACK = 5000 };
static void run_stacks(void)
{
	static void *held[STACK];
	uint64_t r = 2;

	for (int round = 0; round < 2400; round++) {
		for (int i = 0; i < STACK; i++)
			held[i] = made(8 + next(&r) % 200);
		for (int i = 0; i < STACK; i++) {
			int at = round % 3 == 0	  ? i
				 : round % 3 == 1 ? STACK - 1 - i
						  : (int)((unsigned)i * 1237u % STACK);

			free(held[at]);
		}
	}
}

enum { THREADS = 4, SLOTS = 2000 };
static void *serve(void *slots)
{
	void **held = slots;
	uint64_t r = (uintptr_t)slots;

	for (int i = 0; i < 900000; i++) {
		size_t at = next(&r) % SLOTS;

		free(held[at]);
		held[at] = made(10 + next(&r) % 490);
	}
	return NULL;
}

static void run_server(void)
{
	static void *held[THREADS][SLOTS];

	for (int round = 0; round < 4; round++) {
		pthread_t threads[THREADS];

		for (int i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, serve, held[(i + round) % THREADS]);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
	}
}

enum { BATCH = 100, BATCHES = 50000 };
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void **batches[64];
	unsigned in, out;
} queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {0}, 0, 0};

static void *make_batches(void *unused)
{
	uint64_t r = 3;

	for (int i = 0; i < BATCHES; i++) {
		void **batch = made(BATCH * sizeof *batch);

		for (int k = 0; k < BATCH; k++)
			batch[k] = made(16 + next(&r) % 240);
		pthread_mutex_lock(&queue.lock);
		while (queue.in - queue.out == 64)
			pthread_cond_wait(&queue.changed, &queue.lock);
		queue.batches[queue.in++ % 64] = batch;
		pthread_cond_broadcast(&queue.changed);
		pthread_mutex_unlock(&queue.lock);
	}
	return unused;
}

static void run_cross(void)
{
	pthread_t maker;

	pthread_create(&maker, NULL, make_batches, NULL);
	for (int i = 0; i < BATCHES; i++) {
		void **batch;

		pthread_mutex_lock(&queue.lock);
		while (queue.in == queue.out)
			pthread_cond_wait(&queue.changed, &queue.lock);
		batch = queue.batches[queue.out++ % 64];
		pthread_cond_broadcast(&queue.changed);
		pthread_mutex_unlock(&queue.lock);
		for (int k = 0; k < BATCH; k++)
			free(batch[k]);
		free(batch);
	}
	pthread_join(maker, NULL);
}

struct node {
	struct node *left, *right;
};

static struct node *tree_make(int depth)
{
	struct node *n = made(sizeof *n);

	n->left = depth ? tree_make(depth - 1) : NULL;
	n->right = depth ? tree_make(depth - 1) : NULL;
	return n;
}

static void tree_free(struct node *n)
{
	if (!n)
		return;
	tree_free(n->left);
	tree_free(n->right);
	free(n);
}

static void run_tree(void)
{
	for (int i = 0; i < 240; i++)
		tree_free(tree_make(15));
}

static void run_buffers(void)
{
	uint64_t r = 4;

	for (int i = 0; i < 1200000; i++) {
		size_t want = 64 + next(&r) % 20000;
		char *p = NULL;

		for (size_t size = 16; size < want; size += size / 2) {
			p = realloc(p, size);
			if (!p)
				abort();
			p[size - 1] = 1;
		}
		free(p);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} kernels[] = {{"short", run_short}, {"stacks", run_stacks}, {"server", run_server},
		       {"cross", run_cross}, {"tree", run_tree},     {"buffers", run_buffers}};

	for (size_t i = 0; argc == 2 && i < sizeof kernels / sizeof *kernels; i++)
		if (!strcmp(argv[1], kernels[i].name)) {
			kernels[i].run();
			return 0;
		}
	fprintf(stderr, "usage: kernels short|stacks|server|cross|tree|buffers\n");
	return 2;
}
