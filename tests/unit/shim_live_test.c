/*
 * The live table against a sorted array of what should be in it: sizes at each border of their coding, blocks as near to each
 * other as may be, blocks over the end of a leaf, odd addresses, walks in order, look-ups from anywhere inside a block, threads.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../preload/arena.c"
#include "../../preload/counter.c"
#include "../../preload/live.c"

struct config config;
_Atomic bool shim_sandboxed;
__thread bool fork_holds;
_Atomic uint32_t epoch_now = 7;
__thread struct thread *thread_current;
static _Atomic int64_t made, made_bytes;

void threads_count_made(struct thread *t, uint64_t blocks, uint64_t bytes)
{
	made += (int64_t)blocks;
	made_bytes += (int64_t)bytes;
}

void threads_count_gone(struct thread *t, uint64_t blocks, uint64_t bytes)
{
	made -= (int64_t)blocks;
	made_bytes -= (int64_t)bytes;
}

void threads_sum(int64_t *objects, int64_t *bytes)
{
	*objects = made;
	*bytes = made_bytes;
}

static int failures;

static void report(const char *name, bool good)
{
	printf("%s live: %s\n", good ? "ok" : "not ok", name);
	failures += !good;
}

static bool same(const struct live_block *a, const struct live_block *b)
{
	return a->address == b->address && a->size == b->size && a->stack == b->stack && a->epoch == b->epoch;
}

static uint64_t state = 88172645463325252ull;

static uint64_t rnd(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (state >> 3) % n : 0;
}

/* ---- sizes ------------------------------------------------------------------------------------------------------------------ */

static void test_sizes(void)
{
	static const uint64_t sizes[] = {
		0, 1, 15, 16, 17, 31, 32, 1021, 1022, 1023, 1024, 1025, LIVE_LARGE - 1, LIVE_LARGE, (1ull << 30) - 1,
		1ull << 30, (1ull << 30) + 1, (1ull << 31) + 5, (1ull << 32) - 1, 1ull << 32, (1ull << 40) + 12345,
		(1ull << 46) + 3,
	};
	static const uint32_t epochs[] = {1, 2, LIVE_EPOCH_MASK - 1, LIVE_EPOCH_MASK};
	static const uint32_t stacks[] = {0, 1, 0x12345678, LIVE_STACK_MASK};
	bool good = true;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (unsigned j = 0; j < 16; j++) {
			struct live_block want = {0x10000, sizes[i], stacks[j % 4], epochs[j / 4]}, got = {0};

			good &= live_put(want.address, want.size, want.stack, want.epoch);
			good &= live_find(0x10000, &got) && same(&got, &want);
			memset(&got, 0, sizeof(got));
			good &= live_take(0x10000, &got) && same(&got, &want);
			good &= !live_find(0x10000, &got) && !live_take(0x10000, &got);
			live_put_back(&want);
			memset(&got, 0, sizeof(got));
			good &= live_take(0x10000, &got) && same(&got, &want);
		}
	}
	report("every size, epoch and stack comes back", good);
}

/* Blocks of at most 32 bytes at every other granule: no word of one may be a word of another. */
static void test_neighbours(void)
{
	uintptr_t base = (3ull << LIVE_LEAF_SHIFT) - 4096;
	struct live_block got;
	bool good = true;

	for (unsigned i = 0; i < 256; i++)
		live_insert(base + i * 32, i % 33, i);
	for (unsigned i = 0; i < 256; i += 2) {
		uint64_t size = 99;
		good &= live_remove(base + i * 32, &size) && size == i % 33;
	}
	for (unsigned i = 0; i < 256; i++) {
		bool there = live_find(base + i * 32, &got);
		good &= there == (i % 2 == 1) && (!there || (got.size == i % 33 && got.stack == i && got.epoch == 7));
	}
	for (unsigned i = 1; i < 256; i += 2)
		live_remove(base + i * 32, NULL);
	report("neighbours 32 bytes apart, over the end of a leaf", good);
	/* the last granules of a leaf, sizes that need three and four words */
	for (unsigned back = 1; back <= 4; back++) {
		uintptr_t address = (5ull << LIVE_LEAF_SHIFT) - back * 16;
		uint64_t size = (3ull << 30) + back;

		live_insert(address, size, back);
		live_insert((5ull << LIVE_LEAF_SHIFT) + 64, 10, 9); /* the next leaf */
		good &= live_find(address, &got) && got.size == size && got.stack == back;
		good &= live_remove(address, &size) && size == (3ull << 30) + back;
		good &= live_remove((5ull << LIVE_LEAF_SHIFT) + 64, &size) && size == 10;
	}
	report("large blocks that start in the last granules of a leaf", good);
}

