/* ways.c - see ways.h. */
#include "report/ways.h"

#include <inttypes.h>
#include <string.h>

#include "graph/bfs.h"
#include "graph/cut.h"
#include "report/contents.h"
#include "report/holder.h"
#include "util/big.h"
#include "util/bits.h"

/* A way of more steps is spelled without its middle. */
#define LONG_WAY 48u
#define LONG_WAY_ENDS 16u

/* ---- ways ------------------------------------------------------------------------------------ */

static bool uses_root(const struct ways *w, uint32_t place)
{
	for (size_t i = 0; i < w->list.n; i++)
		if (w->list.data[i].edges.data[0] == place)
			return true;
	return false;
}

static struct error *free_starts(const struct ways *w, const uint64_t *avoid, struct ids *starts)
{
	const struct ids *roots = &w->alive->roots;

	for (size_t i = 0; i < roots->n; i++) {
		if ((avoid && bits_get(avoid, roots->data[i])) || uses_root(w, i))
			continue;
		if (!VEC_PUSH(starts, roots->data[i]))
			return error_memory();
	}
	return NULL;
}

/* The root that says most of those that no way has. */
static uint32_t free_root(const struct ways *w, uint32_t node)
{
	uint32_t best = holder_root(w->alive, node);

	if (!uses_root(w, best))
		return best;
	for (best = 0; best < w->alive->roots.n; best++)
		if (w->alive->roots.data[best] == node && !uses_root(w, best))
			break;
	return best;
}

/* The references of a way; they are gone for the next one. */
static struct error *take_edges(struct ways *w, struct way *way)
{
	for (size_t i = 0; i < way->nodes.n; i++) {
		uint32_t node = way->nodes.data[i];
		uint32_t edge = i ? holder_edge(w->alive, way->nodes.data[i - 1], node)
				  : free_root(w, node);

		if (!VEC_PUSH(&way->edges, edge))
			return error_memory();
		if (i)
			alive_cut_edge(w->alive, edge);
	}
	return NULL;
}

static void put_back(struct ways *w, const uint8_t *classes)
{
	for (size_t i = 0; i < w->list.n; i++)
		for (size_t k = 1; k < w->list.data[i].edges.n; k++) {
			uint32_t e = w->list.data[i].edges.data[k];
			w->alive->edge_class[e] = classes[e];
		}
}

static struct error *next_way(struct ways *w, const uint64_t *avoid, const uint64_t *goal,
			      struct way *way)
{
	struct ids starts = {0};
	struct bfs_query q = {.graph = &w->alive->graph,
			      .follow = &w->alive->follow,
			      .goals = goal,
			      .closed = avoid,
			      .max_depth = UINT32_MAX};
	struct error *e = free_starts(w, avoid, &starts);

	q.starts = starts.data;
	q.nstarts = starts.n;
	if (!e)
		e = bfs_path(&q, &way->nodes);
	if (!e && way->nodes.n)
		e = take_edges(w, way);
	VEC_FREE(&starts);
	return e;
}

static struct error *find_ways(struct ways *w, const uint64_t *avoid, uint32_t show)
{
	size_t words = bits_words(w->alive->model->nobjects);
	uint64_t *goal;
	struct error *e;

	TRY(big_alloc(words, sizeof *goal, &goal));
	bits_set(goal, w->object);
	do {
		struct way way = {0};

		e = next_way(w, avoid, goal, &way);
		if (e || !way.nodes.n || !VEC_PUSH(&w->list, way)) {
			if (!e && way.nodes.n)
				e = error_memory();
			VEC_FREE(&way.nodes);
			VEC_FREE(&way.edges);
			break;
		}
	} while (w->list.n < show);
	big_free(goal, words, sizeof *goal);
	/* an edge that keeps alive has the model's class */
	put_back(w, w->alive->model->graph.edge_class);
	return e;
}

/* ---- the cut --------------------------------------------------------------------------------- */

static struct error *find_cut(struct ways *w)
{
	struct cut_query q = {.graph = &w->alive->graph,
			      .follow = &w->alive->follow,
			      .reverse = &w->reverse,
			      .roots = w->alive->roots.data,
			      .nroots = w->alive->roots.n,
			      .target = w->object,
			      .limit = w->limit};
	uint64_t *freed;

