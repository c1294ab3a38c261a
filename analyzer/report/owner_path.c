/* owner_path.c - see owner_path.h. */
#include "report/owner_path.h"

#include <string.h>

#include "graph/bfs_tree.h"
#include "report/spell.h"
#include "report/steps.h"
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

struct speller {
	struct spell spell;
	struct bfs_tree tree;
	struct steps steps;
	struct names *texts;
	uint32_t *of;
};

/* After its parent. */
static void spell_object(const struct speller *s, uint32_t object, struct str *path)
{
	uint32_t up = s->tree.parent[object];

	str_clear(path);
	if (spell_landmark(&s->spell, object, path))
		return;
	if (s->tree.edge[object] == BFS_TREE_START) {
		spell_root(&s->spell, up, path);
		return;
	}
	str_add(path, s->texts->names[s->of[up]]);
	if (ends_with(path->data, path->n, CUT, sizeof CUT - 1))
		return;
	if (path->n > MAX_TEXT) {
		str_add(path, CUT);
		return;
	}
	steps_add(&s->steps, object, path);
	fold_repetition(path);
}

static struct error *spell_all(struct speller *s)
{
	struct str path = {0};
	struct error *e = NULL;

	for (uint32_t i = 0; i < s->tree.n && !e; i++) {
		uint32_t o = s->tree.order[i];

		spell_object(s, o, &path);
		s->of[o] = path.failed ? NAMES_NONE : names_keep(s->texts, str_text(&path));
		if (s->of[o] == NAMES_NONE)
			e = error_memory();
	}
	str_free(&path);
	return e;
}

static struct error *prepare(struct speller *s, struct alive *a)
{
	TRY(spell_init(&s->spell, a));
	TRY(bfs_tree_make(&a->graph, &a->follow, a->roots.data, a->roots.n, NULL, &s->tree));
	TRY(steps_make(a, &s->tree, NULL, &s->steps));
	TRY(big_alloc(a->model->nobjects, sizeof *s->of, &s->of));
	memset(s->of, 0xff, a->model->nobjects * sizeof *s->of);
	return NULL;
}

struct error *owner_paths(struct alive *a, struct names *texts, uint32_t **ret)
{
	const char *outer = progress_begin("spelling paths");
	struct speller s = {.texts = texts};
	struct error *e = prepare(&s, a);

	if (!e)
		e = spell_all(&s);
	steps_deinit(&s.steps);
	bfs_tree_deinit(&s.tree);
	spell_deinit(&s.spell);
	progress_end(outer);
	if (e)
		big_free(s.of, a->model->nobjects, sizeof *s.of);
	else
		*ret = s.of;
	return e;
}
