/* owner_series.c - see owner_series.h. */
#include "report/owner_series.h"

#include <string.h>

#include "graph/bfs_tree.h"
#include "report/alive.h"
#include "report/spell.h"
#include "util/big.h"
#include "util/progress.h"

#define DEPTH_MAX 24u /* steps of a path; more nobody reads */

/* One dump while its objects get their paths. */
struct reading {
	struct owner_series *s;
	struct model *m;
	struct alive alive;
	struct spell spell;
	struct bfs_tree tree;
	uint32_t *text;	 /* by object: number in s->texts + 1; 0: not (yet) of an owner's path */
	uint8_t *wanted; /* in the last dump: the object or one below is an owner; NULL in others */
};

static void reading_deinit(struct reading *r)
{
	big_free(r->text, r->m->nobjects, sizeof *r->text);
	big_free(r->wanted, r->m->nobjects, sizeof *r->wanted);
	bfs_tree_deinit(&r->tree);
	spell_deinit(&r->spell);
	alive_deinit(&r->alive);
}

static struct error *reading_init(struct reading *r, struct model *m, struct owner_series *s)
{
	struct alive *a = &r->alive;

	*r = (struct reading){.s = s, .m = m};
	TRY(alive_init(a, m));
	TRY(alive_reach(a));
	TRY(alive_dominators(a));
	TRY(spell_init(&r->spell, a));
	TRY(model_load(m, MODEL_REPR | MODEL_EPOCH | MODEL_SIZE));
	TRY(bfs_tree_make(&a->graph, &a->follow, a->roots.data, a->roots.n, NULL, &r->tree));
	return big_alloc(m->nobjects, sizeof *r->text, &r->text);
}

/* ---- paths ----------------------------------------------------------------------------------- */

/* Two references of one object never have the same text. */
static bool is_unique(const struct edge *e)
{
	return e->class != RGD_LABEL_KEY_OBJECT && e->class != RGD_LABEL_IS_KEY &&
	       e->class != RGD_LABEL_MEMBER && e->class != RGD_LABEL_NONE;
}

/* False when the path is of no owner. */
static struct error *spell_object(struct reading *r, uint32_t o, struct str *path, bool *ret)
{
	uint32_t up = r->tree.parent[o];
	struct edge edge;

	str_clear(path);
	*ret = true;
	if (spell_landmark(&r->spell, o, path))
		return NULL;
	if (r->tree.edge[o] == BFS_TREE_START) {
		spell_root(&r->spell, up, path);
		return NULL;
	}
	*ret = r->text[up];
	if (!*ret)
		return NULL;
	str_add(path, r->s->texts.names[r->text[up] - 1]);
	TRY(model_edge(r->m, up, r->tree.edge[o], &edge));
	*ret = is_unique(&edge);
	if (!*ret)
		return NULL;
	spell_edge(r->m, &edge, false, path);
	return path->failed ? error_memory() : NULL;
}

static struct error *spell_paths(struct reading *r)
{
	struct str path = {0};
	struct error *e = NULL;

	for (uint32_t i = 0; i < r->tree.n && !e; i++) {
		uint32_t o = r->tree.order[i], number;
		bool known;

		if (r->wanted && !r->wanted[o])
			continue;
		e = spell_object(r, o, &path, &known);
		if (e || !known)
			continue;
		number = r->wanted ? names_keep(&r->s->texts, str_text(&path))
				   : names_find(&r->s->texts, str_text(&path));
		if (number != NAMES_NONE)
			r->text[o] = number + 1;
		else if (r->wanted)
			e = error_memory();
	}
	str_free(&path);
	return e;
}

/* ---- the last dump --------------------------------------------------------------------------- */

static bool is_owner(const struct reading *r, uint32_t o, uint64_t least)
{
	uint64_t retained = r->alive.retained[o];

	return retained != RETAINED_NONE && retained >= least &&
	       !(r->m->flags[o] & RGD_OBJ_F_INTERNAL);
}

/* wanted: 1 on the way to an owner, 2 an owner. */
static struct error *choose(struct reading *r, uint64_t least)
{
	const struct bfs_tree *t = &r->tree;
	uint8_t *depth = NULL;

