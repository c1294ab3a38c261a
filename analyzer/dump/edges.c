/*
 * edges.c - the edges: all of them as a graph, and single ones in full.
 *
 * load_edges() keeps five bytes of an edge: its target and its class. Labels, values and offsets
 * are decoded again, group by group, for the few edges that somebody wants to see; a few groups are
 * kept.
 */
#include "dump/index.h"
#include "dump/model_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dump/varint.h"
#include "util/big.h"
#include "util/threads.h"

/* ---- the graph ------------------------------------------------------------------------------- */

/* What decoding needs to know of a label: the edge's class in the lower byte, then these. */
#define INFO_HAS_VALUE 0x100u
#define INFO_IS_OFFSET 0x200u
#define INFO_CLASS 0xffu

struct edges_job {
	struct model *model;
	const uint16_t *info; /* by label */
	uint32_t *target;
	uint8_t *class;
};

enum heuristic model_heuristic(unsigned flags)
{
	/* the first that holds; two of them differ in nothing that the memory shows */
	if (!(flags & RGD_LABEL_F_INTERIOR))
		return HEURISTIC_NONE;
	if (flags & RGD_LABEL_F_STDSTRING)
		return HEURISTIC_STDSTRING;
	if (flags & RGD_LABEL_F_LENGTH64)
		return flags & RGD_LABEL_F_NEWARRAY ? HEURISTIC_EITHER : HEURISTIC_LENGTH64;
	if (flags & RGD_LABEL_F_NEWARRAY)
		return HEURISTIC_NEWARRAY;
	if (flags & RGD_LABEL_F_INHERITANCE)
		return HEURISTIC_INHERITANCE;
	if (flags & RGD_LABEL_F_GCHEAD)
		return HEURISTIC_GCHEAD;
	return flags & RGD_LABEL_F_PHPTABLE ? HEURISTIC_PHPTABLE : HEURISTIC_NONE;
}

static uint16_t label_info(const struct label *l)
{
	uint16_t info = l->kind < 7 ? l->kind : 7;

	if (l->flags & RGD_LABEL_F_TRAVERSED)
		info |= MODEL_CLASS_TRAVERSED;
	if (l->flags & RGD_LABEL_F_INTERIOR)
		info |= MODEL_CLASS_INTERIOR;
	info |= model_heuristic(l->flags) << 5;
	if (RGD_LABEL_HAS_VALUE(l->class))
		info |= INFO_HAS_VALUE;
	if (l->class == RGD_LABEL_OFFSET)
		info |= INFO_IS_OFFSET;
	return info;
}

/* Rows that were decoded: less than the group has when one is malformed. */
static uint32_t decode_group(const struct edges_job *job, const struct edge_group *g,
			     uint32_t *target, uint8_t *class)
{
	const uint8_t *labels = g->label.data, *labels_end = g->label.end;
	const uint8_t *values = g->value.data, *values_end = g->value.end;
	const uint8_t *targets = g->target.data, *targets_end = g->target.end;
	const uint32_t nlabels = job->model->nlabels, nobjects = job->model->nobjects;
	uint32_t last[RGD_PREDICT_SLOTS] = {0}, rows = g->label.rows;

	for (uint32_t i = 0; i < rows; i++) {
		uint64_t label, value = 0, difference;
		uint32_t slot;
		uint16_t info;

		labels = varint_get(labels, labels_end, &label);
		if (!labels || label >= nlabels)
			return i;
		info = job->info[label];
		if (info & INFO_HAS_VALUE) {
			values = varint_get(values, values_end, &value);
			if (!values)
				return i;
		}
		slot = (label + (info & INFO_IS_OFFSET ? value : 0)) % RGD_PREDICT_SLOTS;
		targets = varint_get_any(targets, targets_end, &difference);
		if (!targets || difference > UINT32_MAX)
			return i;
		last[slot] += zigzag_decode32(difference);
		if (last[slot] >= nobjects)
			return i;
		target[i] = last[slot];
		class[i] = info & INFO_CLASS;
	}
	return labels == labels_end && values == values_end && targets == targets_end ? rows
										      : rows - 1;
}

static struct error *load_group(void *context, size_t k)
{
	const struct edges_job *job = context;
	size_t first = k * RGD_GROUP_ROWS;
	struct edge_group g;
	uint32_t good, rows;

	TRY(dump_edge_group(job->model->dump, k, &g));
	rows = g.label.rows;
	good = decode_group(job, &g, job->target + first, job->class + first);
	edge_group_free(&g);
	if (good == rows)
		return NULL;
	return dump_error(job->model->dump, RGD_SEC_EDGES, RGD_EDGE_TARGET, first + good,
			  "edge %zu: malformed, or its label or target does not exist",
			  first + good);
}

static struct error *load_degrees(struct model *m, uint32_t *first)
{
	uint64_t sum = 0;

