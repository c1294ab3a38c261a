/*
 * Every question of analyzer/graph on the same small graphs, against its definition in the plainest form: a dominator is what is on
 * every way, found by taking each node out; what is retained is marked again without it; components reach each other; distances grow
 * level by level; a cut is the smallest set of references that parts, of all sets. The graphs are random, and odd: chains, stars,
 * complete ones, islands, ladders, trees, no edges; with self-loops, parallel edges, edges that do not count, and 0 to 4 roots, of
 * which some are the same.
 *
 *   graphs_test [ROUNDS [SEED]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/bfs.h"
#include "graph/bfs_tree.h"
#include "graph/cut.h"
#include "graph/dominators.h"
#include "graph/reach.h"
#include "graph/reach_without.h"
#include "graph/scc.h"
#include "util/bits.h"

#define MAXN 16u
#define RANDOM_NODES 10u
#define MAXE 128u
#define MAXR 4u
#define CUT_LIMIT 3u
#define BRAID_LIMIT 5u

struct small {
	uint32_t n, m, nroots, roots[MAXR], first[MAXN + 1], from[MAXE], to[MAXE];
	uint8_t class[MAXE];
	struct graph graph;
	struct follow follow;
};

static uint64_t state = 0x9e3779b97f4a7c15ull;
static uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (uint32_t)(state >> 20) % n : 0;
}

/* ---- graphs ---------------------------------------------------------------------------------- */

enum { RANDOM, CHAIN, CHAIN_BACK, STAR, COMPLETE, ISLANDS, LADDER, TREE, EMPTY, SHAPES };

/* Edges a shape has from a to b. */
static bool joined(unsigned shape, uint32_t n, uint32_t a, uint32_t b)
{
	switch (shape) {
	case CHAIN:
		return b == a + 1;
	case CHAIN_BACK:
		return b == a + 1 || (a > b && (a - b) % 3 == 1);
	case STAR:
		return (a == 0) != (b == 0);
	case COMPLETE:
		return a != b;
	case ISLANDS:
		return a % 2 == b % 2 && (b == a + 2 || (a == n - 1 && b < 2));
	case LADDER:
		return b == a + 2 || b == a + 3 - 2 * (a % 2);
	case TREE:
		return b && (b - 1) / 2 == a;
	case RANDOM:
		return rnd(n) < 2;
	}
	return false;
}

static void add(struct small *s, uint32_t from, uint32_t to)
{
	if (s->m < MAXE) {
		s->from[s->m] = from;
		s->to[s->m] = to;
		s->class[s->m++] = rnd(8) == 0;
	}
}

static void make(struct small *s)
{
	unsigned shape = rnd(2) ? RANDOM : rnd(SHAPES);
	bool extras = rnd(2);
	uint32_t name[MAXN];

	memset(s, 0, sizeof *s);
	s->n = rnd(20) ? 1 + rnd(RANDOM_NODES) : 0;
	s->follow.pass[0] = true;
	for (uint32_t i = 0; i < s->n; i++) { /* a shape looks the same from everywhere */
		uint32_t k = rnd(i + 1);

		name[i] = name[k];
		name[k] = i;
	}
	for (uint32_t a = 0; a < s->n; a++) {
		s->first[a] = s->m;
		for (uint32_t b = 0; b < s->n; b++) {
			if (joined(shape, s->n, name[a], name[b]))
				add(s, a, b);
			if (extras && rnd(16) == 0)
				add(s, a, rnd(3) ? b : a);
		}
	}
	s->first[s->n] = s->m;
	s->nroots = s->n ? rnd(MAXR + 1) : 0;
	for (uint32_t i = 0; i < s->nroots; i++)
		s->roots[i] = rnd(s->n);
	s->graph = (struct graph){s->n, s->m, s->first, s->to, s->class};
}

/* ---- definitions ----------------------------------------------------------------------------- */

/* What is left out: nodes, edges and roots by bits. */
struct gone {
	uint32_t nodes, roots;
	unsigned __int128 edges;
};

