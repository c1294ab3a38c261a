/* balance.c - see balance.h. */
#include "report/balance.h"

#include <stdlib.h>
#include <string.h>

#include "report/alive.h"
#include "report/library_held.h"
#include "report/lost_heads.h"
#include "util/big.h"
#include "util/bits.h"

/* ---- weights of pairs: an open table of (reference's place, release's place) ---------------------------------------- */

struct weight {
	uint64_t key; /* place + 1 of the reference above, of the release below; 0 free */
	uint64_t times;
};
struct weights {
	struct weight *slots;
	size_t n, used; /* n: a power of two */
};

static struct weight *weight_slot(const struct weights *w, uint64_t key)
{
	size_t i = key * 0x9e3779b97f4a7c15ull >> 20;

	while (w->slots[i & (w->n - 1)].key && w->slots[i & (w->n - 1)].key != key)
		i++;
	return &w->slots[i & (w->n - 1)];
}

static uint64_t weight_key(uint32_t plus, uint32_t minus)
{
	return ((uint64_t)plus + 1) << 32 | (minus + 1);
}

static struct error *weight_add(struct weights *w, uint64_t key, uint64_t times)
{
	struct weight *slot;

	if (w->used * 2 >= w->n) {
		struct weights larger = {.n = w->n ? w->n * 2 : 64, .used = w->used};

		larger.slots = calloc(larger.n, sizeof *larger.slots);
		if (!larger.slots)
			return error_memory();
		for (size_t i = 0; i < w->n; i++)
			if (w->slots[i].key)
				*weight_slot(&larger, w->slots[i].key) = w->slots[i];
		free(w->slots);
		*w = larger;
	}
	slot = weight_slot(w, key);
	w->used += !slot->key;
	slot->key = key;
	slot->times += times;
	return NULL;
}

static uint64_t weight_of(const struct weights *w, uint32_t plus, uint32_t minus)
{
	return w->n ? weight_slot(w, weight_key(plus, minus))->times : 0;
}

/* What was learned of a type: by places, and by their innermost functions where the ways there are others; and so of all types. */
struct lessons {
	struct weights exact, near;
	const struct weights *all;
};

/* ---- one object, or one life: what was taken and given back, by place ------------------------------------------------ */

struct entry {
	uint32_t site;
	uint64_t plus, minus;
	uint64_t late; /* of plus: after the object's end, which nobody can give back */
	uint64_t left_plus, left_minus; /* what no pair was found for */
	bool birth;
};
struct sheet {
	VEC(struct entry) entries;
};

static struct error *entry_add(struct sheet *s, uint32_t site, uint64_t plus, uint64_t minus,
			       bool birth)
{
	struct entry *e = NULL;

	for (size_t i = 0; i < s->entries.n && !e; i++)
		if (s->entries.data[i].site == site)
			e = &s->entries.data[i];
	if (!e) {
		if (!VEC_PUSH(&s->entries, ((struct entry){.site = site})))
			return error_memory();
		e = &s->entries.data[s->entries.n - 1];
	}
	e->plus += plus;
	e->minus += minus;
	e->birth |= birth;
	return NULL;
}

static void late_add(struct sheet *s, uint32_t site, uint64_t times)
{
	for (size_t i = 0; i < s->entries.n; i++)
		if (s->entries.data[i].site == site)
			s->entries.data[i].late += times;
}

/* References that an event takes (or gives back: below 0). */
static int64_t change_of(const struct ref_event *e)
{
	uint64_t most = 1u << 20;

	switch (e->kind) {
	case RGD_EVENT_CREATE:
		return e->times == 1 && e->after != MODEL_UNKNOWN && e->after < most
			       ? (int64_t)e->after
			       : (int64_t)e->times;
	case RGD_EVENT_REF:
	case RGD_EVENT_ACQUIRE:
		return (int64_t)e->times;
	case RGD_EVENT_UNREF:
		return e->flags & RGD_EVENT_F_DRAIN ? 0 : -(int64_t)e->times;
	case RGD_EVENT_DEFER:
		return -(int64_t)e->times;
	case RGD_EVENT_UNSEEN:
		return e->before < most && e->after < most ? (int64_t)e->after - (int64_t)e->before
							   : 0;
	default:
		return 0;
	}
}

