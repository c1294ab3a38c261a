/* growth.c - see growth.h. */
#include "report/growth.h"

#include <stdlib.h>
#include <string.h>

static void find_base(const struct stats *dumps, size_t ndumps, bool previous,
		      struct growth_row *row)
{
	for (size_t i = previous && ndumps > 1 ? ndumps - 2 : 0; i + 1 < ndumps; i++) {
		const struct type_count *before = stats_find(&dumps[i], row->name);

		if (before && before->count > row->base)
			row->base = before->count;
		if (before && before->bytes > row->base_bytes)
			row->base_bytes = before->bytes;
	}
}

static int by_delta(const void *a, const void *b)
{
	const struct growth_row *x = a, *y = b;
	uint64_t dx = x->count - x->base, dy = y->count - y->base;

	if (dx != dy)
		return dx < dy ? 1 : -1;
	return strcmp(x->name, y->name);
}

struct error *growth_compute(const struct stats *dumps, size_t ndumps, bool previous,
			     struct growth *ret)
{
	const struct stats *last = &dumps[ndumps - 1];
	struct growth g = {.rows = calloc(last->n + 1, sizeof *g.rows)};

	if (!g.rows)
		return error_memory();
	for (size_t i = 0; i < last->n; i++) {
		struct growth_row row = {.name = last->rows[i].name,
					 .count = last->rows[i].count,
					 .bytes = last->rows[i].bytes};

		find_base(dumps, ndumps, previous, &row);
		if (row.count <= row.base)
			continue;
		row.name = strdup(row.name);
		if (!row.name) {
			growth_deinit(&g);
			return error_memory();
		}
		g.rows[g.n++] = row;
	}
	qsort(g.rows, g.n, sizeof *g.rows, by_delta);
	*ret = g;
	return NULL;
}

void growth_deinit(struct growth *g)
{
	for (size_t i = 0; i < g->n; i++)
		free(g->rows[i].name);
	free(g->rows);
	*g = (struct growth){0};
}
