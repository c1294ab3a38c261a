/* maps: mappings of its own; prints "SIZE KIND" in pages of what is mapped at the end, in order of address. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ul
#define RW PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0

int main(void)
{
	static char out[4096];
	char *base, *p;

	setvbuf(stdout, out, _IOFBF, sizeof(out));
	/* a place for all of them, so that their order is known */
	base = mmap(NULL, 1000 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED || munmap(base, 1000 * PAGE))
		return 1;
#define AT(page, n) if (mmap(base + (page) * PAGE, (n) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != base + (page) * PAGE) return 2
	AT(0, 11);
	AT(20, 30);
	munmap(base + 30 * PAGE, 5 * PAGE); /* 20..29, 35..49 */
	AT(60, 5);
	AT(80, 7);
	munmap(base + 80 * PAGE, 7 * PAGE); /* gone */
	if (mremap(base + 60 * PAGE, 5 * PAGE, 3 * PAGE, 0) == MAP_FAILED)
		return 3;
	p = mremap(base + 60 * PAGE, 3 * PAGE, 9 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + 100 * PAGE);
	if (p != base + 100 * PAGE)
		return 4;
	if (mmap64(base + 200 * PAGE, 13 * PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return 5;
	if (mmap(NULL, 0, RW) != MAP_FAILED || munmap(base + 1, PAGE) != -1)
		return 6;
	AT(205, 2); /* in the midst of another */
	printf("%p 11 10 15 9 5 2 6\n", (void *)base);
	return 0;
}
