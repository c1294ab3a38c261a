/* trend.c - see trend.h. */
#include "report/trend.h"

#include <math.h>
#include <stdlib.h>

#define INTERVAL_LEAST 5u /* of fewer points all slopes together are not 95 % certain */
#define NORMAL_95 1.959964

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *sorted, size_t n)
{
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Points at one x give no slope. */
static size_t pair_slopes(const double *x, const double *y, size_t n, double *slopes)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			if (x[i] != x[j])
				slopes[count++] = (y[j] - y[i]) / (x[j] - x[i]);
	return count;
}

/* The ranks between which the true slope lies, by the distribution of Kendall's S; rounded outwards. */
static void interval(const double *sorted, size_t count, size_t n, struct trend *t)
{
	double spread = NORMAL_95 * sqrt((double)n * (n - 1) * (2 * n + 5) / 18);
	double first = floor((count - spread) / 2), last = ceil((count + spread) / 2);

	t->has_interval = n >= INTERVAL_LEAST;
	if (first < 1)
		first = 1;
	if (last > (double)count - 1)
		last = (double)count - 1;
	t->low = sorted[(size_t)first - 1];
	t->high = sorted[(size_t)last];
}

static void fit(const double *x, const double *y, size_t n, struct trend *t)
{
	double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;

	for (size_t i = 0; i < n; i++) {
		mx += x[i] / n;
		my += y[i] / n;
	}
	for (size_t i = 0; i < n; i++) {
		xx += (x[i] - mx) * (x[i] - mx);
		yy += (y[i] - my) * (y[i] - my);
		xy += (x[i] - mx) * (y[i] - my);
	}
	t->has_fit = xx > 0 && yy > 0;
	t->fit = t->has_fit ? xy * xy / (xx * yy) : 0;
}

struct error *trend_compute(const double *x, const double *y, size_t n, struct trend *ret)
{
	double *slopes = calloc(n * (n - 1) / 2 + 1, sizeof *slopes);
	struct trend t = {0};
	size_t count;

	if (!slopes)
		return error_memory();
	count = pair_slopes(x, y, n, slopes);
	if (count) {
		qsort(slopes, count, sizeof *slopes, by_value);
		t.slope = median(slopes, count);
		interval(slopes, count, n, &t);
	}
	fit(x, y, n, &t);
	free(slopes);
	*ret = t;
	return NULL;
}
