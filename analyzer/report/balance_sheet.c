/* balance_sheet.c - see balance_sheet.h. */
#include "report/balance_sheet.h"

#include <stdlib.h>
#include <string.h>

/* ---- weights of pairs: an open table of (reference's place, release's place) ---------------------------------------- */

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

struct error *weight_add(struct weights *w, uint64_t key, uint64_t times)
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

uint64_t weight_of(const struct weights *w, uint32_t plus, uint32_t minus)
{
	return w->n ? weight_slot(w, weight_key(plus, minus))->times : 0;
}

/* ---- one object, or one life: what was taken and given back, by place ------------------------------------------------ */

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

struct error *sheet_fill(struct balance *b, const struct counted_row *c, bool till_end,
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

/* Lives that ended had references from there. */
static bool is_taught(const struct lessons *l, uint32_t site)
{
	return weight_of(&l->exact, site, MODEL_NONE) > 0;
}

static struct error *teach_sites(const struct sheet *s, struct lessons *l, uint64_t times)
{
	for (size_t i = 0; i < s->entries.n; i++)
		if (s->entries.data[i].plus)
			TRY(weight_add(&l->exact, weight_key(s->entries.data[i].site, MODEL_NONE),
				       times));
	return NULL;
}

struct error *sheet_match(struct balance *b, struct sheet *s, struct lessons *l, uint64_t times)
{
	const struct call_site *sites = b->paths.sites.data;
	VEC(struct candidate) all = {0};
	struct error *e = NULL;
	size_t n = s->entries.n;

	for (size_t i = 0; i < n; i++) {
		s->entries.data[i].left_plus = s->entries.data[i].plus - s->entries.data[i].late;
		s->entries.data[i].left_minus = s->entries.data[i].minus;
	}
	if (times)
		e = teach_sites(s, l, times);
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
			if (!times && c.apart == APART_FAR && !is_taught(l, p->site))
				c.deep = sites[p->site].deep;
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
