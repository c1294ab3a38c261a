/* tree.c - see tree.h. Rows are taken from a heap, largest first, and put their children into it. */
#include "report/tree.h"

#include <stdlib.h>
#include <string.h>

#include "graph/dominators.h"
#include "util/big.h"
#include "util/bits.h"

/* A row that waits, or was taken: members are `n` of work.members from `first`. */
struct candidate {
	uint32_t parent; /* place among the taken, TREE_NONE on top */
	uint32_t depth, object, first, n;
	uint64_t retained;
};

struct work {
	struct alive *alive;
	const struct tree_query *query;
	struct model *m;
	uint64_t *objects;	    /* by object: nodes of its subtree */
	uint32_t *first, *children; /* children of object i: children[first[i]..first[i + 1]]; */
	struct ids members;
	struct ids scratch;
	struct ids points; /* accumulation points of the tops, ascending */
	VEC(struct candidate) heap;
	VEC(struct candidate) taken;
	struct tree *tree;
};

/* ---- children -------------------------------------------------------------------------------- */

static struct error *list_children(struct work *w)
{
	const struct alive *a = w->alive;
	uint32_t n = w->m->nobjects, sum = 0;

	TRY(big_alloc((size_t)n + 2, sizeof *w->first, &w->first));
	TRY(big_alloc((size_t)n + 1, sizeof *w->children, &w->children));
	TRY(big_alloc(n, sizeof *w->objects, &w->objects));
	dominators_retained(a->immediate, a->preorder, a->npreorder, NULL, w->objects, n);
	for (uint32_t i = 0; i < n; i++)
		if (a->immediate[i] < n)
			w->first[a->immediate[i] + 2]++;
	for (uint32_t i = 0; i < n + 2; i++)
		w->first[i] = sum += w->first[i];
	/* each slot of first[i + 1] moves from the start of i's children to their end */
	for (uint32_t i = 0; i < n; i++)
		if (a->immediate[i] < n)
			w->children[w->first[a->immediate[i] + 1]++] = i;
	return NULL;
}

/* ---- the heap: most retained first, then what came from an earlier row, then the smaller number */

static bool before(const struct candidate *x, const struct candidate *y)
{
	if (x->retained != y->retained)
		return x->retained > y->retained;
	if (x->parent != y->parent)
		return x->parent < y->parent;
	return x->object < y->object;
}

