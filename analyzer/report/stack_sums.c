/* stack_sums.c - see stack_sums.h. First by number of stack, one pass; then each stack that occurs
 * is given its rows. */
#include "report/stack_sums.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/estimate.h"
#include "util/big.h"

#define UNKNOWN "(unknown)"

struct sum {
	struct estimate_sum all;
	double drawn_objects,
		drawn_bytes; /* of these, whose stacks were drawn from all of the site */
	double rest_objects, rest_bytes; /* of these, from whom they were drawn */
	uint64_t reused;
};

/* The stacks of one dump. `sums` and `rows` by stack + 1, 0 is unknown; rows are numbers + 1. */
struct tally {
	struct model *m;
	struct sum *sums;
	uint32_t *rows;
	bool old;
};

/* The row of this place below `parent`, made when it is new; MODEL_NONE without memory. */
static uint32_t row_of(struct stack_sums *s, uint32_t parent, const char *place)
{
	struct stack_row row = {.parent = parent};
	struct str key = {0};
	uint32_t number, before = s->keys.n;

	str_printf(&key, "%" PRIu32 " %s", parent, place);
	number = key.failed ? NAMES_NONE : names_keep(&s->keys, str_text(&key));
	str_free(&key);
	if (number == NAMES_NONE || number < before)
		return number;
	if (!VEC_PUSH(&s->rows, row))
		return MODEL_NONE;
	/* the key's text, without the parent's number, is the place */
	s->rows.data[number].place = strchr(s->keys.names[number], ' ') + 1;
	s->rows.data[number].depth = parent == MODEL_NONE ? 0 : s->rows.data[parent].depth + 1;
	return number;
}

static void whole_text(const struct model *m, uint32_t stack, struct str *out)
{
	for (bool first = true; stack != MODEL_NONE;
	     stack = m->stacks[stack].parent, first = false) {
		if (!first)
			str_add(out, " < ");
		model_frame_text(m, m->stacks[stack].frame, out);
	}
}

static void site_text(const struct model *m, uint32_t stack, struct str *out)
{
	uint32_t frame = model_site_frame(m, stack);

	if (frame != MODEL_NONE)
		model_frame_text(m, frame, out);
	else
		str_add(out, UNKNOWN);
}

/* The row of a stack in the tree: those of its callers first. `row` is what is known, by stack,
 * + 1. */
static uint32_t tree_row(struct stack_sums *s, const struct model *m, uint32_t stack, uint32_t *row,
			 struct ids *path, struct str *text)
{
	uint32_t at = MODEL_NONE;

	path->n = 0;
	for (uint32_t k = stack; k != MODEL_NONE; k = m->stacks[k].parent) {
		if (row[k]) {
			at = row[k] - 1;
			break;
		}
		if (!VEC_PUSH(path, k))
			return MODEL_NONE;
	}
	while (path->n) {
		uint32_t k = path->data[--path->n];

		str_clear(text);
		model_frame_text(m, m->stacks[k].frame, text);
		at = text->failed ? MODEL_NONE : row_of(s, at, str_text(text));
		if (at == MODEL_NONE)
			return MODEL_NONE;
		row[k] = at + 1;
	}
	return at;
}

static void add_to_row(struct stack_sums *s, uint32_t row, const struct estimate_sum *sum, bool old)
{
	uint64_t objects = estimate_round(sum->objects), bytes = estimate_round(sum->bytes);

	for (; row != MODEL_NONE; row = s->rows.data[row].parent) {
		struct stack_row *r = &s->rows.data[row];

		*(old ? &r->old_objects : &r->objects) += objects;
		*(old ? &r->old_bytes : &r->bytes) += bytes;
		r->objects_variance += sum->objects_variance;
		r->bytes_variance += sum->bytes_variance;
	}
	*(old ? &s->old_objects : &s->objects) += objects;
	*(old ? &s->old_bytes : &s->bytes) += bytes;
	s->estimated |= sum->objects_variance > 0;
}

/* ---- the share of hybrid --------------------------------------------------------------------- */

/* What is known of the stacks that begin in one frame. */
struct site {
	uint32_t alone; /* the stack of that frame only, + 1 */
	double drawn_objects, drawn_bytes;
	double dealt_objects, dealt_bytes; /* of the rest, so far */
};

static bool is_alone(const struct model *m, uint32_t stack)
{
	return m->stacks[stack].parent == MODEL_NONE;
}

static void find_sites(const struct tally *t, struct site *sites)
{
	for (uint32_t k = 1; k <= t->m->nstacks; k++) {
		struct site *site = &sites[t->m->stacks[k - 1].frame];

		if (is_alone(t->m, k - 1)) {
			site->alone = k;
		} else {
			site->drawn_objects += t->sums[k].drawn_objects;
			site->drawn_bytes += t->sums[k].drawn_bytes;
		}
	}
}

