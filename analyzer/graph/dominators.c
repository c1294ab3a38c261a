/*
 * dominators.c - SEMI-NCA over a graph with a virtual root.
 *
 * Everything after the depth-first search works on preorder numbers, not nodes: number 0 is the virtual root, number i the
 * i-th node met. In these numbers parents are smaller than children, and a predecessor with a smaller number is an ancestor
 * in the tree: one comparison settles it. Only the others, the late ones, have to be evaluated.
 *
 * The search is one thread's work and waits for memory at every step; edges are turned round beside it. Then a helper
 * prepares batches of predecessors in preorder numbers, and this thread works them off, the last number first.
 */
#include "graph/dominators.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/big.h"
#include "util/bits.h"
#include "util/progress.h"
#include "util/threads.h"

/* A test makes them small, to see many batches and helpers in small graphs. */
#ifndef BATCH_NUMBERS
#define BATCH_NUMBERS (1u << 14)
#define HELP_NODES (1u << 15) /* fewer are not worth a thread */
#endif
#define BATCHES 8u /* that may wait to be worked off */

/* How far ahead what lies in order fetches what it will look up at random. */
#define AHEAD 16u

union slot {
	struct { /* during the search: the edges of a number that are not looked at yet */
		uint32_t edge, end;
	};
	struct {		   /* afterwards */
		uint32_t ancestor; /* the tree parent, or further up */
		uint32_t minimum;  /* smallest semidominator from here up, below the ancestor */
	};
};

/* Numbers [first, first + n) and their predecessors. */
struct batch {
	uint32_t first, n;
	uint32_t *best;	 /* by number: the smallest tree ancestor that has an edge to it */
	uint32_t *start; /* n + 1: where its late predecessors begin */
	uint32_t *late;
	size_t room;
};

struct work {
	const struct dominators_query *q;
	const struct graph *g;
	struct reverse in;
	uint32_t count;		 /* preorder numbers used, the virtual root included */
	uint32_t least;		 /* no semidominator of any but a root is smaller */
	uint32_t *number;	 /* node -> preorder number, 0 = not met; then its dominator */
	uint32_t *node;		 /* preorder number - 1 -> node */
	uint32_t *parent;	 /* in the depth-first tree */
	uint32_t *semi;		 /* then immediate dominators */
	union slot *slot;	 /* by preorder number - 1 */
	uint64_t *met, *is_root; /* bit sets of nodes */
	/* the helper fills batch number `made` of nbatches while made - used < BATCHES */
	struct batch batches[BATCHES];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t nbatches, made, used;
	struct error *help_error;
};

static inline bool follows(const struct dominators_query *q, uint32_t edge)
{
	return !q->follow || q->follow->pass[q->graph->edge_class[edge]];
}

static bool start_helper(const struct work *w, void *(*run)(void *), pthread_t *thread)
{
	return threads_online() > 1 && w->g->nnodes >= HELP_NODES &&
	       pthread_create(thread, NULL, run, (void *)w) == 0;
}

/* ---- the depth-first tree -------------------------------------------------------------------- */

static inline void enter(struct work *w, uint32_t node, uint32_t parent)
{
	bits_set(w->met, node);
	w->node[w->count - 1] = node;
	w->parent[w->count++] = parent;
}

/* The next two that may be entered: most often one after the other, or the second soon. */
static inline void fetch_next(const struct work *w, uint32_t edge, uint32_t end)
{
	for (unsigned k = 0; k < 2 && edge < end; edge++) {
		uint32_t to = w->g->out_target[edge];

		if (!bits_get(w->met, to)) {
			__builtin_prefetch(&w->g->out_first[to]);
			k++;
		}
	}
}