/* A floating reference belongs to who sank it, not to who made the object. */
static struct error *sink(struct balance *b, const struct counted_row *c, struct sheet *s)
{
	for (uint32_t i = 0; i < c->events; i++) {
		const struct ref_event *e = &b->paths.m->events[c->first + i];
		uint64_t left = e->times;
		uint32_t site;

		if (e->kind != RGD_EVENT_SINK)
			continue;
		for (size_t k = 0; k < s->entries.n && left; k++) {
			struct entry *birth = &s->entries.data[k];
			uint64_t moved = birth->plus < left ? birth->plus : left;

			if (!birth->birth)
				continue;
			birth->plus -= moved;
			left -= moved;
			TRY(call_paths_site(&b->paths, e->stack, &site));
			TRY(entry_add(s, site, moved, 0, false));
		}
	}
	return NULL;
}

/* References taken after the object's end; of releases, as they mostly are, below 0. */
static int64_t late_change(const struct balance *b, const struct counted_row *c)
{
	int64_t change = 0;

	for (uint32_t i = 0; i < c->events; i++) {
		const struct ref_event *e = &b->paths.m->events[c->first + i];

		if (e->flags & RGD_EVENT_F_ENDED)
			change += change_of(e);
	}
	return change;
}

/* What an object had that nobody saw begin; of lives and of what ended: as much as was given back beyond what was taken. */
static struct error *baseline(struct balance *b, const struct counted_row *c, bool till_end,
			      struct sheet *s)
{
	const struct ref_event *first = c->events ? &b->paths.m->events[c->first] : NULL;
	int64_t taken = till_end ? 0 : late_change(b, c);
	uint32_t site;

	for (uint32_t i = 0; i < c->events; i++)
		if (first[i].kind == RGD_EVENT_CREATE)
			return NULL;
	for (size_t i = 0; i < s->entries.n; i++)
		taken += (int64_t)(s->entries.data[i].minus - s->entries.data[i].plus);
	if (c->state == RGD_COUNTED_ALIVE)
		taken = first && first->before < 1u << 20 ? (int64_t)first->before : 0;
	if (taken <= 0)
		return NULL;
	TRY(call_paths_site(&b->paths, MODEL_NONE, &site));
	return entry_add(s, site, (uint64_t)taken, 0, true);
}

/* What ends an object, whatever its count, gives back all that is left; and once more, when there was nothing left to end. */
static struct error *destroy(struct balance *b, const struct counted_row *c, bool till_end,
			     struct sheet *s)
{
	uint64_t left = till_end ? 0 : (uint64_t)-late_change(b, c);

	for (size_t i = 0; i < s->entries.n; i++)
		left += s->entries.data[i].plus - s->entries.data[i].minus;
	for (uint32_t i = 0; i < c->events; i++) {
		const struct ref_event *e = &b->paths.m->events[c->first + i];
		bool late = e->flags & RGD_EVENT_F_ENDED;
		uint32_t site;

		if (e->kind != RGD_EVENT_DESTROY || (late && till_end))
			continue;
		TRY(call_paths_site(&b->paths, e->stack, &site));
		TRY(entry_add(s, site, 0, late ? 1 : (int64_t)left > 0 ? left : 0, false));
		left = late ? left : 0;
	}
	return NULL;
}

/* `till_end`: without what came after the object's end. */
static struct error *sheet_fill(struct balance *b, const struct counted_row *c, bool till_end,
				struct sheet *s)
{
	s->entries.n = 0;
	for (uint32_t i = 0; i < c->events; i++) {
		const struct ref_event *e = &b->paths.m->events[c->first + i];
		int64_t change = change_of(e);
		uint32_t site;

		if (!change || (till_end && e->flags & RGD_EVENT_F_ENDED))
			continue;
		TRY(call_paths_site(&b->paths, e->stack, &site));
		TRY(entry_add(s, site, change > 0 ? (uint64_t)change : 0,
			      change < 0 ? (uint64_t)-change : 0, e->kind == RGD_EVENT_CREATE));
		if (change > 0 && e->flags & RGD_EVENT_F_ENDED)
			late_add(s, site, (uint64_t)change);
	}
	TRY(sink(b, c, s));
	TRY(baseline(b, c, till_end, s));
	return destroy(b, c, till_end, s);
}

/* ---- pairs ------------------------------------------------------------------------------------------------------------- */

