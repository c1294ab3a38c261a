/* stats.c - see stats.h. */
#include "report/stats.h"

#include <stdlib.h>
#include <string.h>

#include "report/estimate.h"
#include "report/where.h"
#include "util/big.h"
#include "util/vec.h"

/* By type number, site types included: the table grows as they appear. */
struct tally {
	VEC(struct estimate_sum) rows;
};

static struct estimate_sum *row_of(struct tally *t, uint32_t type)
{
	while (t->rows.n <= type)
		if (!VEC_PUSH(&t->rows, (struct estimate_sum){0}))
			return NULL;
	return &t->rows.data[type];
}

static bool add(struct tally *t, uint32_t type, uint64_t count, uint64_t bytes)
{
	struct estimate_sum *row = row_of(t, type);

	if (!row)
		return false;
	row->objects += (double)count;
	row->bytes += (double)bytes;
	return true;
}

static struct error *tally_summary(struct model *m, const struct universe *u, struct tally *t)
{
	TRY(model_load(m, MODEL_SUMMARY | MODEL_TYPES));
	if (u->kind != UNIVERSE_GC)
		TRY(model_load(m, MODEL_STACKS | MODEL_FRAMES | MODEL_MODULES));
	for (uint32_t i = 0; i < m->nsummary; i++) {
		const struct summary *s = &m->summary[i];

		if (universe_has_summary(u, m, s) &&
		    !add(t, model_type_at(m, s->type, s->stack), s->count, s->bytes))
			return error_memory();
	}
	return NULL;
}

static bool has_blocks(struct model *m)
{
	struct error *e = model_load(m, MODEL_SUMMARY | MODEL_TYPES);
	bool found = false;

	for (uint32_t i = 0; i < m->nsummary && !e && !found; i++)
		found = m->types[m->summary[i].type].runtime == RGD_RT_NATIVE;
	error_destroy(e); /* it will be met again */
	return found;
}

static struct error *tally_objects(struct model *m, const struct universe *u, const char *filter,
				   const struct estimate *estimate, struct tally *t)
{
	struct where *where = NULL;
	struct error *e = NULL;

	if (filter)
		TRY(where_compile(filter, &where));
	e = model_load(m, MODEL_SITES | MODEL_FLAGS | MODEL_SIZE);
	if (!e && where)
		e = where_bind(where, m);
	for (uint32_t i = 0; i < m->nobjects && !e; i++) {
		struct estimate_sum *row;

		if (m->block_owner && m->block_owner[i] && !where) {
			row = row_of(t, m->block_owner[i] - 1);
			if (row)
				row->bytes += m->size[i];
			continue;
		}
		if (!universe_has(u, m, i) || (where && !where_test(where, i)))
			continue;
		row = row_of(t, model_type_of(m, i));
		if (row)
			estimate_add(estimate, m->flags[i], m->size[i], row);
		else
			e = error_memory();
	}
	where_destroy(where);
	return e;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct type_count *)a)->name, ((const struct type_count *)b)->name);
}

static int by_count(const void *a, const void *b)
{
	const struct type_count *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Names the rows that count, sorts them and adds up those of one name. */
static struct error *finish(struct model *m, struct tally *t, bool short_names, struct stats *ret)
{
	struct stats s = {.rows = calloc(t->rows.n + 1, sizeof *s.rows)};
	size_t kept = 0;

	if (!s.rows)
		return error_memory();
	for (uint32_t type = 0; type < t->rows.n; type++) {
		struct str name = {0};

		const struct estimate_sum *sum = &t->rows.data[type];

		if (!sum->objects && !sum->bytes)
			continue;
		if (short_names)
			str_add(&name, m->types[type].name);
		else
			model_long_name(m, type, &name);
		if (name.failed) {
			stats_deinit(&s);
			return error_memory();
		}
		s.rows[s.n++] = (struct type_count){name.data, estimate_round(sum->objects),
						    estimate_round(sum->bytes),
						    sum->objects_variance, sum->bytes_variance};
	}
	qsort(s.rows, s.n, sizeof *s.rows, by_name);
	for (size_t i = 0; i < s.n; i++) {
		if (kept && strcmp(s.rows[kept - 1].name, s.rows[i].name) == 0) {
			s.rows[kept - 1].count += s.rows[i].count;
			s.rows[kept - 1].bytes += s.rows[i].bytes;
			s.rows[kept - 1].count_variance += s.rows[i].count_variance;
			s.rows[kept - 1].bytes_variance += s.rows[i].bytes_variance;
			free(s.rows[i].name);
		} else {
			s.rows[kept++] = s.rows[i];
		}
	}
	s.n = kept;
	*ret = s;
	return NULL;
}

struct error *stats_collect(struct model *m, const struct universe *u, bool short_names,
			    const char *filter, struct stats *ret)
{
	struct tally t = {0};
	struct estimate estimate;
	struct error *e;

	TRY(estimate_open(m, &estimate));
	/* blocks that are alike to the summary may have different types */
	if (filter || estimate.mean > 0 ||
	    (u->kind != UNIVERSE_GC && model_types_differ(m) && has_blocks(m)))
		e = tally_objects(m, u, filter, &estimate, &t);
	else
		e = tally_summary(m, u, &t);
	if (!e)
		e = finish(m, &t, short_names, ret);
	VEC_FREE(&t.rows);
	return e;
}

void stats_deinit(struct stats *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->rows[i].name);
	free(s->rows);
	*s = (struct stats){0};
}

const struct type_count *stats_find(const struct stats *s, const char *name)
{
	struct type_count key = {.name = (char *)name};

	return s->n ? bsearch(&key, s->rows, s->n, sizeof key, by_name) : NULL;
}

void stats_sort_by_count(struct stats *s)
{
	qsort(s->rows, s->n, sizeof *s->rows, by_count);
}
