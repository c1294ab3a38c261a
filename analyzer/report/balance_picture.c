/* balance_picture.c - see balance_picture.h. */
#include "report/balance_picture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A branch of the tree that `row` is on: the function `node` (MODEL_NONE: the line itself). New ones are put at the end. */
static struct error *branch_of(struct balance_tree *t, const struct balance *b,
			       const struct balance_row *row, uint32_t parent, uint32_t node,
			       uint32_t *ret)
{
	struct balance_branch branch = {.type = row->type,
					.verdict = row->verdict,
					.leaf = node == MODEL_NONE,
					.parent = parent,
					.node = node,
					.objects = row->objects,
					.first = (uint32_t)t->texts.n,
					.n = 1};
	branch.depth = parent == MODEL_NONE ? 0 : t->branches.data[parent].depth + 1;
	for (uint32_t i = 0; i < t->branches.n; i++) {
		const struct balance_branch *have = &t->branches.data[i];

		if (have->parent == parent && have->node == node && have->type == row->type &&
		    have->verdict == row->verdict && !branch.leaf) {
			*ret = i;
			return NULL;
		}
	}
	*ret = (uint32_t)t->branches.n;
	if (!VEC_PUSH(&t->texts, branch.leaf ? call_paths_place(&b->paths, row->site)
					     : call_paths_function(&b->paths, node)))
		return error_memory();
	return VEC_PUSH(&t->branches, branch) ? NULL : error_memory();
}

static void branch_add(struct balance_tree *t, uint32_t at, const struct balance_row *row)
{
	struct balance_branch *b = &t->branches.data[at];

	b->plus += row->plus;
	b->minus += row->minus;
	b->net += row->net;
}

/* Of deeper ways the innermost part. */
#define MOST_DEPTH 128u

static struct error *add_row(struct balance_tree *t, const struct balance *b,
			     const struct balance_row *row)
{
	struct ids way = {0};
	uint32_t at = MODEL_NONE;
	struct error *e = NULL;

	for (uint32_t k = b->paths.sites.data[row->site].path;
	     k != MODEL_NONE && way.n < MOST_DEPTH && !e; k = b->paths.nodes.data[k].parent)
		if (!VEC_PUSH(&way, k))
			e = error_memory();
	while (!e && way.n) {
		e = branch_of(t, b, row, at, way.data[--way.n], &at);
		if (!e)
			branch_add(t, at, row);
	}
	if (!e)
		e = branch_of(t, b, row, at, MODEL_NONE, &at);
	if (!e)
		branch_add(t, at, row);
	VEC_FREE(&way);
	return e;
}

/* Depth first, in the order in which branches were made: rows come the worst first. */
static struct error *order(struct balance_tree *t)
{
	VEC(struct balance_branch) sorted = {0};
	struct ids pile = {0}, place = {0};
	struct error *e = NULL;

	for (uint32_t i = (uint32_t)t->branches.n; i-- > 0 && !e;)
		if (!VEC_PUSH(&place, MODEL_NONE) ||
		    (t->branches.data[i].parent == MODEL_NONE && !VEC_PUSH(&pile, i)))
			e = error_memory();
	while (!e && pile.n) {
		uint32_t at = pile.data[--pile.n];
		struct balance_branch b = t->branches.data[at];

		if (b.parent != MODEL_NONE)
			b.parent = place.data[b.parent];
		place.data[at] = (uint32_t)sorted.n;
		if (!VEC_PUSH(&sorted, b))
			e = error_memory();
		for (uint32_t i = (uint32_t)t->branches.n; i-- > 0 && !e;)
			if (t->branches.data[i].parent == at && !VEC_PUSH(&pile, i))
				e = error_memory();
	}
	VEC_FREE(&pile);
	VEC_FREE(&place);
	if (e) {
		VEC_FREE(&sorted);
		return e;
	}
	VEC_FREE(&t->branches);
	t->branches.data = sorted.data;
	t->branches.n = sorted.n;
	t->branches.room = sorted.room;
	return NULL;
}

/*
 * Calls that have one way to go on are one branch with what follows; a line stands for the function that it is in. Depth first, so an only child
 * comes right behind its parent.
 */
static struct error *fold(struct balance_tree *t)
{
	VEC(const char *) texts = {0};
	struct ids children = {0}, place = {0};
	struct error *e = NULL;
	uint32_t n = 0;

