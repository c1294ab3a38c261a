/* balance.c - see balance.h. */
#include "report/balance.h"

#include <stdlib.h>
#include <string.h>

#include "report/balance_sheet.h"
#include "report/balance_sight.h"
#include "report/library_held.h"
#include "util/big.h"
#include "util/bits.h"

/* ---- a type ------------------------------------------------------------------------------------------------------------- */

struct total {
	uint32_t site;
	uint8_t verdict;
	uint64_t plus, minus, left_plus, left_minus;
	uint64_t example; /* address of the first object of which something is left over; 0 none */
};

struct judge {
	struct balance *b;
	const struct balance_query *query;
	struct sight *sight;
	struct lessons lessons;
	struct sheet sheet;
	VEC(struct entry) normal; /* sums over all lives */
	VEC(struct total) totals;
	struct ids bad; /* places in model->counted of tombstones that were referenced later */
	uint64_t lives, objects[BALANCE_ASKED + 1], live, all_live, inlined;
};

static struct entry *normal_of(const struct judge *j, uint32_t site)
{
	uint32_t at = j->b->normal_at[site];

	return at ? &j->normal.data[at - 1] : NULL;
}

/* An event with one of these flags. */
static bool has_flag(const struct model *m, const struct counted_row *c, unsigned flags)
{
	for (uint32_t i = 0; i < c->events; i++)
		if (m->events[c->first + i].flags & flags)
			return true;
	return false;
}

static bool same_sheet(const struct sheet *a, const struct sheet *b)
{
	size_t same = 0;

	for (size_t i = 0; i < a->entries.n; i++)
		for (size_t k = 0; k < b->entries.n; k++)
			same += a->entries.data[i].site == b->entries.data[k].site &&
				a->entries.data[i].plus == b->entries.data[k].plus &&
				a->entries.data[i].minus == b->entries.data[k].minus;
	return same == a->entries.n && same == b->entries.n;
}

/* How many of the objects that lived as j->sheet says ended too early, as their tombstones tell: nothing can be learned of these. */
static struct error *count_bad(struct judge *j, uint64_t *ret)
{
	struct sheet bad = {0};
	struct error *e = NULL;

	*ret = 0;
	for (size_t i = 0; i < j->bad.n && !e; i++) {
		e = sheet_fill(j->b, &j->b->paths.m->counted[j->bad.data[i]], true, &bad);
		*ret += !e && same_sheet(&bad, &j->sheet);
	}
	VEC_FREE(&bad.entries);
	return e;
}

static struct error *learn(struct judge *j, const struct counted_row *c)
{
	bool single = c->state == RGD_COUNTED_LIFE;
	uint64_t bad, good;

	TRY(sheet_fill(j->b, c, false, &j->sheet));
	TRY(count_bad(j, &bad));
	good = !single ? c->objects : c->objects > bad ? c->objects - bad : 0;
	if (!good)
		return NULL;
	j->lives += good;
	for (size_t i = 0; i < j->sheet.entries.n; i++) {
		struct entry e = j->sheet.entries.data[i], *sum = normal_of(j, e.site);

		e.plus *= single ? good : 1;
		e.minus *= single ? good : 1;
		if (sum) {
			sum->plus += e.plus;
			sum->minus += e.minus;
		} else {
			if (!VEC_PUSH(&j->normal, e))
				return error_memory();
			j->b->normal_at[e.site] = (uint32_t)j->normal.n;
		}
	}
	return sheet_match(j->b, &j->sheet, &j->lessons, single ? good : 1);
}

static struct error *add_total(struct judge *j, uint8_t verdict, uint64_t address,
			       const struct entry *e)
{
	uint64_t example = e->left_plus != e->left_minus ? address : 0;

	for (size_t i = 0; i < j->totals.n; i++) {
		struct total *t = &j->totals.data[i];

		if (t->site != e->site || t->verdict != verdict)
			continue;
		t->plus += e->plus;
		t->minus += e->minus;
		t->left_plus += e->left_plus;
		t->left_minus += e->left_minus;
		t->example = t->example ? t->example : example;
		return NULL;
	}
	if (!VEC_PUSH(&j->totals, ((struct total){e->site, verdict, e->plus, e->minus, e->left_plus,
						  e->left_minus, example})))
		return error_memory();
	return NULL;
}

