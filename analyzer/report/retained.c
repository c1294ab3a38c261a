/* retained.c - see retained.h. */
#include "report/retained.h"

#include "graph/dominators.h"
#include "util/big.h"
#include "util/vec.h"

/* Class of edges that keep nothing alive; MODEL_CLASS_KIND() of it is no kind of the format. */
#define CLASS_NONE 0xffu

struct retained {
	struct model *model;
	uint32_t *strong;    /* by object: references that are counted in its refcount */
	uint8_t *edge_class; /* the model's, but for guesses that an explained refcount refutes */
	struct ids roots;
	uint32_t *immediate, *preorder;
};

/* A word that looks like a pointer owns no reference of an object whose refcount is explained without it. */
static bool is_explained(const struct retained *r, uint32_t object)
{
	const struct model *m = r->model;

	return (m->flags[object] & RGD_OBJ_F_IMMORTAL) ||
	       (m->refcount[object] && m->refcount[object] <= r->strong[object]);
}

static bool keeps_alive(const struct retained *r, unsigned kind, uint32_t target)
{
	if (kind == RGD_EDGE_CONSERVATIVE)
		return !is_explained(r, target);
	return kind == RGD_EDGE_STRONG || kind == RGD_EDGE_INTERNAL;
}

static void count_strong(struct retained *r)
{
	const struct model *m = r->model;
	const struct graph *graph = &m->graph;

	for (uint32_t e = 0; e < graph->nedges; e++)
		r->strong[graph->out_target[e]] +=
			MODEL_CLASS_KIND(graph->edge_class[e]) == RGD_EDGE_STRONG;
	for (uint32_t i = 0; i < m->nroots; i++)
		r->strong[m->roots[i].target] += m->roots[i].kind == RGD_EDGE_STRONG;
}

static void judge_edges(struct retained *r)
{
	const struct graph *graph = &r->model->graph;

	for (uint32_t e = 0; e < graph->nedges; e++) {
		uint8_t class = graph->edge_class[e];
		bool keeps = keeps_alive(r, MODEL_CLASS_KIND(class), graph->out_target[e]);
		r->edge_class[e] = keeps ? class : CLASS_NONE;
	}
}

static struct error *judge_roots(struct retained *r)
{
	const struct model *m = r->model;

	for (uint32_t i = 0; i < m->nroots; i++) {
		const struct root *root = &m->roots[i];
		if (keeps_alive(r, root->kind, root->target) && !VEC_PUSH(&r->roots, root->target))
			return error_memory();
	}
	return NULL;
}

static struct error *compute(struct retained *r, uint64_t *retained)
{
	const struct model *m = r->model;
	struct graph graph = m->graph;
	struct follow follow;
	struct dominators_query query = {.graph = &graph, .follow = &follow};
	uint32_t reached;

	count_strong(r);
	judge_edges(r);
	TRY(judge_roots(r));
	graph.edge_class = r->edge_class;
	for (unsigned class = 0; class < 256; class ++)
		follow.pass[class] = class != CLASS_NONE;
	query.roots = r->roots.data;
	query.nroots = r->roots.n;
	TRY(dominators_compute(&query, r->immediate, r->preorder, &reached));
	dominators_retained(r->immediate, r->preorder, reached, m->size, retained, m->nobjects);
	for (uint32_t i = 0; i < m->nobjects; i++)
		if (r->immediate[i] == DOM_NONE)
			retained[i] = RETAINED_NONE;
	return NULL;
}

static struct error *allocate(struct retained *r)
{
	size_t n = r->model->nobjects;

	TRY(big_alloc(n, sizeof(*r->strong), &r->strong));
	TRY(big_alloc(r->model->graph.nedges, sizeof(*r->edge_class), &r->edge_class));
	TRY(big_alloc(n, sizeof(*r->immediate), &r->immediate));
	return big_alloc(n, sizeof(*r->preorder), &r->preorder);
}

static void deinit(struct retained *r)
{
	size_t n = r->model->nobjects;

	big_free(r->strong, n, sizeof(*r->strong));
	big_free(r->edge_class, r->model->graph.nedges, sizeof(*r->edge_class));
	big_free(r->immediate, n, sizeof(*r->immediate));
	big_free(r->preorder, n, sizeof(*r->preorder));
	VEC_FREE(&r->roots);
}

struct error *retained_sizes(struct model *model, uint64_t **ret)
{
	struct retained r = {.model = model};
	uint64_t *retained = NULL;
	struct error *error;

	TRY(model_load(model,
		       MODEL_EDGES | MODEL_ROOTS | MODEL_SIZE | MODEL_REFCOUNT | MODEL_FLAGS));
	error = allocate(&r);
	if (!error)
		error = big_alloc(model->nobjects, sizeof(*retained), &retained);
	if (!error)
		error = compute(&r, retained);
	deinit(&r);
	if (error)
		big_free(retained, model->nobjects, sizeof(*retained));
	else
		*ret = retained;
	return error;
}