	TRY(dump_read_u32(m->dump, RGD_SEC_OBJECTS, RGD_OBJ_DEGREE, 0, first));
	for (uint32_t i = 0; i < m->nobjects; i++) {
		uint32_t degree = first[i];

		first[i] = sum;
		sum += degree;
		if (sum > m->nedges)
			break;
	}
	if (sum != m->nedges)
		return dump_error(m->dump, RGD_SEC_OBJECTS, RGD_OBJ_DEGREE, 0,
				  "the objects have %s edges than the %u that are there",
				  sum > m->nedges ? "more" : "less", m->nedges);
	first[m->nobjects] = sum;
	return NULL;
}

static struct error *load_targets(struct model *m, uint32_t *target, uint8_t *class)
{
	struct edges_job job = {.model = m, .target = target, .class = class};
	uint16_t *info = calloc((size_t)m->nlabels + 1, sizeof *info);
	struct error *e;

	if (!info)
		return error_memory();
	for (uint32_t i = 0; i < m->nlabels; i++)
		info[i] = label_info(&m->labels[i]);
	job.info = info;
	e = parallel_for(dump_edge_groups(m->dump), load_group, &job);
	free(info);
	return e;
}

static bool take_from_index(struct model *m, uint32_t **first, uint32_t **target, uint8_t **class)
{
	struct index *ix = model_index(m);

	if (index_take(ix, INDEX_OUT_FIRST, (size_t)m->nobjects + 1, first) &&
	    index_take(ix, INDEX_OUT_TARGET, m->nedges, target) &&
	    index_take(ix, INDEX_EDGE_CLASS, m->nedges, class))
		return true;
	big_free(*first, (size_t)m->nobjects + 1, sizeof **first);
	big_free(*target, m->nedges, sizeof **target);
	*first = *target = NULL;
	return false;
}

struct error *load_edges(struct model *m)
{
	uint32_t *first = NULL, *target = NULL;
	uint8_t *class = NULL;
	struct error *e;

	if (take_from_index(m, &first, &target, &class)) {
		m->graph = (struct graph){m->nobjects, m->nedges, first, target, class};
		return NULL;
	}

	e = big_alloc((size_t)m->nobjects + 1, sizeof *first, &first);
	if (!e)
		e = big_alloc(m->nedges, sizeof *target, &target);
	if (!e)
		e = big_alloc(m->nedges, sizeof *class, &class);
	if (!e)
		e = load_degrees(m, first);
	if (!e)
		e = load_targets(m, target, class);
	if (e) {
		big_free(first, (size_t)m->nobjects + 1, sizeof *first);
		big_free(target, m->nedges, sizeof *target);
		big_free(class, m->nedges, sizeof *class);
		return e;
	}
	m->graph = (struct graph){m->nobjects, m->nedges, first, target, class};
	return NULL;
}

/* ---- single edges ---------------------------------------------------------------------------- */

#define CACHED_GROUPS 32u

struct group_detail {
	uint32_t group; /* + 1, 0 = empty */
	uint32_t rows;
	uint64_t used;
	uint32_t *label;
	uint64_t *value, *interior; /* by row; NULL when the group has none */
};

struct edge_cache {
	struct group_detail groups[CACHED_GROUPS];
	uint64_t clock;
	/* where the last index was worked out: the next one is usually near */
	uint32_t source, number;
	uint64_t next_index;
};

static void detail_deinit(struct group_detail *d)
{
	free(d->label);
	free(d->value);
	free(d->interior);
	*d = (struct group_detail){0};
}

void edge_cache_destroy(struct edge_cache *cache)
{
	for (unsigned i = 0; cache && i < CACHED_GROUPS; i++)
		detail_deinit(&cache->groups[i]);
	free(cache);
}

/* Spreads a sparse column over the rows whose label has it. False when it is malformed, or
 * absent (`out` NULL) though a label has it. */
static bool spread(const struct model *m, const struct group_detail *d, const struct payload *p,
		   bool interior, uint64_t *out)
{
	const uint8_t *at = p->data;
	uint64_t value;

	for (uint32_t i = 0; i < d->rows; i++) {
		const struct label *l = &m->labels[d->label[i]];

		if (!(interior ? l->flags & RGD_LABEL_F_INTERIOR : RGD_LABEL_HAS_VALUE(l->class)))
			continue;
		at = varint_get(at, p->end, &value);
		if (!at || !out ||
		    (!interior && l->class == RGD_LABEL_KEY_OBJECT && value >= m->nobjects))
			return false;
		out[i] = value;
	}
	return at == p->end;
}

static struct error *fill_detail(struct model *m, uint32_t k, const struct edge_group *g,
				 struct group_detail *d)
{
	const uint8_t *at = g->label.data;
	bool fine;

