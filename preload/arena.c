/*
 * arena.c - memory for the shim itself. Straight from the kernel, so that no allocator of the program is ever entered.
 * Nothing here takes a lock that a dead holder could keep: the list of ranges grows by one atomic index, small memory
 * comes from a chunk whose fill mark is advanced atomically.
 */
#include <stdatomic.h>
#include <sys/mman.h>

#include "glue.h"

#define PAGE_SIZE 4096u
#define RANGES_MAX 16384u
#define CHUNK_SIZE (128u << 10)

struct range {
	_Atomic uintptr_t low, high; /* low 0: unused or given back */
};
static struct range ranges[RANGES_MAX];
static _Atomic uint32_t ranges_used;
static _Atomic uint64_t mapped;

struct chunk {
	_Atomic size_t used;
	size_t size;
};
static struct chunk *_Atomic chunk_current;

static size_t round_up(size_t size, size_t to)
{
	return (size + to - 1) & ~(to - 1);
}

static bool range_claim(struct range *r, uintptr_t low, uintptr_t high)
{
	uintptr_t unused = 0;

	if (!atomic_compare_exchange_strong_explicit(&r->low, &unused, low, memory_order_relaxed,
						     memory_order_relaxed))
		return false;
	atomic_store_explicit(&r->high, high, memory_order_release);
	return true;
}

static void range_add(uintptr_t low, uintptr_t high)
{
	/* slots that were given back come first; one that is beyond the end is claimed, then the end moves */
	for (uint32_t i = 0; i < RANGES_MAX; i++) {
		uint32_t used;

		if (!range_claim(&ranges[i], low, high))
			continue;
		used = atomic_load_explicit(&ranges_used, memory_order_relaxed);
		while (used <= i && !atomic_compare_exchange_weak_explicit(
					    &ranges_used, &used, i + 1, memory_order_release,
					    memory_order_relaxed))
			;
		return;
	}
}

void *arena_map(size_t size)
{
	long p;

	if (config.test_fault == FAULT_ENOMEM || shim_sandboxed)
		return NULL;
	size = round_up(size, PAGE_SIZE);
	p = sys(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p < 0 && p > -4096)
		return NULL;
	range_add((uintptr_t)p, (uintptr_t)p + size);
	atomic_fetch_add_explicit(&mapped, size, memory_order_relaxed);
	return (void *)p;
}

void arena_unmap(void *p, size_t size)
{
	if (!p)
		return;
	size = round_up(size, PAGE_SIZE);
	for (uint32_t i = 0;
	     i < RANGES_MAX && i < atomic_load_explicit(&ranges_used, memory_order_relaxed); i++) {
		if (atomic_load_explicit(&ranges[i].low, memory_order_relaxed) != (uintptr_t)p)
			continue;
		atomic_store_explicit(&ranges[i].high, 0, memory_order_relaxed);
		atomic_store_explicit(&ranges[i].low, 0, memory_order_release);
		break;
	}
	sys(SYS_munmap, p, size);
	atomic_fetch_sub_explicit(&mapped, size, memory_order_relaxed);
}

static void *chunk_take(struct chunk *c, size_t size)
{
	size_t at = atomic_fetch_add_explicit(&c->used, size, memory_order_relaxed);

	return at + size <= c->size ? (char *)c + at : NULL;
}

void *arena_alloc(size_t size)
{
	struct chunk *c = atomic_load_explicit(&chunk_current, memory_order_acquire), *fresh;
	void *p;

	size = round_up(size ? size : 1, 16);
	if (size > CHUNK_SIZE / 4)
		return arena_map(size);
	if (c && (p = chunk_take(c, size)))
		return p;
	fresh = arena_map(CHUNK_SIZE);
	if (!fresh)
		return NULL;
	fresh->size = CHUNK_SIZE;
	atomic_store_explicit(&fresh->used, round_up(sizeof(*fresh), 16), memory_order_relaxed);
	p = chunk_take(fresh, size);
	/* who loses this race keeps its chunk for this one request: at most CHUNK_SIZE a thread */
	atomic_compare_exchange_strong_explicit(&chunk_current, &c, fresh, memory_order_release,
						memory_order_relaxed);
	return p;
}

uint64_t arena_mapped(void)
{
	return atomic_load_explicit(&mapped, memory_order_relaxed);
}

bool arena_owns(uintptr_t address)
{
	uint32_t used = atomic_load_explicit(&ranges_used, memory_order_acquire);

	for (uint32_t i = 0; i < used && i < RANGES_MAX; i++) {
		if (address >= atomic_load_explicit(&ranges[i].low, memory_order_relaxed) &&
		    address < atomic_load_explicit(&ranges[i].high, memory_order_relaxed))
			return true;
	}
	return false;
}