/* Numbers `root` and everything behind it that has no number yet. */
static void search_from(struct work *w, uint32_t root)
{
	const struct graph *g = w->g;
	uint32_t top = w->count, edge = g->out_first[root], end = g->out_first[root + 1];

	enter(w, root, 0);
	while (top) {
		uint32_t to = 0;

		for (; edge < end; edge++) {
			to = g->out_target[edge];
			if (!bits_get(w->met, to) && follows(w->q, edge))
				break;
		}
		if (edge == end) {
			top = w->parent[top];
			if (top) {
				edge = w->slot[top - 1].edge;
				end = w->slot[top - 1].end;
			}
			continue;
		}
		w->slot[top - 1].edge = edge + 1;
		w->slot[top - 1].end = end;
		enter(w, to, top);
		top = w->count - 1;
		edge = g->out_first[to];
		end = g->out_first[to + 1];
		if (g->edge_class)
			__builtin_prefetch(&g->edge_class[edge]);
		fetch_next(w, edge, end);
	}
}

static void *search(void *argument)
{
	struct work *w = argument;

	w->count = 1;
	for (size_t i = 0; i < w->q->nroots; i++)
		if (!bits_get(w->met, w->q->roots[i]))
			search_from(w, w->q->roots[i]);
	return NULL;
}

static struct error *search_and_reverse(struct work *w)
{
	pthread_t thread;
	bool helped = start_helper(w, search, &thread);
	struct error *e = graph_reverse(w->g, w->q->follow, &w->in);

	if (helped)
		pthread_join(thread, NULL);
	else if (!e)
		search(w);
	return e;
}

static struct error *set_numbers(void *context, size_t block)
{
	struct work *w = context;
	uint32_t left = w->count - 1 - block * BATCH_NUMBERS, i = block * BATCH_NUMBERS,
		 end = i + (left < BATCH_NUMBERS ? left : BATCH_NUMBERS);

	for (; i < end; i++) {
		w->number[w->node[i]] = i + 1;
		w->slot[i].ancestor = w->parent[i + 1];
	}
	return NULL;
}

static struct error *number_nodes(struct work *w)
{
	memset(w->number, 0, w->g->nnodes * sizeof *w->number);
	w->nbatches = (w->count - 1 + (uint64_t)BATCH_NUMBERS - 1) / BATCH_NUMBERS;
	return parallel_for(w->nbatches, set_numbers, w);
}

/* With one root, that is what all others are below. */
static void mark_roots(struct work *w)
{
	w->least = 1;
	for (size_t i = 0; i < w->q->nroots; i++) {
		bits_set(w->is_root, w->q->roots[i]);
		if (w->q->roots[i] != w->q->roots[0])
			w->least = 0;
	}
}

/* ---- predecessors, batch by batch ------------------------------------------------------------ */

static struct error *reserve(struct batch *b, size_t want)
{
	size_t room = b->room ? b->room : 64;
	uint32_t *late;

	if (want <= b->room)
		return NULL;
	while (room < want)
		room *= 2;
	late = realloc(b->late, room * sizeof *late);
	if (!late)
		return error_memory();
	b->late = late;
	b->room = room;
	return NULL;
}

static inline void fetch_predecessors(const struct work *w, uint32_t i, uint32_t end)
{
	const struct reverse *in = &w->in;

	if (i + 3 * AHEAD < end)
		__builtin_prefetch(&in->in_first[w->node[i + 3 * AHEAD - 1]]);
	if (i + 2 * AHEAD < end)
		__builtin_prefetch(&in->in_source[in->in_first[w->node[i + 2 * AHEAD - 1]]]);
	if (i + AHEAD < end) {
		uint32_t v = w->node[i + AHEAD - 1], e = in->in_first[v],
			 last = in->in_first[v + 1];

		for (unsigned k = 0; k < 8 && e < last; k++, e++)
			__builtin_prefetch(&w->number[in->in_source[e]]);
	}
}

/* Appends the late predecessors of number i to b->late from *used. Returns the smallest early one. */
static uint32_t sort_out(const struct work *w, struct batch *b, uint32_t i, uint32_t *used)
{
	uint32_t v = w->node[i - 1], best = w->parent[i], end = w->in.in_first[v + 1], n = *used;

	for (uint32_t e = w->in.in_first[v]; e < end; e++) {
		uint32_t p = w->number[w->in.in_source[e]];

		b->late[n] = p; /* for good only if it is late */
		n += p > i;
		if (p && p < best)
			best = p;
	}
	*used = n;
	return best;
}

static struct error *fill(const struct work *w, struct batch *b)
{
	uint32_t end = b->first + b->n, used = 0;