/* What the blocks of the site that are known by their frame only add to a stack of it. */
static struct estimate_sum share_of(const struct tally *t, const struct site *site, uint32_t k)
{
	const struct sum *rest = &t->sums[site->alone];
	double part = t->sums[k].drawn_objects / site->drawn_objects, bytes = part;

	if (site->drawn_bytes > 0)
		bytes = t->sums[k].drawn_bytes / site->drawn_bytes;
	return (struct estimate_sum){.objects = rest->rest_objects * part,
				     .bytes = rest->rest_bytes * bytes};
}

/* The variance of a share that was drawn n times: of the row and those above it, in which other stacks of the site may be, too. */
struct draw {
	uint32_t site; /* frame */
	uint32_t row;
	double objects, bytes;
};

static int by_site_and_row(const void *a, const void *b)
{
	const struct draw *x = a, *y = b;

	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

static void add_variance(struct stack_sums *s, const struct tally *t, const struct site *sites,
			 const struct draw *d)
{
	const struct site *site = &sites[d->site];
	const struct sum *rest = &t->sums[site->alone];
	double q = d->objects / site->drawn_objects, b = q;
	struct stack_row *row = &s->rows.data[d->row];

	if (site->drawn_bytes > 0)
		b = d->bytes / site->drawn_bytes;
	if (q >= 1)
		return;
	row->objects_variance +=
		rest->rest_objects * rest->rest_objects * q * (1 - q) / site->drawn_objects;
	row->bytes_variance +=
		rest->rest_bytes * rest->rest_bytes * b * (1 - b) / site->drawn_objects;
	s->estimated = true;
}

static struct error *add_variances(struct stack_sums *s, const struct tally *t,
				   const struct site *sites)
{
	VEC(struct draw) draws = {0};
	struct error *e = NULL;

	for (uint32_t k = 1; k <= t->m->nstacks && !e; k++) {
		uint32_t frame = t->m->stacks[k - 1].frame;
		struct draw d = {frame, 0, t->sums[k].drawn_objects, t->sums[k].drawn_bytes};

		if (!d.objects || !t->rows[k] || !sites[frame].alone)
			continue;
		for (d.row = t->rows[k] - 1; d.row != MODEL_NONE && !e;
		     d.row = s->rows.data[d.row].parent)
			if (!VEC_PUSH(&draws, d))
				e = error_memory();
	}
	if (draws.n)
		qsort(draws.data, draws.n, sizeof *draws.data, by_site_and_row);
	for (size_t i = 0; i < draws.n && !e; i++) {
		struct draw *d = &draws.data[i];

		if (i + 1 < draws.n && by_site_and_row(d, d + 1) == 0) {
			d[1].objects += d->objects;
			d[1].bytes += d->bytes;
		} else {
			add_variance(s, t, sites, d);
		}
	}
	VEC_FREE(&draws);
	return e;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static struct error *find_row(struct stack_sums *s, struct tally *t, uint32_t k, struct ids *path,
			      struct str *text)
{
	uint32_t row;

	str_clear(text);
	if (!k)
		str_add(text, UNKNOWN);
	else if (s->by == STACKS_SITE)
		site_text(t->m, k - 1, text);
	else if (s->by == STACKS_WHOLE)
		whole_text(t->m, k - 1, text);
	if (k && s->by == STACKS_TREE)
		row = tree_row(s, t->m, k - 1, t->rows + 1, path, text);
	else
		row = text->failed ? MODEL_NONE : row_of(s, MODEL_NONE, str_text(text));
	if (row == MODEL_NONE)
		return error_memory();
	t->rows[k] = row + 1;
	return NULL;
}

static void add_reused(struct stack_sums *s, uint32_t row, uint64_t reused)
{
	s->reused += reused;
	for (; row != MODEL_NONE; row = s->rows.data[row].parent)
		s->rows.data[row].reused += reused;
}

/* A share in whole numbers, so that all shares together are what there was. */
static double deal(double *dealt, double share)
{
	double before = *dealt;

	*dealt += share;
	return floor(*dealt + 0.5) - floor(before + 0.5);
}

static struct error *add_stacks(struct stack_sums *s, struct tally *t, struct site *sites)
{
	struct ids path = {0};
	struct str text = {0};
	struct error *e = NULL;

	for (uint32_t k = 0; k <= t->m->nstacks && !e; k++) {
		struct site *site = k ? &sites[t->m->stacks[k - 1].frame] : NULL;
		struct estimate_sum sum = t->sums[k].all;

		if (!sum.objects && !sum.bytes)
			continue;
		if (site && site->alone && site->drawn_objects > 0) {
			if (site->alone == k) { /* dealt out to the others */
				sum.objects -= t->sums[k].rest_objects;
				sum.bytes -= t->sums[k].rest_bytes;
			}
			if (site->alone != k && t->sums[k].drawn_objects > 0) {
				struct estimate_sum share = share_of(t, site, k);

				sum.objects += deal(&site->dealt_objects, share.objects);
				sum.bytes += deal(&site->dealt_bytes, share.bytes);
			}
		}
		if (sum.objects <= 0 && sum.bytes <= 0)
			continue;
		e = find_row(s, t, k, &path, &text);
		if (!e)
			add_to_row(s, t->rows[k] - 1, &sum, t->old);
		if (!e && !t->old)
			add_reused(s, t->rows[k] - 1, t->sums[k].reused);
	}
	VEC_FREE(&path);
	str_free(&text);
	return e ? e : add_variances(s, t, sites);
}

static struct error *add_objects(struct tally *t, const struct stack_choice *choice)
{
	struct model *m = t->m;
	struct estimate estimate;

	TRY(estimate_open(m, &estimate));
	for (uint32_t o = 0; o < m->nobjects; o++) {
		struct sum *sum = &t->sums[m->stack[o]];
		double before = sum->all.objects;

		if (m->epoch[o] < choice->first || m->epoch[o] >= choice->end ||
		    (choice->universe && !universe_has(choice->universe, m, o)) ||
		    (choice->where && !where_test(choice->where, o)))
			continue;
		sum->reused += !!(m->types[m->type[o]].flags & RGD_TYPE_F_REUSED);
		estimate_add(&estimate, m->flags[o], m->size[o], &sum->all);
		if (m->flags[o] & RGD_OBJ_F_INTERNAL)
			sum->all.objects = before;
		if (m->flags[o] & RGD_OBJ_F_SHARE) {
			sum->drawn_objects++;
			sum->drawn_bytes += (double)m->size[o];
		} else if (m->stack[o] && is_alone(m, m->stack[o] - 1) &&
			   estimate_in_hybrid(&estimate, m->epoch[o])) {
			sum->rest_objects += sum->all.objects - before;
			sum->rest_bytes += (double)m->size[o];
		}
	}
	return NULL;
}

/* ---- allocations ever ------------------------------------------------------------------------ */

static uint64_t meta_number(const struct model *m, const char *key)
{
	const char *text = model_meta(m, key);

	return text ? strtoull(text, NULL, 10) : 0;
}

/* From the first ones one each, then from one of `share` allocations; how far apart those lie has a geometric distribution. */
static void add_made(struct stack_row *row, double taken, double first, double share)
{
	double drawn = taken > first ? taken - first : 0;

	row->made += taken - drawn + drawn * share;
	row->made_variance += drawn * share * (share - 1);
}

/* By site; also of places from which nothing lives any more. */
static struct error *count_made(struct stack_sums *s, const struct model *m)
{
	double first = (double)meta_number(m, "first"), share = (double)meta_number(m, "share");
	struct str text = {0};
	struct error *e = NULL;

	for (uint32_t f = 0; f < m->nframes && !e && share > 0; f++) {
		uint32_t row;

		if (!m->frames[f].taken)
			continue;
		str_clear(&text);
		model_frame_text(m, model_frame_site(m, f), &text);
		row = text.failed ? MODEL_NONE : row_of(s, MODEL_NONE, str_text(&text));
		if (row == MODEL_NONE)
			e = error_memory();
		else
			add_made(&s->rows.data[row], m->frames[f].taken, first, share);
		s->counted = true;
	}
	str_free(&text);
	return e;
}

struct error *stack_sums_add(struct stack_sums *s, struct model *m,
			     const struct stack_choice *choice, bool old)
{
	struct tally t = {.m = m, .old = old};
	struct site *sites = NULL;
	size_t n;
	struct error *e;

	TRY(model_load(m, MODEL_SITES | MODEL_FLAGS | MODEL_EPOCH | MODEL_SIZE));
	n = (size_t)m->nstacks + 1;
	e = big_alloc(n, sizeof *t.sums, &t.sums);
	if (!e)
		e = big_alloc(n, sizeof *t.rows, &t.rows);
	if (!e)
		e = big_alloc((size_t)m->nframes + 1, sizeof *sites, &sites);
	if (!e)
		e = add_objects(&t, choice);
	if (!e) {
		find_sites(&t, sites);
		e = add_stacks(s, &t, sites);
	}
	if (!e && !old && s->by == STACKS_SITE && choice->made)
		e = count_made(s, m);
	big_free(t.sums, n, sizeof *t.sums);
	big_free(t.rows, n, sizeof *t.rows);
	big_free(sites, (size_t)m->nframes + 1, sizeof *sites);
	return e;
}

void stack_sums_deinit(struct stack_sums *s)
{
	names_free_kept(&s->keys);
	VEC_FREE(&s->rows);
}
