/* bfs.c - see bfs.h. Plain breadth-first search; the queue is the order of discovery itself. */
#include "graph/bfs.h"

#include "util/big.h"
#include "util/bits.h"

struct search {
	const struct bfs_query *q;
	const uint32_t *first, *neighbour; /* of either direction */
	const uint8_t *class;		   /* by neighbour, NULL: all count */
	uint32_t *queue;		   /* nodes in order of discovery */
	/* node that discovered it + 1; its own number + 1 for a start; 0 = not seen */
	uint32_t *parent;
	uint32_t n;
};

static bool may_enter(const struct bfs_query *q, uint32_t node)
{
	return !q->closed || !bits_get(q->closed, node) || (q->goals && bits_get(q->goals, node));
}

static void expand(struct search *s, uint32_t node)
{
	for (uint32_t i = s->first[node]; i < s->first[node + 1]; i++) {
		uint32_t other = s->neighbour[i];

		if (s->parent[other] || (s->class && !s->q->follow->pass[s->class[i]]) ||
		    !may_enter(s->q, other))
			continue;
		s->parent[other] = node + 1;
		s->queue[s->n++] = other;
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
		__builtin_prefetch(&s->parent[s->neighbour[at + k]], 1);
}

static void begin(struct search *s)
{
	for (size_t i = 0; i < s->q->nstarts; i++) {
		uint32_t node = s->q->starts[i];

		if (s->parent[node])
			continue;
		s->parent[node] = node + 1;
		s->queue[s->n++] = node;
	}
}

/* From a start to `node`. */
static struct error *trace(const struct search *s, uint32_t node, struct ids *path)
{
	for (;; node = s->parent[node] - 1) {
		if (!VEC_PUSH(path, node))
			return error_memory();
		if (s->parent[node] == node + 1)
			break;
	}
	for (size_t i = 0, j = path->n - 1; i < j; i++, j--) {
		uint32_t swap = path->data[i];

		path->data[i] = path->data[j];
		path->data[j] = swap;
	}
	return NULL;
}

/* Node by node in order of distance. Ends at a goal, which is returned in *goal. */
static void search(struct search *s, uint32_t *goal, uint32_t *distance)
{
	uint32_t depth = 0, level_end;

	begin(s);
	level_end = s->n;
	for (uint32_t i = 0; i < s->n; i++) {
		if (i == level_end) {
			depth++;
			level_end = s->n;
		}
		if (distance)
			distance[s->queue[i]] = depth;
		if (goal && bits_get(s->q->goals, s->queue[i])) {
			*goal = s->queue[i];
			return;
		}
		look_ahead(s, i);
		if (depth < s->q->max_depth)
			expand(s, s->queue[i]);
	}
}

static struct error *run(const struct bfs_query *q, struct ids *path, uint32_t *distance)
{
	uint32_t n = q->graph->nnodes, goal = UINT32_MAX;
	struct search s = {
		.q = q,
		.first = q->reverse ? q->reverse->in_first : q->graph->out_first,
		.neighbour = q->reverse ? q->reverse->in_source : q->graph->out_target,
		.class = q->reverse || !q->follow ? NULL : q->graph->edge_class,
	};
	struct error *e;

	e = big_alloc(n, sizeof *s.queue, &s.queue);
	if (!e)
		e = big_alloc(n, sizeof *s.parent, &s.parent);
	if (!e) {
		search(&s, path ? &goal : NULL, distance);
		if (path && goal != UINT32_MAX)
			e = trace(&s, goal, path);
	}
	big_free(s.queue, n, sizeof *s.queue);
	big_free(s.parent, n, sizeof *s.parent);
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