	TRY(alive_reverse(w->alive, &w->reverse));
	TRY(cut_minimum(&q, &w->needed, &w->cut_edges, &w->cut_roots));
	if (!w->cut_edges.n && !w->cut_roots.n)
		return NULL;
	TRY(alive_freed_by_cut(w->alive, &w->cut_edges, &w->cut_roots, &freed));
	alive_sum(w->alive, freed, &w->freed_objects, &w->freed_bytes);
	big_free(freed, bits_words(w->alive->model->nobjects), sizeof *freed);
	return NULL;
}

/* Subtrees of the dominator tree as intervals, so that who dominates whom takes no climbing. */
static struct error *number_tree(struct ways *w)
{
	const struct alive *a = w->alive;
	uint32_t n = a->model->nobjects, top = 0, *next;

	TRY(alive_dominators(w->alive));
	TRY(big_alloc(n, sizeof *w->place, &w->place));
	TRY(big_alloc(n, sizeof *w->span, &w->span));
	TRY(big_alloc(n, sizeof *next, &next));
	/* dominators come before what they dominate */
	for (uint32_t i = a->npreorder; i-- > 0;) {
		uint32_t o = a->preorder[i];

		w->span[o]++;
		if (a->immediate[o] < n)
			w->span[a->immediate[o]] += w->span[o];
	}
	for (uint32_t i = 0; i < a->npreorder; i++) {
		uint32_t o = a->preorder[i];
		uint32_t *free_place = a->immediate[o] < n ? &next[a->immediate[o]] : &top;

		w->place[o] = *free_place;
		*free_place += w->span[o];
		next[o] = w->place[o] + 1;
	}
	big_free(next, n, sizeof *next);
	return NULL;
}

static bool dominates(const struct ways *w, uint32_t above, uint32_t node)
{
	return w->span[node] && w->place[node] - w->place[above] < w->span[above];
}

static bool add_parallel(struct ways *w, uint32_t from)
{
	const struct graph *g = &w->alive->graph;

	for (uint32_t e = g->out_first[from]; e < g->out_first[from + 1]; e++)
		if (g->out_target[e] == w->object && alive_edge(w->alive, e) &&
		    !VEC_PUSH(&w->direct_edges, e))
			return false;
	return true;
}

static struct error *find_direct(struct ways *w)
{
	const struct reverse *r = &w->reverse;
	uint32_t o = w->object, end = r->in_first[o + 1];

	for (uint32_t i = r->in_first[o]; i < end && w->direct_edges.n <= w->limit; i++) {
		uint32_t from = r->in_source[i];

		/* sources ascend: parallel references are neighbours */
		if (i > r->in_first[o] && from == r->in_source[i - 1])
			continue;
		if (bits_get(w->alive->reached, from) && !dominates(w, o, from) &&
		    !add_parallel(w, from))
			return error_memory();
	}
	for (size_t i = 0; i < w->alive->roots.n; i++)
		if (w->alive->roots.data[i] == o && !VEC_PUSH(&w->direct_roots, i))
			return error_memory();
	if (w->direct_edges.n + w->direct_roots.n > w->limit)
		w->direct_edges.n = w->direct_roots.n = 0;
	return NULL;
}

struct error *ways_find(struct alive *alive, uint32_t object, const uint64_t *avoid, uint32_t show,
			uint32_t limit, struct ways *ret)
{
	*ret = (struct ways){.alive = alive, .object = object, .limit = limit};
	TRY(alive_reach(alive));
	TRY(find_ways(ret, avoid, show));
	TRY(find_cut(ret));
	TRY(number_tree(ret));
	return find_direct(ret);
}