/* Something is left over whose other half is known from other lives, or that no other life has at all. */
static bool differs(const struct judge *j, bool strange_only)
{
	for (size_t i = 0; i < j->sheet.entries.n; i++) {
		const struct entry *e = &j->sheet.entries.data[i], *normal = normal_of(j, e->site);

		if (e->left_plus && (!normal || !normal->plus))
			return true;
		if (e->left_plus && !strange_only)
			return true;
	}
	return false;
}

/* Of a type of which so many more ended than live, a life is known well. */
#define MANY_LIVES 4u

/* What points to it is known: it is an object of the graph, or alone in one. */
static bool has_object(const struct judge *j, const struct counted_row *c)
{
	return c->object != MODEL_NONE && (j->b->paths.m->address[c->object] == c->address ||
					   !bits_get(j->sight->shared, c->object));
}

/*
 * It may have been freed by a function that no rule names, without our seeing it: its memory is a piece of another allocator's (GLib's slices), and it
 * tells no count of its own.
 */
static bool is_vague(const struct judge *j, const struct counted_row *c)
{
	const struct model *m = j->b->paths.m;

	if (c->memory != MODEL_UNKNOWN || c->flags & RGD_COUNTED_F_ID)
		return false;
	return !has_object(j, c) || m->base[c->object] ||
	       m->types[m->type[c->object]].runtime ==
		       RGD_RT_GOBJECT; /* the first piece of a page */
}

/* Where it lay is free memory of the allocator's: it was freed by a function that no rule names. */
static bool is_freed(const struct judge *j, const struct counted_row *c)
{
	const struct model *m = j->b->paths.m;

	return c->object != MODEL_NONE && !strcmp(m->types[m->type[c->object]].name, "free slices");
}

/*
 * An operation of GIO's that is under way has a reference on itself, which it gives back when it calls back: what is reached and counts one more
 * than its holders is no finding. One that nobody waits for any more is not reached.
 */
static uint32_t holds_itself(const struct model *m, const struct counted_row *c)
{
	static const char *const types[] = {"GTask", "GSimpleAsyncResult"};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (!strcmp(m->types[c->type].name, types[i]))
			return 1;
	return 0;
}

/*
 * The one object of its class: the variable that has its only reference is also known as a weak one, so that it is cleared when the object ends.
 */
static bool is_single(const struct judge *j, const struct counted_row *c, uint64_t count)
{
	if (count != 1 || !bits_get(j->sight->weakly, c->object))
		return false;
	for (size_t i = 0; i < j->sheet.entries.n; i++)
		if (j->sheet.entries.data[i].left_plus && !j->sheet.entries.data[i].birth)
			return false;
	return true;
}

/* A reached one only by more references than pointers, and than events that were not recorded and might tell whose they are. */
static bool should_be_gone(const struct judge *j, const struct counted_row *c)
{
	uint64_t count = c->memory != MODEL_UNKNOWN ? c->memory : c->count;
	bool by_life = j->lives >= MANY_LIVES * j->all_live && differs(j, true);

	if (count == 0)
		return false;
	if (c->flags & (RGD_COUNTED_F_NO_BLOCK | RGD_COUNTED_F_KNOWN))
		return false;
	if (!j->sight->some)
		return by_life;
	if (is_vague(j, c) || is_freed(j, c))
		return false;
	if (!has_object(j, c))
		return by_life;
	if (!bits_get(j->sight->alive.reached, c->object))
		return !bits_get(j->sight->indirect, c->object) && !is_single(j, c, count);
	return j->lives && count != MODEL_UNKNOWN &&
	       count > j->sight->holders[c->object] + holds_itself(j->b->paths.m, c) + c->lost &&
	       differs(j, false);
}

/* The module of the line that called; MODEL_NONE unknown. */
static uint32_t module_of(const struct balance *b, uint32_t site)
{
	const struct model *m = b->paths.m;
	uint32_t stack = b->paths.sites.data[site].stack;

	return stack == MODEL_NONE ? MODEL_NONE : m->frames[m->stacks[stack].frame].module;
}

