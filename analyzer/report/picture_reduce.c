/* picture_reduce.c - see picture_reduce.h. */
#include "report/picture_reduce.h"

#include <stdlib.h>
#include <string.h>

#include "util/str.h"

#define LEAST_BOXES 16u /* that stay, whatever lines they have */
#define MAX_NAMES 4u	/* of lines that became one */

/* ---- lines that lead the same way ------------------------------------------------------------ */

struct line {
	struct drawing_edge edge;
	size_t number;
};

static int by_ends(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->edge.from != y->edge.from)
		return x->edge.from < y->edge.from ? -1 : 1;
	if (x->edge.to != y->edge.to)
		return x->edge.to < y->edge.to ? -1 : 1;
	if (x->edge.style != y->edge.style)
		return x->edge.style < y->edge.style ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static int by_number(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static bool is_parallel(const struct line *a, const struct line *b)
{
	return a->edge.from == b->edge.from && a->edge.to == b->edge.to &&
	       a->edge.style == b->edge.style;
}

/* lines[0] gets the names of all n; the others are freed. */
static struct error *join(struct line *lines, size_t n)
{
	struct str label = {0};

	for (size_t i = 0; i < n; i++) {
		if (i == MAX_NAMES)
			str_printf(&label, "\n... %zu more", n - i);
		if (i < MAX_NAMES && lines[i].edge.label[0])
			str_printf(&label, "%s%s", label.n ? "\n" : "", lines[i].edge.label);
		if (lines[i].edge.weight > lines[0].edge.weight)
			lines[0].edge.weight = lines[i].edge.weight;
		free(lines[i].edge.label);
	}
	lines[0].edge.fold = FOLD_NAME;
	lines[0].edge.label = label.failed ? NULL : strdup(str_text(&label));
	str_free(&label);
	if (lines[0].edge.label)
		return NULL;
	lines[0].edge.label = calloc(1, 1);
	return error_memory();
}

struct error *picture_join_lines(struct drawing *d)
{
	struct line *lines = malloc((d->edge_count + 1) * sizeof *lines);
	struct error *e = NULL;
	size_t kept = 0;

	if (!lines)
		return error_memory();
	for (size_t i = 0; i < d->edge_count; i++)
		lines[i] = (struct line){d->edges[i], i};
	qsort(lines, d->edge_count, sizeof *lines, by_ends);
	for (size_t i = 0, n; i < d->edge_count; i += n) {
		for (n = 1; i + n < d->edge_count && is_parallel(&lines[i], &lines[i + n]); n++)
			;
		if (e) /* out of memory: the rest stays as it is */
			n = 1;
		else if (n > 1)
			e = join(&lines[i], n);
		lines[kept++] = lines[i];
	}
	qsort(lines, kept, sizeof *lines, by_number);
	for (size_t i = 0; i < kept; i++)
		d->edges[i] = lines[i].edge;
	d->edge_count = kept;
	free(lines);
	return e;
}

/* ---- too many boxes -------------------------------------------------------------------------- */

struct place {
	const struct drawing_node *node;
	uint32_t number;
};

static int by_interest(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->node->start != y->node->start)
		return x->node->start ? -1 : 1;
	if (x->node->highlighted != y->node->highlighted)
		return x->node->highlighted ? -1 : 1;
	if (x->node->depth != y->node->depth)
		return x->node->depth < y->node->depth ? -1 : 1;
	if (x->node->members != y->node->members)
		return x->node->members > y->node->members ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/* ret[i]: 1 for the nodes that stay. */
static struct error *choose(const struct drawing *d, uint64_t fit, uint32_t *ret)
{
	struct place *places = malloc(d->node_count * sizeof *places);

	if (!places)
		return error_memory();
	for (size_t i = 0; i < d->node_count; i++)
		places[i] = (struct place){&d->nodes[i], (uint32_t)i};
	qsort(places, d->node_count, sizeof *places, by_interest);
	for (size_t i = 0; i < fit; i++)
		ret[places[i].number] = 1;
	free(places);
	return NULL;
}

static void drop_lines(struct drawing *d, const uint32_t *stays)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->edge_count; i++) {
		struct drawing_edge *edge = &d->edges[i];

		if (stays[edge->from] && stays[edge->to]) {
			d->edges[kept++] = *edge;
			continue;
		}
		if (d->backwards && stays[edge->to])
			d->nodes[edge->to].more++;
		if (!d->backwards && stays[edge->from])
			d->nodes[edge->from].more++;
		free(edge->label);
	}
	d->edge_count = kept;
}

static struct error *trim(struct drawing *d, uint64_t fit)
{
	uint32_t *stays, kept = 0;
	struct error *e;

	if (d->node_count <= fit)
		return NULL;
	stays = calloc(d->node_count, sizeof *stays);
	e = stays ? choose(d, fit, stays) : error_memory();
	if (!e) {
		drop_lines(d, stays);
		for (size_t i = 0; i < d->node_count; i++) {
			if (!stays[i]) {
				drawing_node_free(&d->nodes[i]);
				continue;
			}
			stays[i] = kept;
			d->nodes[kept++] = d->nodes[i];
		}
		d->node_count = kept;
		for (size_t i = 0; i < d->edge_count; i++) {
			d->edges[i].from = stays[d->edges[i].from];
			d->edges[i].to = stays[d->edges[i].to];
		}
	}
	free(stays);
	return e;
}

struct error *picture_trim(struct drawing *d, uint64_t fit)
{
	uint64_t boxes = fit;

	if (d->node_count <= fit)
		return NULL;
	do {
		TRY(trim(d, boxes));
		boxes -= boxes / 8;
	} while (d->edge_count > PICTURE_LINES_PER_NODE * fit && boxes >= LEAST_BOXES);
	return NULL;
}
