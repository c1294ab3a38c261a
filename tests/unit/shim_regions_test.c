/*
 * Regions against a page map: random maps over others, unmaps that cut, split and swallow, marks; then the limit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../preload/arena.c"
#include "../../preload/counter.c"
#include "../../preload/regions.c"

struct config config;
__thread struct thread *thread_current;
_Atomic bool shim_sandboxed;
__thread bool fork_holds;
__thread struct thread *thread_current;
_Atomic uint32_t epoch_now = 3;

#define BASE 0x10000000ul
#define PAGES 300
static struct {
	bool mapped;
	uint32_t stack, kind;
} map[PAGES];

static int failures;

static void report(const char *name, bool good)
{
	printf("%s regions: %s\n", good ? "ok" : "not ok", name);
	failures += !good;
}

static uint64_t state = 88172645463325252ull;

static uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % n;
}

/* Sorted, apart or of different origin, and exactly the pages of the model. */
static bool agrees(void)
{
	const struct region *list;
	size_t n = regions_get(&list), page = 0;

	for (size_t i = 0; i < n; i++) {
		size_t first = (list[i].address - BASE) / 4096, end = first + list[i].size / 4096;

		if (!list[i].size || first < page || end > PAGES)
			return false;
		if (i && list[i - 1].address + list[i - 1].size == list[i].address &&
		    list[i - 1].stack == list[i].stack && list[i - 1].kind == list[i].kind)
			return false; /* should be one */
		for (; page < first; page++) {
			if (map[page].mapped)
				return false;
		}
		for (; page < end; page++) {
			if (!map[page].mapped || map[page].stack != list[i].stack || map[page].kind != list[i].kind)
				return false;
		}
	}
	for (; page < PAGES; page++) {
		if (map[page].mapped)
			return false;
	}
	return true;
}

static void step(void)
{
	uint32_t first = rnd(PAGES - 1), n = 1 + rnd(rnd(4) ? 8 : 100), stack = rnd(3), what = rnd(8);

	if (n > PAGES - first)
		n = PAGES - first;
	if (what < 4) {
		region_mapped(BASE + first * 4096ul, n * 4096ul - rnd(4095), stack); /* sizes round up */
	} else if (what < 7) {
		region_unmapped(BASE + first * 4096ul, n * 4096ul - rnd(4095));
	} else {
		stack = map[first].mapped ? map[first].stack : 0;
		region_marked(BASE + first * 4096ul, n * 4096ul, 1);
	}
	for (uint32_t i = first; i < first + n; i++) {
		map[i].mapped = what < 4 || what == 7;
		map[i].stack = stack;
		map[i].kind = what == 7;
	}
}

int main(void)
{
	bool good = true;

	region_unmapped(BASE, 4096);
	for (unsigned i = 0; i < 200000 && good; i++) {
		step();
		good = agrees();
	}
	report("200,000 steps against a page map", good);
	region_unmapped(BASE, PAGES * 4096ul);
	report("nothing is left", regions_used == 0);
	for (unsigned i = 0; i < REGIONS_MAX + 10; i++)
		region_mapped(BASE + i * 8192ul, 4096, i % 2);
	report("the limit holds and is counted", regions_used == REGIONS_MAX && counter_get(COUNTER_LOST_REGIONS) == 10);
	region_unmapped(BASE, ~0ul - BASE - 8192);
	report("one unmap of everything", regions_used == 0);
	return failures > 0;
}
