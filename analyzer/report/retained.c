/* retained.c - see retained.h. */
#include "report/retained.h"

#include "graph/dominators.h"
#include "util/big.h"
#include "util/vec.h"

static bool keeps_alive(unsigned kind)
{
	return kind == RGD_EDGE_STRONG || kind == RGD_EDGE_INTERNAL ||
	       kind == RGD_EDGE_CONSERVATIVE;
}

static void choose_edges(struct follow *follow)
{
	for (unsigned class = 0; class < 256; class ++)
		follow->pass[class] = keeps_alive(MODEL_CLASS_KIND(class));
}

static struct error *collect_roots(const struct model *model, struct ids *ids)
{
	for (uint32_t i = 0; i < model->nroots; i++)
		if (keeps_alive(model->roots[i].kind) && !VEC_PUSH(ids, model->roots[i].target))
			return error_memory();
	return NULL;
}

static struct error *compute(const struct model *m, const struct ids *roots, uint32_t *immediate,
			     uint32_t *preorder, uint64_t *retained)
{
	struct follow follow;
	struct dominators_query query = {&m->graph, &follow, roots->data, roots->n};
	uint32_t reached;

	choose_edges(&follow);
	TRY(dominators_compute(&query, immediate, preorder, &reached));
	dominators_retained(immediate, preorder, reached, m->size, retained, m->nobjects);
	for (uint32_t i = 0; i < m->nobjects; i++)
		if (immediate[i] == DOM_NONE)
			retained[i] = RETAINED_NONE;
	return NULL;
}

struct error *retained_sizes(struct model *model, uint64_t **ret)
{
	uint32_t *immediate = NULL, *preorder = NULL, n = model->nobjects;
	uint64_t *retained = NULL;
	struct ids roots = {0};
	struct error *error;

	TRY(model_load(model, MODEL_EDGES | MODEL_ROOTS | MODEL_SIZE));
	error = collect_roots(model, &roots);
	if (!error)
		error = big_alloc(n, sizeof(*immediate), &immediate);
	if (!error)
		error = big_alloc(n, sizeof(*preorder), &preorder);
	if (!error)
		error = big_alloc(n, sizeof(*retained), &retained);
	if (!error)
		error = compute(model, &roots, immediate, preorder, retained);
	big_free(immediate, n, sizeof(*immediate));
	big_free(preorder, n, sizeof(*preorder));
	VEC_FREE(&roots);
	if (error)
		big_free(retained, n, sizeof(*retained));
	else
		*ret = retained;
	return error;
}
