/* LEB128 against an encoder in the plainest form: every length, every cut, numbers that are too long. */
#include "dump/varint.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned encode(uint64_t v, uint8_t *out)
{
	unsigned n = 0;

	for (; v >= 128; v /= 128)
		out[n++] = 128 + v % 128;
	out[n++] = v;
	return n;
}

/* The number at the end of exactly-sized memory, whole and cut short, so that a sanitizer sees every byte read too many. */
static bool one_by(uint64_t v, const uint8_t *(*get)(const uint8_t *, const uint8_t *, uint64_t *))
{
	uint8_t bytes[10];
	unsigned n = encode(v, bytes);

	for (unsigned size = 0; size <= n; size++) {
		uint8_t *copy = malloc(size ? size : 1);
		uint64_t got = ~v;
		const uint8_t *end;
		bool good;

		memcpy(copy, bytes, size);
		end = get(copy, copy + size, &got);
		good = size < n ? end == NULL : end == copy + n && got == v;
		free(copy);
		if (!good) {
			printf("not ok varint: %llu in %u of %u bytes\n", (unsigned long long)v, size, n);
			return false;
		}
	}
	return true;
}

/* With more numbers behind it, which must stay unread. */
static bool first_of_many(uint64_t v)
{
	uint8_t bytes[32];
	unsigned n = encode(v, bytes);
	uint64_t got = ~v;

	for (unsigned next = 0; next < 256; next += 51) {
		memset(bytes + n, (int)next, sizeof bytes - n);
		if (varint_get_any(bytes, bytes + sizeof bytes, &got) != bytes + n || got != v) {
			printf("not ok varint: %llu before other numbers\n", (unsigned long long)v);
			return false;
		}
	}
	return true;
}

static bool one(uint64_t v)
{
	return one_by(v, varint_get) && one_by(v, varint_get_any) && first_of_many(v);
}

static bool round_trips(void)
{
	uint64_t x = 88172645463325252ull;

	for (unsigned shift = 0; shift < 64; shift++)
		for (int d = -2; d <= 2; d++)
			if (!one((1ull << shift) + d))
				return false;
	for (unsigned i = 0; i < 200000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (!one(x >> (x & 63)))
			return false;
	}
	return true;
}

static bool refuses(const char *name, const uint8_t *bytes, size_t n)
{
	uint64_t got;

	if (!varint_get(bytes, bytes + n, &got))
		return true;
	printf("not ok varint: %s is refused: read as %llu\n", name, (unsigned long long)got);
	return false;
}

static bool zigzags(void)
{
	static const int64_t numbers[] = {0, -1, 1, -2, 2, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		int64_t v = numbers[i];
		uint64_t coded = v < 0 ? 2 * (uint64_t)(-(v + 1)) + 1 : 2 * (uint64_t)v;

		if (zigzag_decode(coded) != v || (v == (int32_t)v && zigzag_decode32(coded) != v)) {
			printf("not ok varint: zigzag of %lld\n", (long long)v);
			return false;
		}
	}
	return true;
}

int main(void)
{
	const uint8_t eleven[11] = {128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0};
	const uint8_t bits65[10] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 2};
	bool good = true;

	good &= round_trips() && printf("ok varint: numbers of every length, whole and cut\n");
	good &= refuses("eleven bytes", eleven, 11) && refuses("65 bits", bits65, 10) &&
		printf("ok varint: more than 64 bits are refused\n");
	good &= zigzags() && printf("ok varint: zigzag\n");
	return !good;
}
