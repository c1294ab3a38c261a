/*
 * Reversed edges, shortest paths and reachability against plain definitions on random small graphs: self-loops, parallel
 * edges, unreachable islands, no edges at all, classes of edges that do not count, closed nodes, depth limits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/bfs.h"
#include "graph/reach.h"
#include "util/bits.h"

#define MAXN 16
#define MAXE 48
#define FAR 1000

struct sample {
	uint32_t n, m;
	uint32_t from[MAXE], to[MAXE], first[MAXN + 1];
	uint8_t class[MAXE];
	struct graph graph;
	struct follow follow;
	unsigned distance[MAXN][MAXN]; /* over followed edges, Floyd and Warshall */
};

static uint64_t state = 0x2545f4914f6cdd1dull;
static uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (uint32_t)(state >> 20) % n : 0;
}

static void floyd(struct sample *s)
{
	for (uint32_t a = 0; a < s->n; a++)
		for (uint32_t b = 0; b < s->n; b++)
			s->distance[a][b] = a == b ? 0 : FAR;
	for (uint32_t e = 0; e < s->m; e++)
		if (s->follow.pass[s->class[e]] && s->from[e] != s->to[e])
			s->distance[s->from[e]][s->to[e]] = 1;
	for (uint32_t k = 0; k < s->n; k++)
		for (uint32_t a = 0; a < s->n; a++)
			for (uint32_t b = 0; b < s->n; b++)
				if (s->distance[a][k] + s->distance[k][b] < s->distance[a][b])
					s->distance[a][b] = s->distance[a][k] + s->distance[k][b];
}

/* Edges sorted by source, as a graph wants them. */
static void make(struct sample *s, unsigned round)
{
	uint32_t e = 0;

	memset(s, 0, sizeof *s);
	s->n = 1 + rnd(MAXN);
	s->m = round % 17 ? rnd(MAXE) : 0;
	for (unsigned c = 0; c < 4; c++)
		s->follow.pass[c] = c == 0 || rnd(2);
	for (uint32_t v = 0; v < s->n; v++) {
		uint32_t degree = v + 1 < s->n ? rnd(2 * (s->m - e) / (s->n - v) + 1) : s->m - e;

		s->first[v] = e;
		for (uint32_t k = 0; k < degree && e < s->m; k++, e++) {
			s->from[e] = v;
			s->to[e] = rnd(5) ? rnd(s->n) : v;
			s->class[e] = rnd(4);
		}
	}
	s->first[s->n] = s->m = e;
	s->graph = (struct graph){s->n, s->m, s->first, s->to, s->class};
	floyd(s);
}

static const char *check_reverse(const struct sample *s, const struct follow *follow)
{
	struct reverse r;
	uint32_t k = 0;

	if (graph_reverse(&s->graph, follow, &r))
		return "an error";
	for (uint32_t v = 0; v < s->n; v++) {
		if (r.in_first[v] != k)
			return "a run begins elsewhere";
		for (uint32_t e = 0; e < s->m; e++)
			if (s->to[e] == v && (!follow || follow->pass[s->class[e]]) && r.in_source[k++] != s->from[e])
				return "another source";
	}
	if (r.in_first[s->n] != k || r.nedges != k)
		return "another number of edges";
	reverse_deinit(&r);
	return NULL;
}

static bool joined(const struct sample *s, uint32_t a, uint32_t b)
{
	for (uint32_t e = 0; e < s->m; e++)
		if (s->from[e] == a && s->to[e] == b && s->follow.pass[s->class[e]])
			return true;
	return false;
}

/* Shortest possible length with closed nodes, by relaxing until nothing changes. */
static unsigned best_length(const struct sample *s, const struct bfs_query *q, bool backwards)
{
	unsigned length[MAXN], best = FAR;

	for (uint32_t v = 0; v < s->n; v++)
		length[v] = FAR;
	for (size_t i = 0; i < q->nstarts; i++)
		length[q->starts[i]] = 0;
	for (uint32_t round = 0; round < s->n; round++) {
		for (uint32_t e = 0; e < s->m; e++) {
			uint32_t a = backwards ? s->to[e] : s->from[e], b = backwards ? s->from[e] : s->to[e];
			bool open = !q->closed || !bits_get(q->closed, b) || bits_get(q->goals, b);

			if (s->follow.pass[s->class[e]] && open && length[a] + 1 < length[b])
				length[b] = length[a] + 1;
		}
	}
	for (uint32_t v = 0; v < s->n; v++)
		if (bits_get(q->goals, v) && length[v] < best)
			best = length[v];
	return best <= q->max_depth ? best : FAR;
}

