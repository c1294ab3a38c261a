/*
 * small: blocks of 0 to 40 bytes by every function, packed as the allocator packs them, every third freed again; the contents of each
 * are checked at the end. Prints "SIZE COUNT" of what lives.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZES 41
#define EACH 450
void *kept[SIZES][EACH];

__attribute__((noinline)) static void *maker(size_t size, unsigned i)
{
	void *p = NULL;

	switch (i % 9) {
	case 0: return malloc(size);
	case 1: return calloc(1, size);
	case 2: return calloc(size, 1);
	case 3: return realloc(malloc(100), size ? size : 1);
	case 4: return realloc(NULL, size);
	case 5: return reallocarray(malloc(3), size ? size : 1, 1);
	case 6: return posix_memalign(&p, 8, size) ? NULL : p;
	case 7: return memalign(16, size);
	default: return aligned_alloc(8, size);
	}
}

int main(void)
{
	static char out[4096];
	unsigned counts[SIZES] = {0};

	setvbuf(stdout, out, _IOFBF, sizeof(out));
	for (unsigned i = 0; i < EACH; i++) {
		for (unsigned size = 0; size < SIZES; size++) {
			kept[size][i] = maker(size, i);
			if (!kept[size][i])
				return 2;
			memset(kept[size][i], (int)(size + i), size);
		}
	}
	for (unsigned size = 0; size < SIZES; size++) {
		for (unsigned i = size % 3; i < EACH; i += 3) {
			free(kept[size][i]);
			kept[size][i] = NULL;
		}
	}
	for (unsigned i = 0; i < EACH; i++) {
		for (unsigned size = 0; size < SIZES; size++) {
			const unsigned char *p = kept[size][i];
			for (unsigned k = 0; p && k < size; k++) {
				if (p[k] != (unsigned char)(size + i))
					return 3;
			}
			/* realloc and reallocarray were asked for one byte instead of none */
			if (p)
				counts[size == 0 && (i % 9 == 3 || i % 9 == 5) ? 1 : size]++;
		}
	}
	for (unsigned size = 0; size < SIZES; size++)
		printf("%u %u\n", size, counts[size]);
	return 0;
}
