/* alive.c - see alive.h. */
#include "report/alive.h"

#include <string.h>

#include "dump/index.h"
#include "graph/dominators.h"
#include "graph/reach.h"
#include "graph/reach_without.h"
#include "report/index_make.h"
#include "report/keeps.h"
#include "util/big.h"
#include "util/bits.h"
#include "util/progress.h"

static struct error *judge_roots(struct alive *a, const uint64_t *explained)
{
	const struct model *m = a->model;

	for (uint32_t i = 0; i < m->nroots; i++) {
		const struct root *root = &m->roots[i];

		if (root->kind != RGD_EDGE_STRONG && root->kind != RGD_EDGE_INTERNAL &&
		    (root->kind != RGD_EDGE_CONSERVATIVE || bits_get(explained, root->target)))
			continue;
		if (!VEC_PUSH(&a->roots, root->target) || !VEC_PUSH(&a->root_rows, i))
			return error_memory();
	}
	return NULL;
}

static struct error *judge(struct alive *a)
{
	struct model *m = a->model;
	uint64_t *explained;
	struct error *e;

	TRY(big_alloc(m->nobjects, sizeof *a->strong, &a->strong));
	TRY(big_alloc(m->graph.nedges, sizeof *a->edge_class, &a->edge_class));
	TRY(keeps_judge(m, a->strong, a->edge_class, &explained));
	e = judge_roots(a, explained);
	big_free(explained, bits_words(m->nobjects), sizeof *explained);
	return e;
}

static struct error *add_roots(struct alive *a, const uint32_t *rows, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (!VEC_PUSH(&a->roots, a->model->roots[rows[i]].target) ||
		    !VEC_PUSH(&a->root_rows, rows[i]))
			return error_memory();
	return NULL;
}

/* What an earlier judge() found. */
static struct error *take_from_index(struct alive *a, bool *taken)
{
	struct model *m = a->model;
	struct index *ix = model_index(m);
	uint64_t nroots = index_entries(ix, INDEX_ROOTS);
	uint32_t *rows = NULL;
	struct error *e = NULL;

	*taken = index_take(ix, INDEX_STRONG, m->nobjects, &a->strong) &&
		 index_take(ix, INDEX_KEEPS, m->nedges, &a->edge_class) &&
		 index_take(ix, INDEX_ROOTS, nroots, &rows);
	if (*taken) {
		e = add_roots(a, rows, nroots);
		big_free(rows, nroots, sizeof *rows);
		return e;
	}
	big_free(a->strong, m->nobjects, sizeof *a->strong);
	big_free(a->edge_class, m->nedges, sizeof *a->edge_class);
	a->strong = NULL;
	a->edge_class = NULL;
	return NULL;
}

struct error *alive_init(struct alive *a, struct model *m)
{
	struct error *e;
	bool taken;

	*a = (struct alive){0};
	TRY(model_load(m, MODEL_EDGES | MODEL_ROOTS | MODEL_SIZE));
	a->model = m;
	e = take_from_index(a, &taken);
	if (!e && !taken)
		e = judge(a);
	a->graph = m->graph;
	a->graph.edge_class = a->edge_class;
	for (unsigned class = 0; class < 256; class ++)
		a->follow.pass[class] = class != KEEPS_NONE;
	if (e)
		alive_deinit(a);
	return e;
}

void alive_deinit(struct alive *a)
{
	size_t n = a->model ? a->model->nobjects : 0;

	if (!a->model)
		return;
	big_free(a->strong, n, sizeof *a->strong);
	big_free(a->edge_class, a->model->graph.nedges, sizeof *a->edge_class);
	big_free(a->reached, bits_words(n), sizeof *a->reached);
	big_free(a->immediate, n, sizeof *a->immediate);
	big_free(a->preorder, n, sizeof *a->preorder);
	big_free(a->retained, n, sizeof *a->retained);
	VEC_FREE(&a->roots);
	VEC_FREE(&a->root_rows);
	*a = (struct alive){0};
}

