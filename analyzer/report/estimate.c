/* estimate.c - see estimate.h. */
#include "report/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "caller 1, sampled 2, hybrid 4" */
static void read_modes(const char *text, struct estimate *e)
{
	const size_t max = sizeof e->hybrid / sizeof *e->hybrid;
	bool open = false;

	while (*text) {
		size_t word = strcspn(text, " ");
		uint32_t epoch = (uint32_t)strtoul(text + word, NULL, 10);

		if (open)
			e->hybrid[e->nhybrid - 1][1] = epoch;
		open = word == 6 && strncmp(text, "hybrid", 6) == 0 && e->nhybrid < max;
		if (open) {
			e->hybrid[e->nhybrid][0] = epoch;
			e->hybrid[e->nhybrid++][1] = UINT32_MAX;
		}
		text += strcspn(text, ",");
		text += strspn(text, ", ");
	}
}

bool estimate_in_hybrid(const struct estimate *e, uint32_t epoch)
{
	for (size_t i = 0; i < e->nhybrid; i++)
		if (epoch >= e->hybrid[i][0] && epoch < e->hybrid[i][1])
			return true;
	return false;
}

struct error *estimate_open(struct model *m, struct estimate *ret)
{
	const char *mean, *modes;

	*ret = (struct estimate){0};
	TRY(model_load(m, MODEL_META));
	modes = model_meta(m, "tracking");
	if (modes)
		read_modes(modes, ret);
	mean = model_meta(m, "sample");
	ret->mean = mean ? (double)strtoull(mean, NULL, 10) : 0;
	return NULL;
}

void estimate_add(const struct estimate *e, uint32_t flags, uint64_t size, struct estimate_sum *sum)
{
	double p = 1, spread, bytes = (double)size;

	if (flags & RGD_OBJ_F_SAMPLED && e->mean > 0 && size)
		p = -expm1(-bytes / e->mean);
	spread = (1 - p) / (p * p);
	sum->objects += 1 / p;
	sum->bytes += bytes / p;
	sum->objects_variance += spread;
	sum->bytes_variance += spread * bytes * bytes;
}

uint64_t estimate_round(double value)
{
	return value < 1e18 ? (uint64_t)(value + 0.5) : UINT64_MAX / 2;
}

uint64_t estimate_error(double variance)
{
	return variance > 0 ? estimate_round(sqrt(variance)) : 0;
}
