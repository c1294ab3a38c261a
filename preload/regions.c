/*
 * regions.c - what the program mapped itself. An array in ascending order of address: programs map thousands of times, not
 * millions, and the walker wants them sorted. Neighbours of one origin are one region, as in the kernel.
 */
#include <string.h>

#include "glue.h"

#define REGIONS_MAX 32768u

trylock_t regions_lock;
static struct region *regions;
static size_t regions_used;

static uintptr_t page_up(uintptr_t value)
{
	return (value + 4095) & ~(uintptr_t)4095;
}

/* Index of the first region that ends after `address`. */
static size_t region_after(uintptr_t address)
{
	size_t low = 0, high = regions_used;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (regions[middle].address + regions[middle].size > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool region_insert(size_t at, struct region value)
{
	if (regions_used == REGIONS_MAX) {
		counter_add(COUNTER_LOST_REGIONS, 1);
		return false;
	}
	memmove(&regions[at + 1], &regions[at], (regions_used - at) * sizeof(regions[0]));
	regions[at] = value;
	regions_used++;
	return true;
}

static void region_delete(size_t at, size_t n)
{
	memmove(&regions[at], &regions[at + n], (regions_used - at - n) * sizeof(regions[0]));
	regions_used -= n;
}

static bool same_origin(const struct region *a, const struct region *b)
{
	return a->stack == b->stack && a->epoch == b->epoch && a->kind == b->kind;
}

/* Joins the region with the one before it when they touch and are alike. */
static void region_join(size_t at)
{
	struct region *r = &regions[at];

	if (at == 0 || at >= regions_used || r[-1].address + r[-1].size != r->address ||
	    !same_origin(&r[-1], r))
		return;
	r[-1].size += r->size;
	region_delete(at, 1);
}

/* Takes [low, high) out of all regions. */
static void regions_cut(uintptr_t low, uintptr_t high)
{
	size_t at = region_after(low), last;

	if (at < regions_used && regions[at].address < low) {
		struct region tail = regions[at];
		uintptr_t end = tail.address + tail.size;

		regions[at].size = low - tail.address;
		at++;
		if (end > high) {
			tail.address = high;
			tail.size = end - high;
			region_insert(at, tail);
			return;
		}
	}
	for (last = at; last < regions_used && regions[last].address + regions[last].size <= high;
	     last++)
		;
	region_delete(at, last - at);
	if (at < regions_used && regions[at].address < high) {
		regions[at].size -= high - regions[at].address;
		regions[at].address = high;
	}
}

static bool regions_ready(void)
{
	if (!regions)
		regions = arena_map(REGIONS_MAX * sizeof(*regions));
	return regions;
}

static void region_put(uintptr_t address, size_t size, uint32_t stack, uint32_t kind)
{
	struct region value = {
		.address = address,
		.size = page_up(size),
		.stack = stack,
		.epoch = atomic_load_explicit(&epoch_now, memory_order_relaxed),
		.kind = kind,
	};
	size_t at;

	regions_cut(address, address + value.size);
	at = region_after(address);
	if (!region_insert(at, value))
		return;
	region_join(at + 1);
	region_join(at);
}

void region_mapped(uintptr_t address, size_t size, uint32_t stack)
{
	if (!trylock(&regions_lock)) {
		counter_add(COUNTER_LOST_REGIONS, 1);
		return;
	}
	if (regions_ready())
		region_put(address, size, stack, 0);
	else
		counter_add(COUNTER_LOST_REGIONS, 1);
	trylock_release(&regions_lock);
}

void region_unmapped(uintptr_t address, size_t size)
{
	if (!__atomic_load_n(&regions_used, __ATOMIC_RELAXED))
		return;
	if (!trylock(&regions_lock)) {
		counter_add(COUNTER_LOST_REGIONS, 1);
		return;
	}
	regions_cut(address, address + page_up(size));
	trylock_release(&regions_lock);
}

void region_marked(uintptr_t address, size_t size, uint32_t kind)
{
	uint32_t stack = 0;
	size_t at;

	if (!trylock(&regions_lock)) {
		counter_add(COUNTER_LOST_REGIONS, 1);
		return;
	}
	if (regions_ready()) {
		at = region_after(address);
		if (at < regions_used && regions[at].address <= address)
			stack = regions[at].stack;
		region_put(address, size, stack, kind);
	}
	trylock_release(&regions_lock);
}

size_t regions_get(const struct region **out)
{
	*out = regions;
	return regions_used;
}