void alive_sum(const struct alive *a, const uint64_t *bits, uint64_t *objects, uint64_t *bytes)
{
	*objects = *bytes = 0;
	for (size_t word = 0; word < bits_words(a->model->nobjects); word++)
		for (uint64_t left = bits[word]; left; left &= left - 1) {
			++*objects;
			*bytes += a->model->size[word * 64 + __builtin_ctzll(left)];
		}
}

static bool take_reached(struct alive *a)
{
	uint64_t *bits;

	if (a->reached)
		return true;
	if (a->retained || !index_take(model_index(a->model), INDEX_REACHED,
				       bits_words(a->model->nobjects), &bits))
		return false;
	a->reached = bits;
	a->reached_objects = index_reached_objects(a->model->index);
	a->reached_bytes = index_reached_bytes(a->model->index);
	return true;
}

/* Takes `bits` over. */
static struct error *set_reached(struct alive *a, uint64_t *bits, struct error *e)
{
	if (e) {
		big_free(bits, bits_words(a->model->nobjects), sizeof *bits);
		return e;
	}
	a->reached = bits;
	alive_sum(a, bits, &a->reached_objects, &a->reached_bytes);
	return NULL;
}

struct error *alive_reach(struct alive *a)
{
	uint64_t *bits;
	struct error *e = NULL;

	if (take_reached(a))
		return NULL;
	TRY(big_alloc(bits_words(a->model->nobjects), sizeof *bits, &bits));
	if (a->retained)
		for (uint32_t i = 0; i < a->model->nobjects; i++)
			bits[i >> 6] |= (uint64_t)(a->immediate[i] != DOM_NONE) << (i & 63);
	else
		e = reach_mark(&a->graph, &a->follow, a->roots.data, a->roots.n, bits);
	return set_reached(a, bits, e);
}

/* What `some` refer to and do not hold, each once. */
static struct error *list_border(const struct alive *a, const uint64_t *some, uint64_t *seen,
				 struct ids *ret)
{
	const struct graph *g = &a->graph;

	for (uint32_t i = 0; i < g->nnodes; i++) {
		if (!bits_get(some, i))
			continue;
		for (uint32_t k = g->out_first[i]; k < g->out_first[i + 1]; k++) {
			uint32_t target = g->out_target[k];

			if (bits_get(some, target) || bits_get(seen, target) ||
			    !a->follow.pass[g->edge_class[k]])
				continue;
			bits_set(seen, target);
			if (!VEC_PUSH(ret, target))
				return error_memory();
		}
	}
	return NULL;
}

static struct error *reach_beyond(const struct alive *a, uint64_t *bits)
{
	size_t words = bits_words(a->model->nobjects);
	struct ids border = {0};
	uint64_t *seen;
	struct error *e;

	TRY(big_alloc(words, sizeof *seen, &seen));
	e = list_border(a, bits, seen, &border);
	if (!e)
		e = reach_mark(&a->graph, &a->follow, border.data, border.n, bits);
	if (!e)
		e = reach_mark(&a->graph, &a->follow, a->roots.data, a->roots.n, bits);
	VEC_FREE(&border);
	big_free(seen, words, sizeof *seen);
	return e;
}

struct error *alive_reach_with(struct alive *a, const uint64_t *some)
{
	size_t words = bits_words(a->model->nobjects);
	uint64_t *bits;

	if (take_reached(a))
		return NULL;
	TRY(big_alloc(words, sizeof *bits, &bits));
	memcpy(bits, some, words * sizeof *bits);
	return set_reached(a, bits, reach_beyond(a, bits));
}

struct error *alive_dominators(struct alive *a)
{
	const struct model *m = a->model;
	struct dominators_query query = {.graph = &a->graph,
					 .follow = &a->follow,
					 .roots = a->roots.data,
					 .nroots = a->roots.n};
	uint64_t *retained;
	struct error *e;