static uint32_t reach_from(const struct small *s, uint32_t seen, struct gone gone)
{
	uint32_t before;

	seen &= ~gone.nodes;
	do {
		before = seen;
		for (uint32_t e = 0; e < s->m; e++)
			if ((seen >> s->from[e] & 1) && !s->class[e] && !(gone.edges >> e & 1))
				seen |= 1u << s->to[e] & ~gone.nodes;
	} while (seen != before);
	return seen;
}

static uint32_t reach(const struct small *s, struct gone gone)
{
	uint32_t seen = 0;

	for (uint32_t i = 0; i < s->nroots; i++)
		if (!(gone.roots >> i & 1))
			seen |= 1u << s->roots[i];
	return reach_from(s, seen, gone);
}

#define NOTHING ((struct gone){0})

/* ---- questions ------------------------------------------------------------------------------- */

static const char *dominators(const struct small *s)
{
	struct dominators_query q = {&s->graph, &s->follow, s->roots, s->nroots};
	uint32_t immediate[MAXN], order[MAXN], reached = 99, all = reach(s, NOTHING), below[MAXN], seen = 0;
	uint64_t weight[MAXN], retained[MAXN];

	if (dominators_compute(&q, immediate, order, &reached, retained))
		return "dominators: an error";
	for (uint32_t v = 0; v < s->n; v++) {
		weight[v] = 1 + 3 * v;
		below[v] = (all >> v & 1) ? all & ~reach(s, (struct gone){.nodes = 1u << v}) : 0;
	}
	dominators_retained(immediate, order, reached, weight, retained, s->n);
	if (reached != (uint32_t)__builtin_popcount(all))
		return "dominators: how many are reached";
	for (uint32_t v = 0; v < s->n; v++) {
		uint32_t want = all >> v & 1 ? DOM_ROOT : DOM_NONE;
		uint64_t bytes = 0;

		for (uint32_t d = 0; d < s->n; d++) {
			if (d != v && (below[d] >> v & 1) && (want == DOM_ROOT || (below[want] >> d & 1)))
				want = d;
			bytes += (below[v] >> d & 1) * weight[d];
		}
		if (immediate[v] != want)
			return "dominators: the immediate one";
		if (retained[v] != bytes)
			return "retained sizes";
	}
	for (uint32_t i = 0; i < reached; i++) {
		if (immediate[order[i]] != DOM_ROOT && !(seen >> immediate[order[i]] & 1))
			return "dominators: the order";
		seen |= 1u << order[i];
	}
	return seen == all ? NULL : "dominators: the order";
}

static const char *components(const struct small *s)
{
	struct components c;
	uint32_t from[MAXN];
	const char *wrong = NULL;

	if (components_compute(&s->graph, &s->follow, &c))
		return "components: an error";
	for (uint32_t v = 0; v < s->n; v++)
		from[v] = reach_from(s, 1u << v, NOTHING);
	for (uint32_t a = 0; a < s->n; a++)
		for (uint32_t b = 0; b < s->n; b++)
			if ((c.of[a] == c.of[b]) != ((from[a] >> b & 1) && (from[b] >> a & 1)))
				wrong = "components";
	components_deinit(&c);
	return wrong;
}

/* Level by level, past nodes that are not closed. */
static void levels(const struct small *s, uint64_t closed, uint32_t *want)
{
	uint64_t level = 0, seen = 0;

	memset(want, 0xff, MAXN * sizeof *want);
	for (uint32_t i = 0; i < s->nroots; i++)
		level |= 1u << s->roots[i];
	level &= ~closed;
	for (uint32_t depth = 0; level & ~seen; depth++) {
		uint64_t fresh = level & ~seen;

		seen |= fresh;
		level = 0;
		for (uint32_t v = 0; v < s->n; v++)
			if (fresh >> v & 1)
				want[v] = depth;
		for (uint32_t e = 0; e < s->m; e++)
			if ((fresh >> s->from[e] & 1) && !s->class[e])
				level |= 1u << s->to[e] & ~closed;
	}
}