	for (uint32_t i = b->first; i < end; i++) {
		uint32_t v = w->node[i - 1];
		/* The virtual root's edges are in no list. A root that another one reached first has a parent, but 0 as
		 * its semidominator. */
		uint32_t best = bits_get(w->is_root, v) ? 0 : w->parent[i];

		fetch_predecessors(w, i, end);
		b->start[i - b->first] = used;
		if (best > w->least) {
			TRY(reserve(b, (size_t)used + w->in.in_first[v + 1] - w->in.in_first[v]));
			best = sort_out(w, b, i, &used);
		}
		b->best[i - b->first] = best;
	}
	b->start[b->n] = used;
	return NULL;
}

/* Batch k, counted from the last number down. */
static struct error *fill_batch(struct work *w, uint32_t k)
{
	struct batch *b = &w->batches[k % BATCHES];
	uint32_t end = w->count - k * BATCH_NUMBERS;

	b->n = end - 1 < BATCH_NUMBERS ? end - 1 : BATCH_NUMBERS;
	b->first = end - b->n;
	if (!b->best)
		b->best = malloc(BATCH_NUMBERS * sizeof *b->best);
	if (!b->start)
		b->start = malloc((BATCH_NUMBERS + 1) * sizeof *b->start);
	return b->best && b->start ? fill(w, b) : error_memory();
}