/* Some of what is left over and no other life has was taken by somebody else than the library itself. */
static bool differs_outside(const struct judge *j, const struct counted_row *c)
{
	uint32_t library = library_of(j->b->paths.m, c);

	for (size_t i = 0; i < j->sheet.entries.n; i++) {
		const struct entry *e = &j->sheet.entries.data[i], *normal = normal_of(j, e->site);
		uint32_t module = module_of(j->b, e->site);

		if (e->left_plus && (!normal || !normal->plus) && module != MODEL_NONE &&
		    module + 1 != library)
			return true;
	}
	return false;
}

/* Nobody but its library holds it, and it was referenced from where none of the many was that ended. */
static struct error *is_kept(const struct judge *j, const struct counted_row *c, bool *ret)
{
	struct sight *s = j->sight;

	*ret = s->some && c->object != MODEL_NONE && c->memory != 0 &&
	       !(c->flags & RGD_COUNTED_F_NO_BLOCK) && j->lives >= MANY_LIVES * j->all_live &&
	       differs_outside(j, c);
	if (!*ret)
		return NULL;
	if (!s->library)
		TRY(library_held(&s->alive, &s->library));
	*ret = bits_get(s->library, c->object);
	return NULL;
}

static bool is_asked(const struct judge *j, const struct counted_row *c)
{
	const struct ids *ids = j->query->objects;
	size_t low = 0, high = ids ? ids->n : 0;

	if (j->query->address && j->query->address == c->address)
		return true;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ids->data[middle] < c->object)
			low = middle + 1;
		else
			high = middle;
	}
	return ids && low < ids->n && ids->data[low] == c->object;
}

static struct error *judge_object(struct judge *j, uint32_t at)
{
	const struct counted_row *c = &j->b->paths.m->counted[at];
	uint8_t verdict = BALANCE_LEAK;
	bool kept;

	j->live += c->state == RGD_COUNTED_ALIVE;
	TRY(sheet_fill(j->b, c, false, &j->sheet));
	TRY(sheet_match(j->b, &j->sheet, &j->lessons, 0));
	if (j->query->objects || j->query->address) {
		if (!is_asked(j, c))
			return NULL;
		verdict = BALANCE_ASKED;
	} else if (c->state == RGD_COUNTED_ENDED) {
		if (!has_flag(j->b->paths.m, c, RGD_EVENT_F_ENDED))
			return NULL;
		verdict = BALANCE_SURPLUS;
		j->inlined += has_flag(j->b->paths.m, c, RGD_EVENT_F_INLINE);
	} else if (!should_be_gone(j, c)) {
		TRY(is_kept(j, c, &kept));
		if (!kept && (!j->query->type || c->flags & RGD_COUNTED_F_NO_BLOCK || !j->lives ||
			      !differs(j, true)))
			return NULL;
		verdict = kept ? BALANCE_KEPT : BALANCE_ASKED;
	}
	j->objects[verdict]++;
	if (!VEC_PUSH(&j->b->found, at))
		return error_memory();
	for (size_t i = 0; i < j->sheet.entries.n; i++)
		TRY(add_total(j, verdict, c->address, &j->sheet.entries.data[i]));
	return NULL;
}

/* What a place is most often paired with. */
static uint32_t partner_of(const struct judge *j, uint32_t site, bool plus)
{
	uint64_t best = 0;
	uint32_t ret = MODEL_NONE;

	for (size_t i = 0; i < j->normal.n; i++) {
		uint32_t other = j->normal.data[i].site;
		uint64_t w = plus ? weight_of(&j->lessons.exact, site, other)
				  : weight_of(&j->lessons.exact, other, site);

		if (w > best) {
			best = w;
			ret = other;
		}
	}
	return ret;
}

/* What is left over is no finding where nobody is named, nor of a lost object what was given back. */
static bool is_to_blame(const struct judge *j, const struct balance_row *row)
{
	if (row->verdict == BALANCE_ASKED)
		return row->net != 0;
	if (j->b->paths.sites.data[row->site].stack == MODEL_NONE)
		return false;
	return row->verdict == BALANCE_SURPLUS ? row->net != 0 : row->net > 0;
}