/* How near two places are, beside the steps between them. */
enum apart {
	APART_CLOSE, /* in one function, or next to it */
	APART_KIN,
	APART_NEIGHBOURS, /* of one source file */
	APART_FAR,
};
#define CLOSE 2u /* steps */

static enum apart apart(const struct call_paths *p, uint32_t a, uint32_t b, uint32_t steps)
{
	return steps <= CLOSE			? APART_CLOSE
	       : call_paths_kin(p, a, b)	? APART_KIN
	       : call_paths_neighbours(p, a, b) ? APART_NEIGHBOURS
						: APART_FAR;
}

struct candidate {
	uint32_t plus, minus; /* entries */
	uint64_t weight, near, all;
	uint32_t distance, common;
	bool birth;
	uint8_t apart; /* enum apart */
	uint32_t deep; /* of the reference, when they are far apart */
};

/*
 * What fits best first. Where nothing tells which reference a release far away belongs to, those are taken that libraries took for themselves: what the
 * program took with few calls between is its own, and the first that it forgets.
 */
static int by_fit(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	if (x->near != y->near)
		return x->near > y->near ? -1 : 1;
	if (x->all != y->all)
		return x->all > y->all ? -1 : 1;
	if (x->apart != y->apart)
		return x->apart < y->apart ? -1 : 1;
	if (x->deep != y->deep)
		return x->deep > y->deep ? -1 : 1;
	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	if (x->common != y->common)
		return x->common > y->common ? -1 : 1;
	if (x->birth != y->birth)
		return x->birth ? -1 : 1;
	if (x->plus != y->plus)
		return x->plus < y->plus ? -1 : 1;
	return (x->minus > y->minus) - (x->minus < y->minus);
}

/* Beyond that, places are paired with themselves only: a drawing of them could not be read either. */
#define MOST_ENTRIES 512u

static uint64_t near_key(const struct call_site *sites, uint32_t plus, uint32_t minus)
{
	return weight_key(sites[plus].near, sites[minus].near);
}

/* What belongs together is taken off; what is learned is added `times` times. */
static struct error *match(struct balance *b, struct sheet *s, struct lessons *l, uint64_t times)
{
	const struct call_site *sites = b->paths.sites.data;
	VEC(struct candidate) all = {0};
	struct error *e = NULL;
	size_t n = s->entries.n;

	for (size_t i = 0; i < n; i++) {
		s->entries.data[i].left_plus = s->entries.data[i].plus - s->entries.data[i].late;
		s->entries.data[i].left_minus = s->entries.data[i].minus;
	}
	for (uint32_t i = 0; i < n && !e; i++) {
		for (uint32_t k = 0; k < n && !e; k++) {
			const struct entry *p = &s->entries.data[i], *m = &s->entries.data[k];
			struct candidate c = {.plus = i, .minus = k, .birth = p->birth};

			if (!p->plus || !m->minus || (n > MOST_ENTRIES && i != k))
				continue;
			if (!times) {
				c.weight = weight_of(&l->exact, p->site, m->site);
				c.near = weight_of(&l->near, sites[p->site].near,
						   sites[m->site].near);
				c.all = weight_of(l->all, sites[p->site].near, sites[m->site].near);
			}
			c.distance = call_paths_distance(&b->paths, p->site, m->site, &c.common);
			c.apart = apart(&b->paths, p->site, m->site, c.distance);
			c.deep = c.apart == APART_FAR ? sites[p->site].deep : 0;
			if (!VEC_PUSH(&all, c))
				e = error_memory();
		}
	}
	if (all.n)
		qsort(all.data, all.n, sizeof *all.data, by_fit);
	for (size_t i = 0; i < all.n && !e; i++) {
		struct entry *p = &s->entries.data[all.data[i].plus],
			     *m = &s->entries.data[all.data[i].minus];
		uint64_t both = p->left_plus < m->left_minus ? p->left_plus : m->left_minus;

		p->left_plus -= both;
		m->left_minus -= both;
		if (both && times)
			e = weight_add(&l->exact, weight_key(p->site, m->site), both * times);
		if (both && times && !e)
			e = weight_add(&l->near, near_key(sites, p->site, m->site), both * times);
	}
	for (size_t i = 0; i < n; i++)
		s->entries.data[i].left_plus += s->entries.data[i].late;
	VEC_FREE(&all);
	return e;
}