static const char *tree(const struct small *s, uint64_t closed)
{
	uint32_t want[MAXN];
	struct bfs_tree t;
	const char *wrong = NULL;

	levels(s, closed, want);
	if (bfs_tree_make(&s->graph, &s->follow, s->roots, s->nroots, closed ? &closed : NULL, &t))
		return "shortest ways: an error";
	for (uint32_t i = 1; i < t.n; i++)
		if (want[t.order[i - 1]] > want[t.order[i]])
			wrong = "shortest ways: the order";
	for (uint32_t v = 0; v < s->n; v++) {
		uint32_t e = t.edge[v];

		if (want[v] == UINT32_MAX || want[v] == 0) {
			if (e != (want[v] ? BFS_TREE_NONE : BFS_TREE_START))
				wrong = "shortest ways: a start, or nothing";
		} else if (e >= s->m || s->from[e] != t.parent[v] || s->to[e] != v || s->class[e] ||
			   want[t.parent[v]] + 1 != want[v]) {
			wrong = "shortest ways";
		}
	}
	bfs_tree_deinit(&t);
	return wrong;
}

static const char *distances(const struct small *s)
{
	struct bfs_query q = {.graph = &s->graph,
			      .follow = &s->follow,
			      .starts = s->roots,
			      .nstarts = s->nroots,
			      .max_depth = UINT32_MAX};
	uint32_t got[MAXN], want[MAXN];
	const char *wrong;

	levels(s, 0, want);
	if (bfs_distances(&q, got))
		return "distances: an error";
	if (s->n && memcmp(got, want, s->n * sizeof *got) != 0)
		return "distances";
	wrong = tree(s, 0);
	return wrong ? wrong : tree(s, rnd(1u << MAXN) & rnd(1u << MAXN));
}

/* Steps from each node to each by references that count, those that `against` says turned round, past nodes that are not closed: by
 * R. W. Floyd, "Algorithm 97: Shortest Path", Communications of the ACM 5(6), 1962. */
static void all_distances(const struct small *s, bool against, uint32_t closed, uint32_t d[MAXN][MAXN])
{
	for (uint32_t a = 0; a < s->n; a++)
		for (uint32_t b = 0; b < s->n; b++)
			d[a][b] = a == b ? 0 : 1000;
	for (uint32_t e = 0; e < s->m; e++)
		if (!s->class[e] && s->from[e] != s->to[e])
			d[against ? s->to[e] : s->from[e]][against ? s->from[e] : s->to[e]] = 1;
	for (uint32_t k = 0; k < s->n; k++)
		for (uint32_t a = 0; a < s->n && !(closed >> k & 1); a++)
			for (uint32_t b = 0; b < s->n; b++)
				if (d[a][k] + d[k][b] < d[a][b])
					d[a][b] = d[a][k] + d[k][b];
}

/* The first way of `left` steps from a node to a goal, taking references in their order: it is what everybody else should find, too. */
static bool first_way(const struct small *s, const struct bfs_query *q, uint32_t node, uint32_t left, uint32_t *way)
{
	*way = node;
	if (!left)
		return *q->goals >> node & 1;
	for (uint32_t e = 0; e < s->m; e++) {
		uint32_t next = q->reverse ? s->from[e] : s->to[e];

		if (!s->class[e] && node == (q->reverse ? s->to[e] : s->from[e]) &&
		    (left == 1 || !q->closed || !(*q->closed >> next & 1)) && first_way(s, q, next, left - 1, way + 1))
			return true;
	}
	return false;
}

static bool is_first_way(const struct small *s, const struct bfs_query *q, const struct ids *path)
{
	uint32_t way[MAXN + 1];

	for (uint32_t i = 0; i < s->nroots; i++)
		if (first_way(s, q, s->roots[i], path->n - 1, way))
			return memcmp(way, path->data, path->n * sizeof *way) == 0;
	return false;
}

