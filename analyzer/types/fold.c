/*
 * fold.c - the insides of containers as storage of what they belong to: a map's nodes, a vector's array, a string's characters. A block
 * is such an inside when a container's allocator asked for it (origin.c). Its owner is the object, or the variable, that leads to it
 * through such blocks alone.
 */
#include <string.h>

#include "types/infer.h"
#include "util/big.h"

static bool is_inside(const struct types *t, uint32_t object)
{
	const struct model *m = t->m;
	const struct type *type = &m->types[m->type[object]];

	if ((m->flags[object] & RGD_OBJ_F_RUNTIME_MASK) != RGD_RT_NATIVE || !m->stack[object])
		return false;
	if (strncmp(type->name, "std::_Sp_counted_", 17) == 0)
		return true;
	return t->origins[m->stack[object] - 1].allocator ||
	       (t->origins[m->stack[object] - 1].text && t->origins[m->stack[object] - 1].inside);
}

/* All that is reached from the block through insides, and belongs to nobody yet, is of the owner, too. */
static void take(struct types *t, uint32_t object, uint32_t owner)
{
	struct model *m = t->m;
	const struct graph *g = &m->graph;
	size_t done = t->queue.n;

	if (m->block_owner[object] || !is_inside(t, object))
		return;
	m->block_owner[object] = owner + 1;
	t->failed |= !VEC_PUSH(&t->queue, object);
	while (done < t->queue.n) {
		uint32_t node = t->queue.data[done++];

		m->flags[node] |= RGD_OBJ_F_INTERNAL;
		for (uint32_t e = g->out_first[node]; e < g->out_first[node + 1]; e++) {
			uint32_t target = g->out_target[e];

			if (t->edge_interior[e] || m->block_owner[target] || !is_inside(t, target))
				continue;
			m->block_owner[target] = owner + 1;
			t->failed |= !VEC_PUSH(&t->queue, target);
		}
	}
	t->queue.n = 0;
}

/* A variable is no object: what it holds counts to its type. */
static uint32_t variable_type(struct types *t, const struct root *r)
{
	struct debug *debug = r->class == RGD_ROOT_GLOBAL ? types_debug(t, r->owner) : NULL;
	struct str name = {0};
	struct ctype *type;
	uint64_t offset;
	const char *text;
	uint32_t number;

	if (!debug || !debug_variable(debug, r->value, &type, &offset, &text) ||
	    type->kind == CTYPE_POINTER)
		return MODEL_NONE;
	ctype_name(type, &name);
	number = name.failed ? 0 : model_add_type(t->m, str_text(&name));
	str_free(&name);
	return number ? number : MODEL_NONE;
}

struct error *fold_containers(struct types *t)
{
	struct model *m = t->m;
	const struct graph *g = &m->graph;

	TRY(big_alloc(m->nobjects, sizeof *m->block_owner, &m->block_owner));
	for (uint32_t i = 0; i < m->nroots; i++) {
		const struct root *r = &m->roots[i];
		uint32_t type;

		if (r->interior || m->block_owner[r->target] || !is_inside(t, r->target))
			continue;
		type = variable_type(t, r);
		if (type != MODEL_NONE)
			take(t, r->target, type);
	}
	for (uint32_t i = 0; i < m->nobjects; i++) {
		if (m->block_owner[i] || is_inside(t, i))
			continue;
		for (uint32_t e = g->out_first[i]; e < g->out_first[i + 1]; e++)
			if (!t->edge_interior[e])
				take(t, g->out_target[e], model_type_of(m, i));
	}
	return t->failed ? error_memory() : NULL;
}
