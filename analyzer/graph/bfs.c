/*
 * bfs.c - see bfs.h. Plain breadth-first search; the queue is the order of discovery itself.
 *
 * What is looked up at random for every edge is one bit a node, which stays in the cache; what is
 * kept of a node that was discovered lies in the order of the queue. So memory is written only for
 * nodes that are reached.
 */
#include "graph/bfs.h"

#include "util/big.h"
#include "util/bits.h"
#include "util/progress.h"

struct search {
	const struct bfs_query *q;
	const uint32_t *first, *neighbour; /* of either direction */
	const uint8_t *class;		   /* by neighbour, NULL: all count */
	uint32_t *queue;		   /* nodes in order of discovery */
	uint32_t *from;			   /* by place in the queue: place of what discovered it */
	uint64_t *shut;			   /* bit set: nodes that were discovered, or never are */
	uint32_t n;
	const uint64_t *goals; /* where the search ends; NULL: nowhere */
	uint32_t goal;	       /* place in the queue of the goal that was met */
};

#define NOWHERE UINT32_MAX

static void discover(struct search *s, uint32_t node, uint32_t from)
{
	bits_set(s->shut, node);
	s->queue[s->n] = node;
	s->from[s->n] = from;
	if (s->goals && bits_get(s->goals, node) && s->goal == NOWHERE)
		s->goal = s->n;
	s->n++;
}

static void expand(struct search *s, uint32_t place)
{
	uint32_t node = s->queue[place], end = s->first[node + 1];

	for (uint32_t i = s->first[node]; i < end; i++) {
		uint32_t other = s->neighbour[i];

		if (!bits_get(s->shut, other) && (!s->class || s->q->follow->pass[s->class[i]]))
			discover(s, other, place);
	}
}

/* On a big graph every step is a cache miss or three, but the queue knows long before which
 * ones. */
static inline void look_ahead(const struct search *s, uint32_t i)
{
	uint32_t at;

	if (i + 24 >= s->n)
		return;
	__builtin_prefetch(&s->first[s->queue[i + 24]]);
	__builtin_prefetch(&s->neighbour[s->first[s->queue[i + 16]]]);
	at = s->first[s->queue[i + 8]];
	for (unsigned k = 0; k < 4 && at + k < s->first[s->queue[i + 8] + 1]; k++)
		__builtin_prefetch(&s->shut[s->neighbour[at + k] >> 6], 1);
}

/* Starts are entered even if closed. */
static void begin(struct search *s)
{
	const struct bfs_query *q = s->q;

	for (size_t i = 0; i < q->nstarts; i++)
		bits_clear(s->shut, q->starts[i]);
	for (size_t i = 0; i < q->nstarts; i++)
		if (!bits_get(s->shut, q->starts[i]))
			discover(s, q->starts[i], s->n);
}

/* From a start to the node at `place`. */
static struct error *trace(const struct search *s, uint32_t place, struct ids *path)
{
	for (;; place = s->from[place]) {
		if (!VEC_PUSH(path, s->queue[place]))
			return error_memory();
		if (s->from[place] == place)
			break;
	}
	for (size_t i = 0, j = path->n - 1; i < j; i++, j--) {
		uint32_t swap = path->data[i];

		path->data[i] = path->data[j];
		path->data[j] = swap;
	}
	return NULL;
}

/*
 * Node by node in order of distance. The goal that is discovered first is also the first that would
 * have been expanded: the search ends there.
 */
static void search(struct search *s, uint32_t *distance)
{
	uint32_t depth = 0, level_end;

	begin(s);
	level_end = s->n;
	for (uint32_t i = 0; i < s->n && s->goal == NOWHERE; i++) {
		if (i == level_end) {
			depth++;
			level_end = s->n;
		}
		if (distance)
			distance[s->queue[i]] = depth;
		look_ahead(s, i);
		if (depth < s->q->max_depth)
			expand(s, i);
	}
}

static void shut_closed(struct search *s)
{
	const struct bfs_query *q = s->q;

	if (!q->closed)
		return;
	for (size_t i = 0; i < bits_words(q->graph->nnodes); i++)
		s->shut[i] = q->closed[i] & ~(q->goals ? q->goals[i] : 0);
}

static struct error *run(const struct bfs_query *q, struct ids *path, uint32_t *distance)
{
	uint32_t n = q->graph->nnodes;
	struct search s = {
		.q = q,
		.first = q->reverse ? q->reverse->in_first : q->graph->out_first,
		.neighbour = q->reverse ? q->reverse->in_source : q->graph->out_target,
		.class = q->reverse || !q->follow ? NULL : q->graph->edge_class,
		.goals = path ? q->goals : NULL,
		.goal = NOWHERE,
	};
	const char *outer = progress_begin("searching paths");
	struct error *e;

	e = big_alloc(n, sizeof *s.queue, &s.queue);
	if (!e)
		e = big_alloc(n, sizeof *s.from, &s.from);
	if (!e)
		e = big_alloc(bits_words(n), sizeof *s.shut, &s.shut);
	if (!e) {
		shut_closed(&s);
		search(&s, distance);
		if (s.goal != NOWHERE)
			e = trace(&s, s.goal, path);
	}
	big_free(s.queue, n, sizeof *s.queue);
	big_free(s.from, n, sizeof *s.from);
	big_free(s.shut, bits_words(n), sizeof *s.shut);
	progress_end(outer);
	return e;
}

struct error *bfs_path(const struct bfs_query *query, struct ids *path)
{
	return run(query, path, NULL);
}

struct error *bfs_distances(const struct bfs_query *query, uint32_t *distance)
{
	for (uint32_t i = 0; i < query->graph->nnodes; i++)
		distance[i] = UINT32_MAX;
	return run(query, NULL, distance);
}
