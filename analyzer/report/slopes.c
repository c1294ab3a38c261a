/* slopes.c - see slopes.h. */
#include "report/slopes.h"

#include <stdlib.h>
#include <string.h>

#define LARGE_PART 10 /* a tenth of the growth above is worth a row of its own ... */
#define FEW 16u	      /* ... and so is each part, when they are so few */
#define ABSENT_PART                                                                                \
	4 /* who was not there in a quarter of the dumps is growth, and no owner of it */

/* ---- by name --------------------------------------------------------------------------------- */

struct error *series_add(struct series *s, size_t dump, const char *name, uint64_t bytes)
{
	uint32_t number = names_keep(&s->names, name);

	if (number == NAMES_NONE)
		return error_memory();
	while (s->bytes.n < (number + 1) * s->ndumps)
		if (!VEC_PUSH(&s->bytes, 0))
			return error_memory();
	s->bytes.data[number * s->ndumps + dump] += bytes;
	return NULL;
}

void series_deinit(struct series *s)
{
	names_free_kept(&s->names);
	VEC_FREE(&s->bytes);
}

static int by_slope(const void *a, const void *b)
{
	const struct slope_row *x = a, *y = b;
	int order;

	if (x->trend.slope != y->trend.slope)
		return x->trend.slope < y->trend.slope ? 1 : -1;
	order = strcmp(x->name, y->name);
	return order ? order : (x->object > y->object) - (x->object < y->object);
}

static void sort(struct slopes *s)
{
	if (s->rows.n)
		qsort(s->rows.data, s->rows.n, sizeof *s->rows.data, by_slope);
}

static struct error *add_row(struct slopes *s, const struct slope_row *row, bool all)
{
	if (!all && row->trend.slope <= 0)
		return NULL;
	return VEC_PUSH(&s->rows, *row) ? NULL : error_memory();
}

struct error *slopes_of_series(const struct series *series, const double *x, bool all,
			       struct slopes *ret)
{
	*ret = (struct slopes){0};
	for (size_t i = 0; i < series->names.n; i++) {
		struct slope_row row = {
			.name = series->names.names[i],
			.object = MODEL_NONE,
			.bytes = series->bytes.data + i * series->ndumps,
		};

		TRY(trend_compute(x, row.bytes, series->ndumps, &row.trend));
		TRY(add_row(ret, &row, all));
	}
	sort(ret);
	return NULL;
}

/* ---- by owner -------------------------------------------------------------------------------- */

struct judged {
	struct trend trend;
	double below;	/* slopes of those below that are told */
	uint32_t parts; /* those below that grow and could be told */
	bool told;	/* worth a row, or it has some below */
};

/* A list is told by its first element, a tree by its top: what follows is more of the same. */
static bool is_same_again(const struct owner_series *s, const struct owner *above,
			  const struct owner *w)
{
	return w->type == above->type && w->module == above->module &&
	       strcmp(s->texts.names[w->module], "builtins") != 0;
}

/* It grows, and was there while it did. */
static bool is_part(const struct owner_series *s, const struct judged *all, size_t row)
{
	const struct owner *w = &s->owners.data[row];

	if (all[row].trend.slope <= 0)
		return false;
	return w->above == MODEL_NONE || (s->ndumps - w->present <= s->ndumps / ABSENT_PART &&
					  !is_same_again(s, &s->owners.data[w->above], w));
}

static bool is_told(const struct owner_series *s, const struct judged *all, size_t row)
{
	const struct owner *w = &s->owners.data[row];
	const struct judged *above = w->above == MODEL_NONE ? NULL : &all[w->above];

	if (!is_part(s, all, row))
		return false;
	return !above || (above->told && (above->parts <= FEW ||
					  all[row].trend.slope * LARGE_PART >= above->trend.slope));
}

static struct error *judge(const struct owner_series *s, const double *x, struct judged *all)
{
	const struct owner *owners = s->owners.data;

	for (size_t i = 0; i < s->owners.n; i++) {
		TRY(trend_compute(x, owner_bytes(s, i), s->ndumps, &all[i].trend));
		if (owners[i].above != MODEL_NONE)
			all[owners[i].above].parts += is_part(s, all, i);
	}
	for (size_t i = 0; i < s->owners.n; i++) {
		all[i].told = is_told(s, all, i);
		if (all[i].told && owners[i].above != MODEL_NONE)
			all[owners[i].above].below += all[i].trend.slope;
	}
	return NULL;
}

static struct error *add_owner(const struct owner_series *s, size_t row, const struct judged *all,
			       bool every, struct slopes *ret)
{
	const struct owner *w = &s->owners.data[row];
	struct slope_row r = {
		.name = s->texts.names[w->path],
		.type = w->object == MODEL_NONE ? NULL : s->texts.names[w->type],
		.object = w->object,
		.bytes = owner_bytes(s, row),
		.trend = all[row].trend,
	};

	if (w->object == MODEL_NONE && r.bytes[s->ndumps - 1] < s->least)
		return NULL;
	/* most of it is told below */
	if (!every && (!all[row].told || all[row].below * 2 > all[row].trend.slope))
		return NULL;
	return add_row(ret, &r, every);
}

struct error *slopes_of_owners(const struct owner_series *s, const double *x, bool every,
			       struct slopes *ret)
{
	struct judged *all = calloc(s->owners.n + 1, sizeof *all);
	struct error *e = all ? judge(s, x, all) : error_memory();

	*ret = (struct slopes){0};
	for (size_t i = 0; i < s->owners.n && !e; i++)
		e = add_owner(s, i, all, every, ret);
	free(all);
	if (!e)
		sort(ret);
	return e;
}

void slopes_deinit(struct slopes *s)
{
	VEC_FREE(&s->rows);
}
