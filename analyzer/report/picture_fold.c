/* picture_fold.c - see picture_fold.h. Drawings are small: classes are found by texts that say what a node looks like. */
#include "report/picture_fold.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/picture_reduce.h"
#include "util/hash.h"
#include "util/str.h"

#define MAX_ROUNDS 64u

struct fold {
	struct model *m;
	const struct ids *objects;
	struct drawing *d;
	uint32_t *class, *next; /* by node */
	uint32_t *first;	/* by node: its edges in `order`, node_count + 1 */
	uint32_t *order;	/* edges, each twice: by its two nodes */
	uint32_t nclasses;
	struct str *looks; /* nlooks texts: of a node's edges, while it is looked at */
	uint32_t nlooks;
	uint64_t fit;
	enum fold_depth depth;
};

/* ---- classes --------------------------------------------------------------------------------- */

static const char *general_label(const struct drawing_edge *e)
{
	static const char *const general[] = {
		[FOLD_INDEX] = "[]", [FOLD_KEY] = "{}", [FOLD_OFFSET] = "+"};

	return e->fold == FOLD_NAME ? e->label : general[e->fold];
}

/* Class of a text: given out in order of first sight. */
static struct error *class_of(struct names *texts, struct str *text, uint32_t *ret)
{
	*ret = text->failed ? NAMES_NONE : names_keep(texts, str_text(text));
	return *ret == NAMES_NONE ? error_memory() : NULL;
}

static void look_alone(const struct fold *f, uint32_t i, struct str *text)
{
	const struct drawing_node *n = &f->d->nodes[i];

	str_clear(text);
	if ((i >= f->objects->n || n->root) && f->depth == FOLD_TYPES)
		str_printf(text, "root %u", n->depth);
	else if (i >= f->objects->n || n->root)
		str_printf(text, "node %" PRIu32, i);
	else
		str_printf(text, "%" PRIu32 " %u %d %d %d %d %d",
			   model_type_of(f->m, f->objects->data[i]), n->depth, n->start, n->module,
			   n->highlighted, n->finalizer != NULL,
			   f->depth != FOLD_TYPES && n->cycle != 0);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(str_text(a), str_text(b));
}

/* What a node looks like among others: its class, and the set of "label, class" in each direction. */
static void look_around(struct fold *f, uint32_t i, struct str *text)
{
	uint32_t n = f->first[i + 1] - f->first[i];
	const char *last = NULL;

	for (uint32_t k = 0; k < n; k++) {
		const struct drawing_edge *e = &f->d->edges[f->order[f->first[i] + k]];
		bool out = e->from == i;

		str_clear(&f->looks[k]);
		str_printf(&f->looks[k], "\n%c %" PRIu32 " %d ", out ? '>' : '<',
			   f->class[out ? e->to : e->from], e -> style);
		str_add(&f->looks[k], general_label(e));
		text->failed |= f->looks[k].failed;
	}
	qsort(f->looks, n, sizeof *f->looks, by_text);
	str_clear(text);
	str_printf(text, "%" PRIu32, f->class[i]);
	for (uint32_t k = 0; k < n; k++) {
		if (!last || strcmp(last, str_text(&f->looks[k])) != 0)
			str_add(text, str_text(&f->looks[k]));
		last = str_text(&f->looks[k]);
	}
}

static struct error *one_round(struct fold *f, bool first)
{
	struct names texts = {0};
	struct str text = {0};
	struct error *e = NULL;
	uint32_t *swap;

	for (uint32_t i = 0; i < f->d->node_count && !e; i++) {
		if (first)
			look_alone(f, i, &text);
		else
			look_around(f, i, &text);
		e = class_of(&texts, &text, &f->next[i]);
	}
	f->nclasses = texts.n;
	swap = f->class;
	f->class = f->next;
	f->next = swap;
	names_free_kept(&texts);
	str_free(&text);
	return e;
}

static struct error *refine(struct fold *f)
{
	static const unsigned rounds[] = {
		[FOLD_ALL_AROUND] = MAX_ROUNDS, [FOLD_NEIGHBOURS] = 1, [FOLD_TYPES] = 0};
	uint32_t before = 0;

