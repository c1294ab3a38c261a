/* owner_path.c - see owner_path.h. */
#include "report/owner_path.h"

#include <string.h>

#include "graph/bfs_tree.h"
#include "report/spell.h"
#include "util/big.h"
#include "util/progress.h"

/* Longer ones are cut: what is below belongs to them too. */
#define MAX_TEXT 160u
#define CUT "..."

static bool ends_with(const char *text, size_t n, const char *tail, size_t ntail)
{
	return n >= ntail && memcmp(text + n - ntail, tail, ntail) == 0;
}

/* "a.next.next" and "a.next*.next" become "a.next*"; also for several steps, "a.x[].x[]". */
static void fold_repetition(struct str *path)
{
	for (size_t i = path->n; i-- > path->n / 2;) {
		const char *tail = path->data + i;
		size_t n = path->n - i;

		if (!strchr(".[<-", *tail) || (*tail == '-' && tail[1] != '>'))
			continue;
		if (ends_with(path->data, i, tail, n)) {
			path->data[i] = '*';
			path->n = i + 1;
			path->data[path->n] = 0;
			return;
		}
		if (i && path->data[i - 1] == '*' && ends_with(path->data, i - 1, tail, n)) {
			path->n = i;
			path->data[i] = 0;
			return;
		}
	}
}

static struct error *spell_object(const struct spell *s, const struct bfs_tree *tree,
				  const struct names *texts, const uint32_t *of, uint32_t object,
				  struct str *path)
{
	uint32_t edge = tree->edge[object], up = tree->parent[object];
	struct model *m = s->alive->model;
	struct edge e;

	str_clear(path);
	if (spell_landmark(s, object, path))
		return NULL;
	if (edge == BFS_TREE_START) {
		spell_root(s, up, path);
		return NULL;
	}
	str_add(path, texts->names[of[up]]);
	if (ends_with(path->data, path->n, CUT, sizeof CUT - 1))
		return NULL;
	if (path->n > MAX_TEXT) {
		str_add(path, CUT);
		return NULL;
	}
	TRY(model_edge(m, up, edge, &e));
	spell_edge(m, &e, true, path);
	fold_repetition(path);
	return NULL;
}

static uint32_t number_of(struct names *texts, const char *text)
{
	uint32_t number = names_find(texts, text);
	char *copy;

	if (number != NAMES_NONE)
		return number;
	copy = strdup(text);
	number = copy ? names_add(texts, copy) : NAMES_NONE;
	if (number == NAMES_NONE)
		free(copy);
	return number;
}

static struct error *spell_all(const struct spell *s, const struct bfs_tree *tree,
			       struct names *texts, uint32_t *of)
{
	struct str path = {0};
	struct error *e = NULL;

	for (uint32_t i = 0; i < tree->n && !e; i++) {
		uint32_t o = tree->order[i];

		e = spell_object(s, tree, texts, of, o, &path);
		if (!e &&
		    (path.failed || (of[o] = number_of(texts, str_text(&path))) == NAMES_NONE))
			e = error_memory();
	}
	str_free(&path);
	return e;
}

struct error *owner_paths(struct alive *a, struct names *texts, uint32_t **ret)
{
	const char *outer = progress_begin("spelling paths");
	struct spell spell = {0};
	struct bfs_tree tree = {0};
	uint32_t *of = NULL, n = a->model->nobjects;
	struct error *e = spell_init(&spell, a);

	if (!e)
		e = bfs_tree_make(&a->graph, &a->follow, a->roots.data, a->roots.n, NULL, &tree);
	if (!e)
		e = big_alloc(n, sizeof *of, &of);
	if (!e) {
		memset(of, 0xff, n * sizeof *of);
		e = spell_all(&spell, &tree, texts, of);
	}
	bfs_tree_deinit(&tree);
	spell_deinit(&spell);
	progress_end(outer);
	if (e)
		big_free(of, n, sizeof *of);
	else
		*ret = of;
	return e;
}

void owner_path_free(struct names *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		free((char *)texts->names[i]);
	names_free(texts);
}
