/* merge_paths.c - see merge_paths.h. */
#include "report/merge_paths.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "graph/bfs_tree.h"
#include "report/owner_path.h"
#include "report/spell.h"
#include "report/steps.h"
#include "util/big.h"
#include "util/bits.h"
#include "util/hash.h"

#define DICT ".__dict__"

struct builder {
	struct alive *alive;
	struct bfs_tree tree;
	struct spell spell;
	struct steps steps;
	uint64_t *chosen;
	uint32_t *count;   /* by object: selected ones at and below it in the tree */
	uint32_t *row_of;  /* by object */
	struct names keys; /* "parent type label": number = row */
	struct merge *out;
	struct str key, label;
};

/* ---- the tree -------------------------------------------------------------------------------- */

static bool ends_with_dict(const char *text)
{
	size_t n = strlen(text);

	return n >= sizeof DICT - 1 && strcmp(text + n - (sizeof DICT - 1), DICT) == 0;
}

/* A name in a module's or an instance's dictionary is not left out, though it is a key. */
static void label_of(struct builder *b, uint32_t o, uint32_t parent, bool *whole)
{
	str_clear(&b->label);
	*whole = spell_landmark(&b->spell, o, &b->label);
	if (*whole)
		return;
	if (parent == MODEL_NONE) {
		spell_root(&b->spell, b->tree.parent[o], &b->label);
		return;
	}
	if (ends_with_dict(b->out->text.data + b->out->rows.data[parent].path))
		str_add(&b->label, DICT);
	steps_add(&b->steps, o, &b->label);
}

static struct error *new_row(struct builder *b, uint32_t parent, uint32_t o, bool whole)
{
	struct merge_row row = {.parent = parent,
				.object = o,
				.type = model_type_of(b->alive->model, o),
				.path = b->out->text.n,
				.whole = whole};

	str_bytes(&b->out->text, str_text(&b->label), b->label.n);
	str_char(&b->out->text, 0);
	if (b->out->text.failed || !VEC_PUSH(&b->out->rows, row))
		return error_memory();
	return NULL;
}

static struct error *place(struct builder *b, uint32_t o)
{
	uint32_t parent =
		b->tree.edge[o] == BFS_TREE_START ? MODEL_NONE : b->row_of[b->tree.parent[o]];
	struct merge_row *row;
	uint32_t number;
	bool whole;

	label_of(b, o, parent, &whole);
	str_clear(&b->key);
	str_printf(&b->key, "%" PRIu32 " %" PRIu32 " ", parent, model_type_of(b->alive->model, o));
	str_add(&b->key, str_text(&b->label));
	if (b->key.failed || b->label.failed)
		return error_memory();
	number = names_keep(&b->keys, str_text(&b->key));
	if (number == NAMES_NONE)
		return error_memory();
	if (number == b->out->rows.n)
		TRY(new_row(b, parent, o, whole));
	row = &b->out->rows.data[number];
	b->row_of[o] = number;
	row->members++;
	if (o < row->object)
		row->object = o;
	if (bits_get(b->chosen, o)) {
		row->here++;
		row->bytes += b->alive->model->size[o];
	}
	return NULL;
}

static struct error *build(struct builder *b, const struct ids *selected)
{
	const struct bfs_tree *t = &b->tree;

	for (size_t i = 0; i < selected->n; i++) {
		bits_set(b->chosen, selected->data[i]);
		if (t->edge[selected->data[i]] == BFS_TREE_NONE)
			b->out->missed++;
	}
	for (uint32_t i = t->n; i-- > 0;) {
		uint32_t o = t->order[i];

		b->count[o] += bits_get(b->chosen, o);
		if (t->edge[o] != BFS_TREE_START)
			b->count[t->parent[o]] += b->count[o];
	}
	TRY(steps_make(b->alive, t, b->count, &b->steps));
	for (uint32_t i = 0; i < t->n; i++)
		if (b->count[t->order[i]])
			TRY(place(b, t->order[i]));
	for (size_t i = b->out->rows.n; i-- > 0;) {
		struct merge_row *r = &b->out->rows.data[i];

		r->count += r->here;
		if (r->parent != MODEL_NONE) {
			b->out->rows.data[r->parent].count += r->count;
			b->out->rows.data[r->parent].bytes += r->bytes;
		}
	}
	return NULL;
}

/* ---- from the tree to the rows --------------------------------------------------------------- */

static int by_count(const void *a, const void *b, void *context)
{
	const struct merge_row *rows = context;
	const struct merge_row *x = &rows[*(const uint32_t *)a], *y = &rows[*(const uint32_t *)b];

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1; /* other labels */
}

/* A row that is all of its parent's count becomes its parent. `up[i]`: the row that i has become a part of, or itself. Rows come
 * parents first. */
static struct error *join(struct merge *m, uint32_t *up)
{
	for (uint32_t i = 0; i < m->rows.n; i++) {
		struct merge_row *r = &m->rows.data[i], *p;
		struct str path = {0};

		up[i] = i;
		if (r->parent == MODEL_NONE)
			continue;
		r->parent = up[r->parent];
		p = &m->rows.data[r->parent];
		if (p->here || p->count != r->count)
			continue;
		if (!r->whole)
			str_add(&path, m->text.data + p->path);
		p->whole |= r->whole;
		/* app.__dict__ and .x are app.x */
		if (ends_with_dict(str_text(&path)) && m->text.data[r->path] == '.') {
			path.n -= sizeof DICT - 1;
			path.data[path.n] = 0;
		}
		str_add(&path, m->text.data + r->path);
		p->path = m->text.n;
		str_bytes(&m->text, str_text(&path), path.n);
		str_char(&m->text, 0);
		m->text.failed |= path.failed;
		str_free(&path);
		p->here = r->here;
		p->members = r->members;
		p->object = r->object;
		p->type = r->type;
		up[i] = r->parent;
		r->count = 0;
	}
	return m->text.failed ? error_memory() : NULL;
}

