/*
 * keeps.c - see keeps.h. On a big graph every look at an edge's target is a cache miss: strong references are counted in one range of
 * objects a thread, and what conservative ones must know of their target is one bit, so that the bits stay in the cache.
 */
#include "report/keeps.h"

#include <stdlib.h>

#include "util/big.h"
#include "util/bits.h"
#include "util/threads.h"

#define BLOCK_EDGES (1u << 18)
#define MAX_RANGES 4u /* each of them reads all edges */
#define AHEAD 32u

struct job {
	struct model *m;
	uint32_t *strong;
	uint8_t *edge_class;
	uint64_t *explained;
	uint32_t ranges;
};

static bool has_kind(const struct model *m, unsigned kind)
{
	for (uint32_t i = 0; i < m->nlabels; i++)
		if (m->labels[i].kind == kind)
			return true;
	return false;
}

static struct error *count_range(void *context, size_t range)
{
	const struct job *job = context;
	const struct graph *g = &job->m->graph;
	uint32_t low = (uint64_t)g->nnodes * range / job->ranges,
		 nodes = (uint64_t)g->nnodes * (range + 1) / job->ranges - low;
	uint32_t *strong = job->strong + low;

	for (uint32_t e = 0; e < g->nedges; e++) {
		if (g->nedges - e > AHEAD && g->out_target[e + AHEAD] - low < nodes)
			__builtin_prefetch(&strong[g->out_target[e + AHEAD] - low], 1);
		if (MODEL_CLASS_KIND(g->edge_class[e]) == RGD_EDGE_STRONG &&
		    g->out_target[e] - low < nodes)
			strong[g->out_target[e] - low]++;
	}
	return NULL;
}

static struct error *count_strong(struct job *job)
{
	const struct model *m = job->m;

	job->ranges = threads_online() < MAX_RANGES ? threads_online() : MAX_RANGES;
	if (has_kind(m, RGD_EDGE_STRONG))
		TRY(parallel_for(job->ranges, count_range, job));
	for (uint32_t i = 0; i < m->nroots; i++)
		job->strong[m->roots[i].target] += m->roots[i].kind == RGD_EDGE_STRONG;
	return NULL;
}

/* What is looked at of an object's group. */
struct facts {
	uint64_t refcount[RGD_GROUP_ROWS];
	uint32_t flags[RGD_GROUP_ROWS];
};

static void explain(const struct job *job, uint32_t first, const struct facts *f)
{
	uint32_t left = job->m->nobjects - first, n = left < RGD_GROUP_ROWS ? left : RGD_GROUP_ROWS;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t o = first + i;
		bool explained = (f->flags[i] & RGD_OBJ_F_IMMORTAL) ||
				 (f->refcount[i] && f->refcount[i] <= job->strong[o]);

		job->explained[o >> 6] |= (uint64_t)explained << (o & 63);
	}
}

/* A group is a multiple of 64 objects: no two share a word of bits. */
static struct error *explain_group(void *context, size_t group)
{
	const struct job *job = context;
	struct facts *f = malloc(sizeof *f);
	struct error *e;

	if (!f)
		return error_memory();
	e = model_read_group(job->m, MODEL_FLAGS, group, f->flags);
	if (!e)
		e = model_read_group(job->m, MODEL_REFCOUNT, group, f->refcount);
	if (!e)
		explain(job, (uint32_t)group * RGD_GROUP_ROWS, f);
	free(f);
	return e;
}

static struct error *judge_block(void *context, size_t block)
{
	const struct job *job = context;
	const struct graph *g = &job->m->graph;
	uint32_t first = block * BLOCK_EDGES, left = g->nedges - first,
		 end = first + (left < BLOCK_EDGES ? left : BLOCK_EDGES);

	for (uint32_t e = first; e < end; e++) {
		uint8_t class = g->edge_class[e];
		unsigned kind = MODEL_CLASS_KIND(class);
		bool keeps = kind == RGD_EDGE_STRONG || kind == RGD_EDGE_INTERNAL ||
			     (kind == RGD_EDGE_CONSERVATIVE &&
			      !bits_get(job->explained, g->out_target[e]));

		job->edge_class[e] = keeps ? class : KEEPS_NONE;
	}
	return NULL;
}

static size_t blocks(uint64_t n, uint32_t block)
{
	return (n + block - 1) / block;
}

struct error *keeps_judge(struct model *m, uint32_t *strong, uint8_t *edge_class,
			  uint64_t **explained)
{
	struct job job = {.m = m, .strong = strong, .edge_class = edge_class};
	struct error *e;

	TRY(big_alloc(bits_words(m->nobjects), sizeof *job.explained, &job.explained));
	e = count_strong(&job);
	if (!e)
		e = parallel_for(blocks(m->nobjects, RGD_GROUP_ROWS), explain_group, &job);
	if (!e)
		e = parallel_for(blocks(m->graph.nedges, BLOCK_EDGES), judge_block, &job);
	if (e)
		big_free(job.explained, bits_words(m->nobjects), sizeof *job.explained);
	else
		*explained = job.explained;
	return e;
}
