// The walker's index of addresses against a sorted array: exact starts, nearest start below, numbers, order.
#include <stdio.h>
#include <stdlib.h>

#include "../../preload/nodes.c"
#include "../../preload/pool.c"

#define N 20000
static uintptr_t sorted[N];
static uint32_t count;
static int failed;

static void say(const char *name, int good)
{
	printf("%s nodes: %s\n", good ? "ok" : "not ok", name);
	failed |= !good;
}

static uint64_t random_word(void)
{
	static uint64_t x = 88172645463325252ull;
	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static int compare(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
	return x < y ? -1 : x > y;
}

/* Clusters of near addresses, lonely ones in other leaves, both ends of words and leaves. */
static uintptr_t pick(uint32_t i)
{
	uint64_t r = random_word();
	switch (i % 4) {
	case 0:
		return 0x550000000000 + (r % 100000) * 8;
	case 1:
		return 0x7f0000000000 + (r % (1u << 20)) * 4096;
	case 2:
		return ((r & ((1ull << 47) - 1)) & ~((1ull << NODES_LEAF_SHIFT) - 1)) + (r >> 63 ? (1u << NODES_LEAF_SHIFT) - 8 : 0);
	default:
		return (0x560000000000 + (r % 5000) * 512) | (r >> 60 & 1 ? 504 : 0);
	}
}

static uint32_t naive_before(uintptr_t address)
{
	uint32_t low = 0, high = count;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (sorted[middle] <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low; /* how many start at or below */
}

static uint32_t visited;
static int in_order = 1;

static bool visit(uint32_t number, uintptr_t address, void *context)
{
	in_order &= number == visited && address == sorted[visited];
	visited++;
	return true;
}

int main(void)
{
	struct pool pool = { 0 };
	static struct nodes n;
	int exact = 1, before = 1, absent = 1;
	uint32_t number, unique = 0;
	uintptr_t start;

	if (!nodes_init(&n, &pool))
		return 1;
	say("an empty index knows nothing", !nodes_has(&n, 4096) && !nodes_before(&n, ~0ull >> 16, &number, &start));
	for (uint32_t i = 0; i < N; i++)
		nodes_add(&n, sorted[i] = pick(i));
	for (uint32_t i = 0; i < N; i += 10) { /* what was added and taken out again was never there */
		nodes_add(&n, pick(i) + 8);
	}
	qsort(sorted, N, sizeof *sorted, compare);
	for (uint32_t i = 0; i < N; i++)
		if (!i || sorted[i] != sorted[unique - 1])
			sorted[unique++] = sorted[i];
	count = unique;
	/* start again with the exact set, plus strangers that are removed */
	memset(&n, 0, sizeof n);
	nodes_init(&n, &pool);
	for (uint32_t i = 0; i < count; i++) {
		uintptr_t stranger = pick(i) + 16;
		nodes_add(&n, sorted[i]);
		if (naive_before(stranger) == 0 || sorted[naive_before(stranger) - 1] != stranger) {
			nodes_add(&n, stranger);
			nodes_remove(&n, stranger);
		}
	}
	say("number of objects", nodes_number(&n) == count);
	say("bounds", n.low == sorted[0] && n.high == sorted[count - 1]);
	for (uint32_t i = 0; i < count; i++)
		exact &= nodes_find(&n, sorted[i], &number) && number == i && nodes_has(&n, sorted[i]);
	say("exact starts", exact);
	for (uint32_t i = 0; i < 200000; i++) {
		uintptr_t a = (i & 1 ? sorted[random_word() % count] + random_word() % 5000 : random_word() & ((1ull << 48) - 1));
		uint32_t want = naive_before(a);
		bool found = nodes_before(&n, a, &number, &start);
		before &= found == (want != 0) && (!found || (number == want - 1 && start == sorted[want - 1]));
		if (!want || sorted[want - 1] != a)
			absent &= !nodes_find(&n, a, &number) && !nodes_has(&n, a);
	}
	say("nearest start at or below", before);
	say("what is not there", absent);
	nodes_each(&n, visit, NULL);
	say("all in ascending order", in_order && visited == count);
	say("odd addresses and those beyond 48 bits are refused",
	    !nodes_add(&n, 4097) && !nodes_add(&n, 1ull << 48) && !nodes_has(&n, 1ull << 48) &&
		    !nodes_before(&n, 1ull << 50, &number, &start));
	say("a claim is made once", nodes_claim(&n, 4096) && !nodes_claim(&n, 4096) && nodes_claimed(&n, 4096) &&
					    !nodes_claimed(&n, sorted[5]));
	pool.refuse = true;
	say("no memory is said", !nodes_add(&n, 0x123400000000) && pool.failed);
	return failed;
}
