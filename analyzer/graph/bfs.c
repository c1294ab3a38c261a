/* bfs.c - see bfs.h. Plain breadth-first search; the queue is the order of discovery itself. */
#include "graph/bfs.h"

#include "util/big.h"
#include "util/bits.h"

struct search {
	const struct bfs_query *q;
	uint32_t *queue;  /* nodes in order of discovery */
	uint32_t *parent; /* node that discovered it + 1; its own number + 1 for a start; 0 = not seen */
	uint32_t n;
};

static void discover(struct search *s, uint32_t node, uint32_t from)
{
	if (s->parent[node] || (s->q->closed && bits_get(s->q->closed, node)))
		return;
	s->parent[node] = from + 1;
	s->queue[s->n++] = node;
}

static void expand(struct search *s, uint32_t node)
{
	const struct bfs_query *q = s->q;
	const struct graph *g = q->graph;

	if (q->reverse) {
		for (uint32_t i = q->reverse->in_first[node]; i < q->reverse->in_first[node + 1]; i++)
			discover(s, q->reverse->in_source[i], node);
		return;
	}
	for (uint32_t e = g->out_first[node]; e < g->out_first[node + 1]; e++)
		if (!q->follow || q->follow->pass[g->edge_class[e]])
			discover(s, g->out_target[e], node);
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
		if (depth < s->q->max_depth)
			expand(s, s->queue[i]);
	}
}

static struct error *run(const struct bfs_query *q, struct ids *path, uint32_t *distance)
{
	uint32_t n = q->graph->nnodes, goal = UINT32_MAX;
	struct search s = {.q = q};
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