void ways_deinit(struct ways *w)
{
	for (size_t i = 0; i < w->list.n; i++) {
		VEC_FREE(&w->list.data[i].nodes);
		VEC_FREE(&w->list.data[i].edges);
	}
	VEC_FREE(&w->list);
	VEC_FREE(&w->cut_edges);
	VEC_FREE(&w->cut_roots);
	VEC_FREE(&w->direct_edges);
	VEC_FREE(&w->direct_roots);
	reverse_deinit(&w->reverse);
	if (!w->alive)
		return;
	big_free(w->place, w->alive->model->nobjects, sizeof *w->place);
	big_free(w->span, w->alive->model->nobjects, sizeof *w->span);
}

/* Nothing else that is alive refers to the node, but what itself keeps alive. */
static bool is_only_entry(const struct ways *w, uint32_t node, bool by_root)
{
	const struct reverse *r = &w->reverse;
	size_t entries = 0;

	for (size_t i = 0; i < w->alive->roots.n; i++)
		entries += w->alive->roots.data[i] == node;
	if (entries != by_root)
		return false;
	for (uint32_t i = r->in_first[node]; i < r->in_first[node + 1]; i++) {
		uint32_t from = r->in_source[i];

		if (!bits_get(w->alive->reached, from) || dominates(w, node, from))
			continue;
		if (++entries > 1)
			return false;
	}
	return true;
}

/*
 * All ways to the object pass a reference when they pass its target (which dominates the object then) and nothing else leads there;
 * and its loss frees what the target alone keeps.
 */
bool ways_is_cut(const struct ways *w, const struct way *way, size_t i, uint64_t *bytes)
{
	uint32_t node = way->nodes.data[i];

	if (w->needed != 1 || !dominates(w, node, w->object) || !is_only_entry(w, node, i == 0))
		return false;
	*bytes = w->alive->retained[node];
	return true;
}

unsigned ways_kind(const struct ways *w, const struct way *way, size_t i)
{
	const struct model *m = w->alive->model;
	uint32_t number = way->edges.data[i];

	return i ? MODEL_CLASS_KIND(m->graph.edge_class[number])
		 : m->roots[w->alive->root_rows.data[number]].kind;
}

/* Objects that are named one by one. */
static size_t named(const struct model *m, const struct way *way, size_t until)
{
	size_t n = 0;

	for (size_t i = 1; i <= until; i++)
		n += !contents_passed(m, way->nodes.data[i], i == until);
	return n;
}

static void spell_step(const struct ways *w, const struct edge *edge, struct contents *contents,
		       struct str *path)
{
	struct model *m = w->alive->model;
	struct str step = {0};

	if (!m->block_owner || edge->class != RGD_LABEL_OFFSET) {
		spell_edge(m, edge, false, path);
		return;
	}
	spell_edge(m, edge, false, &step);
	contents_add(m, edge->source, str_text(&step), contents, path);
	str_free(&step);
}

static void spell_start(const struct ways *w, const struct spell *spell, uint32_t root,
			struct str *path)
{
	struct str name = {0};

	if (!w->alive->model->block_owner) {
		spell_root(spell, root, path);
		return;
	}
	spell_root(spell, root, &name);
	contents_clean(str_text(&name), path);
	str_free(&name);
}

struct error *ways_spell(const struct ways *w, const struct spell *spell, const struct way *way,
			 size_t until, struct str *out)
{
	const struct model *m = w->alive->model;
	struct contents contents = {0};
	struct str path = {0};
	struct error *e = NULL;
	bool is_long = until > LONG_WAY && named(m, way, until) > LONG_WAY;

	spell_start(w, spell, way->edges.data[0], &path);
	for (size_t i = 1; i <= until && !e; i++) {
		struct edge edge;

		if (is_long && i == LONG_WAY_ENDS) {
			size_t skipped = until - 2 * LONG_WAY_ENDS;

			str_printf(&path, " ... (%zu references) ... ", skipped);
			i += skipped;
		}
		e = model_edge(w->alive->model, way->nodes.data[i - 1], way->edges.data[i], &edge);
		if (!e && !spell_landmark(spell, way->nodes.data[i], &path))
			spell_step(w, &edge, &contents, &path);
	}
	contents_end(&contents, &path);
	if (path.failed)
		out->failed = true;
	str_add(out, str_text(&path));
	str_free(&path);
	return e;
}
