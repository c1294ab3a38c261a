/*
 * csr.c - turning all edges round.
 *
 * Each worker owns a range of targets, reads all edges in order and takes those that end in its
 * range: no atomics, sources come out ascending, and the counters that it writes at random stay
 * few. That reads the edges once a worker, in sequence, which is the cheap part.
 */
#include "graph/csr.h"

#include "util/big.h"
#include "util/threads.h"

#define MAX_RANGES 8u

struct job {
	const struct graph *graph;
	const struct follow *follow;
	unsigned nranges;
	uint32_t *first; /* nnodes + 1; while scattering: where the next source of a target goes */
	uint32_t *source;
};

static inline uint32_t range_begin(const struct job *job, unsigned range)
{
	return (uint64_t)job->graph->nnodes * range / job->nranges;
}

/* first[v + 1] = in-degree of v */
static struct error *count(void *context, size_t range)
{
	struct job *job = context;
	const struct graph *g = job->graph;
	uint32_t low = range_begin(job, range), span = range_begin(job, range + 1) - low;
	uint32_t *degree = job->first + low + 1;

	for (uint32_t e = 0; e < g->nedges; e++) {
		uint32_t v = g->out_target[e] - low;

		if (v < span && (!job->follow || job->follow->pass[g->edge_class[e]]))
			degree[v]++;
	}
	return NULL;
}

static struct error *scatter(void *context, size_t range)
{
	struct job *job = context;
	const struct graph *g = job->graph;
	uint32_t low = range_begin(job, range), span = range_begin(job, range + 1) - low;
	uint32_t *next = job->first + low;

	for (uint32_t s = 0; s < g->nnodes; s++) {
		for (uint32_t e = g->out_first[s]; e < g->out_first[s + 1]; e++) {
			uint32_t v = g->out_target[e] - low;

			if (v < span && (!job->follow || job->follow->pass[g->edge_class[e]]))
				job->source[next[v]++] = s;
		}
	}
	return NULL;
}

/* Scattering moved every entry to the end of its run: the begin of the next. */
static void shift_back(uint32_t *first, uint32_t n)
{
	for (uint32_t v = n; v > 0; v--)
		first[v] = first[v - 1];
	first[0] = 0;
}

struct error *graph_reverse(const struct graph *g, const struct follow *follow, struct reverse *ret)
{
	struct job job = {.graph = g, .follow = follow};
	struct error *e;

	job.nranges = threads_online() < MAX_RANGES ? threads_online() : MAX_RANGES;
	TRY(big_alloc((size_t)g->nnodes + 1, sizeof *job.first, &job.first));
	e = parallel_for(job.nranges, count, &job);
	for (uint32_t v = 0; v < g->nnodes; v++)
		job.first[v + 1] += job.first[v];
	if (!e)
		e = big_alloc(job.first[g->nnodes], sizeof *job.source, &job.source);
	if (!e)
		e = parallel_for(job.nranges, scatter, &job);
	if (e) {
		big_free(job.first, (size_t)g->nnodes + 1, sizeof *job.first);
		return e;
	}
	*ret = (struct reverse){.nnodes = g->nnodes, .nedges = job.first[g->nnodes]};
	shift_back(job.first, g->nnodes);
	ret->in_first = job.first;
	ret->in_source = job.source;
	return NULL;
}

void reverse_deinit(struct reverse *r)
{
	if (r->in_first)
		big_free(r->in_first, (size_t)r->nnodes + 1, sizeof *r->in_first);
	if (r->in_source)
		big_free(r->in_source, r->nedges, sizeof *r->in_source);
	*r = (struct reverse){0};
}