/* Counts of the rows that stay: at least *least, and of those with just that as many as `ties`. */
static int descending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

static struct error *find_limit(const struct merge *m, uint64_t limit, uint64_t *least,
				uint64_t *ties)
{
	uint64_t *counts = malloc((m->rows.n + 1) * sizeof *counts);
	size_t n = 0;

	if (!counts)
		return error_memory();
	for (size_t i = 0; i < m->rows.n; i++)
		if (m->rows.data[i].count)
			counts[n++] = m->rows.data[i].count;
	qsort(counts, n, sizeof *counts, descending);
	*least = 1;
	*ties = UINT64_MAX;
	if (limit && limit < n) {
		*least = counts[limit - 1];
		*ties = 0;
		for (size_t i = 0; i < limit; i++)
			*ties += counts[i] == *least;
	}
	free(counts);
	return NULL;
}

/* The rows that stay, in the order in which they are shown. kept: their numbers, sorted by parent and count. */
static bool emit(struct merge *m, const uint32_t *kept, size_t n, const uint32_t *first,
		 struct merge *out)
{
	struct frame {
		uint32_t at, parent,
			row; /* the next of kept; children of `parent`, which is `row` in out */
	};
	VEC(struct frame) stack = {0};
	bool good = VEC_PUSH(&stack, ((struct frame){first[m->rows.n], MODEL_NONE, MODEL_NONE}));

	while (good && stack.n) {
		struct frame *f = &stack.data[stack.n - 1];
		struct merge_row row;
		uint32_t number;

		if (f->at >= n || m->rows.data[kept[f->at]].parent != f->parent) {
			stack.n--;
			continue;
		}
		number = kept[f->at++];
		row = m->rows.data[number];
		row.parent = f->row;
		row.depth = stack.n - 1;
		good = VEC_PUSH(&out->rows, row) &&
		       VEC_PUSH(&stack, ((struct frame){first[number], number, out->rows.n - 1}));
	}
	VEC_FREE(&stack);
	return good;
}

static struct error *arrange(struct merge *m, uint64_t limit, struct merge *out)
{
	uint32_t *kept = malloc((m->rows.n + 1) * sizeof *kept);
	uint32_t *first = malloc((m->rows.n + 1) * sizeof *first);
	uint64_t least, ties;
	struct error *e = kept && first ? find_limit(m, limit, &least, &ties) : error_memory();
	size_t n = 0;

	for (uint32_t i = 0; !e && i < m->rows.n; i++) {
		uint64_t count = m->rows.data[i].count;

		out->total += count > 0;
		if (!count || count < least || (count == least && !ties))
			continue;
		ties -= count == least;
		kept[n++] = i;
	}
	if (!e) {
		qsort_r(kept, n, sizeof *kept, by_count, m->rows.data);
		memset(first, 0xff, (m->rows.n + 1) * sizeof *first);
		for (size_t i = n; i-- > 0;) {
			uint32_t parent = m->rows.data[kept[i]].parent;
			first[parent == MODEL_NONE ? m->rows.n : parent] = i;
		}
		e = emit(m, kept, n, first, out) ? NULL : error_memory();
	}
	free(kept);
	free(first);
	return e;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static struct error *run(struct builder *b, const struct ids *selected, const uint64_t *avoid,
			 uint64_t limit, struct merge *ret)
{
	struct alive *a = b->alive;
	uint32_t n = a->model->nobjects, *up;
	struct error *e;

	TRY(model_load(a->model, MODEL_SITES | MODEL_SIZE));
	TRY(spell_init(&b->spell, a));
	TRY(bfs_tree_make(&a->graph, &a->follow, a->roots.data, a->roots.n, avoid, &b->tree));
	TRY(big_alloc(bits_words(n), sizeof *b->chosen, &b->chosen));
	TRY(big_alloc(n, sizeof *b->count, &b->count));
	TRY(big_alloc(n, sizeof *b->row_of, &b->row_of));
	TRY(build(b, selected));
	ret->missed = b->out->missed;
	up = malloc((b->out->rows.n + 1) * sizeof *up);
	e = up ? join(b->out, up) : error_memory();
	free(up);
	return e ? e : arrange(b->out, limit, ret);
}

struct error *merge_paths(struct alive *alive, const struct ids *selected, const uint64_t *avoid,
			  uint64_t limit, struct merge *ret)
{
	struct merge work = {0};
	struct builder b = {.alive = alive, .out = &work};
	uint32_t n = alive->model->nobjects;
	struct error *e;

	*ret = (struct merge){0};
	e = run(&b, selected, avoid, limit, ret);
	ret->text = work.text;
	VEC_FREE(&work.rows);
	bfs_tree_deinit(&b.tree);
	spell_deinit(&b.spell);
	steps_deinit(&b.steps);
	big_free(b.chosen, bits_words(n), sizeof *b.chosen);
	big_free(b.count, n, sizeof *b.count);
	big_free(b.row_of, n, sizeof *b.row_of);
	names_free_kept(&b.keys);
	str_free(&b.key);
	str_free(&b.label);
	return e;
}

void merge_deinit(struct merge *m)
{
	VEC_FREE(&m->rows);
	str_free(&m->text);
}
