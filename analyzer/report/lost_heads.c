/* lost_heads.c - see lost_heads.h. */
#include "report/lost_heads.h"

#include <stdlib.h>

#include "graph/reach.h"
#include "graph/scc.h"
#include "util/big.h"
#include "util/bits.h"

struct search {
	struct alive *alive;
	const struct model *m;
	uint32_t *held; /* by object: references to it from others that are lost */
	uint64_t *seen; /* bit set: what the heads reach */
	struct ids heads;
};

static uint64_t count_of(const struct counted_row *c)
{
	return c->memory != MODEL_UNKNOWN ? c->memory : c->count;
}

static bool is_lost(const struct search *s, const struct counted_row *c)
{
	uint64_t count = count_of(c);

	return c->state == RGD_COUNTED_ALIVE && c->object != MODEL_NONE && count &&
	       count != MODEL_UNKNOWN && !bits_get(s->alive->reached, c->object);
}

/* What `o` points to, itself apart. */
static void count_held(const struct search *s, uint32_t o, uint32_t *held)
{
	const struct graph *g = &s->m->graph;

	for (uint32_t k = g->out_first[o]; k < g->out_first[o + 1]; k++)
		held[g->out_target[k]] += alive_edge(s->alive, k) && g->out_target[k] != o;
}

static struct error *add_head(struct search *s, uint32_t object)
{
	if (!VEC_PUSH(&s->heads, object))
		return error_memory();
	return NULL;
}

/* What `heads` from number `from` on reach. */
static struct error *mark(struct search *s, size_t from)
{
	return reach_mark(&s->alive->graph, &s->alive->follow, s->heads.data + from,
			  s->heads.n - from, s->seen);
}

/* They count references of which the dump has no pointer. */
static struct error *find_unexplained(struct search *s)
{
	for (uint32_t i = 0; i < s->m->ncounted; i++) {
		const struct counted_row *c = &s->m->counted[i];

		if (is_lost(s, c) && count_of(c) > s->held[c->object])
			TRY(add_head(s, c->object));
	}
	return mark(s, 0);
}

/* ---- circles ---------------------------------------------------------------------------------------------------------- */

struct member {
	uint32_t object, component, held;
	uint64_t
		excess; /* pointers to it beyond its count: nobody counts these, so they are its parts' */
};

/* An edge never leads to a larger component: what nothing else leads into comes first; of a circle its whole, or its hub. */
static int by_lead(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->component != y->component)
		return x->component > y->component ? -1 : 1;
	if (x->excess != y->excess)
		return x->excess > y->excess ? -1 : 1;
	if (x->held != y->held)
		return x->held > y->held ? -1 : 1;
	return (x->object > y->object) - (x->object < y->object);
}

/* Of one circle, and nothing tells which of them is the whole. */
static bool equal_lead(const struct member *a, const struct member *b)
{
	return a->component == b->component && a->excess == b->excess && a->held == b->held;
}

/* Of what find_unexplained() left: no more is counted than there are pointers. */
static struct member member_of(const struct search *s, const struct counted_row *c)
{
	uint32_t held = s->held[c->object];

	return (struct member){.object = c->object, .held = held, .excess = held - count_of(c)};
}

static struct error *find_circles(struct search *s)
{
	struct components components;
	VEC(struct member) left = {0};
	struct error *e = NULL;

	for (uint32_t i = 0; i < s->m->ncounted && !e; i++) {
		const struct counted_row *c = &s->m->counted[i];

		if (is_lost(s, c) && !bits_get(s->seen, c->object) &&
		    !VEC_PUSH(&left, member_of(s, c)))
			e = error_memory();
	}
	if (e || !left.n) {
		VEC_FREE(&left);
		return e;
	}
	e = components_compute(&s->alive->graph, &s->alive->follow, &components);
	if (e) {
		VEC_FREE(&left);
		return e;
	}
	for (size_t i = 0; i < left.n; i++)
		left.data[i].component = components.of[left.data[i].object];
	qsort(left.data, left.n, sizeof *left.data, by_lead);
	for (size_t i = 0, end; i < left.n && !e; i = end) {
		size_t first = s->heads.n;

		for (end = i; end < left.n && !e && equal_lead(&left.data[i], &left.data[end]);
		     end++)
			if (!bits_get(s->seen, left.data[end].object))
				e = add_head(s, left.data[end].object);
		if (!e)
			e = mark(s, first);
	}
	components_deinit(&components);
	VEC_FREE(&left);
	return e;
}

/* All its references are of others that are lost, and its runtime has a collector for such: it will come by. */
static bool is_collectable(const struct search *s, const struct counted_row *c)
{
	uint32_t runtime;

	if (c->state != RGD_COUNTED_ALIVE || c->object == MODEL_NONE ||
	    count_of(c) > s->held[c->object])
		return false;
	runtime = s->m->types[s->m->type[c->object]].runtime;
	return runtime == RGD_RT_PHP || runtime == RGD_RT_CPYTHON;
}

static void tell(const struct search *s, uint64_t *indirect, uint32_t *holders)
{
	for (size_t i = 0; i < bits_words(s->m->nobjects); i++)
		indirect[i] = s->seen[i];
	for (size_t i = 0; i < s->heads.n; i++)
		bits_clear(indirect, s->heads.data[i]);
	for (uint32_t i = 0; i < s->m->ncounted; i++)
		if (is_collectable(s, &s->m->counted[i]))
			bits_set(indirect, s->m->counted[i].object);
	for (uint32_t o = 0; o < s->m->nobjects; o++)
		if (bits_get(s->seen, o) && !bits_get(s->alive->reached, o))
			count_held(s, o, holders);
}

struct error *lost_heads(struct alive *alive, uint64_t *indirect, uint32_t *holders)
{
	struct search s = {.alive = alive, .m = alive->model};
	uint32_t n = s.m->nobjects;
	struct error *e;

	TRY(big_alloc(n, sizeof *s.held, &s.held));
	e = big_alloc(bits_words(n), sizeof *s.seen, &s.seen);
	for (uint32_t o = 0; o < n && !e; o++)
		if (!bits_get(alive->reached, o))
			count_held(&s, o, s.held);
	if (!e)
		e = find_unexplained(&s);
	if (!e)
		e = find_circles(&s);
	if (!e)
		tell(&s, indirect, holders);
	VEC_FREE(&s.heads);
	big_free(s.held, n, sizeof *s.held);
	big_free(s.seen, bits_words(n), sizeof *s.seen);
	return e;
}
