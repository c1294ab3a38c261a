/*
 * csr.c - turning all edges round, in two steps that both stay in the cache.
 *
 * A counting sort by target would write at random all over memory. So edges are first dealt out to
 * buckets of neighbouring targets, which are few enough to be written side by side; then each bucket
 * is sorted on its own, which is small enough to be sorted in the cache. Both steps run in
 * parallel, over blocks of edges and over buckets. Edges keep their order throughout: sources come
 * out ascending.
 *
 * Sources are dealt out to where the result has their bucket; beside them goes only the place of the
 * target in its bucket, two bytes. On a big graph this is done for some buckets at a time: memory that
 * is touched for the first time costs more than reading the edges again.
 */
#include "graph/csr.h"

#include <stdlib.h>
#include <string.h>

#include "util/big.h"
#include "util/progress.h"
#include "util/threads.h"

/* A test makes them small, to see many buckets and parts in small graphs. */
#ifndef BUCKET_SHIFT
#define BUCKET_SHIFT 16u
#define BLOCK_EDGES (1u << 18) /* fewer are not worth a block of their own */
#define PART_EDGES (1u << 24)  /* that are dealt out at a time, and at least one bucket */
#endif
#define BUCKET_NODES (1u << BUCKET_SHIFT)

_Static_assert(BUCKET_SHIFT <= 16, "a target's place in its bucket has two bytes");

struct job {
	const struct graph *graph;
	const struct follow *follow;
	uint32_t nblocks, nbuckets;
	uint32_t *place; /* by block and bucket: how many edges; then where the next one goes */
	uint32_t *begin; /* nbuckets + 1: where a bucket begins in source */
	uint32_t part, part_end;  /* buckets that are sorted now */
	uint16_t *low;		  /* by edge of these buckets: its target's place in the bucket */
	uint32_t *first, *source; /* the result */
};

static inline uint32_t block_begin(const struct job *job, uint32_t block)
{
	return (uint64_t)job->graph->nedges * block / job->nblocks;
}

static inline bool counts(const struct job *job, uint32_t edge)
{
	return !job->follow || job->follow->pass[job->graph->edge_class[edge]];
}

static struct error *count(void *context, size_t block)
{
	struct job *job = context;
	uint32_t *place = job->place + block * job->nbuckets, end = block_begin(job, block + 1);

	for (uint32_t e = block_begin(job, block); e < end; e++)
		place[job->graph->out_target[e] >> BUCKET_SHIFT] += counts(job, e);
	return NULL;
}

/* Bucket by bucket, in each block by block: so that edges keep their order. */
static void lay_out(struct job *job)
{
	uint32_t at = 0;

	for (uint32_t bucket = 0; bucket < job->nbuckets; bucket++) {
		job->begin[bucket] = at;
		for (uint32_t block = 0; block < job->nblocks; block++) {
			uint32_t *place = &job->place[(size_t)block * job->nbuckets + bucket];
			uint32_t n = *place;

			*place = at;
			at += n;
		}
	}
	job->begin[job->nbuckets] = at;
}

