/* type_sums.c - see type_sums.h. */
#include "report/type_sums.h"

#include <string.h>

#include "util/bits.h"

static int by_bytes(const void *a, const void *b, void *model)
{
	const struct type_sum *x = a, *y = b;
	const struct model *m = model;
	int order;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	order = strcmp(m->types[x->type].name, m->types[y->type].name);
	return order ? order : (x->type > y->type) - (x->type < y->type);
}

static bool add(struct type_sums *s, struct model *m, uint32_t object, bool marked)
{
	uint32_t type = model_type_of(m, object);

	while (s->rows.n <= type) {
		struct type_sum empty = {.type = s->rows.n};

		if (!VEC_PUSH(&s->rows, empty))
			return false;
	}
	s->rows.data[type].count++;
	s->rows.data[type].bytes += m->size[object];
	s->rows.data[type].marked += marked;
	s->count++;
	s->bytes += m->size[object];
	return true;
}

struct error *type_sums_collect(struct model *m, const uint64_t *objects, const uint64_t *marked,
				struct type_sums *ret)
{
	struct type_sums s = {0};
	size_t kept = 0;

	TRY(model_load(m, MODEL_SITES | MODEL_SIZE));
	for (size_t word = 0; word < bits_words(m->nobjects); word++)
		for (uint64_t left = objects[word]; left; left &= left - 1) {
			uint32_t o = word * 64 + __builtin_ctzll(left);

			if (!add(&s, m, o, marked && bits_get(marked, o))) {
				type_sums_deinit(&s);
				return error_memory();
			}
		}
	for (size_t i = 0; i < s.rows.n; i++)
		if (s.rows.data[i].count)
			s.rows.data[kept++] = s.rows.data[i];
	s.rows.n = kept;
	if (kept)
		qsort_r(s.rows.data, kept, sizeof *s.rows.data, by_bytes, m);
	*ret = s;
	return NULL;
}

void type_sums_deinit(struct type_sums *s)
{
	VEC_FREE(&s->rows);
}
