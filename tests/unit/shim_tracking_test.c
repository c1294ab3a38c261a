// LIBS: -lm
/*
 * shim_tracking_test.c - the draws and weights of samples, against libm and against the laws they must follow. Every draw comes from
 * a seed that is given, so each run sees the same.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../preload/tracking.c"

struct config config;
_Atomic uint32_t epoch_now = 1;
_Atomic bool shim_sandboxed;
__thread bool fork_holds;
__thread struct thread *thread_current;
static bool unwinder_init(void)
{
	return true;
}
const struct unwinder *unwinder, unwinder_fast = {.init = unwinder_init}, unwinder_libunwind;
const char *const stacks_words[] = {"none", "caller", "sampled", "hybrid", "exact", "full", NULL};
static uint32_t taken;
static int failures, sites_stale;

uint32_t epoch_advance(uint32_t kind, const char *label)
{
	return ++epoch_now;
}

void entry_mode_set(void)
{
}

void stack_sites_stale(void)
{
	sites_stale++;
}

uint32_t stack_site_taken(uint32_t site, bool count)
{
	return taken;
}

void log_line(const char *text)
{
}

int log_format(char *buffer, size_t size, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(buffer, size, format, arguments);
	va_end(arguments);
	return n;
}

static void report(const char *name, bool good)
{
	printf("%s tracking: %s\n", good ? "ok" : "not ok", name);
	failures += !good;
}

static void test_functions(void)
{
	double worst_log = 0, worst_drawn = 0;

	for (double u = 1; u > 1e-15; u *= 0.999)
		worst_log = fmax(worst_log, fabs(minus_log(u) + log(u)) / fmax(-log(u), 1e-3));
	for (double x = 1e-9; x < 100; x *= 1.001)
		worst_drawn = fmax(worst_drawn, fabs(drawn(x) / -expm1(-x) - 1));
	report("the logarithm", worst_log < 1e-7);
	report("the probability to be drawn", worst_drawn < 1e-9);
}

/* Mean 1, variance 1, and exp(-x) of them above x. */
static void test_exponential(void)
{
	struct thread t = {.random = 1};
	double sum = 0, squares = 0;
	unsigned n = 1000000, above[4] = {0};
	bool law = true;

	for (unsigned i = 0; i < n; i++) {
		double x = tracking_exponential(&t);

		sum += x;
		squares += x * x;
		for (unsigned k = 0; k < 4; k++)
			above[k] += x > k + 1;
	}
	for (unsigned k = 0; k < 4; k++)
		law &= fabs(above[k] / (double)n - exp(-(k + 1.0))) < 0.002;
	report("the exponential's mean", fabs(sum / n - 1) < 0.005);
	report("its variance", fabs(squares / n - 2) < 0.02);
	report("its tail", law);
}

/* Blocks of all sizes in a rhythm that a fixed distance would meet: the countdown draws each as often as its size says. */
static void test_unbiased(void)
{
	static const uint64_t sizes[] = {16, 4096, 24, 100000, 512, 5000000};
	enum { KINDS = sizeof(sizes) / sizeof(sizes[0]), ROUNDS = 400000 };
	struct thread t = {.random = 7};
	uint64_t drawn_blocks[KINDS] = {0}, left = 0;
	bool good = true;

	config.sample = 4096;
	left = (uint64_t)(tracking_exponential(&t) * 4096) + 1;
	for (unsigned i = 0; i < ROUNDS * KINDS; i++) {
		unsigned k = i % KINDS;

		if (left > sizes[k]) {
			left -= sizes[k];
			continue;
		}
		drawn_blocks[k]++;
		left = (uint64_t)(tracking_exponential(&t) * 4096) + 1;
	}
	for (unsigned k = 0; k < KINDS; k++) {
		double p = -expm1(-(double)sizes[k] / 4096), spread = sqrt((1 - p) / (p * ROUNDS));
		uint64_t blocks, bytes;

		good &= fabs(drawn_blocks[k] / (p * ROUNDS) - 1) < 5 * spread + 1e-3;
		tracking_weight(sizes[k], &blocks, &bytes);
		good &= fabs((double)blocks - 1 / p) <= 0.5 &&
			fabs((double)bytes - sizes[k] / p) <= 1;
	}
	report("each size as often as it must be, with its weight", good);
}

static void test_wait(void)
{
	struct thread t = {.random = 3};
	double sum = 0;
	unsigned n = 1000000, ones = 0;

	stacks_mode = STACKS_CALLER;
	report("no stack is waited for but in hybrid", tracking_wait(&t, 1) == UINT32_MAX);
	stacks_mode = STACKS_HYBRID;
	taken = HYBRID_FIRST - 1;
	report("the first ones come at once", tracking_wait(&t, 1) == 1);
	taken = HYBRID_FIRST;
	for (unsigned i = 0; i < n; i++) {
		uint32_t wait = tracking_wait(&t, 1);

		sum += wait;
		ones += wait == 1;
	}
	report("then one in 64", fabs(sum / n - HYBRID_SHARE) < 0.3);
	report("also of those right after one", fabs(ones * 64.0 / n - 1) < 0.05);
}

static void test_history(void)
{
	char text[2048];

	stacks_mode = STACKS_NONE;
	config.stacks = STACKS_CALLER;
	tracking_init();
	report("no word, no switch", !tracking_switch("more") && epoch_now == 1);
	report("the same mode is no switch", tracking_switch("caller") && epoch_now == 1);
	report("full is exact", tracking_switch("full") && stacks_mode == STACKS_EXACT);
	report("cached sites go with the mode", sites_stale == 1 && epoch_now == 2);
	tracking_history(text, sizeof(text));
	report("the history", !strcmp(text, "caller 1, exact 2"));
	for (unsigned i = 0; i < 100; i++)
		tracking_switch(i % 2 ? "exact" : "sampled");
	tracking_history(text, sizeof(text));
	report("a long one keeps its ends", !strncmp(text, "caller 1, ", 10) &&
						    strstr(text, ", exact 102") &&
						    tracking_was_sampled);
}

int main(void)
{
	test_functions();
	test_exponential();
	test_unbiased();
	test_wait();
	test_history();
	return failures != 0;
}