uint32_t graph_source_of(const struct graph *g, uint32_t edge, uint32_t low)
{
	uint32_t high = g->nnodes;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (g->out_first[middle] <= edge)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static struct error *deal(void *context, size_t block)
{
	struct job *job = context;
	const struct graph *g = job->graph;
	uint32_t *place = job->place + block * job->nbuckets;
	uint32_t e = block_begin(job, block), end = block_begin(job, block + 1);

	uint32_t buckets = job->part_end - job->part;
	uint32_t base = job->begin[job->part];

	for (uint32_t s = e < end ? graph_source_of(g, e, 0) : 0; e < end; s++) {
		uint32_t stop = g->out_first[s + 1] < end ? g->out_first[s + 1] : end;

		for (; e < stop; e++) {
			uint32_t bucket = g->out_target[e] >> BUCKET_SHIFT;

			if (bucket - job->part < buckets && counts(job, e)) {
				uint32_t at = place[bucket]++;

				job->source[at] = s;
				job->low[at - base] = g->out_target[e] % BUCKET_NODES;
			}
		}
	}
	return NULL;
}

static struct error *settle(void *context, size_t i)
{
	struct job *job = context;
	uint32_t bucket = job->part + i, low = bucket << BUCKET_SHIFT, at = job->begin[bucket];
	uint32_t left = job->graph->nnodes - low, nodes = left < BUCKET_NODES ? left : BUCKET_NODES;
	uint32_t n = job->begin[bucket + 1] - at;
	const uint16_t *place = job->low + (at - job->begin[job->part]);
	uint32_t *next = malloc(((size_t)nodes + n) * sizeof *next), *dealt;

	if (!next)
		return error_memory();
	memset(next, 0, nodes * sizeof *next);
	dealt = next + nodes;
	memcpy(dealt, job->source + at, n * sizeof *dealt);
	for (uint32_t k = 0; k < n; k++)
		next[place[k]]++;
	for (uint32_t v = 0; v < nodes; v++) {
		uint32_t degree = next[v];

		job->first[low + v] = next[v] = at;
		at += degree;
	}
	for (uint32_t k = 0; k < n; k++)
		job->source[next[place[k]]++] = dealt[k];
	free(next);
	return NULL;
}

/* The end of the part that begins at bucket `part`. */
static uint32_t part_end(const struct job *job, uint32_t part)
{
	uint32_t end = part + 1;

	while (end < job->nbuckets && job->begin[end + 1] - job->begin[part] <= PART_EDGES)
		end++;
	return end;
}

static uint32_t largest_part(const struct job *job)
{
	uint32_t largest = 0;

	for (uint32_t part = 0, end; part < job->nbuckets; part = end) {
		end = part_end(job, part);
		if (job->begin[end] - job->begin[part] > largest)
			largest = job->begin[end] - job->begin[part];
	}
	return largest;
}

static struct error *sort_parts(struct job *job)
{
	for (job->part = 0; job->part < job->nbuckets; job->part = job->part_end) {
		job->part_end = part_end(job, job->part);
		TRY(parallel_for(job->nblocks, deal, job));
		TRY(parallel_for(job->part_end - job->part, settle, job));
	}
	return NULL;
}

/* Fills first and source, which may be left allocated after an error. */
static struct error *run(struct job *job)
{
	uint32_t total, largest;
	struct error *e;

	TRY(parallel_for(job->nblocks, count, job));
	lay_out(job);
	total = job->begin[job->nbuckets];
	largest = largest_part(job);
	TRY(big_alloc((size_t)job->graph->nnodes + 1, sizeof *job->first, &job->first));
	TRY(big_alloc(total, sizeof *job->source, &job->source));
	TRY(big_alloc(largest, sizeof *job->low, &job->low));
	job->first[job->graph->nnodes] = total;
	e = sort_parts(job);
	big_free(job->low, largest, sizeof *job->low);
	return e;
}

struct error *graph_reverse(const struct graph *g, const struct follow *follow, struct reverse *ret)
{
	struct job job = {.graph = g, .follow = follow};
	uint32_t most = 8 * threads_online();
	struct reverse reverse = {.nnodes = g->nnodes};
	const char *outer;
	struct error *e;

	job.nbuckets = (g->nnodes + (uint64_t)BUCKET_NODES - 1) >> BUCKET_SHIFT;
	job.nblocks = g->nedges / BLOCK_EDGES < most ? g->nedges / BLOCK_EDGES + 1 : most;
	job.place = calloc((size_t)job.nblocks * job.nbuckets + 1, sizeof *job.place);
	job.begin = calloc((size_t)job.nbuckets + 1, sizeof *job.begin);
	outer = progress_begin("turning references round");
	e = job.place && job.begin ? run(&job) : error_memory();
	progress_end(outer);
	reverse.nedges = job.begin ? job.begin[job.nbuckets] : 0;
	reverse.in_first = job.first;
	reverse.in_source = job.source;
	free(job.place);
	free(job.begin);
	if (e)
		reverse_deinit(&reverse);
	else
		*ret = reverse;
	return e;
}

void reverse_deinit(struct reverse *r)
{
	if (r->in_first)
		big_free(r->in_first, (size_t)r->nnodes + 1, sizeof *r->in_first);
	if (r->in_source)
		big_free(r->in_source, r->nedges, sizeof *r->in_source);
	*r = (struct reverse){0};
}