	TRY(one_round(f, true));
	for (unsigned round = 0; round < rounds[f->depth] && f->nclasses != before; round++) {
		before = f->nclasses;
		TRY(one_round(f, false));
	}
	return NULL;
}

static struct error *list_edges(struct fold *f)
{
	const struct drawing *d = f->d;
	uint32_t most = 0;

	for (size_t i = 0; i < d->edge_count; i++) {
		f->first[d->edges[i].from + 1]++;
		f->first[d->edges[i].to + 1]++;
	}
	for (size_t i = 0; i < d->node_count; i++) {
		if (f->first[i + 1] > most)
			most = f->first[i + 1];
		f->first[i + 1] += f->first[i];
		f->next[i] = f->first[i];
	}
	for (size_t i = 0; i < d->edge_count; i++) {
		f->order[f->next[d->edges[i].from]++] = i;
		f->order[f->next[d->edges[i].to]++] = i;
	}
	f->looks = calloc((size_t)most + 1, sizeof *f->looks);
	f->nlooks = f->looks ? most : 0;
	return f->looks ? NULL : error_memory();
}

/* ---- the smaller drawing --------------------------------------------------------------------- */

/* The first of a class speaks for all. kept: by class, its new number + 1. */
static struct error *join_nodes(struct fold *f, uint32_t *kept)
{
	struct drawing *d = f->d;
	struct {
		uint64_t members, roots, bytes;
		uint32_t object;
	} *sums = calloc((size_t)f->nclasses + 1, sizeof *sums);
	struct error *e = sums ? NULL : error_memory();
	size_t n = 0;

	for (size_t i = 0; sums && i < d->node_count; i++) {
		uint32_t c = f->class[i];

		if (i < f->objects->n && !sums[c].members++)
			sums[c].object = f->objects->data[i];
		if (i < f->objects->n)
			sums[c].bytes += f->m->size[f->objects->data[i]];
		sums[c].roots += i >= f->objects->n;
		if (kept[c]) {
			d->nodes[kept[c] - 1].more += d->nodes[i].more;
			d->nodes[kept[c] - 1].weight += d->nodes[i].weight;
			drawing_node_free(&d->nodes[i]);
			continue;
		}
		d->nodes[n] = d->nodes[i];
		kept[c] = ++n;
	}
	d->node_count = sums ? n : d->node_count;
	for (uint32_t c = 0; sums && c < f->nclasses; c++) {
		struct str label = {0};

		if (sums[c].members + sums[c].roots < 2)
			continue;
		if (sums[c].roots) {
			str_printf(&label, "%" PRIu64 " roots", sums[c].roots);
		} else {
			str_printf(&label, "%" PRIu64 " x %s\n", sums[c].members,
				   model_type_name(f->m, sums[c].object));
			str_size_words(&label, sums[c].bytes, false);
		}
		d->nodes[kept[c] - 1].members = sums[c].members;
		free(d->nodes[kept[c] - 1].label);
		d->nodes[kept[c] - 1].label = label.failed ? NULL : label.data;
		if (label.failed) {
			d->nodes[kept[c] - 1].label = strdup("");
			str_free(&label);
			e = error_memory();
		}
	}
	free(sums);
	return e;
}

struct joined {
	uint32_t edge; /* the one that stays */
	uint64_t n, low, high;
};

static struct error *label_joined(struct drawing_edge *e, const struct joined *j)
{
	char *label = NULL;
	int rc = 0;

	if (j->n < 2 || e->fold == FOLD_NAME)
		return NULL;
	if (e->fold == FOLD_KEY)
		rc = asprintf(&label, "%" PRIu64 " keys", j->n);
	else if (e->fold == FOLD_OFFSET && j->low != j->high)
		rc = asprintf(&label, "+0x%" PRIx64 " ... +0x%" PRIx64, j->low, j->high);
	else if (e->fold == FOLD_OFFSET)
		return NULL;
	else if (j->low == j->high)
		rc = asprintf(&label, "[%" PRIu64 "]", j->low);
	else
		rc = asprintf(&label, "[%" PRIu64 " ... %" PRIu64 "]", j->low, j->high);
	if (rc < 0)
		return error_memory();
	free(e->label);
	e->label = label;
	return NULL;
}