	TRY(big_alloc(r->m->nobjects, sizeof *r->wanted, &r->wanted));
	TRY(big_alloc(r->m->nobjects, sizeof *depth, &depth));
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t o = t->order[i];

		if (t->edge[o] != BFS_TREE_START)
			depth[o] = depth[t->parent[o]] + (depth[t->parent[o]] <= DEPTH_MAX);
		if (depth[o] <= DEPTH_MAX && is_owner(r, o, least))
			r->wanted[o] = 2;
	}
	for (uint32_t i = t->n; i-- > 0;) {
		uint32_t o = t->order[i];

		if (r->wanted[o] && t->edge[o] != BFS_TREE_START && !r->wanted[t->parent[o]])
			r->wanted[t->parent[o]] = 1;
	}
	big_free(depth, r->m->nobjects, sizeof *depth);
	return NULL;
}

/* Text of the last step: what the parent's path lacks. */
static uint32_t step_of(struct reading *r, uint32_t o)
{
	const char *text = r->s->texts.names[r->text[o] - 1], *above;
	uint32_t up = r->tree.parent[o];
	size_t n;

	if (r->tree.edge[o] == BFS_TREE_START || !r->text[up])
		return names_keep(&r->s->texts, "");
	above = r->s->texts.names[r->text[up] - 1];
	n = strlen(above);
	return names_keep(&r->s->texts, strncmp(text, above, n) == 0 ? text + n : "");
}

static struct error *push_owner(struct owner_series *s, const struct owner *owner)
{
	if (!VEC_PUSH(&s->owners, *owner))
		return error_memory();
	for (size_t i = 0; i < s->ndumps; i++)
		if (!VEC_PUSH(&s->bytes, 0))
			return error_memory();
	return NULL;
}

/* The row of the nearest owner that dominates the object. */
static uint32_t row_above(const struct reading *r, uint32_t o, const uint32_t *row_of_text)
{
	const struct alive *a = &r->alive;

	for (o = a->immediate[o]; o < r->m->nobjects; o = a->immediate[o])
		if (r->wanted[o] == 2 && r->text[o] && row_of_text[r->text[o] - 1])
			return row_of_text[r->text[o] - 1] - 1;
	return MODEL_NONE;
}

static struct error *add_owner(struct reading *r, uint32_t o, uint32_t *row_of_text)
{
	const struct model *m = r->m;
	struct owner owner = {
		.object = o,
		.above = row_above(r, o, row_of_text),
		.path = r->text[o] - 1,
		.address = m->address[o],
		.epoch = m->epoch[o],
		.step = step_of(r, o),
	};
	uint32_t type = model_type_of(r->m, o);

	owner.type = names_keep(&r->s->texts, m->types[type].name);
	owner.module = names_keep(&r->s->texts, m->types[type].module);
	if (owner.type == NAMES_NONE || owner.module == NAMES_NONE || owner.step == NAMES_NONE)
		return error_memory();
	TRY(push_owner(r->s, &owner));
	row_of_text[owner.path] = r->s->owners.n;
	return NULL;
}

/* What several objects of one path retain counts together. */
static void count(struct reading *r, uint32_t o, uint32_t row, size_t dump)
{
	if (r->alive.retained[o] != RETAINED_NONE)
		r->s->bytes.data[row * r->s->ndumps + dump] += r->alive.retained[o];
}

static void add_garbage(struct reading *r, size_t dump)
{
	struct owner_series *s = r->s;
	uint64_t all = 0;

	for (uint32_t o = 0; o < r->m->nobjects; o++)
		all += r->m->size[o];
	s->bytes.data[(s->owners.n - 1) * s->ndumps + dump] = all - r->alive.reached_bytes;
}

static struct error *add_owners(struct reading *r)
{
	struct owner_series *s = r->s;
	struct owner garbage = {.object = MODEL_NONE, .above = MODEL_NONE};
	size_t ntexts = s->texts.n; /* those that follow are of types and steps */
	uint32_t *row_of_text = calloc(ntexts + 1, sizeof *row_of_text);
	struct error *e = row_of_text ? NULL : error_memory();