/* ---- against a model ---------------------------------------------------------------------------------------------------------- */

#define MODEL_MAX 20000
static struct live_block model[MODEL_MAX];
static size_t model_used;

static int by_address(const void *a, const void *b)
{
	const struct live_block *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

struct walk_check {
	size_t next;
	bool good;
};

static bool check_next(const struct live_block *block, void *context)
{
	struct walk_check *check = context;

	check->good &= check->next < model_used && same(block, &model[check->next]);
	check->next++;
	return true;
}

static bool stop_at_three(const struct live_block *block, void *context)
{
	return ++*(unsigned *)context < 3;
}

/* Four heaps: dense and small, sparse and large, in far leaves, with odd addresses. */
static void fill_model(void)
{
	uintptr_t at[] = {0x555500000000, 0x7f0000000000 + 0x2345670, 0x7ffe00000000, 0x100};

	for (unsigned i = 0; i < MODEL_MAX; i++) {
		unsigned heap = i < 100 ? 3 : (unsigned)rnd(3);
		uint64_t size = heap == 0 ? rnd(100) : heap == 1 ? rnd(1 << 20) : rnd(4000);
		struct live_block b;

		if (heap == 2 && rnd(100) == 0)
			size = (64ull << 20) + rnd(200ull << 20); /* over several leaves */
		b = (struct live_block){at[heap], size, (uint32_t)rnd(1u << 31), 7};
		if (heap == 3)
			b.address += 8; /* odd */
		live_insert(b.address, b.size, b.stack);
		model[model_used++] = b;
		at[heap] = (at[heap] + (size < 32 ? 32 : size) + 31 + rnd(3) * 16) & ~15ull;
	}
}

static void remove_half(void)
{
	size_t kept = 0;
	bool good = true;

	for (size_t i = 0; i < model_used; i++) {
		uint64_t size = 0;

		if (rnd(2)) {
			model[kept++] = model[i];
			continue;
		}
		good &= live_remove(model[i].address, &size) && size == model[i].size;
		good &= !live_remove(model[i].address, &size);
	}
	model_used = kept;
	report("removal, once each", good);
}

static const struct live_block *model_containing(uintptr_t address)
{
	size_t low = 0, high = model_used;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (model[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	if (address - model[low - 1].address < (model[low - 1].size ? model[low - 1].size : 1))
		return &model[low - 1];
	return NULL;
}

static void test_model(void)
{
	struct walk_check check = {0, true};
	struct live_block got;
	unsigned visited = 0;
	uint64_t objects, bytes, sum = 0;
	bool good = true;

	fill_model();
	qsort(model, model_used, sizeof(*model), by_address);
	remove_half();
	live_each(check_next, &check);
	report("all blocks in ascending order, the odd ones among them", check.good && check.next == model_used);
	report("a walk that is stopped", !live_each(stop_at_three, &visited) && visited == 3);
	for (size_t i = 0; i < model_used; i++)
		sum += model[i].size;
	live_totals(&objects, &bytes);
	report("totals", objects == model_used && bytes == sum);
	for (unsigned i = 0; i < 20000; i++) {
		const struct live_block *near = &model[rnd(model_used)], *want;
		uintptr_t address = near->address + rnd(near->size + 64) - (rnd(8) == 0 ? 40 : 0);
		bool found;

		want = model_containing(address);
		found = live_find_containing(address, &got);
		good &= found == (want != NULL) && (!want || same(&got, want));
	}
	report("the block around any address", good);
	for (size_t i = 0; i < model_used; i++)
		live_remove(model[i].address, NULL);
	live_totals(&objects, &bytes);
	report("nothing is left", objects == 0 && bytes == 0 && live_each(check_next, &check) &&
					 check.next == model_used);
}

/* ---- odd addresses ----------------------------------------------------------------------------------------------------------- */

static void test_odd(void)
{
	uint64_t lost = counter_get(COUNTER_LOST_BLOCKS), size;
	struct live_block got;
	bool good = true;

	/* fill it, take out every third (chains of probes must close), look at all */
	for (uintptr_t i = 0; i < 40000; i++)
		live_insert(0x200000001 + i * 24 + (i * 24 % 16 == 15), i, 3);
	for (uintptr_t i = 0; i < 40000; i += 3)
		good &= live_remove(0x200000001 + i * 24 + (i * 24 % 16 == 15), &size) && size == i;
	for (uintptr_t i = 0; i < 40000; i++) {
		bool there = live_find(0x200000001 + i * 24 + (i * 24 % 16 == 15), &got);
		good &= there == (i % 3 != 0) && (!there || got.size == i);
	}
	report("odd addresses", good && counter_get(COUNTER_LOST_BLOCKS) == lost);
	for (uintptr_t i = 0; i < 40000; i++)
		live_insert(0x300000001 + i * 32, 1, 3);
	report("too many of them are counted as lost",
	       counter_get(COUNTER_LOST_BLOCKS) - lost == 40000 + 26666 - ODD_LIMIT);
	good = live_put(1ull << 47, 5, 1, 1) == false; /* full */
	for (uintptr_t i = 0; i < 40000; i++)
		live_remove(0x300000001 + i * 32, NULL);
	good &= live_put(1ull << 47, 5, 1, 1) && live_find_containing((1ull << 47) + 4, &got) && got.size == 5;
	good &= !live_find_containing((1ull << 47) + 5, &got);
	report("an address beyond 47 bits", good);
	for (uintptr_t i = 0; i < 40000; i++)
		live_remove(0x200000001 + i * 24 + (i * 24 % 16 == 15), NULL);
	live_remove(1ull << 47, NULL);
}

/* ---- threads and faults -------------------------------------------------------------------------------------------------------- */

#define THREADS 4
static _Atomic unsigned wrong;

/* Each has its own blocks, interleaved with those of the others in the same leaves, which they race to make. */
static void *churn(void *argument)
{
	uintptr_t me = (uintptr_t)argument;

	for (unsigned round = 0; round < 20; round++) {
		for (uintptr_t i = 0; i < 3000; i++)
			live_insert(0x600000000000 + (i << 17) + me * 32, i % 33, (uint32_t)(me + round));
		for (uintptr_t i = 0; i < 3000; i++) {
			struct live_block b;
			if (!live_take(0x600000000000 + (i << 17) + me * 32, &b) || b.size != i % 33 ||
			    b.stack != me + round)
				wrong++;
		}
	}
	return NULL;
}

static void test_threads(void)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, churn, (void *)i);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	report("threads in the same leaves", wrong == 0);
}

static void test_no_memory(void)
{
	uint64_t lost = counter_get(COUNTER_LOST_BLOCKS);
	struct live_block got;

	config.test_fault = FAULT_LEAF;
	live_insert(0x123400000000, 10, 1);
	config.test_fault = FAULT_NONE;
	report("no memory for a leaf: lost and counted", counter_get(COUNTER_LOST_BLOCKS) == lost + 1 &&
								 !live_find(0x123400000000, &got) &&
								 !live_remove(0x123400000000, NULL));
}

int main(void)
{
	test_sizes();
	test_neighbours();
	test_model();
	test_odd();
	test_threads();
	test_no_memory();
	return failures > 0;
}