static const char *check_path(const struct sample *s, bool backwards)
{
	uint64_t goals = state & state >> 7, closed = state >> 13 & state >> 29;
	uint32_t starts[3] = {rnd(s->n), rnd(s->n), rnd(s->n)};
	struct reverse reverse = {0};
	struct ids path = {0};
	const char *fault = NULL;
	struct bfs_query q = {&s->graph, NULL, &s->follow, starts, 1 + rnd(3), &goals, rnd(2) ? &closed : NULL, rnd(2) ? rnd(5) : 99};
	unsigned best;

	if (rnd(3) == 0)
		goals = 1ull << rnd(s->n);
	goals &= (1ull << s->n) - 1;
	if (backwards) {
		if (graph_reverse(&s->graph, &s->follow, &reverse))
			return "an error";
		q.reverse = &reverse;
	}
	best = best_length(s, &q, backwards);
	if (bfs_path(&q, &path))
		return "an error";
	if (best == FAR ? path.n != 0 : path.n != best + 1)
		fault = "another length";
	for (size_t i = 0; i + 1 < path.n && !fault; i++)
		if (!(backwards ? joined(s, path.data[i + 1], path.data[i]) : joined(s, path.data[i], path.data[i + 1])))
			fault = "a step without an edge";
	if (path.n && !fault && !bits_get(&goals, path.data[path.n - 1]))
		fault = "the end is no goal";
	VEC_FREE(&path);
	reverse_deinit(&reverse);
	return fault;
}

static const char *check_distances(const struct sample *s)
{
	uint32_t start = rnd(s->n), distance[MAXN];
	struct bfs_query q = {.graph = &s->graph, .follow = &s->follow, .starts = &start, .nstarts = 1, .max_depth = 99};

	if (bfs_distances(&q, distance))
		return "an error";
	for (uint32_t v = 0; v < s->n; v++)
		if (distance[v] != (s->distance[start][v] >= FAR ? UINT32_MAX : s->distance[start][v]))
			return "another distance";
	return NULL;
}

static const char *check_reach(const struct sample *s)
{
	uint32_t starts[2] = {rnd(s->n), rnd(s->n)};
	uint64_t reached = 0;

	if (reach_mark(&s->graph, &s->follow, starts, 2, &reached))
		return "an error";
	for (uint32_t v = 0; v < s->n; v++)
		if (bits_get(&reached, v) != (s->distance[starts[0]][v] < FAR || s->distance[starts[1]][v] < FAR))
			return "another set";
	return NULL;
}

static bool run(const char *name, unsigned rounds, const char *(*check)(const struct sample *))
{
	static struct sample s;

	for (unsigned i = 0; i < rounds; i++) {
		const char *fault;

		make(&s, i);
		fault = check(&s);
		if (fault) {
			printf("not ok paths: %s: round %u, %u nodes, %u edges: %s\n", name, i, s.n, s.m, fault);
			return false;
		}
	}
	printf("ok paths: %s\n", name);
	return true;
}

static const char *reverse_all(const struct sample *s)
{
	return check_reverse(s, NULL);
}

static const char *reverse_some(const struct sample *s)
{
	return check_reverse(s, &s->follow);
}

static const char *path_forwards(const struct sample *s)
{
	return check_path(s, false);
}

static const char *path_backwards(const struct sample *s)
{
	return check_path(s, true);
}

int main(void)
{
	bool good = true;

	good &= run("all edges turned round", 20000, reverse_all);
	good &= run("some edges turned round", 20000, reverse_some);
	good &= run("shortest paths forwards", 40000, path_forwards);
	good &= run("shortest paths backwards", 40000, path_backwards);
	good &= run("distances", 40000, check_distances);
	good &= run("reachability", 40000, check_reach);
	return !good;
}
