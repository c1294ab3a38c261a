/*
 * trend.h - a straight line through measurements over time, and how well it fits.
 *
 * The slope is the median of the slopes of all pairs of points: H. Theil, "A rank-invariant method of linear and polynomial
 * regression analysis", Proc. Kon. Ned. Akad. v. Wetensch. A 53, 1950; with ties and the interval as in P. K. Sen, "Estimates of the
 * regression coefficient based on Kendall's tau", JASA 63, 1968. Not least squares, because heaps jump: one dump in the middle of
 * a request, or a cache that was dropped once, would tilt that line; this one stays until 29 % of the dumps are such.
 */
#ifndef REFGRAPH_TREND_H
#define REFGRAPH_TREND_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

struct trend {
	double slope;
	bool has_interval; /* from five points on: 95 % of such intervals hold the true slope */
	double low, high;
	bool has_fit; /* not when all y are the same */
	double fit;   /* R²: the square of the correlation of x and y; 1 = a straight line */
};

/* n points, at least two different x. */
struct error *trend_compute(const double *x, const double *y, size_t n, struct trend *ret);

#endif
