/*
 * tracking.c - which mode is in force, and since when; the draws and weights of samples.
 *
 * Sampled: each byte that is allocated is drawn with the same small probability, independently of all others; a block is kept
 * when one of its bytes is. So a block of s bytes is kept with p = 1 - exp(-s / mean) and stands for 1 / p blocks of its size, whatever
 * the order in which the program allocates: sums over the sample, weighted so, have no bias (Horvitz and Thompson 1952). The
 * distance to the next drawn byte is exponential, and so a countdown is all that an allocation costs.
 *
 * Hybrid: of the allocations of one site, after the first ones, each takes its full stack with probability 1 / HYBRID_SHARE; the
 * distance is geometric, so that no rhythm of the program can meet ours.
 *
 * No libm here: it would become a library of every program. The series below are good for nine digits.
 */
#include <string.h>

#include "glue.h"

_Atomic uint32_t stacks_mode = STACKS_NONE;
_Atomic bool tracking_was_sampled;

#define HISTORY_MAX 64u
static struct {
	uint32_t mode, epoch;
} history[HISTORY_MAX];
static uint32_t history_used;

/* ---- the mode ------------------------------------------------------------------------------------------------------- */

static void history_add(uint32_t mode, uint32_t epoch)
{
	if (history_used == HISTORY_MAX) { /* the first stays */
		memmove(&history[1], &history[2], (HISTORY_MAX - 2) * sizeof(history[0]));
		history_used--;
	}
	history[history_used].mode = mode;
	history[history_used++].epoch = epoch;
}

static void mode_set(uint32_t mode)
{
	if (mode == STACKS_SAMPLED)
		atomic_store_explicit(&tracking_was_sampled, true, memory_order_relaxed);
	atomic_store_explicit(&stacks_mode, mode, memory_order_relaxed);
	history_add(mode, atomic_load_explicit(&epoch_now, memory_order_relaxed));
}

void tracking_init(void)
{
	mode_set(config.stacks);
}

void tracking_unwinder(void)
{
	const struct unwinder *found =
		config.unwind_reference ? &unwinder_libunwind : &unwinder_fast;

	if (unwinder || (!config.rules[0] &&
			 atomic_load_explicit(&stacks_mode, memory_order_relaxed) < STACKS_SAMPLED))
		return;
	if (!found->init())
		found = found == &unwinder_fast && unwinder_libunwind.init() ? &unwinder_libunwind
									     : NULL;
	if (!found)
		log_line("no unwinder works here: only the callers of allocations are kept");
	/* last: the hooks of other threads may look at any time */
	__atomic_store_n(&unwinder, found, __ATOMIC_RELEASE);
}

bool tracking_switch(const char *word)
{
	uint32_t mode = 0;
	char label[32];

	while (stacks_words[mode] && strcmp(stacks_words[mode], word) != 0)
		mode++;
	if (!stacks_words[mode])
		return false;
	if (mode == STACKS_FULL)
		mode = STACKS_EXACT;
	if (mode == atomic_load_explicit(&stacks_mode, memory_order_relaxed))
		return true;
	log_format(label, sizeof(label), "stacks %s", stacks_words[mode]);
	epoch_advance(RGD_EPOCH_TRACKING, label);
	mode_set(mode);
	tracking_unwinder();
	entry_mode_set();
	stack_sites_stale();
	return true;
}

bool tracking_was(uint32_t mode)
{
	for (uint32_t i = 0; i < history_used; i++)
		if (history[i].mode == mode)
			return true;
	return false;
}

void tracking_history(char *text, size_t size)
{
	size_t n = 0;

	text[0] = 0;
	for (uint32_t i = 0; i < history_used && n < size; i++)
		n += (size_t)log_format(text + n, size - n, "%s%s %u", i ? ", " : "",
					stacks_words[history[i].mode], history[i].epoch);
}

/* ---- draws ---------------------------------------------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood 2014): any seed will do. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint64_t seed(const struct thread *t)
{
	uint64_t now = 0;

#if defined(__x86_64__)
	now = __builtin_ia32_rdtsc(); /* no system call: a sandbox may have come */
#endif
	return ((uint64_t)(uintptr_t)t ^ now << 20) | 1;
}

/* -ln(u) of 0 < u <= 1: u = m 2^-e with m around 1, and ln m by the series of the area tangent. */
static double minus_log(double u)
{
	union {
		double value;
		uint64_t bits;
	} m = {u};
	int e = 1023 - (int)(m.bits >> 52);
	double z, z2;

	m.bits = (m.bits & 0x000fffffffffffffull) | 1023ull << 52;
	if (m.value > 1.4142135623730951) {
		m.value *= 0.5;
		e--;
	}
	z = (m.value - 1) / (m.value + 1);
	z2 = z * z;
	return e * 0.69314718055994531 -
	       2 * z * (1 + z2 * (1.0 / 3 + z2 * (1.0 / 5 + z2 * (1.0 / 7 + z2 / 9))));
}

double tracking_exponential(struct thread *t)
{
	static uint64_t orphans;
	uint64_t *state = t ? &t->random : &orphans;

	if (unlikely(!*state))
		*state = seed(t);
	return minus_log((double)((random_next(state) >> 11) + 1) * 0x1p-53);
}

/* 1 - exp(-x) of x > 0 */
static double drawn(double x)
{
	double y = x / 1024, e;

	if (x < 0.01)
		return x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4)));
	if (x > 40)
		return 1;
	e = 1 - y * (1 - y / 2 * (1 - y / 3 * (1 - y / 4)));
	for (int i = 0; i < 10; i++)
		e *= e;
	return 1 - e;
}

void tracking_weight(uint64_t size, uint64_t *blocks, uint64_t *bytes)
{
	double p = size ? drawn((double)size / (double)config.sample) : 1;

	*blocks = (uint64_t)(1 / p + 0.5);
	*bytes = (uint64_t)((double)size / p + 0.5);
}

uint32_t tracking_wait(struct thread *t, uint32_t site)
{
	if (atomic_load_explicit(&stacks_mode, memory_order_relaxed) != STACKS_HYBRID)
		return UINT32_MAX;
	if (stack_site_taken(site, false) < HYBRID_FIRST)
		return 1;
	/* 1 / -ln(1 - 1/64): so each allocation is the one with probability 1/64 */
	_Static_assert(HYBRID_SHARE == 64, "the number below");
	return 1 + (uint32_t)(tracking_exponential(t) * 63.498687);
}
