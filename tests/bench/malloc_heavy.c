/*
 * malloc_heavy [PAIRS [LIVE [FRAMES]]] - replaces random blocks of a live set: PAIRS malloc/free pairs, LIVE blocks alive, called
 * through FRAMES frames. Sizes as programs have them: mostly small, some of a few hundred bytes, few large. Each block is
 * written at both ends. Prints a checksum, so that nothing is optimized away and two runs can be compared.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t seed = 88172645463325252ull;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static size_t next_size(void)
{
	uint64_t r = next_random();

	if ((r & 15) < 12)
		return 16 + (r >> 8) % 112;
	if ((r & 15) < 15)
		return 128 + (r >> 8) % 900;
	return 1024 + (r >> 8) % 7000;
}

static __attribute__((noinline)) unsigned char *allocate(size_t size)
{
	unsigned char *block = malloc(size);

	if (!block)
		abort();
	block[0] = (unsigned char)size;
	block[size - 1] = 1;
	return block;
}

static unsigned char **live;
static uint64_t count, checksum;

static void replace(uint64_t pairs)
{
	for (uint64_t i = 0; i < pairs; i++) {
		uint64_t at = next_random() % count;

		checksum += live[at][0];
		free(live[at]);
		live[at] = allocate(next_size());
	}
}

static __attribute__((noinline)) void descend(unsigned frames, uint64_t pairs)
{
	volatile unsigned char pad[32];

	pad[0] = (unsigned char)frames;
	if (frames > 0)
		descend(frames - 1, pairs);
	else
		replace(pairs);
	checksum += pad[0];
}

int main(int argc, char **argv)
{
	uint64_t pairs = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
	unsigned frames = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 12;

	count = argc > 2 ? strtoull(argv[2], NULL, 10) : 200000;
	live = malloc(count * sizeof(*live));
	if (!live || !count)
		return 2;
	for (uint64_t i = 0; i < count; i++)
		live[i] = allocate(next_size());
	descend(frames, pairs);
	for (uint64_t i = 0; i < count; i++)
		free(live[i]);
	free(live);
	printf("%llu\n", (unsigned long long)checksum);
	return 0;
}
