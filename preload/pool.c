/*
 * pool.c - memory of the walker. It belongs to the child alone, so there are no locks; it comes straight from the
 * kernel, because the program's allocator may be in any state.
 */
#include <sys/mman.h>

#include "sys.h"
#include "writer.h"

#define PAGE 4096u
#define SLAB (256u << 10)

static size_t page_round(size_t size)
{
	return (size + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static long map(struct pool *pool, size_t size, int flags)
{
	if (pool->refuse)
		return -12; /* ENOMEM */
	return sys(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
}

/* Shared memory is slower, but RLIMIT_DATA does not count it. */
void *pool_map(struct pool *pool, size_t size)
{
	long p = map(pool, page_round(size), MAP_PRIVATE);
	if (p < 0 && p > -4096)
		p = map(pool, page_round(size), MAP_SHARED);
	if (p < 0 && p > -4096) {
		pool->failed = true;
		return NULL;
	}
	pool->mapped += page_round(size);
	return (void *)p;
}

void pool_unmap(struct pool *pool, void *memory, size_t size)
{
	if (!memory)
		return;
	sys(SYS_munmap, memory, page_round(size));
	pool->mapped -= page_round(size);
}

void *pool_alloc(struct pool *pool, size_t size)
{
	uint8_t *p;
	size = (size + 15) & ~(size_t)15;
	if (size >= SLAB / 4)
		return pool_map(pool, size);
	if ((size_t)(pool->end - pool->at) < size) {
		uint8_t *slab = pool_map(pool, SLAB);
		if (!slab)
			return NULL;
		pool->at = slab;
		pool->end = slab + SLAB;
	}
	p = pool->at;
	pool->at += size;
	return p;
}