/* Edges between the same classes that say the same become one. */
static struct error *join_edges(struct fold *f, const uint32_t *kept)
{
	struct drawing *d = f->d;
	struct joined *joined = calloc(d->edge_count + 1, sizeof *joined);
	struct names texts = {0};
	struct str text = {0};
	struct error *e = joined ? NULL : error_memory();
	size_t n = 0;

	for (size_t i = 0; joined && i < d->edge_count; i++) {
		struct drawing_edge *edge = &d->edges[i];
		uint32_t c;

		edge->from = kept[f->class[edge->from]] - 1;
		edge->to = kept[f->class[edge->to]] - 1;
		str_clear(&text);
		str_printf(&text, "%" PRIu32 " %" PRIu32 " %d %d ", edge->from, edge->to,
			   edge->style, edge->fold);
		str_add(&text, general_label(edge));
		if (!e)
			e = class_of(&texts, &text, &c);
		if (e) {
			d->edges[n++] = *edge; /* owned by the drawing all the same */
			continue;
		}
		if (joined[c].n++) {
			if (edge->index < joined[c].low)
				joined[c].low = edge->index;
			if (edge->index > joined[c].high)
				joined[c].high = edge->index;
			free(edge->label);
			continue;
		}
		joined[c].edge = n;
		joined[c].low = joined[c].high = edge->index;
		d->edges[n++] = *edge;
	}
	d->edge_count = joined ? n : d->edge_count;
	for (size_t c = 0; c < texts.n && !e; c++)
		e = label_joined(&d->edges[joined[c].edge], &joined[c]);
	free(joined);
	names_free_kept(&texts);
	str_free(&text);
	return e;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Few boxes, and not many lines between them. */
static struct error *can_be_read(const struct fold *f, bool *ret)
{
	size_t n = f->d->edge_count, pairs = 0;
	uint64_t *ends;

	*ret = !f->fit || f->nclasses <= f->fit;
	if (!f->fit || !*ret)
		return NULL;
	ends = malloc((n + 1) * sizeof *ends);
	if (!ends)
		return error_memory();
	for (size_t i = 0; i < n; i++)
		ends[i] =
			(uint64_t)f->class[f->d->edges[i].from] << 32 | f->class[f->d->edges[i].to];
	qsort(ends, n, sizeof *ends, compare_u64);
	for (size_t i = 0; i < n; i++)
		pairs += !i || ends[i] != ends[i - 1];
	free(ends);
	*ret = pairs <= PICTURE_LINES_PER_NODE * f->fit;
	return NULL;
}

static struct error *fold(struct fold *f)
{
	size_t n = f->d->node_count;
	uint32_t *kept;
	struct error *e;

	f->class = calloc(n + 1, sizeof *f->class);
	f->next = calloc(n + 1, sizeof *f->next);
	f->first = calloc(n + 2, sizeof *f->first);
	f->order = calloc(2 * f->d->edge_count + 1, sizeof *f->order);
	if (!f->class || !f->next || !f->first || !f->order)
		return error_memory();
	TRY(list_edges(f));
	TRY(refine(f));
	for (;;) {
		bool fits;

		TRY(can_be_read(f, &fits));
		if (fits || f->depth == FOLD_TYPES)
			break;
		f->depth++;
		TRY(refine(f));
	}
	kept = calloc((size_t)f->nclasses + 1, sizeof *kept);
	if (!kept)
		return error_memory();
	e = join_nodes(f, kept);
	if (!e)
		e = join_edges(f, kept);
	free(kept);
	return e;
}

struct error *picture_fold(struct model *m, const struct ids *objects, uint64_t fit,
			   struct drawing *d, enum fold_depth *ret)
{
	struct fold f = {.m = m, .objects = objects, .d = d, .fit = fit};
	struct error *e = model_load_for(m, MODEL_SIZE | MODEL_SITES, objects->data, objects->n);

	if (!e)
		e = fold(&f);
	*ret = f.depth;
	for (uint32_t i = 0; i < f.nlooks; i++)
		str_free(&f.looks[i]);
	free(f.looks);
	free(f.class);
	free(f.next);
	free(f.first);
	free(f.order);
	return e;
}
