/* bfs_tree.c - see bfs_tree.h. */
#include "graph/bfs_tree.h"

#include <string.h>

#include "util/big.h"
#include "util/bits.h"

static void enter(struct bfs_tree *t, uint32_t node, uint32_t parent, uint32_t edge)
{
	t->parent[node] = parent;
	t->edge[node] = edge;
	t->order[t->n++] = node;
}

static void search(const struct graph *g, const struct follow *follow, const uint64_t *closed,
		   struct bfs_tree *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t node = t->order[i];

		for (uint32_t e = g->out_first[node]; e < g->out_first[node + 1]; e++) {
			uint32_t to = g->out_target[e];

			if (t->edge[to] == BFS_TREE_NONE && follow->pass[g->edge_class[e]] &&
			    !(closed && bits_get(closed, to)))
				enter(t, to, node, e);
		}
	}
}

struct error *bfs_tree_make(const struct graph *g, const struct follow *follow,
			    const uint32_t *starts, size_t nstarts, const uint64_t *closed,
			    struct bfs_tree *ret)
{
	struct bfs_tree t = {.nnodes = g->nnodes};
	struct error *e = big_alloc(g->nnodes, sizeof *t.parent, &t.parent);

	if (!e)
		e = big_alloc(g->nnodes, sizeof *t.edge, &t.edge);
	if (!e)
		e = big_alloc(g->nnodes, sizeof *t.order, &t.order);
	if (e) {
		bfs_tree_deinit(&t);
		return e;
	}
	memset(t.edge, 0xff, g->nnodes * sizeof *t.edge);
	for (size_t i = 0; i < nstarts; i++)
		if (t.edge[starts[i]] == BFS_TREE_NONE && !(closed && bits_get(closed, starts[i])))
			enter(&t, starts[i], i, BFS_TREE_START);
	search(g, follow, closed, &t);
	*ret = t;
	return NULL;
}

void bfs_tree_deinit(struct bfs_tree *t)
{
	big_free(t->parent, t->nnodes, sizeof *t->parent);
	big_free(t->edge, t->nnodes, sizeof *t->edge);
	big_free(t->order, t->nnodes, sizeof *t->order);
	*t = (struct bfs_tree){0};
}