/* A shortest chain from a start to a goal, past nodes that are not closed, and not longer than allowed. */
static const char *chains(const struct small *s)
{
	bool against = rnd(2);
	uint64_t closed = rnd(1u << MAXN) & rnd(1u << MAXN), goals = rnd(1u << MAXN) & rnd(1u << MAXN);
	uint32_t d[MAXN][MAXN], want = 1000;
	struct reverse reverse = {0};
	struct bfs_query q = {.graph = &s->graph,
			      .follow = &s->follow,
			      .starts = s->roots,
			      .nstarts = s->nroots,
			      .goals = &goals,
			      .closed = rnd(4) ? &closed : NULL,
			      .max_depth = rnd(2) ? UINT32_MAX : rnd(4)};
	struct ids path = {0};
	const char *wrong = NULL;

	closed &= (1u << s->n) - 1;
	goals &= (1u << s->n) - 1;
	all_distances(s, against, q.closed ? (uint32_t)closed : 0, d);
	for (uint32_t i = 0; i < s->nroots; i++)
		for (uint32_t g = 0; g < s->n; g++)
			if ((goals >> g & 1) && d[s->roots[i]][g] < want)
				want = d[s->roots[i]][g];
	if (against && graph_reverse(&s->graph, &s->follow, &reverse))
		return "chains: an error";
	q.reverse = against ? &reverse : NULL;
	if (bfs_path(&q, &path))
		wrong = "chains: an error";
	else if (want == 1000 || want > q.max_depth)
		wrong = path.n ? "chains: one where none is" : NULL;
	else if (path.n != want + 1)
		wrong = "chains: not the shortest";
	else if (!is_first_way(s, &q, &path))
		wrong = "chains: not the first of the shortest";
	reverse_deinit(&reverse);
	VEC_FREE(&path);
	return wrong;
}

static const char *reached(const struct small *s)
{
	uint64_t bits[1] = {0}, without[MAXN] = {0};
	uint8_t group[MAXN];
	uint32_t members[3] = {0};

	if (reach_mark(&s->graph, &s->follow, s->roots, s->nroots, bits))
		return "reach: an error";
	if (bits[0] != reach(s, NOTHING))
		return "reach";
	for (uint32_t v = 0; v < s->n; v++) {
		uint32_t k = rnd(4);

		group[v] = k < 3 ? k : 255;
		if (k < 3)
			members[k] |= 1u << v;
	}
	if (reach_without(&s->graph, &s->follow, s->roots, s->nroots, group, without))
		return "reach without groups: an error";
	for (uint32_t k = 0; k < 3; k++) {
		uint32_t want = reach(s, (struct gone){.nodes = members[k]});

		for (uint32_t v = 0; v < s->n; v++)
			if ((without[v] >> k & 1) != (want >> v & 1))
				return "reach without groups";
	}
	return NULL;
}

/* References: edges, then roots. */
static struct gone with(const struct small *s, struct gone gone, uint32_t reference)
{
	if (reference < s->m)
		gone.edges |= (unsigned __int128)1 << reference;
	else
		gone.roots |= 1u << (reference - s->m);
	return gone;
}

/* Whether some `left` references from number `from` on part the target. */
static bool parts(const struct small *s, uint32_t target, struct gone gone, uint32_t from, uint32_t left)
{
	if (!(reach(s, gone) >> target & 1))
		return true;
	for (uint32_t r = from; left && r < s->m + s->nroots; r++)
		if (parts(s, target, with(s, gone, r), r + 1, left - 1))
			return true;
	return false;
}

/* The fewest references without which no root reaches `target`, or CUT_LIMIT + 1: all sets are tried. */
static uint32_t fewest(const struct small *s, uint32_t target)
{
	uint32_t n = 0;

	while (n <= CUT_LIMIT && !parts(s, target, NOTHING, 0, n))
		n++;
	return n;
}