	for (size_t i = 0; i < t->branches.n && !e; i++)
		if (!VEC_PUSH(&children, 0) || !VEC_PUSH(&place, 0))
			e = error_memory();
	for (size_t i = 0; i < t->branches.n && !e; i++)
		if (t->branches.data[i].parent != MODEL_NONE)
			children.data[t->branches.data[i].parent]++;
	for (uint32_t i = 0; i < t->branches.n && !e; i++) {
		struct balance_branch b = t->branches.data[i];
		const char *text = t->texts.data[b.first];
		bool only = b.parent != MODEL_NONE && children.data[b.parent] == 1;
		struct balance_branch *whole = only ? &t->branches.data[n - 1] : NULL;

		if (only && b.leaf)
			texts.data[texts.n - 1] = text;
		else if (!VEC_PUSH(&texts, text))
			e = error_memory();
		if (only) {
			whole->leaf = b.leaf;
			whole->n += !b.leaf;
		} else {
			b.first = (uint32_t)texts.n - 1;
			b.parent = b.parent == MODEL_NONE ? b.parent : place.data[b.parent];
			b.depth = b.parent == MODEL_NONE ? 0 : t->branches.data[b.parent].depth + 1;
			t->branches.data[n++] = b;
		}
		place.data[i] = n - 1;
	}
	t->branches.n = e ? t->branches.n : n;
	VEC_FREE(&children);
	VEC_FREE(&place);
	VEC_FREE(&t->texts);
	t->texts.data = texts.data;
	t->texts.n = texts.n;
	t->texts.room = texts.room;
	return e;
}

/* More rows than that are no picture. */
#define MOST_ROWS 200u

struct error *balance_tree_make(const struct balance *b, struct balance_tree *ret)
{
	*ret = (struct balance_tree){0};
	for (size_t i = 0; i < b->rows.n && i < MOST_ROWS; i++)
		TRY(add_row(ret, b, &b->rows.data[i]));
	TRY(order(ret));
	return fold(ret);
}

void balance_tree_text(const struct balance_tree *t, uint32_t at, struct str *out)
{
	const struct balance_branch *b = &t->branches.data[at];

	for (uint32_t i = 0; i < b->n; i++) {
		str_add(out, i ? " > " : "");
		str_add(out, t->texts.data[b->first + i]);
	}
}

void balance_tree_deinit(struct balance_tree *t)
{
	VEC_FREE(&t->branches);
	VEC_FREE(&t->texts);
}

/* ---- drawing ------------------------------------------------------------------------------------------------------------- */

#define LINES_FIRST 3u /* of a long way in a box: the outermost, and the innermost */
#define LINES_LAST 5u

static void add_lines(const struct balance_tree *t, const struct balance_branch *branch,
		      struct str *out)
{
	for (uint32_t i = 0; i < branch->n; i++) {
		uint32_t hidden = branch->n > LINES_FIRST + LINES_LAST + 1 && i == LINES_FIRST
					  ? branch->n - LINES_FIRST - LINES_LAST
					  : 0;

		str_add(out, i ? "\n" : "");
		if (hidden) {
			str_printf(out, "… %" PRIu32 " more …\n", hidden);
			i += hidden;
		}
		str_printable(out, t->texts.data[branch->first + i]);
	}
}

static char *label_of(const struct balance *b, const struct balance_tree *t,
		      const struct balance_branch *branch)
{
	struct str text = {0};
	char *ret;

	if (branch->parent == MODEL_NONE) {
		str_printable(&text, b->paths.m->types[branch->type].name);
		str_printf(&text, ": %" PRIu64 " object%s\n", branch->objects,
			   branch->objects == 1 ? "" : "s");
	}
	add_lines(t, branch, &text);
	str_printf(&text, "\n%+" PRId64 " (+%" PRIu64 " -%" PRIu64 ")", branch->net, branch->plus,
		   branch->minus);
	ret = text.failed ? NULL : strdup(str_text(&text));
	str_free(&text);
	return ret;
}

struct error *balance_picture(const struct balance *b, const struct balance_tree *t,
			      struct drawing *d)
{
	for (uint32_t i = 0; i < t->branches.n; i++) {
		const struct balance_branch *branch = &t->branches.data[i];
		struct drawing_node node = {.label = label_of(b, t, branch),
					    .depth = branch->depth,
					    .start = branch->leaf && branch->net != 0,
					    .weight = (uint64_t)llabs(branch->net)};
		struct drawing_edge edge = {.from = branch->parent};

		if (asprintf(&node.name, "c%" PRIu32, i) < 0)
			node.name = NULL;
		TRY(drawing_add_node(d, node, &edge.to));
		if (branch->depth > d->max_depth)
			d->max_depth = branch->depth;
		if (branch->parent == MODEL_NONE)
			continue;
		edge.label = strdup("");
		TRY(drawing_add_edge(d, edge));
	}
	return NULL;
}
