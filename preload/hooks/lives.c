/*
 * lives.c - see tracked.h.
 *
 * Lives are found without a lock: they are put in front of their bucket when they are complete, and never go. Who adds one locks its part of the
 * table. A type has so many lives of its own at most; those of further kinds are summed up in one, so that
 * what an average object of the type went through stays known.
 */
#include "lives.h"

#define PARTS 64u
#define BUCKETS 64u /* of a part */
#define LIVES_OF_TYPE 256u
#define ROWS_MAX 64u
#define REST_ROWS 512u
#define NAMES_MAX 4096u

static struct part {
	trylock_t lock;
	uint8_t *at, *end;
	struct life *_Atomic buckets[BUCKETS];
} parts[PARTS] __attribute__((aligned(64)));
static _Atomic uint16_t lives_of_name[NAMES_MAX];

static void *part_take(struct part *p, size_t size)
{
	void *ret;

	size = (size + 15) & ~(size_t)15;
	if ((size_t)(p->end - p->at) < size) {
		uint8_t *chunk = tracked_map(32u << 10);

		if (!chunk)
			return NULL;
		p->at = chunk;
		p->end = chunk + (32u << 10);
	}
	ret = p->at;
	p->at += size;
	return ret;
}

static struct life *life_find(struct part *p, uint64_t key, const struct tracked *o, bool rest)
{
	struct life *l = atomic_load_explicit(&p->buckets[key % BUCKETS], memory_order_acquire);

	while (l && (l->key != key || l->name != o->name || l->type != o->type || l->rest != rest))
		l = l->next;
	return l;
}

static struct life *life_make(struct part *p, uint64_t key, const struct tracked *o, unsigned rows)
{
	struct life *l = part_take(p, sizeof(*l));

	if (!l || !(l->rows = part_take(p, rows * sizeof(*l->rows))))
		return NULL;
	l->key = key;
	l->name = o->name;
	l->type = o->type;
	l->next = p->buckets[key % BUCKETS];
	return l;
}

static void life_publish(struct part *p, struct life *l)
{
	atomic_store_explicit(&p->buckets[l->key % BUCKETS], l, memory_order_release);
}

/* ---- a life of its own ------------------------------------------------------------------------------------------------- */

/* Distinct events of an object, the birth first. */
struct rows {
	struct event_sum row[ROWS_MAX];
	unsigned n;
	bool full;
};

static void rows_add(struct rows *r, uint32_t what, uint16_t hook, uint64_t times)
{
	unsigned i = 0;

	while (i < r->n && (r->row[i].what != what || r->row[i].hook != hook))
		i++;
	if (i == ROWS_MAX) {
		r->full = true;
		return;
	}
	if (i == r->n)
		r->row[r->n++] = (struct event_sum){what, hook, 0};
	r->row[i].times += times;
}

static void rows_of(const struct tracked *o, struct rows *r)
{
	r->n = 0;
	r->full = false;
	for (unsigned i = 0; i < o->nevents; i++)
		rows_add(r, o->events[i].what, o->events[i].hook, 1);
	for (unsigned i = 0; i < o->sums_room; i++)
		if (o->sums[i].times)
			rows_add(r, o->sums[i].what, o->sums[i].hook, o->sums[i].times);
}

/* ---- the rest of a type ------------------------------------------------------------------------------------------------ */

static void rest_row(struct life *l, uint32_t what, uint16_t hook, uint64_t times)
{
	uint32_t hash = (uint32_t)(((uint64_t)what << 16 | hook) * 0x9e3779b97f4a7c15ull >> 40);

	for (unsigned i = 0; i < 16; i++) {
		struct event_sum *row = &l->rows[(hash + i) % REST_ROWS];

		if (row->times && (row->what != what || row->hook != hook))
			continue;
		row->what = what;
		row->hook = hook;
		row->times += times;
		return;
	}
	l->lost += times;
}

static void rest_sum(struct life *l, const struct tracked *o)
{
	l->objects++;
	l->lost += o->lost;
	for (unsigned i = 0; i < o->sums_room; i++)
		if (o->sums[i].times)
			rest_row(l, o->sums[i].what, o->sums[i].hook, o->sums[i].times);
	for (unsigned i = 0; i < o->nevents; i++)
		rest_row(l, o->events[i].what, o->events[i].hook, 1);
}

static void rest_add(const struct tracked *o)
{
	uint64_t key = (uint64_t)o->name * 0x9e3779b97f4a7c15ull;
	struct part *p = &parts[key >> 58];
	struct life *l;

	if (!tracked_lock(&p->lock)) {
		tracked_lose(LOST_LIVES);
		return;
	}
	l = life_find(p, key, o, true);
	if (!l && (l = life_make(p, key, o, REST_ROWS))) {
		l->rest = true;
		l->nrows = REST_ROWS;
		life_publish(p, l);
	}
	if (l)
		rest_sum(l, o);
	else
		tracked_lose(LOST_LIVES);
	trylock_release(&p->lock);
}

/* ---- both ---------------------------------------------------------------------------------------------------------------- */

/* With the part's lock. False: it has no life of its own and gets none. */
static bool own_add(struct part *p, const struct tracked *o)
{
	struct life *l = life_find(p, o->life, o, false);
	uint32_t name = o->name % NAMES_MAX;
	struct rows rows;

	if (l) { /* another thread was faster */
		atomic_fetch_add_explicit(&l->objects, 1, memory_order_relaxed);
		return true;
	}
	if (o->lost ||
	    atomic_load_explicit(&lives_of_name[name], memory_order_relaxed) >= LIVES_OF_TYPE)
		return false;
	rows_of(o, &rows);
	if (rows.full || !(l = life_make(p, o->life, o, rows.n)))
		return false;
	atomic_fetch_add_explicit(&lives_of_name[name], 1, memory_order_relaxed);
	l->objects = 1;
	l->nrows = (uint16_t)rows.n;
	for (unsigned i = 0; i < rows.n; i++)
		l->rows[i] = rows.row[i];
	life_publish(p, l);
	return true;
}

void lives_add(const struct tracked *o)
{
	struct part *p = &parts[o->life >> 58];
	struct life *l = life_find(p, o->life, o, false);
	bool added;

	if (likely(l)) {
		atomic_fetch_add_explicit(&l->objects, 1, memory_order_relaxed);
		return;
	}
	if (!tracked_lock(&p->lock)) {
		tracked_lose(LOST_LIVES);
		return;
	}
	added = own_add(p, o);
	trylock_release(&p->lock);
	if (!added)
		rest_add(o);
}

void lives_fork_prepare(void)
{
	for (unsigned i = 0; i < PARTS; i++)
		tracked_lock(&parts[i].lock);
}

void lives_fork_done(bool child)
{
	for (unsigned i = 0; i < PARTS; i++)
		tracked_unlock(&parts[i].lock, child);
}

/* Lives are published when they are whole; only the memory for the next one may be half noted down. */
void lives_jump(void)
{
	for (unsigned i = 0; i < PARTS; i++) {
		if (!trylock_is_mine(&parts[i].lock))
			continue;
		parts[i].at = parts[i].end = NULL;
		trylock_release(&parts[i].lock);
	}
}

void lives_each(void (*visit)(const struct life *life, void *context), void *context)
{
	for (unsigned i = 0; i < PARTS; i++)
		for (unsigned k = 0; k < BUCKETS; k++)
			for (const struct life *l = parts[i].buckets[k]; l; l = l->next)
				visit(l, context);
}