/* What cut_minimum() says of the target, which `want` references part from all roots, as far as they are not more than `limit`. */
static const char *cut_of(const struct small *s, uint32_t target, uint32_t limit, uint32_t want)
{
	struct reverse reverse = {0};
	struct cut_query q = {&s->graph, &s->follow, &reverse, s->roots, s->nroots, target, limit};
	struct ids edges = {0}, roots = {0};
	struct gone gone = {0};
	uint32_t ways = 0;
	const char *wrong = NULL;

	if (graph_reverse(&s->graph, &s->follow, &reverse) || cut_minimum(&q, &ways, &edges, &roots))
		return "cut: an error";
	for (size_t i = 0; i < edges.n; i++)
		gone = with(s, gone, edges.data[i]);
	for (size_t i = 0; i < roots.n; i++)
		gone = with(s, gone, s->m + roots.data[i]);
	if (ways != want)
		wrong = "cut: how many references";
	else if (ways <= limit && edges.n + roots.n != ways)
		wrong = "cut: another number of references than it says";
	else if (ways <= limit && (reach(s, gone) >> target & 1))
		wrong = "cut: it does not part";
	VEC_FREE(&edges);
	VEC_FREE(&roots);
	reverse_deinit(&reverse);
	return wrong;
}

static const char *cut(const struct small *s)
{
	uint32_t target = rnd(s->n);

	return s->n && s->m <= 20 ? cut_of(s, target, CUT_LIMIT, fewest(s, target)) : NULL;
}

/*
 * Layers from the roots to the last node, with short cuts: the way that is shortest stands in the way of others, and has to give back
 * what it took.
 */
static void braid(struct small *s)
{
	const uint32_t wide = 4;

	memset(s, 0, sizeof *s);
	s->n = 3 * wide + 1;
	s->follow.pass[0] = true;
	for (uint32_t a = 0; a < s->n; a++) {
		s->first[a] = s->m;
		for (uint32_t b = 0; b < s->n; b++) {
			uint32_t ahead = b / wide - a / wide;

			if (ahead == 1 ? rnd(10) < 3 || b == s->n - 1 : ahead == 2 && rnd(10) < 3)
				add(s, a, b);
		}
	}
	s->first[s->n] = s->m;
	memset(s->class, 0, sizeof s->class);
	s->nroots = MAXR;
	for (uint32_t i = 0; i < s->nroots; i++)
		s->roots[i] = rnd(wide);
	s->graph = (struct graph){s->n, s->m, s->first, s->to, s->class};
}

/* References that lead into a set of nodes with the target, for the set where they are fewest: all sets are tried. */
static uint32_t fewest_into(const struct small *s, uint32_t target)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t set = 0; set < 1u << s->n; set++) {
		uint32_t n = 0;

		if (!(set >> target & 1))
			continue;
		for (uint32_t e = 0; e < s->m; e++)
			n += !s->class[e] && !(set >> s->from[e] & 1) && (set >> s->to[e] & 1);
		for (uint32_t i = 0; i < s->nroots; i++)
			n += set >> s->roots[i] & 1;
		best = n < best ? n : best;
	}
	return best;
}

static const char *braided_cut(const struct small *unused)
{
	struct small s;

	(void)unused;
	braid(&s);
	return cut_of(&s, s.n - 1, BRAID_LIMIT, fewest_into(&s, s.n - 1));
}

static const struct question {
	const char *name;
	const char *(*ask)(const struct small *s);
	unsigned every;
} questions[] = {
	{"dominators and retained sizes", dominators, 1},
	{"strongly connected components", components, 1},
	{"distances and shortest ways", distances, 1},
	{"shortest chains to goals", chains, 1},
	{"reach, whole and without groups", reached, 1},
	{"smallest cuts", cut, 8},
	{"smallest cuts of braids", braided_cut, 8},
};

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 20000, bad = 0;

	if (argc > 2)
		state ^= strtoull(argv[2], NULL, 0) * 0x2545f4914f6cdd1dull;
	for (size_t k = 0; k < sizeof questions / sizeof *questions; k++) {
		const char *wrong = NULL;
		unsigned round;

		for (round = 0; round < rounds && !wrong; round += questions[k].every) {
			struct small s;

			make(&s);
			wrong = questions[k].ask(&s);
		}
		if (wrong) {
			printf("not ok graphs: %s: graph %u: %s\n", questions[k].name, round, wrong);
			bad++;
		} else {
			printf("ok graphs: %s of %u\n", questions[k].name, rounds / questions[k].every);
		}
	}
	return bad != 0;
}