static struct error *add_rows(struct judge *j, uint32_t type)
{
	for (size_t i = 0; i < j->totals.n; i++) {
		const struct total *t = &j->totals.data[i];
		const struct entry *normal = normal_of(j, t->site);
		struct balance_row row = {.type = type,
					  .verdict = t->verdict,
					  .site = t->site,
					  .partner = MODEL_NONE,
					  .objects = j->objects[t->verdict],
					  .plus = t->plus,
					  .minus = t->minus,
					  .example = t->example,
					  .net = (int64_t)t->left_plus - (int64_t)t->left_minus};

		if (!j->query->all && !is_to_blame(j, &row))
			continue;
		if (row.net)
			row.partner = partner_of(j, t->site, row.net > 0);
		if (normal && j->lives)
			row.normal = (double)(row.net < 0 ? normal->minus : normal->plus) /
				     (double)j->lives;
		if (!VEC_PUSH(&j->b->rows, row))
			return error_memory();
	}
	return NULL;
}

#define MOST_BAD 64u /* that are looked for among the lives */

/* What the lives of the type's objects that ended teach. `rows`: places in model->counted of one type. */
static struct error *learn_type(struct judge *j, const uint32_t *rows, size_t n)
{
	const struct model *m = j->b->paths.m;
	struct error *e = NULL;

	for (size_t i = 0; i < n && !e && j->bad.n < MOST_BAD; i++)
		if (m->counted[rows[i]].state == RGD_COUNTED_ENDED &&
		    has_flag(m, &m->counted[rows[i]], RGD_EVENT_F_ENDED) &&
		    !VEC_PUSH(&j->bad, rows[i]))
			e = error_memory();
	for (size_t i = 0; i < n && !e; i++)
		if (m->counted[rows[i]].state >= RGD_COUNTED_LIFE)
			e = learn(j, &m->counted[rows[i]]);
	return e;
}

static void judge_free(struct judge *j)
{
	for (size_t i = 0; i < j->normal.n; i++)
		j->b->normal_at[j->normal.data[i].site] = 0;
	VEC_FREE(&j->bad);
	free(j->lessons.exact.slots);
	free(j->lessons.near.slots);
	VEC_FREE(&j->sheet.entries);
	VEC_FREE(&j->normal);
	VEC_FREE(&j->totals);
}

/* What one type teaches all. */
static struct error *teach_type(struct balance *b, const uint32_t *rows, size_t n,
				struct weights *all)
{
	struct judge j = {.b = b};
	struct error *e = learn_type(&j, rows, n);

	for (size_t i = 0; i < j.lessons.near.n && !e; i++)
		if (j.lessons.near.slots[i].key)
			e = weight_add(all, j.lessons.near.slots[i].key,
				       j.lessons.near.slots[i].times);
	judge_free(&j);
	return e;
}

static struct error *judge_type(struct balance *b, const struct balance_query *query,
				struct sight *sight, const uint32_t *rows, size_t n,
				const struct weights *all)
{
	struct judge j = {.b = b, .query = query, .sight = sight, .lessons.all = all};
	const struct model *m = b->paths.m;
	uint32_t type = m->counted[rows[0]].type;
	size_t rows_before = b->rows.n;
	struct error *e = learn_type(&j, rows, n);

	for (size_t i = 0; i < n; i++)
		j.all_live += m->counted[rows[i]].state == RGD_COUNTED_ALIVE;
	for (size_t i = 0; i < n && !e; i++)
		if (m->counted[rows[i]].state < RGD_COUNTED_LIFE)
			e = judge_object(&j, rows[i]);
	if (!e)
		e = add_rows(&j, type);
	if (b->rows.n == rows_before) /* nobody is to blame: then it is no finding */
		j.objects[BALANCE_LEAK] = j.objects[BALANCE_SURPLUS] = j.objects[BALANCE_KEPT] = 0;
	if (!e && !VEC_PUSH(&b->types,
			    ((struct balance_sum){type, j.live, j.lives, j.objects[BALANCE_LEAK],
						  j.objects[BALANCE_SURPLUS],
						  j.objects[BALANCE_KEPT], j.inlined})))
		e = error_memory();
	b->live += j.live;
	b->ended += j.lives;
	judge_free(&j);
	return e;
}

/* ---- all ------------------------------------------------------------------------------------------------------------------ */

static const struct balance *sorting; /* qsort has no context */

static const struct balance_sum *sum_of(uint32_t type)
{
	for (size_t i = 0; i < sorting->types.n; i++)
		if (sorting->types.data[i].type == type)
			return &sorting->types.data[i];
	return &sorting->types.data[0];
}