	if (a->retained || index_take_tree(model_index(a->model), &a->immediate, &a->preorder,
					   &a->retained, &a->npreorder))
		return NULL;
	if (!a->immediate)
		TRY(big_alloc(m->nobjects, sizeof *a->immediate, &a->immediate));
	if (!a->preorder)
		TRY(big_alloc(m->nobjects, sizeof *a->preorder, &a->preorder));
	TRY(big_alloc(m->nobjects, sizeof *retained, &retained));
	e = dominators_compute(&query, a->immediate, a->preorder, &a->npreorder, retained);
	if (e) {
		big_free(retained, m->nobjects, sizeof *retained);
		return e;
	}
	dominators_retained(a->immediate, a->preorder, a->npreorder, m->size, retained,
			    m->nobjects);
	a->retained = retained;
	for (uint32_t i = 0; i < m->nobjects; i++)
		if (a->immediate[i] == DOM_NONE)
			a->retained[i] = RETAINED_NONE;
	index_keep(a);
	return NULL;
}

struct error *alive_reverse(struct alive *a, struct reverse *ret)
{
	return index_take_reverse(model_index(a->model), true, ret)
		       ? NULL
		       : graph_reverse(&a->graph, &a->follow, ret);
}

void alive_cut_edge(struct alive *a, uint32_t number)
{
	a->edge_class[number] = KEEPS_NONE;
}

/* Turns "reached without" into "reached before, and not now". */
static void keep_lost(const struct alive *a, uint64_t *bits)
{
	for (size_t word = 0; word < bits_words(a->model->nobjects); word++)
		bits[word] = a->reached[word] & ~bits[word];
}

struct error *alive_retained_set(struct alive *a, const struct ids *set, uint64_t **ret)
{
	size_t words = bits_words(a->model->nobjects);
	uint64_t *bits;
	struct error *e;

	TRY(alive_reach(a));
	TRY(big_alloc(words, sizeof *bits, &bits));
	/* what is marked already is not walked through: the set is as good as gone */
	for (size_t i = 0; i < set->n; i++)
		bits_set(bits, set->data[i]);
	e = reach_mark(&a->graph, &a->follow, a->roots.data, a->roots.n, bits);
	if (e) {
		big_free(bits, words, sizeof *bits);
		return e;
	}
	for (size_t i = 0; i < set->n; i++)
		bits_clear(bits, set->data[i]);
	keep_lost(a, bits);
	*ret = bits;
	return NULL;
}

/* ---- sets by the dozen ------------------------------------------------------------------------ */

struct batch {
	uint32_t groups[REACH_WITHOUT_GROUPS];
	unsigned n;
	uint8_t *slot_of_group; /* 255: not in this batch */
	uint8_t *slot;		/* by object */
	uint64_t *reached;
};

static void add_lost(const struct alive *a, const struct batch *b, uint64_t *retained)
{
	uint64_t all = b->n == 64 ? UINT64_MAX : (1ull << b->n) - 1;

	for (uint32_t o = 0; o < a->model->nobjects; o++) {
		if (!bits_get(a->reached, o))
			continue;
		for (uint64_t lost = all & ~b->reached[o]; lost; lost &= lost - 1)
			retained[b->groups[__builtin_ctzll(lost)]] += a->model->size[o];
	}
}

static struct error *run_batch(struct alive *a, const uint32_t *group, uint32_t ngroups,
			       struct batch *b, uint64_t *retained)
{
	for (unsigned i = 0; i < b->n; i++) {
		b->slot_of_group[b->groups[i]] = i;
		retained[b->groups[i]] = 0;
	}
	for (uint32_t o = 0; o < a->model->nobjects; o++)
		b->slot[o] = group[o] < ngroups ? b->slot_of_group[group[o]] : 255;
	memset(b->reached, 0, a->model->nobjects * sizeof *b->reached);
	TRY(reach_without(&a->graph, &a->follow, a->roots.data, a->roots.n, b->slot, b->reached));
	add_lost(a, b, retained);
	for (unsigned i = 0; i < b->n; i++)
		b->slot_of_group[b->groups[i]] = 255;
	b->n = 0;
	progress_piece_done();
	return NULL;
}

