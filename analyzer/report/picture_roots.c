/* picture_roots.c - see picture_roots.h. */
#include "report/picture_roots.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/edge_name.h"
#include "util/hash.h"
#include "util/str.h"

struct roots {
	struct model *model;
	const struct picture_query *query;
	const uint32_t *node;
	struct drawing *drawing;
	struct names names;	/* roots of one name are one ellipse */
	VEC(char *) texts;	/* what the names are; owned here */
	struct ids nodes;	/* by number of a name: its node */
	struct ids last_target; /* the same: object that its last line went to */
	uint32_t *counts;	/* by node of an object: lines from roots so far */
	uint32_t *exact;	/* the same: references that are certain, from anywhere */
};

enum drawing_edge_style picture_edge_style(unsigned kind)
{
	static const enum drawing_edge_style styles[] = {
		[RGD_EDGE_STRONG] = EDGE_STRONG,     [RGD_EDGE_INTERNAL] = EDGE_INTERNAL,
		[RGD_EDGE_BORROWED] = EDGE_BORROWED, [RGD_EDGE_CONSERVATIVE] = EDGE_CONSERVATIVE,
		[RGD_EDGE_WEAK] = EDGE_WEAK,
	};

	return kind < sizeof(styles) / sizeof(*styles) ? styles[kind] : EDGE_CONSERVATIVE;
}

static void roots_deinit(struct roots *roots)
{
	for (size_t i = 0; i < roots->texts.n; i++)
		free(roots->texts.data[i]);
	VEC_FREE(&roots->texts);
	VEC_FREE(&roots->nodes);
	VEC_FREE(&roots->last_target);
	free(roots->counts);
	free(roots->exact);
	names_free(&roots->names);
}

static char *name_of(struct roots *roots, const struct root *root)
{
	struct str text = {0};
	char *name;

	if (root->class == RGD_ROOT_REGION)
		str_add(&text,
			"mapped memory"); /* its addresses tell nobody anything: one ellipse for all */
	else
		root_name(roots->model, root, &text);
	name = text.failed ? NULL : strdup(text.n ? str_text(&text) : "root");
	str_free(&text);
	return name;
}

/* A new ellipse. `name` is taken over. */
static struct error *add_node(struct roots *roots, char *name, unsigned depth, uint32_t *ret)
{
	struct drawing_node node = {.root = true, .depth = depth};
	struct str label = {0};
	uint32_t number;

	if (!name || !VEC_PUSH(&roots->texts, name)) {
		free(name);
		return error_memory();
	}
	*ret = names_add(&roots->names, name);
	if (*ret == NAMES_NONE)
		return error_memory();
	str_printable(&label, name);
	if (label.failed)
		str_free(&label);
	node.label = label.data;
	if (asprintf(&node.name, "root_%" PRIu32, *ret) < 0)
		node.name = NULL;
	TRY(drawing_add_node(roots->drawing, node, &number));
	if (!VEC_PUSH(&roots->nodes, number) || !VEC_PUSH(&roots->last_target, MODEL_NONE))
		return error_memory();
	return NULL;
}

static struct error *draw_root(struct roots *roots, const struct root *root)
{
	uint32_t target = roots->node[root->target] - 1, name;
	struct drawing_edge line = {.to = target, .style = picture_edge_style(root->kind)};
	struct drawing_node *nodes = roots->drawing->nodes;
	char *text;

	if (roots->counts[target] >= roots->query->too_many) {
		nodes[target].more += roots->query->backwards;
		return NULL;
	}
	text = name_of(roots, root);
	name = text ? names_find(&roots->names, text) : NAMES_NONE;
	if (name != NAMES_NONE)
		free(text);
	else
		TRY(add_node(roots, text, nodes[target].depth + 1, &name));
	if (name >= roots->last_target.n) /* cannot be: each name has its node */
		return error_memory();
	if (roots->last_target.data[name] == root->target)
		return NULL;
	roots->last_target.data[name] = root->target;
	roots->counts[target]++;
	line.from = roots->nodes.data[name];
	line.label = strdup("");
	return drawing_add_edge(roots->drawing, line);
}

static bool is_certain(unsigned kind)
{
	return kind == RGD_EDGE_STRONG;
}

/* Only who is drawn counts; forwards the picture is about what the start objects hold, so only their roots. */
static bool is_asked_for(const struct roots *roots, const struct root *root)
{
	uint32_t node = roots->node[root->target];

	return node && (roots->query->backwards || roots->drawing->nodes[node - 1].start);
}

/*
 * A word that looks like a pointer owns no reference of an object whose refcount is explained without it: stacks and old
 * memory are full of such words, and they would bury the picture.
 */
static bool is_plausible(const struct roots *roots, const struct root *root)
{
	uint32_t object = root->target, node = roots->node[object] - 1;
	const struct model *m = roots->model;

	if (is_certain(root->kind) || roots->drawing->nodes[node].start)
		return true;
	if (m->flags[object] & RGD_OBJ_F_IMMORTAL)
		return false;
	return !m->refcount[object] || m->refcount[object] > roots->exact[node];
}

/* Certain references to drawn objects, of edges and roots. */
static void count_exact(struct roots *roots)
{
	const struct model *m = roots->model;
	const struct graph *graph = &m->graph;

	for (uint32_t e = 0; e < graph->nedges; e++) {
		uint32_t node = roots->node[graph->out_target[e]];
		if (node && is_certain(MODEL_CLASS_KIND(graph->edge_class[e])))
			roots->exact[node - 1]++;
	}
	for (uint32_t i = 0; i < m->nroots; i++) {
		uint32_t node = roots->node[m->roots[i].target];
		if (node && is_certain(m->roots[i].kind))
			roots->exact[node - 1]++;
	}
}

/* Certain ones first: they must not fall to --too-many because of guesses. */
static struct error *draw_roots(struct roots *roots)
{
	struct model *m = roots->model;

	TRY(model_load(m, MODEL_ROOTS | MODEL_STRINGS | MODEL_MODULES | MODEL_THREADS));
	roots->counts = calloc(roots->drawing->node_count + 1, sizeof(*roots->counts));
	roots->exact = calloc(roots->drawing->node_count + 1, sizeof(*roots->exact));
	if (!roots->counts || !roots->exact)
		return error_memory();
	count_exact(roots);
	for (int certain = 1; certain >= 0; certain--) {
		for (uint32_t i = 0; i < m->nroots; i++) {
			const struct root *root = &m->roots[i];
			if (is_certain(root->kind) == certain && is_asked_for(roots, root) &&
			    is_plausible(roots, root))
				TRY(draw_root(roots, root));
		}
	}
	return NULL;
}

struct error *picture_roots(struct model *model, const struct picture_query *query,
			    const uint32_t *node, struct drawing *drawing)
{
	struct roots roots = {.model = model, .query = query, .node = node, .drawing = drawing};
	struct error *error = draw_roots(&roots);

	roots_deinit(&roots);
	return error;
}