static double worth(const struct balance_row *r)
{
	return (double)llabs(r->net) / (double)(r->objects ? r->objects : 1);
}

static bool is_unknown(const struct balance_row *r)
{
	return sorting->paths.sites.data[r->site].stack == MODEL_NONE;
}

static int by_guilt(const void *a, const void *b)
{
	const struct balance_row *x = a, *y = b;
	const struct balance_sum *s = sum_of(x->type), *t = sum_of(y->type);

	if (x->type != y->type) {
		uint64_t u = s->leaked + s->surplus, v = t->leaked + t->surplus;

		if (u != v)
			return u > v ? -1 : 1;
		if (s->kept != t->kept)
			return s->kept > t->kept ? -1 : 1;
		return strcmp(sorting->paths.m->types[x->type].name,
			      sorting->paths.m->types[y->type].name);
	}
	if (x->verdict != y->verdict)
		return x->verdict < y->verdict ? -1 : 1;
	/* of an object that ended too early the releases are to blame, else the references */
	if ((x->net < 0) != (y->net < 0))
		return (x->net < 0) == (x->verdict == BALANCE_SURPLUS) ? -1 : 1;
	/* what was taken before anybody looked comes last */
	if (is_unknown(x) != is_unknown(y))
		return is_unknown(x) ? 1 : -1;
	if (worth(x) != worth(y))
		return worth(x) > worth(y) ? -1 : 1;
	if (x->normal != y->normal)
		return x->normal < y->normal ? -1 : 1;
	return (x->site > y->site) - (x->site < y->site);
}

static const struct model *sorted_model;

static int by_type(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint32_t s = sorted_model->counted[x].type, t = sorted_model->counted[y].type;

	return s != t ? (s < t ? -1 : 1) : (x > y) - (x < y);
}

static bool is_wanted(const struct model *m, const struct balance_query *q, uint32_t type)
{
	return !q->type || !strcmp(m->types[type].name, q->type);
}

/* First what all types teach, then each type's verdict. */
static struct error *judge_all(struct model *m, const struct balance_query *query,
			       struct sight *sight, struct balance *ret)
{
	struct ids order = {0};
	struct weights all = {0};
	struct error *e = NULL;

	for (uint32_t i = 0; i < m->ncounted && !e; i++)
		if (!VEC_PUSH(&order, i))
			e = error_memory();
	sorted_model = m;
	if (order.n)
		qsort(order.data, order.n, sizeof *order.data, by_type);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (size_t i = 0, end; i < order.n && !e; i = end) {
			const uint32_t *rows = order.data + i;
			uint32_t type = m->counted[*rows].type;

			for (end = i; end < order.n && m->counted[order.data[end]].type == type;
			     end++)
				;
			if (!pass)
				e = teach_type(ret, rows, end - i, &all);
			else if (is_wanted(m, query, type))
				e = judge_type(ret, query, sight, rows, end - i, &all);
		}
	}
	free(all.slots);
	VEC_FREE(&order);
	return e;
}

struct error *balance_make(struct model *m, const struct balance_query *query, struct balance *ret)
{
	struct sight sight;
	struct error *e;

	*ret = (struct balance){0};
	TRY(model_load(m, MODEL_COUNTED | MODEL_TYPES | MODEL_ADDRESS | MODEL_TYPE | MODEL_BASE));
	TRY(sight_make(m, &sight));
	e = call_paths_init(m, &ret->paths);
	ret->places = (size_t)m->nstacks + 2;
	if (!e)
		e = big_alloc(ret->places, sizeof *ret->normal_at, &ret->normal_at);
	if (!e)
		e = judge_all(m, query, &sight, ret);
	sight_deinit(m, &sight);
	sorting = ret;
	if (!e && ret->rows.n)
		qsort(ret->rows.data, ret->rows.n, sizeof *ret->rows.data, by_guilt);
	if (e)
		balance_deinit(ret);
	return e;
}

void balance_deinit(struct balance *b)
{
	call_paths_deinit(&b->paths);
	if (b->normal_at)
		big_free(b->normal_at, b->places, sizeof *b->normal_at);
	b->normal_at = NULL;
	VEC_FREE(&b->rows);
	VEC_FREE(&b->types);
	VEC_FREE(&b->found);
}
