/* spell.c - see spell.h. */
#include "report/spell.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/edge_name.h"
#include "report/edge_php.h"
#include "report/repr.h"

#define DICT ".__dict__"

/* ---- roots ----------------------------------------------------------------------------------- */

static struct error *add_landmark(struct spell *s, uint32_t object, uint32_t root, bool is_dict)
{
	struct landmark l = {object, root, is_dict};

	return VEC_PUSH(&s->landmarks, l) ? NULL : error_memory();
}

static struct error *add_module(struct spell *s, uint32_t row)
{
	struct model *m = s->alive->model;
	uint32_t module = m->roots[row].target;

	TRY(add_landmark(s, module, row, false));
	for (uint32_t e = m->graph.out_first[module]; e < m->graph.out_first[module + 1]; e++) {
		struct edge edge;

		TRY(model_edge(m, module, e, &edge));
		if (edge.class == RGD_LABEL_PART &&
		    strcmp(model_string(m, edge.string), "__dict__") == 0)
			return add_landmark(s, edge.target, row, true);
	}
	return NULL;
}

/* Under several names: the first one counts. */
static int by_object(const void *a, const void *b)
{
	const struct landmark *x = a, *y = b;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	return (x->root > y->root) - (x->root < y->root);
}

struct error *spell_init(struct spell *s, const struct alive *alive)
{
	struct model *m = alive->model;

	*s = (struct spell){.alive = alive};
	TRY(model_load(m,
		       MODEL_EDGES | MODEL_ROOTS | MODEL_THREADS | MODEL_STRINGS | MODEL_MODULES));
	for (uint32_t i = 0; i < m->nroots; i++)
		if (m->roots[i].class == RGD_ROOT_MODULE)
			TRY(add_module(s, i));
	if (s->landmarks.n)
		qsort(s->landmarks.data, s->landmarks.n, sizeof *s->landmarks.data, by_object);
	return NULL;
}

void spell_deinit(struct spell *s)
{
	VEC_FREE(&s->landmarks);
}

bool spell_landmark(const struct spell *s, uint32_t object, struct str *path)
{
	const struct model *m = s->alive->model;
	size_t low = 0, high = s->landmarks.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->landmarks.data[middle].object < object)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == s->landmarks.n || s->landmarks.data[low].object != object)
		return false;
	str_clear(path);
	str_add(path, model_string(m, m->roots[s->landmarks.data[low].root].label));
	if (s->landmarks.data[low].is_dict)
		str_add(path, DICT);
	return true;
}

void spell_root(const struct spell *s, uint32_t root, struct str *path)
{
	struct model *m = s->alive->model;
	const struct root *r = &m->roots[s->alive->root_rows.data[root]];
	struct str name = {0};

	if (r->class == RGD_ROOT_GLOBAL && m->typer.variable && r->owner < m->nmodules)
		m->typer.variable(m->typer.context, r->owner, r->value, &name);
	if (!name.n && !spell_landmark(s, r->target, &name)) {
		root_name(m, r, &name);
		if (strchr(str_text(&name), ' ')) {
			str_printf(path, "(%s)", str_text(&name));
			str_clear(&name);
		}
	}
	str_add(path, name.n ? str_text(&name) : "");
	str_free(&name);
}

/* ---- references ------------------------------------------------------------------------------ */

/* app.__dict__['x'] is app.x */
static bool drop_dict(struct str *path)
{
	size_t n = sizeof DICT - 1;

	if (path->n < n || memcmp(path->data + path->n - n, DICT, n) != 0)
		return false;
	path->n -= n;
	path->data[path->n] = 0;
	return true;
}

static bool is_name(const char *text)
{
	if (!isalpha((unsigned char)*text) && *text != '_')
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && *text != '_')
			return false;
	return true;
}

bool spell_name(const char *key, struct str *path)
{
	if (!drop_dict(path))
		return false;
	str_printf(path, is_name(key) ? ".%s" : "['%s']", key);
	return true;
}

