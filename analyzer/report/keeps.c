/*
 * keeps.c - see keeps.h. On a big graph every look at an edge's target is a cache miss: strong references are counted in one range of
 * objects a thread, and what conservative ones must know of their target is one bit, so that the bits stay in the cache.
 */
#include "report/keeps.h"

#include "util/big.h"
#include "util/bits.h"
#include "util/threads.h"

#define BLOCK_EDGES (1u << 18)
#define BLOCK_OBJECTS (1u << 18) /* a multiple of 64: no two blocks share a word */
#define MAX_RANGES 4u		 /* each of them reads all edges */
#define AHEAD 32u

struct job {
	const struct model *m;
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

static struct error *explain_block(void *context, size_t block)
{
	const struct job *job = context;
	const struct model *m = job->m;
	uint32_t first = block * BLOCK_OBJECTS, left = m->nobjects - first,
		 end = first + (left < BLOCK_OBJECTS ? left : BLOCK_OBJECTS);

	for (uint32_t o = first; o < end; o++) {
		bool explained = (m->flags[o] & RGD_OBJ_F_IMMORTAL) ||
				 (m->refcount[o] && m->refcount[o] <= job->strong[o]);

		job->explained[o >> 6] |= (uint64_t)explained << (o & 63);
	}
	return NULL;
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
		e = parallel_for(blocks(m->nobjects, BLOCK_OBJECTS), explain_block, &job);
	if (!e)
		e = parallel_for(blocks(m->graph.nedges, BLOCK_EDGES), judge_block, &job);
	if (e)
		big_free(job.explained, bits_words(m->nobjects), sizeof *job.explained);
	else
		*explained = job.explained;
	return e;
}