static bool heap_push(struct work *w, struct candidate c)
{
	size_t i = w->heap.n;

	if (!VEC_PUSH(&w->heap, c))
		return false;
	for (; i && before(&c, &w->heap.data[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap.data[i] = w->heap.data[(i - 1) / 2];
	w->heap.data[i] = c;
	return true;
}

static struct candidate heap_pop(struct work *w)
{
	struct candidate *h = w->heap.data, top = h[0], last = h[--w->heap.n];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < w->heap.n) {
		if (child + 1 < w->heap.n && before(&h[child + 1], &h[child]))
			child++;
		if (!before(&h[child], &last))
			break;
		h[i] = h[child];
		i = child;
	}
	h[i] = last;
	return top;
}

/* ---- candidates ------------------------------------------------------------------------------ */

static int by_type_and_size(const void *x, const void *y, void *context)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
	struct work *w = context;
	uint32_t ta = model_type_of(w->m, a), tb = model_type_of(w->m, b);
	uint64_t ra = w->alive->retained[a], rb = w->alive->retained[b];

	if (ta != tb)
		return ta < tb ? -1 : 1;
	if (ra != rb)
		return ra < rb ? 1 : -1;
	return (a > b) - (a < b);
}

static struct error *add_candidate(struct work *w, const uint32_t *members, uint32_t n,
				   struct candidate c)
{
	c.object = members[0];
	c.first = w->members.n;
	c.n = n;
	for (uint32_t i = 0; i < n; i++)
		c.retained += w->alive->retained[members[i]];
	if (c.retained < w->query->min)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		if (!VEC_PUSH(&w->members, members[i]))
			return error_memory();
	return heap_push(w, c) ? NULL : error_memory();
}

/* Objects in w->scratch become rows that wait below `parent`. */
static struct error *add_candidates(struct work *w, uint32_t parent, uint32_t depth)
{
	struct candidate c = {.parent = parent, .depth = depth};
	uint32_t *list = w->scratch.data;
	size_t n = w->scratch.n, end;

	if (w->query->by_type && n)
		qsort_r(list, n, sizeof *list, by_type_and_size, w);
	for (size_t i = 0; i < n; i = end) {
		end = i + 1;
		while (w->query->by_type && end < n &&
		       model_type_of(w->m, list[end]) == model_type_of(w->m, list[i]))
			end++;
		TRY(add_candidate(w, list + i, end - i, c));
	}
	return NULL;
}

static struct error *expand(struct work *w, uint32_t row)
{
	struct candidate c = w->taken.data[row];

	if (c.depth >= w->query->max_depth)
		return NULL;
	w->scratch.n = 0;
	for (uint32_t k = c.first; k < c.first + c.n; k++) {
		uint32_t o = w->members.data[k];

		for (uint32_t i = w->first[o]; i < w->first[o + 1]; i++)
			if (!VEC_PUSH(&w->scratch, w->children[i]))
				return error_memory();
	}
	return add_candidates(w, row, c.depth + 1);
}

/* Those of the starts that no other start dominates; or all that only roots hold. */
static struct error *list_tops(struct work *w)
{
	const struct ids *starts = w->query->starts;
	const struct alive *a = w->alive;
	uint64_t *chosen = NULL;
	struct error *e = NULL;

	if (starts) {
		TRY(big_alloc(bits_words(w->m->nobjects), sizeof *chosen, &chosen));
		for (size_t i = 0; i < starts->n; i++)
			bits_set(chosen, starts->data[i]);
	}
	/* in preorder a dominator comes first: a bit that is handed down marks what lies below a start */
	for (uint32_t i = 0; i < a->npreorder && !e; i++) {
		uint32_t o = a->preorder[i], up = a->immediate[o];
		bool below = starts && up != DOM_ROOT && bits_get(chosen, up);
		bool top = starts ? bits_get(chosen, o) && !below : up == DOM_ROOT;

		if (below)
			bits_set(chosen, o);
		if (top && !VEC_PUSH(&w->scratch, o))
			e = error_memory();
	}
	big_free(chosen, bits_words(w->m->nobjects), sizeof *chosen);
	return e;
}

/* ---- accumulation points ---------------------------------------------------------------------- */

static bool is_most(uint64_t part, uint64_t whole)
{
	return part >= whole / 10 * 7;
}

static uint32_t largest_child(const struct work *w, uint32_t o)
{
	const uint64_t *retained = w->alive->retained;
	uint32_t best = MODEL_NONE;

	for (uint32_t i = w->first[o]; i < w->first[o + 1]; i++)
		if (best == MODEL_NONE || retained[w->children[i]] > retained[best])
			best = w->children[i];
	return best;
}

/* Where it spreads; MODEL_NONE when one object is most of it. */
static uint32_t point_below(const struct work *w, uint32_t top)
{
	const uint64_t *retained = w->alive->retained;

	for (uint32_t o = top, child; (child = largest_child(w, o)) != MODEL_NONE; o = child)
		if (!is_most(retained[child], retained[o]))
			return is_most(w->m->size[o], retained[o]) ||
					       w->first[o + 1] - w->first[o] < 2
				       ? MODEL_NONE
				       : o;
	return MODEL_NONE;
}

/* Of the tops, which are in w->scratch. */
static struct error *find_points(struct work *w)
{
	for (size_t i = 0; i < w->scratch.n && !w->query->by_type; i++) {
		uint32_t top = w->scratch.data[i], point;

		if (w->alive->retained[top] < w->query->min)
			continue;
		point = point_below(w, top);
		if (point != MODEL_NONE && !VEC_PUSH(&w->points, point))
			return error_memory();
	}
	if (w->points.n)
		qsort(w->points.data, w->points.n, sizeof *w->points.data, ids_compare);
	return NULL;
}

static struct error *take_rows(struct work *w)
{
	uint64_t limit = w->query->limit ? w->query->limit : UINT64_MAX;

	TRY(list_tops(w));
	for (size_t i = 0; i < w->scratch.n; i++) {
		w->tree->hidden++;
		w->tree->hidden_bytes += w->alive->retained[w->scratch.data[i]];
	}
	TRY(find_points(w));
	TRY(add_candidates(w, TREE_NONE, 0));
	while (w->heap.n && w->taken.n < limit) {
		if (!VEC_PUSH(&w->taken, heap_pop(w)))
			return error_memory();
		TRY(expand(w, w->taken.n - 1));
	}
	return NULL;
}

/* ---- the tree, depth first -------------------------------------------------------------------- */

static struct tree_row make_row(const struct work *w, const struct candidate *c, uint32_t parent)
{
	struct tree_row row = {.parent = parent,
			       .depth = c->depth,
			       .object = c->object,
			       .members = c->n,
			       .retained = c->retained};

	for (uint32_t k = c->first; k < c->first + c->n; k++) {
		uint32_t o = w->members.data[k];

		row.size += w->m->size[o];
		row.objects += w->objects[o];
		row.hidden += w->first[o + 1] - w->first[o];
	}
	row.hidden_bytes = row.retained - row.size;
	if (w->points.n &&
	    bsearch(&row.object, w->points.data, w->points.n, sizeof *w->points.data, ids_compare))
		row.accumulates = row.hidden;
	return row;
}

/* What a row shows, the row (or the top) above it does not hide. */
static void uncover(struct tree *t, const struct tree_row *row)
{
	struct tree_row *up = row->parent == TREE_NONE ? NULL : &t->rows.data[row->parent];

	*(up ? &up->hidden : &t->hidden) -= row->members;
	*(up ? &up->hidden_bytes : &t->hidden_bytes) -= row->retained;
}

/*
 * Rows were taken in an order in which siblings are in order and parents come first. Links to the first child and the next
 * sibling lead through them depth first without a stack.
 */
static struct error *lay_out(struct work *w)
{
	size_t n = w->taken.n;
	uint32_t *child = malloc((n + 1) * sizeof *child), *next = malloc((n + 1) * sizeof *next),
		 *place = malloc((n + 1) * sizeof *place), top = TREE_NONE;
	struct error *e = child && next && place ? NULL : error_memory();

	for (size_t i = 0; i < n && !e; i++)
		child[i] = next[i] = TREE_NONE;
	for (size_t i = n; i-- > 0 && !e;) {
		uint32_t up = w->taken.data[i].parent;

		next[i] = up == TREE_NONE ? top : child[up];
		*(up == TREE_NONE ? &top : &child[up]) = i;
	}
	for (uint32_t i = top; i != TREE_NONE && !e;) {
		const struct candidate *c = &w->taken.data[i];
		uint32_t up = c->parent == TREE_NONE ? TREE_NONE : place[c->parent];
		struct tree_row row = make_row(w, c, up);

		place[i] = w->tree->rows.n;
		if (!VEC_PUSH(&w->tree->rows, row))
			e = error_memory();
		else
			uncover(w->tree, &row);
		if (child[i] != TREE_NONE) {
			i = child[i];
			continue;
		}
		while (i != TREE_NONE && next[i] == TREE_NONE)
			i = w->taken.data[i].parent;
		i = i == TREE_NONE ? TREE_NONE : next[i];
	}
	free(child);
	free(next);
	free(place);
	return e;
}

struct error *tree_make(struct alive *a, const struct tree_query *q, struct tree *ret)
{
	struct work w = {.alive = a, .query = q, .m = a->model, .tree = ret};
	size_t n = a->model->nobjects;
	struct error *e;

	*ret = (struct tree){0};
	TRY(model_load(w.m, q->by_type ? MODEL_SITES | MODEL_SIZE : MODEL_SIZE));
	TRY(alive_dominators(a));
	e = list_children(&w);
	if (!e)
		e = take_rows(&w);
	if (!e)
		e = lay_out(&w);
	big_free(w.first, n + 2, sizeof *w.first);
	big_free(w.children, n + 1, sizeof *w.children);
	big_free(w.objects, n, sizeof *w.objects);
	VEC_FREE(&w.points);
	VEC_FREE(&w.members);
	VEC_FREE(&w.scratch);
	VEC_FREE(&w.heap);
	VEC_FREE(&w.taken);
	if (e)
		tree_deinit(ret);
	return e;
}

void tree_deinit(struct tree *t)
{
	VEC_FREE(&t->rows);
}