/* ---- a type ------------------------------------------------------------------------------------------------------------- */

struct total {
	uint32_t site;
	uint8_t verdict;
	uint64_t plus, minus, left_plus, left_minus;
	uint64_t example; /* address of the first object of which something is left over; 0 none */
};

/* How the graph sees objects: NULL, it does not. */
struct sight {
	struct alive alive;
	uint32_t *
		holders; /* by object: references to it from what is reached, or lost with a counted object that is itself a finding */
	uint64_t *shared;   /* bit set: blocks in which several counted objects lie */
	uint64_t *weakly;   /* bit set: a variable that is cleared when it ends points to it */
	uint64_t *library;  /* bit set: library_held(), when it was asked for */
	uint64_t *indirect; /* bit set: lost objects that others hold which are lost themselves */
	bool some;
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
	return match(j->b, &j->sheet, &j->lessons, single ? good : 1);
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
	TRY(match(j->b, &j->sheet, &j->lessons, 0));
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

static void sight_free(struct model *m, struct sight *s)
{
	big_free(s->holders, m->nobjects, sizeof *s->holders);
	big_free(s->indirect, bits_words(m->nobjects), sizeof *s->indirect);
	big_free(s->weakly, bits_words(m->nobjects), sizeof *s->weakly);
	big_free(s->shared, bits_words(m->nobjects), sizeof *s->shared);
	big_free(s->library, bits_words(m->nobjects), sizeof *s->library);
	alive_deinit(&s->alive);
}

static struct error *find_shared(struct model *m, struct sight *s)
{
	uint64_t *seen = NULL;
	struct error *e = big_alloc(bits_words(m->nobjects), sizeof *seen, &seen);

	if (!e)
		e = big_alloc(bits_words(m->nobjects), sizeof *s->shared, &s->shared);
	for (uint32_t i = 0; i < m->ncounted && !e; i++) {
		const struct counted_row *c = &m->counted[i];

		if (c->state != RGD_COUNTED_ALIVE || c->object == MODEL_NONE)
			continue;
		if (bits_get(seen, c->object))
			bits_set(s->shared, c->object);
		bits_set(seen, c->object);
	}
	big_free(seen, bits_words(m->nobjects), sizeof *seen);
	return e;
}

/* PHP's table of all objects knows it, and nobody else: it keeps the object in reach, but counts no reference. */
static bool is_orphan(const struct model *m, uint32_t root)
{
	return !strcmp(model_string(m, m->roots[root].label), "objects store: orphan");
}

static struct error *find_weakly(struct model *m, struct sight *s)
{
	TRY(big_alloc(bits_words(m->nobjects), sizeof *s->weakly, &s->weakly));
	for (uint32_t i = 0; i < m->nroots; i++)
		if (m->roots[i].kind == RGD_EDGE_WEAK && m->roots[i].target != MODEL_NONE)
			bits_set(s->weakly, m->roots[i].target);
	return NULL;
}

static struct error *sight_make(struct model *m, struct sight *s)
{
	struct error *e;

	*s = (struct sight){0};
	if (!m->nobjects)
		return NULL;
	TRY(alive_init(&s->alive, m));
	e = alive_reach(&s->alive);
	if (!e)
		e = big_alloc(m->nobjects, sizeof *s->holders, &s->holders);
	if (!e)
		e = big_alloc(bits_words(m->nobjects), sizeof *s->indirect, &s->indirect);
	if (!e)
		e = find_weakly(m, s);
	if (!e)
		e = find_shared(m, s);
	if (!e)
		e = lost_heads(&s->alive, s->indirect, s->holders);
	if (e) {
		sight_free(m, s);
		return e;
	}
	for (uint32_t o = 0; o < m->nobjects; o++) {
		if (!bits_get(s->alive.reached, o))
			continue;
		for (uint32_t k = m->graph.out_first[o]; k < m->graph.out_first[o + 1]; k++)
			s->holders[m->graph.out_target[k]] += alive_edge(&s->alive, k);
	}
	for (size_t i = 0; i < s->alive.roots.n; i++)
		s->holders[s->alive.roots.data[i]] += !is_orphan(m, s->alive.root_rows.data[i]);
	s->some = true;
	return NULL;
}

static void sight_deinit(struct model *m, struct sight *s)
{
	if (s->some)
		sight_free(m, s);
}

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
