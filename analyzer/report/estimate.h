/*
 * estimate.h - sums over a dump that has a sample of the native blocks instead of all (REFGRAPH_STACKS=sampled).
 *
 * A block of s bytes is in the sample with p = 1 - exp(-s / mean), independently of all others; it stands for 1 / p blocks of its
 * size. Sums weighted so have no bias, and their variance is estimated without bias by the sum of (1 - p) / p^2 times the square of
 * what is summed (Horvitz and Thompson, 1952). Blocks that are not flagged as sampled stand for themselves.
 */
#ifndef REFGRAPH_ESTIMATE_H
#define REFGRAPH_ESTIMATE_H

#include "dump/model.h"

struct estimate {
	double mean; /* bytes between samples; 0: the dump has no sample */
	size_t nhybrid;
	uint32_t hybrid[64][2]; /* epochs in which hybrid was in force: [first, end) */
};

struct estimate_sum {
	double objects, bytes;
	double objects_variance, bytes_variance;
};

/* Loads META. */
struct error *estimate_open(struct model *model, struct estimate *ret);
/* Adds an object with these flags and this size. */
void estimate_add(const struct estimate *estimate, uint32_t flags, uint64_t size,
		  struct estimate_sum *sum);
/* Was hybrid in force when it was born? */
bool estimate_in_hybrid(const struct estimate *estimate, uint32_t epoch);
uint64_t estimate_round(double value);
/* Of a variance: the standard error. */
uint64_t estimate_error(double variance);

#endif
