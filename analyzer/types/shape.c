/*
 * shape.c - see infer.h: blocks that nothing else tells the type of, by how they point to each other. A list's node has the next one in its
 * first word and the one before in its second; a tree's node, as libstdc++'s red-black tree makes them, has its parent in the second and
 * its children in the third and fourth word.
 */
#include <string.h>

#include "types/infer.h"

/* The exact target of the word at `offset`; MODEL_NONE: none. */
static uint32_t word_target(const struct types *t, uint32_t object, uint32_t word)
{
	const struct graph *g = &t->m->graph;

	for (uint32_t e = g->out_first[object]; e < g->out_first[object + 1]; e++)
		if (t->edge_offset[e] == word && !t->edge_interior[e])
			return g->out_target[e];
	return MODEL_NONE;
}

static bool alike(const struct types *t, uint32_t a, uint32_t b)
{
	const struct model *m = t->m;

	return b != MODEL_NONE && a != b && m->size[a] == m->size[b] && m->stack[a] == m->stack[b];
}

static bool is_list_node(const struct types *t, uint32_t object)
{
	uint32_t next = word_target(t, object, 0), before = word_target(t, object, 1);

	return (alike(t, object, next) && word_target(t, next, 1) == object) ||
	       (alike(t, object, before) && word_target(t, before, 0) == object);
}

static bool is_child(const struct types *t, uint32_t object, uint32_t parent)
{
	return alike(t, object, parent) &&
	       (word_target(t, parent, 2) == object || word_target(t, parent, 3) == object);
}

static bool is_tree_node(const struct types *t, uint32_t object)
{
	uint32_t left = word_target(t, object, 2), right = word_target(t, object, 3);

	return is_child(t, object, word_target(t, object, 1)) ||
	       (alike(t, object, left) && word_target(t, left, 1) == object) ||
	       (alike(t, object, right) && word_target(t, right, 1) == object);
}

/* "list node in F" */
static void name_shape(struct types *t, uint32_t object, const char *what)
{
	static const char site[] = "malloc in ";
	struct model *m = t->m;
	uint32_t type = model_site_type_of(m, object);
	const char *text = m->types[type].name;
	struct str name = {0};

	if (strncmp(text, site, sizeof site - 1) == 0)
		text += sizeof site - 1;
	str_printf(&name, "%s in %s", what, text);
	type = name.failed ? 0 : model_add_type(m, str_text(&name));
	str_free(&name);
	m->block_type[object] = type ? type + 1 : 0;
	m->block_source[object] = SOURCE_SHAPE;
}

void shape_claims(struct types *t)
{
	struct model *m = t->m;

	for (uint32_t i = 0; i < m->nobjects; i++) {
		if (!infer_open(t, i) || t->typing[i] || m->block_type[i] || !m->stack[i])
			continue;
		if (m->size[i] >= 32 && is_tree_node(t, i))
			name_shape(t, i, "tree node");
		else if (m->size[i] >= 16 && is_list_node(t, i))
			name_shape(t, i, "list node");
	}
}