static void *help(void *argument)
{
	struct work *w = argument;
	struct error *e = NULL;

	for (uint32_t k = 0; k < w->nbatches && !e; k++) {
		pthread_mutex_lock(&w->lock);
		while (k - w->used >= BATCHES)
			pthread_cond_wait(&w->changed, &w->lock);
		pthread_mutex_unlock(&w->lock);
		e = fill_batch(w, k);
		pthread_mutex_lock(&w->lock);
		w->made = k + 1;
		w->help_error = e;
		pthread_cond_signal(&w->changed);
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

/* ---- semidominators -------------------------------------------------------------------------- */

/*
 * The smallest semidominator on the tree path from v up to, not including, the first number below `limit`: those are not
 * linked yet. Each slot on the way is made to skip the next one (path halving). It ends early where nothing smaller can
 * follow.
 */
static inline uint32_t evaluate(union slot *slots, uint32_t v, uint32_t limit, uint32_t least)
{
	union slot *slot = &slots[v - 1];
	uint32_t minimum = slot->minimum;

	while (slot->ancestor >= limit && minimum > least) {
		union slot up = slots[slot->ancestor - 1];

		if (up.minimum < slot->minimum)
			slot->minimum = up.minimum;
		slot->ancestor = up.ancestor;
		if (slot->minimum < minimum)
			minimum = slot->minimum;
		if (up.ancestor < limit)
			break;
		slot = &slots[up.ancestor - 1];
		if (slot->minimum < minimum)
			minimum = slot->minimum;
	}
	return minimum;
}

static void work_off(struct work *w, const struct batch *b)
{
	for (uint32_t i = b->n; i-- > 0;) {
		uint32_t semi = b->best[i], v = b->first + i;

		for (uint32_t p = b->start[i + 1]; p-- > b->start[i] && semi > w->least;) {
			uint32_t s = evaluate(w->slot, b->late[p], v + 1, w->least);

			if (p >= AHEAD)
				__builtin_prefetch(&w->slot[b->late[p - AHEAD] - 1]);
			if (s < semi)
				semi = s;
		}
		w->semi[v] = semi;
		w->slot[v - 1].minimum = semi;
	}
}

/* Waits until the helper has made batch k. */
static struct error *await(struct work *w, uint32_t k)
{
	struct error *e;

	pthread_mutex_lock(&w->lock);
	while (w->made <= k && !w->help_error)
		pthread_cond_wait(&w->changed, &w->lock);
	e = w->help_error;
	pthread_mutex_unlock(&w->lock);
	return e;
}

static void give_back(struct work *w, uint32_t k)
{
	pthread_mutex_lock(&w->lock);
	w->used = k + 1;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static struct error *semidominators(struct work *w)
{
	pthread_t thread;
	bool helped = w->nbatches > 1 && start_helper(w, help, &thread);
	struct error *e = NULL;

	for (uint32_t k = 0; k < w->nbatches && !e; k++) {
		e = helped ? await(w, k) : fill_batch(w, k);
		if (!e)
			work_off(w, &w->batches[k % BATCHES]);
		if (helped)
			give_back(w, k);
	}
	if (helped)
		pthread_join(thread, NULL);
	return e;
}

/* The nearest common ancestor step: in preorder, so that the dominator of every smaller number is final. */
static void immediate_dominators(struct work *w)
{
	uint32_t *idom = w->semi;

	for (uint32_t i = 1; i < w->count; i++) {
		uint32_t semi = w->semi[i], d = semi > w->least ? w->parent[i] : semi;

		while (d > semi)
			d = idom[d];
		idom[i] = d;
	}
}

/* ---- from beginning to end ------------------------------------------------------------------- */

static struct error *publish(void *context, size_t block)
{
	struct work *w = context;
	uint32_t left = w->g->nnodes - block * BATCH_NUMBERS, v = block * BATCH_NUMBERS,
		 end = v + (left < BATCH_NUMBERS ? left : BATCH_NUMBERS);

	for (; v < end; v++) {
		uint32_t i = w->number[v];

		if (!i)
			w->number[v] = DOM_NONE;
		else
			w->number[v] = w->semi[i] ? w->node[w->semi[i] - 1] : DOM_ROOT;
	}
	return NULL;
}

static struct error *compute(struct work *w)
{
	size_t n = (size_t)w->g->nnodes + 1;

	TRY(big_alloc(n, sizeof *w->parent, &w->parent));
	TRY(big_alloc(n, sizeof *w->semi, &w->semi));
	TRY(big_alloc(bits_words(n), sizeof *w->met, &w->met));
	TRY(big_alloc(bits_words(n), sizeof *w->is_root, &w->is_root));
	TRY(search_and_reverse(w));
	TRY(number_nodes(w));
	mark_roots(w);
	TRY(semidominators(w));
	immediate_dominators(w);
	return parallel_for((w->g->nnodes + (uint64_t)BATCH_NUMBERS - 1) / BATCH_NUMBERS, publish,
			    w);
}

static void release(struct work *w)
{
	size_t n = (size_t)w->g->nnodes + 1;

	big_free(w->parent, n, sizeof *w->parent);
	big_free(w->semi, n, sizeof *w->semi);
	big_free(w->met, bits_words(n), sizeof *w->met);
	big_free(w->is_root, bits_words(n), sizeof *w->is_root);
	for (unsigned i = 0; i < BATCHES; i++) {
		free(w->batches[i].best);
		free(w->batches[i].start);
		free(w->batches[i].late);
	}
	reverse_deinit(&w->in);
}

struct error *dominators_compute(const struct dominators_query *query, uint32_t *immediate,
				 uint32_t *preorder, uint32_t *reached, uint64_t *work)
{
	struct work w = {
		.q = query,
		.g = query->graph,
		.number = immediate,
		.node = preorder,
		.slot = (union slot *)work,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};
	const char *outer = progress_begin("finding dominators");
	struct error *error = compute(&w);

	if (!error)
		*reached = w.count - 1;
	release(&w);
	progress_end(outer);
	return error;
}

void dominators_retained(const uint32_t *immediate, const uint32_t *preorder, uint32_t reached,
			 const uint64_t *weight, uint64_t *retained, uint32_t nodes)
{
	for (uint32_t v = 0; v < nodes; v++)
		retained[v] = immediate[v] == DOM_NONE ? 0 : weight ? weight[v] : 1;
	for (uint32_t i = reached; i-- > 0;) {
		uint32_t v = preorder[i];

		if (i >= 2 * AHEAD) {
			uint32_t soon = immediate[preorder[i - AHEAD]];

			__builtin_prefetch(&immediate[preorder[i - 2 * AHEAD]]);
			__builtin_prefetch(&retained[preorder[i - AHEAD]]);
			if (soon != DOM_ROOT)
				__builtin_prefetch(&retained[soon], 1);
		}
		if (immediate[v] != DOM_ROOT)
			retained[immediate[v]] += retained[v];
	}
}
