/* new_ids.c - see new_ids.h: both dumps have their objects by address, so one walk over both tells
 * them apart. */
#include "report/new_ids.h"

#include <stdlib.h>
#include <string.h>

#include "report/where.h"
#include "util/hash.h"
#include "util/vec.h"

/* A dump's objects, one after the other. */
struct side {
	struct model *m; /* NULL: none */
	struct universe universe;
	struct where *where;
	VEC(uint32_t) names; /* by type: number of its name + 1 */
	uint32_t at;
};

struct tally {
	struct names names; /* texts are owned */
	VEC(struct new_ids_row) rows;
	bool failed;
};

static uint32_t add_name(struct tally *t, struct str *name)
{
	uint32_t number = names_find(&t->names, str_text(name));
	char *copy;

	if (number != NAMES_NONE)
		return number;
	copy = strdup(str_text(name));
	if (copy)
		number = names_add(&t->names, copy);
	if (!copy || number == NAMES_NONE ||
	    !VEC_PUSH(&t->rows, (struct new_ids_row){.name = copy})) {
		t->failed = true;
		free(copy);
		return 0;
	}
	return number;
}

/* Number of the name of this object's type. */
static uint32_t name_of(struct tally *t, struct side *s, uint32_t object, bool short_names)
{
	uint32_t type = model_type_of(s->m, object);
	struct str name = {0};

	while (s->names.n <= type && VEC_PUSH(&s->names, 0))
		;
	if (s->names.n <= type) {
		t->failed = true;
		return 0;
	}
	if (!s->names.data[type]) {
		if (short_names)
			str_add(&name, s->m->types[type].name);
		else
			model_long_name(s->m, type, &name);
		t->failed |= name.failed;
		s->names.data[type] = add_name(t, &name) + 1;
		str_free(&name);
	}
	return s->names.data[type] - 1;
}

static struct error *side_init(struct side *s, struct model *m, const char *universe,
			       const char *filter)
{
	*s = (struct side){.m = m};
	if (!m)
		return NULL;
	TRY(universe_parse(m, universe, &s->universe));
	TRY(model_load(m, MODEL_SITES | MODEL_FLAGS | MODEL_ADDRESS | MODEL_EPOCH | MODEL_SIZE));
	if (!filter)
		return NULL;
	TRY(where_compile(filter, &s->where));
	return where_bind(s->where, m);
}

static void side_deinit(struct side *s)
{
	where_destroy(s->where);
	VEC_FREE(&s->names);
}

/* The next object that counts; false at the end. */
static bool side_more(struct side *s)
{
	for (; s->m && s->at < s->m->nobjects; s->at++)
		if (universe_has(&s->universe, s->m, s->at) &&
		    (!s->where || where_test(s->where, s->at)))
			return true;
	return false;
}

static struct error *walk(struct side *old, struct side *current, bool short_names, struct tally *t,
			  struct ids *fresh)
{
	bool more_old = side_more(old);

	while (side_more(current) && !t->failed) {
		const struct model *m = current->m;
		uint32_t o = current->at++, name = name_of(t, current, o, short_names);
		bool known = false;

		while (more_old && old->m->address[old->at] <= m->address[o] && !t->failed) {
			uint32_t b = old->at++, old_name = name_of(t, old, b, short_names);

			if (t->failed)
				break;
			t->rows.data[old_name].old++;
			known |= old->m->address[b] == m->address[o] &&
				 old->m->epoch[b] == m->epoch[o] && old_name == name;
			more_old = side_more(old);
		}
		if (t->failed)
			break;
		t->rows.data[name].current++;
		if (known)
			continue;
		t->rows.data[name].new ++;
		t->rows.data[name].bytes += m->size[o];
		if (!VEC_PUSH(fresh, o))
			return error_memory();
	}
	for (; more_old && !t->failed; more_old = side_more(old)) {
		uint32_t name = name_of(t, old, old->at++, short_names);

		if (!t->failed)
			t->rows.data[name].old++;
	}
	return t->failed ? error_memory() : NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct new_ids_row *)a)->name, ((const struct new_ids_row *)b)->name);
}

struct error *new_ids_collect(struct model *old, struct model *current, const char *universe,
			      bool short_names, const char *filter, struct new_ids *ret)
{
	struct side before = {0}, now = {0};
	struct tally t = {0};
	struct error *e;

	*ret = (struct new_ids){0};
	e = side_init(&before, old, universe, filter);
	if (!e)
		e = side_init(&now, current, universe, filter);
	if (!e)
		e = walk(&before, &now, short_names, &t, &ret->objects);
	side_deinit(&before);
	side_deinit(&now);
	names_free(&t.names);
	ret->rows = t.rows.data; /* with its names */
	ret->n = t.rows.n;
	if (e)
		new_ids_deinit(ret);
	else if (ret->n)
		qsort(ret->rows, ret->n, sizeof *ret->rows, by_name);
	return e;
}

void new_ids_deinit(struct new_ids *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->rows[i].name);
	free(n->rows);
	VEC_FREE(&n->objects);
	*n = (struct new_ids){0};
}

/* ---- order ----------------------------------------------------------------------------------- */

static int descending(int64_t a, int64_t b, const void *x, const void *y)
{
	return a != b ? (a < b ? 1 : -1) : -by_name(x, y);
}

#define ORDER(name, expression)                                                                    \
	static int by_##name(const void *a, const void *b)                                         \
	{                                                                                          \
		const struct new_ids_row *x = a, *y = b, *r = x;                                   \
		int64_t first = (int64_t)(expression);                                             \
		r = y;                                                                             \
		return descending(first, (int64_t)(expression), x, y);                             \
	}
ORDER(old, r->old)
ORDER(current, r->current)
ORDER(new, r->new)
ORDER(deltas, r->current - r->old)

void new_ids_sort(struct new_ids *n, enum new_ids_order order)
{
	static int (*const orders[])(const void *, const void *) = {
		[NEW_IDS_OLD] = by_old,
		[NEW_IDS_CURRENT] = by_current,
		[NEW_IDS_NEW] = by_new,
		[NEW_IDS_DELTAS] = by_deltas,
	};

	if (n->n)
		qsort(n->rows, n->n, sizeof *n->rows, orders[order]);
}
