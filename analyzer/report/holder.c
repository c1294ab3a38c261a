/* holder.c - see holder.h. */
#include "report/holder.h"

#include "report/edge_name.h"

uint32_t holder_edge(const struct alive *a, uint32_t holder, uint32_t object)
{
	const struct graph *g = &a->graph;

	for (uint32_t e = g->out_first[holder]; e < g->out_first[holder + 1]; e++)
		if (g->out_target[e] == object && alive_edge(a, e))
			return e;
	return MODEL_NONE;
}

/* What a programmer would name first. */
static unsigned rank(const struct root *r)
{
	static const unsigned char ranks[] = {
		[RGD_ROOT_MODULE] = 0,	[RGD_ROOT_LOCAL] = 1,	  [RGD_ROOT_GLOBAL] = 2,
		[RGD_ROOT_RUNTIME] = 3, [RGD_ROOT_ANNOTATED] = 4, [RGD_ROOT_TLS] = 5,
		[RGD_ROOT_STACK] = 6,	[RGD_ROOT_REGION] = 7,	  [RGD_ROOT_REGISTER] = 8,
		[RGD_ROOT_PINNED] = 9,
	};
	unsigned class = r->class < sizeof ranks ? ranks[r->class] : 10;

	return class + (r->kind == RGD_EDGE_CONSERVATIVE ? 16 : 0);
}

uint32_t holder_root(const struct alive *a, uint32_t object)
{
	uint32_t best = MODEL_NONE;

	for (size_t i = 0; i < a->roots.n; i++) {
		const struct root *r = &a->model->roots[a->root_rows.data[i]];

		if (a->roots.data[i] == object &&
		    (best == MODEL_NONE ||
		     rank(r) < rank(&a->model->roots[a->root_rows.data[best]])))
			best = i;
	}
	return best;
}

struct error *holder_name(const struct alive *a, uint32_t holder, uint32_t object, struct str *out)
{
	struct edge edge;
	uint32_t e;

	if (holder == MODEL_NONE) {
		e = holder_root(a, object);
		if (e != MODEL_NONE)
			root_name(a->model, &a->model->roots[a->root_rows.data[e]], out);
		return NULL;
	}
	e = holder_edge(a, holder, object);
	if (e == MODEL_NONE)
		return NULL;
	TRY(model_edge(a->model, holder, e, &edge));
	edge_name(a->model, &edge, out);
	return NULL;
}
