/* big.c - see big.h. */
#include "util/big.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE (2u << 20)

static size_t rounded(size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
		return 0;
	return (bytes + 4096) & ~(size_t)4095; /* never 0 */
}

static struct error *map(size_t count, size_t size, bool large, void *ret)
{
	size_t bytes = rounded(count, size);
	void *p;

	if (!bytes)
		return error_memory();
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return error_memory();
	if (large && bytes >= 2 * HUGE_PAGE)
		madvise(p, bytes, MADV_HUGEPAGE);
	memcpy(ret, &p, sizeof p);
	return NULL;
}

/* These arrays are written from end to end: large pages spare most of the page faults. */
struct error *big_alloc(size_t count, size_t size, void *ret)
{
	return map(count, size, true, ret);
}

struct error *big_alloc_sparse(size_t count, size_t size, void *ret)
{
	return map(count, size, false, ret);
}

struct error *big_map(int fd, uint64_t offset, size_t count, size_t size, void *ret)
{
	size_t bytes = rounded(count, size);
	void *p;

	if (!bytes)
		return error_memory();
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd,
		 (off_t)offset);
	if (p == MAP_FAILED)
		return error_memory();
	memcpy(ret, &p, sizeof p);
	return NULL;
}

void big_free(const void *p, size_t count, size_t size)
{
	if (p)
		munmap((void *)p, rounded(count, size));
}