	d->rows = g->label.rows;
	d->label = malloc(d->rows * sizeof *d->label);
	d->value = g->value.rows ? calloc(d->rows, sizeof *d->value) : NULL;
	d->interior = g->interior.rows ? calloc(d->rows, sizeof *d->interior) : NULL;
	if (!d->label || (g->value.rows && !d->value) || (g->interior.rows && !d->interior))
		return error_memory();
	for (uint32_t i = 0; i < d->rows; i++) {
		uint64_t label;

		at = varint_get(at, g->label.end, &label);
		if (!at || label >= m->nlabels)
			return dump_error(m->dump, RGD_SEC_EDGES, RGD_EDGE_LABEL,
					  (uint64_t)k * RGD_GROUP_ROWS, "malformed labels");
		d->label[i] = label;
	}
	fine = spread(m, d, &g->value, false, d->value) &&
	       spread(m, d, &g->interior, true, d->interior);
	d->group = k + 1;
	return fine ? NULL
		    : dump_error(m->dump, RGD_SEC_EDGES, RGD_EDGE_LABEL,
				 (uint64_t)k * RGD_GROUP_ROWS,
				 "the values of a group of edges do not fit their labels");
}

static struct error *group_detail(struct model *m, uint32_t k, struct group_detail **ret)
{
	struct group_detail *oldest;
	struct edge_group g;
	struct error *e;

	if (!m->edge_cache) {
		m->edge_cache = calloc(1, sizeof *m->edge_cache);
		if (!m->edge_cache)
			return error_memory();
		m->edge_cache->source = MODEL_NONE;
	}
	oldest = &m->edge_cache->groups[0];
	for (unsigned i = 0; i < CACHED_GROUPS; i++) {
		struct group_detail *d = &m->edge_cache->groups[i];

		if (d->group == k + 1) {
			d->used = ++m->edge_cache->clock;
			*ret = d;
			return NULL;
		}
		if (d->used < oldest->used)
			oldest = d;
	}
	detail_deinit(oldest);
	TRY(dump_edge_group(m->dump, k, &g));
	e = fill_detail(m, k, &g, oldest);
	edge_group_free(&g);
	if (e) {
		detail_deinit(oldest);
		return e;
	}
	oldest->used = ++m->edge_cache->clock;
	*ret = oldest;
	return NULL;
}

/* The index of an edge of class NEXT: counts on from the last INDEX of its object, or from 0. */
static struct error *next_index(struct model *m, uint32_t source, uint32_t number, uint64_t *ret)
{
	struct edge_cache *cache = m->edge_cache;
	uint32_t at = m->graph.out_first[source];
	uint64_t next = 0;
	struct group_detail *d = NULL;

	if (cache->source == source && cache->number <= number) {
		at = cache->number;
		next = cache->next_index;
	}
	for (; at < number; at++) {
		uint32_t row = at % RGD_GROUP_ROWS;
		unsigned class;

		if (!d || !row)
			TRY(group_detail(m, at / RGD_GROUP_ROWS, &d));
		class = m->labels[d->label[row]].class;
		if (class == RGD_LABEL_NEXT)
			next++;
		else if (class == RGD_LABEL_INDEX && d->value)
			next = d->value[row] + 1;
	}
	cache->source = source;
	cache->number = number;
	cache->next_index = next;
	*ret = next;
	return NULL;
}

/* Whoever gets an edge looks at its ends, and at the key. */
static struct error *load_ends(struct model *m, const struct edge *e)
{
	uint32_t objects[] = {e->source, e->target, e->value};

	return model_load_for(m, m->rows_open, objects, e->class == RGD_LABEL_KEY_OBJECT ? 3 : 2);
}

struct error *model_edge(struct model *m, uint32_t source, uint32_t number, struct edge *ret)
{
	uint32_t row = number % RGD_GROUP_ROWS;
	struct group_detail *d = NULL;
	const struct label *l;

	/* only an index that was forged, checksums and all, names one that the dump has not */
	if (number >= m->nedges || source >= m->nobjects)
		return dump_error(m->dump, RGD_SEC_EDGES, RGD_EDGE_LABEL, number,
				  "no reference %u of object %u: the index beside the dump is "
				  "wrong, remove it",
				  number, source);
	TRY(group_detail(m, number / RGD_GROUP_ROWS, &d));
	l = &m->labels[d->label[row]];
	*ret = (struct edge){
		.source = source,
		.target = m->graph.out_target[number],
		.number = number,
		.kind = l->kind,
		.class = l->class,
		.flags = l->flags,
		.string = l->string,
		.value = d->value ? d->value[row] : 0,
		.interior = d->interior ? d->interior[row] : 0,
	};
	if (m->rows_open & ~m->loaded)
		TRY(load_ends(m, ret));
	if (ret->class == RGD_LABEL_OFFSET)
		ret->value *= 8;
	if (ret->class != RGD_LABEL_NEXT)
		return NULL;
	ret->class = RGD_LABEL_INDEX;
	return next_index(m, source, number, &ret->value);
}
