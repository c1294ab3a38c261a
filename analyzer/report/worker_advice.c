/* worker_advice.c - see worker_advice.h. */
#include "report/worker_advice.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* y = intercept + slope * x. False: the points do not differ in x. */
struct fit {
	double n, x, y, xx, xy;
};

static void fit_add(struct fit *f, double x, double y)
{
	f->n += 1;
	f->x += x;
	f->y += y;
	f->xx += x * x;
	f->xy += x * y;
}

static bool fit_line(const struct fit *f, double *intercept, double *slope)
{
	double d = f->n * f->xx - f->x * f->x;

	if (f->n < 2 || d < 0.5)
		return false;
	*slope = (f->n * f->xy - f->x * f->y) / d;
	*intercept = (f->y - *slope * f->x) / f->n;
	return true;
}

static const struct worker *worker_of(const struct workers *w, const struct worker_dump *d)
{
	for (size_t i = 0; i < w->rows.n; i++)
		if (w->rows.data[i].last->process == d->process &&
		    w->rows.data[i].last->pid == d->pid)
			return &w->rows.data[i];
	return NULL;
}

/* Two significant digits, downwards. */
static uint64_t rounded(double n)
{
	uint64_t unit = 1;

	if (n < 1)
		return 1;
	if (n > 1e15)
		return 1000000000000000u;
	while ((double)unit * 100 <= n)
		unit *= 10;
	return (uint64_t)n / unit * unit;
}

#define ALLOWED_PART 4.0
#define ALLOWED_LEAST (16.0 * 1024 * 1024)
#define COST_PART 0.01
#define TASKS_MOST 10000000u

static void choose(struct advice *a)
{
	double allowed = a->fresh_rss / ALLOWED_PART;

	if (allowed < ALLOWED_LEAST)
		allowed = ALLOWED_LEAST;
	a->grows = a->bytes_per_task > 0 && allowed / a->bytes_per_task <= TASKS_MOST;
	if (!a->grows)
		return;
	a->by_memory = rounded(allowed / a->bytes_per_task);
	if (a->costs)
		a->by_cost = rounded(a->start_us / (COST_PART * a->task_us));
	a->tasks = a->by_memory > a->by_cost ? a->by_memory : a->by_cost;
	a->memory_kib =
		(uint64_t)((a->fresh_rss + (double)a->tasks * a->bytes_per_task) / 1024) + 1;
}

void advice_compute(const struct workers *w, struct advice *ret)
{
	struct fit rss = {0}, cpu = {0};
	double growth = 0, slope;

	*ret = (struct advice){0};
	for (size_t i = 0; i < w->rows.n; i++)
		if (w->rows.data[i].grows && w->rows.data[i].tasks != WORKERS_UNKNOWN)
			growth += (double)w->rows.data[i].growth;
	for (size_t i = 0; i < w->dumps.n; i++) {
		const struct worker_dump *d = &w->dumps.data[i];
		const struct worker *k = worker_of(w, d);

		if (!k || !k->is_worker || d->tasks == WORKERS_UNKNOWN)
			continue;
		/* refgraph's own memory is not there in production */
		fit_add(&rss, (double)d->tasks,
			(double)(d->shim < d->rss ? d->rss - d->shim : d->rss));
		if (d->cpu_us)
			fit_add(&cpu, (double)d->tasks, (double)d->cpu_us);
	}
	ret->known = w->done != WORKERS_UNKNOWN && w->done > 0;
	if (!ret->known)
		return;
	ret->bytes_per_task = growth / (double)w->done;
	if (!fit_line(&rss, &ret->fresh_rss, &slope))
		ret->fresh_rss = rss.n > 0 ? rss.y / rss.n : 0;
	if (ret->fresh_rss < 0)
		ret->fresh_rss = 0;
	ret->costs = fit_line(&cpu, &ret->start_us, &ret->task_us) && ret->task_us > 0;
	if (ret->costs && ret->start_us < 0)
		ret->start_us = 0;
	choose(ret);
}

bool advice_setting(const struct advice *a, const char *role, unsigned i,
		    struct advice_setting *ret)
{
	enum { TASKS, MEMORY, JITTER };
	static const struct {
		const char *role, *format, *note;
		unsigned value;
	} settings[] = {
		{"celery worker", "worker_max_tasks_per_child = %" PRIu64, "", TASKS},
		{"celery worker", "worker_max_memory_per_child = %" PRIu64, "KiB, resident",
		 MEMORY},
		{"gunicorn worker", "max_requests = %" PRIu64, "", TASKS},
		{"gunicorn worker", "max_requests_jitter = %" PRIu64, "so that not all go at once",
		 JITTER},
		{"multiprocessing.Pool worker", "Pool(maxtasksperchild=%" PRIu64 ")",
		 "chunks of map() count as one", TASKS},
		{"billiard.Pool worker", "Pool(maxtasksperchild=%" PRIu64 ")", "", TASKS},
		{"ProcessPoolExecutor worker",
		 "ProcessPoolExecutor(max_tasks_per_child=%" PRIu64 ")",
		 "Python 3.11 and later, with spawn or forkserver", TASKS},
	};
	const uint64_t values[] = {a->tasks, a->memory_kib, (a->tasks + 9) / 10};
	unsigned seen = 0;

	for (size_t k = 0; a->grows && k < sizeof settings / sizeof *settings; k++)
		if (strcmp(settings[k].role, role) == 0 && seen++ == i) {
			snprintf(ret->text, sizeof ret->text, settings[k].format,
				 values[settings[k].value]);
			ret->note = settings[k].note;
			return true;
		}
	return false;
}