	for (uint32_t i = 0; i < r->alive.npreorder && !e; i++) {
		uint32_t o = r->alive.preorder[i], *row;

		if (r->wanted[o] != 2 || !r->text[o])
			continue;
		row = &row_of_text[r->text[o] - 1];
		if (!*row)
			e = add_owner(r, o, row_of_text);
		if (!e)
			count(r, o, *row - 1, s->ndumps - 1);
	}
	free(row_of_text);
	if (e)
		return e;
	garbage.path = names_keep(&s->texts, "(no root reaches it)");
	garbage.type = garbage.module = garbage.step = names_keep(&s->texts, "");
	if (garbage.path == NAMES_NONE || garbage.type == NAMES_NONE)
		return error_memory();
	TRY(push_owner(s, &garbage));
	add_garbage(r, s->ndumps - 1);
	return NULL;
}

struct error *owner_series_last(struct model *m, size_t ndumps, uint64_t least,
				struct owner_series *ret)
{
	const struct rgd_file_header *header = dump_header(m->dump);
	const char *outer = progress_begin("finding owners");
	struct reading r;
	struct error *e;

	*ret = (struct owner_series){.ndumps = ndumps,
				     .least = least,
				     .process = header->process_key,
				     .pid = header->pid};
	e = reading_init(&r, m, ret);
	if (!e)
		e = choose(&r, least);
	if (!e)
		e = spell_paths(&r);
	if (!e)
		e = add_owners(&r);
	for (size_t i = 0; i < ret->owners.n; i++)
		ret->owners.data[i].present = 1;
	reading_deinit(&r);
	progress_end(outer);
	return e;
}

/* ---- the others ------------------------------------------------------------------------------ */

/* The same object under another path: it is reached by several of the same length. */
static uint32_t same_object(const struct reading *r, const struct owner *w)
{
	const struct model *m = r->m;

	for (uint32_t o = model_object_from(m, w->address);
	     o < m->nobjects && m->address[o] == w->address; o++)
		if (m->epoch[o] == w->epoch &&
		    strcmp(model_type_name(r->m, o), r->s->texts.names[w->type]) == 0)
			return o;
	return MODEL_NONE;
}

/* seen: by row. */
static struct error *count_paths(struct reading *r, size_t dump, bool *seen)
{
	struct owner_series *s = r->s;
	uint32_t *row_of_text = calloc(s->texts.n + 1, sizeof *row_of_text);

	if (!row_of_text)
		return error_memory();
	for (size_t i = 0; i + 1 < s->owners.n; i++)
		row_of_text[s->owners.data[i].path] = i + 1;
	for (uint32_t i = 0; i < r->tree.n; i++) {
		uint32_t o = r->tree.order[i], row = r->text[o] ? row_of_text[r->text[o] - 1] : 0;

		if (!row || (r->m->flags[o] & RGD_OBJ_F_INTERNAL))
			continue;
		count(r, o, row - 1, dump);
		seen[row - 1] = true;
	}
	free(row_of_text);
	return NULL;
}

static void count_moved(struct reading *r, size_t dump, bool *seen)
{
	const struct rgd_file_header *header = dump_header(r->m->dump);
	struct owner_series *s = r->s;

	if (header->process_key != s->process || header->pid != s->pid)
		return;
	for (size_t i = 0; i + 1 < s->owners.n; i++) {
		uint32_t o = seen[i] ? MODEL_NONE : same_object(r, &s->owners.data[i]);

		if (o == MODEL_NONE)
			continue;
		count(r, o, i, dump);
		seen[i] = true;
	}
}

struct error *owner_series_add(struct owner_series *s, size_t dump, struct model *m)
{
	const char *outer = progress_begin("finding owners");
	bool *seen = calloc(s->owners.n + 1, sizeof *seen);
	struct reading r;
	struct error *e = reading_init(&r, m, s);

	if (!e && !seen)
		e = error_memory();
	if (!e)
		e = spell_paths(&r);
	if (!e)
		e = count_paths(&r, dump, seen);
	if (!e) {
		count_moved(&r, dump, seen);
		for (size_t i = 0; i < s->owners.n; i++)
			s->owners.data[i].present += seen[i];
		add_garbage(&r, dump);
	}
	free(seen);
	reading_deinit(&r);
	progress_end(outer);
	return e;
}

void owner_series_deinit(struct owner_series *s)
{
	names_free_kept(&s->texts);
	VEC_FREE(&s->owners);
	VEC_FREE(&s->bytes);
}