static struct error *run_batches(struct alive *a, const uint32_t *group, uint32_t ngroups,
				 const bool *wanted, struct batch *b, uint64_t *retained)
{
	size_t n = 0;

	for (uint32_t g = 0; g < ngroups; g++)
		n += !wanted || wanted[g];
	progress_pieces((n + REACH_WITHOUT_GROUPS - 1) / REACH_WITHOUT_GROUPS);
	for (uint32_t g = 0; g < ngroups; g++) {
		if (wanted && !wanted[g])
			continue;
		b->groups[b->n++] = g;
		if (b->n == REACH_WITHOUT_GROUPS)
			TRY(run_batch(a, group, ngroups, b, retained));
	}
	return b->n ? run_batch(a, group, ngroups, b, retained) : NULL;
}

struct error *alive_retained_groups(struct alive *a, const uint32_t *group, uint32_t ngroups,
				    const bool *wanted, uint64_t *retained)
{
	const char *outer = progress_begin("measuring what is retained");
	size_t n = a->model->nobjects;
	struct batch b = {.slot_of_group = malloc((size_t)ngroups + 1)};
	struct error *e = b.slot_of_group ? alive_reach(a) : error_memory();

	if (!e)
		e = big_alloc(n, sizeof *b.slot, &b.slot);
	if (!e)
		e = big_alloc(n, sizeof *b.reached, &b.reached);
	if (!e) {
		memset(b.slot_of_group, 255, (size_t)ngroups + 1);
		e = run_batches(a, group, ngroups, wanted, &b, retained);
	}
	free(b.slot_of_group);
	big_free(b.slot, n, sizeof *b.slot);
	big_free(b.reached, n, sizeof *b.reached);
	progress_end(outer);
	return e;
}

/* ---- cuts ------------------------------------------------------------------------------------- */

/* The roots but for those in `without`, which ascends. */
static struct error *other_roots(const struct alive *a, const struct ids *without, struct ids *ret)
{
	size_t skip = 0;

	for (size_t i = 0; i < a->roots.n; i++) {
		if (without && skip < without->n && without->data[skip] == i) {
			skip++;
			continue;
		}
		if (!VEC_PUSH(ret, a->roots.data[i]))
			return error_memory();
	}
	return NULL;
}

struct error *alive_freed_by_cut(struct alive *a, const struct ids *edges, const struct ids *roots,
				 uint64_t **ret)
{
	size_t words = bits_words(a->model->nobjects), nedges = edges ? edges->n : 0;
	uint8_t *classes = NULL;
	struct ids left = {0};
	uint64_t *bits = NULL;
	struct error *e;

	TRY(alive_reach(a));
	e = other_roots(a, roots, &left);
	if (!e && nedges && !(classes = malloc(nedges)))
		e = error_memory();
	if (!e)
		e = big_alloc(words, sizeof *bits, &bits);
	if (!e) {
		for (size_t i = 0; i < nedges; i++) {
			classes[i] = a->edge_class[edges->data[i]];
			a->edge_class[edges->data[i]] = KEEPS_NONE;
		}
		e = reach_mark(&a->graph, &a->follow, left.data, left.n, bits);
		for (size_t i = nedges; i-- > 0;)
			a->edge_class[edges->data[i]] = classes[i];
	}
	free(classes);
	VEC_FREE(&left);
	if (e) {
		big_free(bits, words, sizeof *bits);
		return e;
	}
	keep_lost(a, bits);
	*ret = bits;
	return NULL;
}