static void in_brackets(struct model *m, const struct edge *e, struct str *path)
{
	switch (e->class) {
	case RGD_LABEL_KEY:
		str_printf(path, "['%s']", model_string(m, e->string));
		break;
	case RGD_LABEL_KEY_TEXT:
		str_printf(path, "[%s]", model_string(m, e->string));
		break;
	case RGD_LABEL_KEY_OBJECT:
		str_char(path, '[');
		repr_full(m, e->value, path);
		str_char(path, ']');
		break;
	default:
		edge_name(m, e, path); /* [17] */
	}
}

static bool is_subscript(const struct edge *e)
{
	return e->class == RGD_LABEL_KEY || e->class == RGD_LABEL_KEY_TEXT ||
	       e->class == RGD_LABEL_KEY_OBJECT || e->class == RGD_LABEL_KEY_INT ||
	       e->class == RGD_LABEL_INDEX;
}

/* A block with so many pointers is a table, and the offset of one of them an index. */
#define TABLE_LEAST 16u

static bool in_table(const struct model *m, const struct edge *e)
{
	return m->graph.out_first[e->source + 1] - m->graph.out_first[e->source] >= TABLE_LEAST;
}

void spell_edge(struct model *m, const struct edge *e, bool general, struct str *path)
{
	const char *text = model_string(m, e->string);

	if (e->class == RGD_LABEL_KEY && spell_name(text, path))
		return;
	if (edge_field(m, e, general, path) || edge_php(m, e, EDGE_PHP_PATH, path))
		return;
	if (is_subscript(e) && general)
		str_add(path, "[]");
	else if (is_subscript(e))
		in_brackets(m, e, path);
	else if (e->class == RGD_LABEL_ATTRIBUTE ||
		 (e->class == RGD_LABEL_PART && is_name(text) &&
		  (e->kind != RGD_EDGE_INTERNAL || strncmp(text, "__", 2) == 0)))
		str_printf(path, ".%s", text);
	else if (e->class == RGD_LABEL_OFFSET && general && in_table(m, e))
		str_add(path, "->[]");
	else if (e->class == RGD_LABEL_OFFSET)
		str_printf(path, "->+0x%" PRIx64, e->value);
	else if (e->class == RGD_LABEL_IS_KEY)
		str_add(path, "<key>");
	else if (e->class == RGD_LABEL_MEMBER)
		str_add(path, "<member>");
	else if (e->class == RGD_LABEL_STACK && general)
		str_add(path, "<stack[]>");
	else if (e->class == RGD_LABEL_LOCAL || e->class == RGD_LABEL_CELL ||
		 e->class == RGD_LABEL_STACK || text[0]) {
		str_char(path, '<');
		edge_label(m, e, path);
		str_char(path, '>');
	} else {
		str_add(path, "->");
	}
}

/* More steps than anybody reads. */
#define LONG_WAY 24u

struct error *spell_way(const struct spell *s, const struct bfs_tree *tree, uint32_t object,
			struct str *out)
{
	uint32_t way[LONG_WAY], n = 0;
	struct model *m = s->alive->model;
	struct str path = {0};
	struct error *e = NULL;
	uint32_t o = object;

	while (n < LONG_WAY && tree->edge[o] != BFS_TREE_START) {
		way[n++] = o;
		o = tree->parent[o];
	}
	if (tree->edge[o] == BFS_TREE_START)
		spell_root(s, tree->parent[o], &path);
	else
		str_add(&path, "... ");
	while (n-- > 0 && !e) {
		struct edge edge;

		e = model_edge(m, tree->parent[way[n]], tree->edge[way[n]], &edge);
		if (!e && !spell_landmark(s, way[n], &path))
			spell_edge(m, &edge, false, &path);
	}
	out->failed |= path.failed;
	str_add(out, str_text(&path));
	str_free(&path);
	return e;
}
