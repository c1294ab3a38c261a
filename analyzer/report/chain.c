/* chain.c - see chain.h. */
#include "report/chain.h"

#include <stdlib.h>
#include <string.h>

#include "graph/bfs.h"
#include "report/repr.h"
#include "report/select.h"
#include "report/where.h"
#include "util/big.h"
#include "util/bits.h"

static bool has_modules(const struct model *m)
{
	for (uint32_t i = 0; i < m->nroots; i++)
		if (m->roots[i].class == RGD_ROOT_MODULE)
			return true;
	return false;
}

/* The collector's references lead to no block without a type: what debug information might know of it takes long to find out. */
static bool is_out_of_reach(const struct model *m, const struct chain_query *q, uint32_t object)
{
	return q->universe->kind == UNIVERSE_GC && (m->loaded & MODEL_TYPE) &&
	       m->type[object] == 0 && object != q->start;
}

static struct error *goals_where(struct model *m, const struct chain_query *q,
				 const char *expression, uint64_t **ret)
{
	struct where *where;
	uint64_t *bits;
	struct error *e;

	TRY(where_compile(expression, &where));
	e = where_bind(where, m);
	if (!e)
		e = big_alloc(bits_words(m->nobjects), sizeof *bits, &bits);
	if (!e) {
		for (uint32_t i = 0; i < m->nobjects; i++)
			if (!is_out_of_reach(m, q, i) && where_test(where, i))
				bits_set(bits, i);
		*ret = bits;
	}
	where_destroy(where);
	return e;
}

/* Roots that are counted references: a stale word on a stack is one hop from anything, and holds nothing. */
static struct error *counted_roots(struct model *m, uint64_t **ret)
{
	uint64_t *bits;

	TRY(big_alloc(bits_words(m->nobjects), sizeof *bits, &bits));
	for (uint32_t i = 0; i < m->nroots; i++)
		if (m->roots[i].kind == RGD_EDGE_STRONG)
			bits_set(bits, m->roots[i].target);
	*ret = bits;
	return NULL;
}

/* No predicate was given, and the objects are PHP's, which has no modules. */
static bool has_counted_roots(struct model *m, const struct chain_query *q)
{
	if (q->predicate || q->any_root || !q->backwards || q->universe->kind != UNIVERSE_RUNTIME ||
	    q->universe->runtime != RGD_RT_PHP)
		return false;
	for (uint32_t i = 0; i < m->nroots; i++)
		if (m->roots[i].kind == RGD_EDGE_STRONG)
			return true;
	return false;
}

static struct error *find_goals(struct model *m, const struct chain_query *q, uint64_t **ret)
{
	const char *predicate = q->predicate;
	uint32_t count;

	TRY(model_load(m, MODEL_ROOTS));
	if (q->any_root || (!predicate && (q->universe->kind != UNIVERSE_GC || !has_modules(m))))
		predicate = "is-root";
	if (!predicate || strcmp(predicate, "is-proper-module") == 0)
		return proper_modules(m, ret, &count);
	if (strcmp(predicate, "is-root") == 0)
		return root_targets(m, ret, &count);
	return goals_where(m, q, predicate, ret);
}

static struct error *closed_nodes(struct model *m, const struct chain_query *q, uint64_t **ret)
{
	uint64_t *bits = NULL;
	struct error *e = NULL;

	if (q->backwards) /* only there must a node be a referrer that the collector sees */
		TRY(universe_closed(q->universe, m, &bits));
	if (!bits && q->extra_ignore)
		TRY(big_alloc(bits_words(m->nobjects), sizeof *bits, &bits));
	if (bits)
		e = select_list(m, q->universe, q->extra_ignore, bits);
	if (e)
		big_free(bits, bits_words(m->nobjects), sizeof *bits);
	else
		*ret = bits;
	return e;
}

/* What is ignored is no goal either; the start always may be one. */
static void drop_goals(const struct model *m, const struct chain_query *q, const uint64_t *closed,
		       uint64_t *goals)
{
	bool start = bits_get(goals, q->start);

	for (size_t i = 0; closed && i < bits_words(m->nobjects); i++)
		goals[i] &= ~closed[i];
	if (start)
		bits_set(goals, q->start);
}

static struct error *list_bits(const struct model *m, const uint64_t *bits, struct ids *ret)
{
	for (size_t word = 0; word < bits_words(m->nobjects); word++)
		for (uint64_t left = bits[word]; left; left &= left - 1)
			if (!VEC_PUSH(ret, word * 64 + __builtin_ctzll(left)))
				return error_memory();
	return NULL;
}

/*
 * Backwards, the search starts from all goals at once and ends at the object: the path is as short
 * as one that is searched from the object against the references, and nobody has to turn all edges
 * round.
 */
static struct error *search(struct model *m, const struct chain_query *q, uint64_t *goals,
			    const uint64_t *closed, struct ids *ret)
{
	struct ids sources = {0};
	struct follow follow;
	struct bfs_query b = {
		.graph = &m->graph,
		.follow = &follow,
		.starts = &q->start,
		.nstarts = 1,
		.goals = goals,
		.closed = closed,
		.max_depth = q->max_depth,
	};
	struct error *e;

	universe_follow(q->universe, &follow);
	drop_goals(m, q, closed, goals);
	if (!q->backwards)
		return bfs_path(&b, ret);
	e = list_bits(m, goals, &sources);
	memset(goals, 0, bits_words(m->nobjects) * sizeof *goals);
	bits_set(goals, q->start);
	b.starts = sources.data;
	b.nstarts = sources.n;
	if (!e)
		e = bfs_path(&b, ret);
	VEC_FREE(&sources);
	return e;
}

static struct error *search_from(struct model *m, const struct chain_query *q, bool counted,
				 const uint64_t *closed, struct ids *ret)
{
	uint64_t *goals = NULL;
	struct error *e;

	if (counted)
		TRY(counted_roots(m, &goals));
	else
		TRY(find_goals(m, q, &goals));
	e = search(m, q, goals, closed, ret);
	big_free(goals, bits_words(m->nobjects), sizeof *goals);
	return e;
}

struct error *chain_find(struct model *m, const struct chain_query *q, struct ids *ret, bool *found)
{
	uint64_t *closed = NULL;
	size_t words = bits_words(m->nobjects);
	struct error *e;

	TRY(model_load(m, MODEL_EDGES | MODEL_ROOTS));
	e = closed_nodes(m, q, &closed);
	if (!e && has_counted_roots(m, q))
		e = search_from(m, q, true, closed, ret);
	if (!e && !ret->n)
		e = search_from(m, q, false, closed, ret);
	big_free(closed, words, sizeof *closed);
	if (e)
		return e;
	*found = ret->n > 0;
	return ret->n || VEC_PUSH(ret, q->start) ? NULL : error_memory();
}

struct error *chain_edge(struct model *m, const struct universe *u, uint32_t a, uint32_t b,
			 struct edge *ret)
{
	struct follow follow;

	universe_follow(u, &follow);
	for (uint32_t e = m->graph.out_first[a]; e < m->graph.out_first[a + 1]; e++)
		if (m->graph.out_target[e] == b && follow.pass[m->graph.edge_class[e]])
			return model_edge(m, a, e, ret);
	ret->number = MODEL_NONE;
	return NULL;
}
