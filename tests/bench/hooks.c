/*
 * hooks.c - what a hooked call costs: a function of nothing, called in a loop, plain, counted, counted around, with wide vector registers
 * in use, by the tables of imports; and what the proof costs for the functions of a library.
 *
 * Prints "NAME nanoseconds" of CPU time, the median of rounds; the plain loop is taken off.
 */
#define _GNU_SOURCE
#include <link.h>
#include <string.h>
#include <time.h>

#include "../hooks/engine.h"

#define CALLS 2000000
#define ROUNDS 9

__attribute__((noinline, noipa)) long target(long a)
{
	__asm__ volatile("nop; nop; nop; nop; nop; nop; nop" : "+r"(a));
	return a + 1;
}

static unsigned long calls_seen;
static void on_enter(struct hook_call *call)
{
	calls_seen++;
}
static void on_leave(struct hook_call *call)
{
	calls_seen++;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) -
	       (*(const double *)a < *(const double *)b);
}

static void use_wide(bool on)
{
	if (!__builtin_cpu_supports("avx"))
		return;
	if (on) /* a function that may use them would clear the upper halves at its end */
		__asm__ volatile(
			"vxorps %%ymm9, %%ymm9, %%ymm9; vcmpps $0, %%ymm9, %%ymm9, %%ymm9" ::
				: "xmm9");
	else
		__asm__ volatile("vzeroupper");
}

static double loop(bool wide)
{
	double times[ROUNDS], start;
	long sum = 0;

	for (int r = 0; r < ROUNDS; r++) {
		start = now();
		use_wide(wide);
		for (int i = 0; i < CALLS; i++)
			sum = target(sum);
		use_wide(false);
		times[r] = (now() - start) / CALLS;
	}
	qsort(times, ROUNDS, sizeof(double), by_value);
	return times[ROUNDS / 2];
}

static void one(const char *name, bool around, bool wide, double plain)
{
	struct hook hook = {.function = (uintptr_t)target, .enter = on_enter}, *list = &hook;

	hook.leave = around ? on_leave : NULL;
	if (hook_install(&list, 1) != 1) {
		printf("%s: %s\n", name, hook.why);
		return;
	}
	printf("%-44s %6.1f ns\n", name, loop(wide) - plain);
	hook_remove(&list, 1);
}

/* The proof alone, for all exported functions of a library. */
static void proof(const char *library)
{
	struct link_map *map = dlopen(library, RTLD_NOW);
	struct image image;
	size_t n = 0, patchable = 0;
	struct proof *proofs, **list;
	uint8_t *marks;
	double start;

	if (!map || !image_find(&image, (uintptr_t)map->l_ld))
		return;
	proofs = calloc(image.nsymbols, sizeof(*proofs));
	list = calloc(image.nsymbols, sizeof(*list));
	marks = calloc(marks_size(image.low, image.high), 1);
	start = now();
	for (size_t i = 0; i < image.nsymbols; i++) {
		const ElfW(Sym) *s = &image.symbols[i];

		if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || !s->st_value)
			continue;
		prove_entry(&image, image.base + s->st_value, s->st_size, &proofs[n]);
		list[n] = &proofs[n];
		n++;
	}
	/* ascending by entry, as patch.c has them */
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k && list[k - 1]->entry > list[k]->entry; k--) {
			struct proof *swap = list[k];
			list[k] = list[k - 1];
			list[k - 1] = swap;
		}
	prove_module(&image, list, n, marks);
	for (size_t i = 0; i < n; i++)
		patchable += !list[i]->why;
	printf("%-32s %6zu functions, %6zu may be patched, %8.2f ms\n", library, n, patchable,
	       (now() - start) / 1e6);
	free(proofs);
	free(list);
	free(marks);
}

int main(void)
{
	static const char *const libraries[] = {"libglib-2.0.so.0",	 "libgobject-2.0.so.0",
						"libgstreamer-1.0.so.0", "libcairo.so.2",
						"libxml2.so.2",		 "libcrypto.so.3",
						"libgtk-3.so.0",	 "libavcodec.so.59"};
	double plain = loop(false);

	printf("%-44s %6.1f ns\n", "a call, not hooked", plain);
	one("counted", false, false, plain);
	one("counted, upper halves of vectors in use", false, true, plain);
	one("counted around (enter and leave)", true, false, plain);
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		proof(libraries[i]);
	return 0;
}
