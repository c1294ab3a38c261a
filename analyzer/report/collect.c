/* collect.c - see collect.h: the steps there are the functions here. */
#include "report/collect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/repr.h"
#include "util/big.h"
#include "util/bits.h"

static const char *const names[FATE_NUMBER_OF] = {
	[FATE_OUTSIDE] = "outside",
	[FATE_ALIVE] = "alive",
	[FATE_FREED] = "freed",
	[FATE_UNKNOWABLE] = "unknowable",
	[FATE_UNCOLLECTABLE] = "uncollectable",
	[FATE_HELD] = "held",
	[FATE_DROPPED] = "dropped",
	[FATE_DROPPED_UNSURE] = "dropped?",
};

const char *fate_name(unsigned fate)
{
	return fate < FATE_NUMBER_OF ? names[fate] : "?";
}

struct work {
	struct model *m;
	struct collection *c;
	struct ids queue; /* reached, not yet expanded */
	struct error *error;
};

static bool looked_at(const struct work *w, uint32_t o)
{
	return w->c->fate[o] != FATE_OUTSIDE;
}

static bool is_tracked_in(const struct model *m, uint32_t o, unsigned generation)
{
	return (m->flags[o] & RGD_OBJ_F_TRACKED) && model_generation(m, o) <= generation;
}

static const struct type *type_of(const struct model *m, uint32_t o)
{
	return &m->types[m->type[o]];
}

/* Calls `visit` for each object that tp_traverse of `o` visits. */
static void traverse(struct work *w, uint32_t o, void (*visit)(struct work *, uint32_t, uint32_t))
{
	const struct graph *g = &w->m->graph;

	for (uint32_t e = g->out_first[o]; e < g->out_first[o + 1] && !w->error; e++)
		if (g->edge_class[e] & MODEL_CLASS_TRAVERSED)
			visit(w, o, g->out_target[e]);
}

static void push(struct work *w, uint32_t o)
{
	if (!VEC_PUSH(&w->queue, o))
		w->error = error_memory();
}

static void expand(struct work *w, void (*visit)(struct work *, uint32_t, uint32_t))
{
	while (w->queue.n && !w->error)
		traverse(w, w->queue.data[--w->queue.n], visit);
}

/* ---- 1: gc_refs ------------------------------------------------------------------------------ */

static void subtract(struct work *w, uint32_t from, uint32_t o)
{
	if (looked_at(w, o) && w->c->external[o])
		w->c->external[o]--;
}

static void look_at(struct work *w, uint32_t o)
{
	uint64_t count = w->m->refcount[o];

	w->c->fate[o] = FATE_FREED; /* until something is found that holds it */
	w->c->external[o] = count > UINT32_MAX ? UINT32_MAX : count;
}

/* Whatever has a count: references and strings too, though they never begin a search. */
static bool is_refcounted(const struct model *m, uint32_t o)
{
	const uint32_t other = RGD_OBJ_F_INTERNAL | RGD_OBJ_F_IMMORTAL;

	return (m->flags[o] & RGD_OBJ_F_RUNTIME_MASK) == RGD_RT_PHP && m->refcount[o] &&
	       !(m->flags[o] & other);
}

static void look_below(struct work *w, uint32_t from, uint32_t o)
{
	if (looked_at(w, o) || !is_refcounted(w->m, o))
		return;
	look_at(w, o);
	push(w, o);
}

/* PHP's collector knows no generations: it begins at the buffer of possible roots. */
static void look_from_buffer(struct work *w)
{
	for (uint32_t o = 0; o < w->m->nobjects && !w->error; o++)
		if (w->m->flags[o] & RGD_OBJ_F_BUFFERED)
			look_below(w, o, o);
	expand(w, look_below);
}

static void count_references(struct work *w)
{
	struct model *m = w->m;

	if (w->c->php)
		look_from_buffer(w);
	for (uint32_t o = 0; !w->c->php && o < m->nobjects; o++)
		if (is_tracked_in(m, o, w->c->generation))
			look_at(w, o);
	for (uint32_t o = 0; o < m->nobjects; o++)
		if (looked_at(w, o))
			traverse(w, o, subtract);
}

/* ---- 2: what is reachable -------------------------------------------------------------------- */

static void set(struct work *w, uint32_t o, enum fate fate, uint32_t reason)
{
	w->c->fate[o] = fate;
	w->c->reason[o] = reason;
	push(w, o);
}

static void reach(struct work *w, uint32_t from, uint32_t o)
{
	if (w->c->fate[o] == FATE_FREED)
		set(w, o, FATE_ALIVE, from);
}

static void find_alive(struct work *w)
{
	for (uint32_t o = 0; o < w->m->nobjects && !w->error; o++) {
		bool immortal = w->m->flags[o] & RGD_OBJ_F_IMMORTAL;

		if (w->c->fate[o] == FATE_FREED && (w->c->external[o] || immortal))
			set(w, o, FATE_ALIVE, o);
	}
	expand(w, reach);
}

/* ---- 3: tp_del ------------------------------------------------------------------------------- */

static void hold(struct work *w, uint32_t from, uint32_t o)
{
	uint32_t origin = w->c->fate[from] == FATE_UNCOLLECTABLE ? from : w->c->reason[from];

	if (w->c->fate[o] == FATE_FREED)
		set(w, o, FATE_HELD, origin);
}

static void set_legacy_aside(struct work *w)
{
	for (uint32_t o = 0; o < w->m->nobjects && !w->error; o++)
		if (w->c->fate[o] == FATE_FREED &&
		    (type_of(w->m, o)->flags & RGD_TYPE_F_LEGACY_DEL))
			set(w, o, FATE_UNCOLLECTABLE, o);
	expand(w, hold);
}

/* ---- 4: weak references ---------------------------------------------------------------------- */

static struct error *has_callback(struct work *w, uint32_t weakref, bool *ret)
{
	const struct graph *g = &w->m->graph;
	struct edge edge;

	*ret = false;
	for (uint32_t e = g->out_first[weakref]; e < g->out_first[weakref + 1]; e++) {
		TRY(model_edge(w->m, weakref, e, &edge));
		if (edge.kind == RGD_EDGE_STRONG && edge.class == RGD_LABEL_PART &&
		    strcmp(model_string(w->m, edge.string), "__callback__") == 0)
			*ret = true;
	}
	return NULL;
}

static struct error *clear_weak_references(struct work *w)
{
	const struct graph *g = &w->m->graph;

	for (uint32_t o = 0; o < w->m->nobjects; o++) {
		for (uint32_t e = g->out_first[o]; e < g->out_first[o + 1]; e++) {
			bool calls;

			if (MODEL_CLASS_KIND(g->edge_class[e]) != RGD_EDGE_WEAK ||
			    w->c->fate[g->out_target[e]] != FATE_FREED)
				continue;
			if (!VEC_PUSH(&w->c->cleared, o))
				return error_memory();
			if (w->c->fate[o] == FATE_FREED)
				continue; /* it dies itself, its callback is forgotten */
			TRY(has_callback(w, o, &calls));
			if (calls && !VEC_PUSH(&w->c->callbacks, o))
				return error_memory();
		}
	}
	return NULL;
}

/* ---- 5: finalizers --------------------------------------------------------------------------- */

/* A generator or fiber that never started, or that has ended, runs no code when it is closed. */
static bool runs_code(const struct model *m, uint32_t o)
{
	static const char *const at_rest[] = {"created", "closed", "init", "dead"};
	const char *state = model_property_text(m, o, RGD_PROP_STATE);

	for (unsigned i = 0; state && i < sizeof at_rest / sizeof *at_rest; i++)
		if (strcmp(state, at_rest[i]) == 0)
			return false;
	return true;
}

static void doubt(struct work *w, uint32_t from, uint32_t o)
{
	if (w->c->fate[o] == FATE_FREED)
		set(w, o, FATE_UNKNOWABLE, w->c->reason[from]);
}

static void run_finalizers(struct work *w)
{
	struct model *m = w->m;
	bool any = false;

	for (uint32_t o = 0; o < m->nobjects && !w->error; o++) {
		if (w->c->fate[o] != FATE_FREED || !(type_of(m, o)->flags & RGD_TYPE_F_FINALIZER) ||
		    (m->flags[o] & RGD_OBJ_F_FINALIZED) || !runs_code(m, o))
			continue;
		if (!VEC_PUSH(&w->c->finalizers, o))
			w->error = error_memory();
	}
	for (size_t i = 0; i < w->c->finalizers.n && !w->error; i++) {
		uint32_t o = w->c->finalizers.data[i];

		any = true;
		if (w->c->fate[o] == FATE_FREED)
			set(w, o, FATE_UNKNOWABLE, o);
		expand(w, doubt);
	}
	for (uint32_t o = 0; any && w->c->all_or_nothing && o < m->nobjects; o++)
		if (w->c->fate[o] == FATE_FREED) {
			w->c->fate[o] = FATE_UNKNOWABLE;
			w->c->reason[o] = w->c->finalizers.data[0];
		}
}

/* ---- 6, PHP: the second run ------------------------------------------------------------------- */

/* A suspended fiber or generator among the garbage: closing it gives back all that its frames hold, which get_gc() may not have told. */
static bool is_closed(const struct model *m, uint32_t o)
{
	const char *name = type_of(m, o)->name;

	return (strcmp(name, "Fiber") == 0 || strcmp(name, "Generator") == 0) && runs_code(m, o);
}

/* What is counted at `target` by the edges of what was looked at, `closed` ones all told. */
static void subtract_again(const struct work *w, uint32_t *left, const uint64_t *closed)
{
	const struct graph *g = &w->m->graph;

	for (uint32_t o = 0; o < w->m->nobjects; o++) {
		for (uint32_t e = g->out_first[o]; looked_at(w, o) && e < g->out_first[o + 1];
		     e++) {
			uint32_t target = g->out_target[e];
			bool told = g->edge_class[e] & MODEL_CLASS_TRAVERSED;

			if (MODEL_CLASS_KIND(g->edge_class[e]) != RGD_EDGE_STRONG)
				continue;
			if ((told || bits_get(closed, o)) && left[target])
				left[target]--;
		}
	}
}

/* Clears `left` of what nothing keeps; the rest is kept by itself or by something that is. */
static void keep_again(struct work *w, uint32_t *left, const uint64_t *closed)
{
	const struct graph *g = &w->m->graph;

	for (uint32_t o = 0; o < w->m->nobjects && !w->error; o++)
		if (looked_at(w, o) && left[o])
			push(w, o);
	while (w->queue.n && !w->error) {
		uint32_t o = w->queue.data[--w->queue.n];

		if (bits_get(closed, o))
			continue;
		for (uint32_t e = g->out_first[o]; e < g->out_first[o + 1] && !w->error; e++) {
			uint32_t target = g->out_target[e];

			if (!(g->edge_class[e] & MODEL_CLASS_TRAVERSED) || !looked_at(w, target) ||
			    left[target])
				continue;
			left[target] = 1;
			push(w, target);
		}
	}
}

static struct error *run_again(struct work *w)
{
	struct model *m = w->m;
	uint32_t *left = NULL, first = MODEL_NONE;
	uint64_t *closed;

	TRY(big_alloc(bits_words(m->nobjects), sizeof *closed, &closed));
	w->error = big_alloc(m->nobjects, sizeof *left, &left);
	for (uint32_t o = 0; o < m->nobjects && !w->error; o++) {
		left[o] = m->refcount[o] > UINT32_MAX ? UINT32_MAX : m->refcount[o];
		if (w->c->fate[o] != FATE_UNKNOWABLE || !is_closed(m, o))
			continue;
		bits_set(closed, o);
		first = first == MODEL_NONE ? o : first;
	}
	if (!w->error && first != MODEL_NONE) {
		subtract_again(w, left, closed);
		keep_again(w, left, closed);
	}
	for (uint32_t o = 0; o < m->nobjects && !w->error && first != MODEL_NONE; o++)
		if (w->c->fate[o] == FATE_ALIVE && !left[o]) {
			w->c->fate[o] = FATE_UNKNOWABLE;
			w->c->reason[o] = first;
		}
	big_free(left, m->nobjects, sizeof *left);
	big_free(closed, bits_words(m->nobjects), sizeof *closed);
	return w->error;
}

/* ---- what goes with it ----------------------------------------------------------------------- */

/* Storage has no count: one reference holds it; shared keys of dicts count theirs. */
static uint64_t count_of(const struct model *m, uint32_t o)
{
	return m->refcount[o] ? m->refcount[o] : 1;
}

/*
 * Nobody cleared it, so it goes when its count says so: what has a tp_del, and what that reaches, too. PHP's get_gc() does not tell of
 * all references of a suspended fiber: what only these kept alive goes with it.
 */
static bool may_drop(const struct work *w, uint32_t o)
{
	uint8_t fate = w->c->fate[o];

	return (fate == FATE_OUTSIDE || fate == FATE_UNCOLLECTABLE || fate == FATE_HELD ||
		(fate == FATE_ALIVE && w->c->php)) &&
	       !(w->m->flags[o] & (RGD_OBJ_F_IMMORTAL | RGD_OBJ_F_STATIC));
}

/*
 * Objects that are not cleared go when all of their references come from what goes. `left` is what
 * remains of their counts: 0 = not met yet, else remaining + 1. A tp_del runs code: what depends on
 * it is unsure, and expanded by who looks for that.
 */
static void drop_referents(struct work *w, uint32_t o, enum fate fate, uint64_t *left)
{
	const struct graph *g = &w->m->graph;

	for (uint32_t e = g->out_first[o]; e < g->out_first[o + 1] && !w->error; e++) {
		uint32_t target = g->out_target[e];
		unsigned kind = MODEL_CLASS_KIND(g->edge_class[e]);

		if ((kind != RGD_EDGE_STRONG && kind != RGD_EDGE_INTERNAL) || !may_drop(w, target))
			continue;
		if (!left[target])
			left[target] = count_of(w->m, target) + 1;
		if (left[target] > 1)
			left[target]--;
		if (left[target] > 1)
			continue;
		if (w->c->fate[target] != FATE_UNCOLLECTABLE) {
			set(w, target, fate, o);
		} else {
			w->c->fate[target] = FATE_DROPPED_UNSURE;
			w->c->reason[target] = o;
			if (fate == FATE_DROPPED_UNSURE)
				push(w, target);
		}
	}
}

static void drop_from(struct work *w, uint32_t o, enum fate fate, uint64_t *left)
{
	drop_referents(w, o, fate, left);
	while (w->queue.n && !w->error)
		drop_referents(w, w->queue.data[--w->queue.n], fate, left);
}

/* What remains of a count once what goes has gone. */
static uint64_t remains(const struct work *w, const uint64_t *left, uint32_t o)
{
	return left[o] ? left[o] - 1 : count_of(w->m, o);
}

static bool is_reference(const struct graph *g, uint32_t e)
{
	unsigned kind = MODEL_CLASS_KIND(g->edge_class[e]);

	return kind == RGD_EDGE_STRONG || kind == RGD_EDGE_INTERNAL;
}

/* `in`: the objects that are listed, and all that they refer to. */
static void close_over(struct work *w, struct ids *list, uint64_t *in)
{
	const struct graph *g = &w->m->graph;

	for (size_t i = 0; i < list->n && !w->error; i++) {
		uint32_t o = list->data[i];

		for (uint32_t e = g->out_first[o]; e < g->out_first[o + 1]; e++) {
			uint32_t target = g->out_target[e];

			if (!is_reference(g, e) || bits_get(in, target) || !may_drop(w, target))
				continue;
			bits_set(in, target);
			if (!VEC_PUSH(list, target))
				w->error = error_memory();
		}
	}
}

/* Takes out of `in` what has more references than those that are listed make, and all that it refers to. */
static void keep_held(struct work *w, const struct ids *list, uint64_t *in, uint64_t *left)
{
	const struct graph *g = &w->m->graph;

	for (size_t i = 0; i < list->n; i++)
		left[list->data[i]] = remains(w, left, list->data[i]) + 1;
	for (size_t i = 0; i < list->n; i++)
		for (uint32_t e = g->out_first[list->data[i]]; e < g->out_first[list->data[i] + 1];
		     e++)
			if (is_reference(g, e) && bits_get(in, g->out_target[e]) &&
			    left[g->out_target[e]] > 1)
				left[g->out_target[e]]--;
	for (size_t i = 0; i < list->n && !w->error; i++)
		if (left[list->data[i]] > 1) {
			bits_clear(in, list->data[i]);
			push(w, list->data[i]);
		}
	while (w->queue.n && !w->error) {
		uint32_t o = w->queue.data[--w->queue.n];

		for (uint32_t e = g->out_first[o]; e < g->out_first[o + 1]; e++) {
			uint32_t target = g->out_target[e];

			if (!is_reference(g, e) || !bits_get(in, target))
				continue;
			bits_clear(in, target);
			push(w, target);
		}
	}
}

/*
 * PHP: what lost a reference, and still has some, is a possible root of a cycle from then on; the second run, which follows when
 * destructors ran, looks at it too.
 */
static void drop_cycles(struct work *w, uint64_t *left)
{
	struct ids list = {0};
	uint64_t *in = NULL;

	w->error = big_alloc(bits_words(w->m->nobjects), sizeof *in, &in);
	for (uint32_t o = 0; o < w->m->nobjects && !w->error; o++) {
		if (left[o] <= 1 || !may_drop(w, o))
			continue;
		bits_set(in, o);
		if (!VEC_PUSH(&list, o))
			w->error = error_memory();
	}
	if (!w->error)
		close_over(w, &list, in);
	if (!w->error)
		keep_held(w, &list, in, left);
	for (size_t i = 0; i < list.n && !w->error; i++)
		if (bits_get(in, list.data[i])) {
			w->c->fate[list.data[i]] = FATE_DROPPED_UNSURE;
			w->c->reason[list.data[i]] = MODEL_NONE;
		}
	VEC_FREE(&list);
	big_free(in, bits_words(w->m->nobjects), sizeof *in);
}

static struct error *drop_all(struct work *w)
{
	struct ids unsure = {0};
	uint64_t *left;

	TRY(big_alloc(w->m->nobjects, sizeof *left, &left));
	for (uint32_t o = 0; o < w->m->nobjects && !w->error; o++)
		if (w->c->fate[o] == FATE_FREED)
			drop_from(w, o, FATE_DROPPED, left);
	for (uint32_t o = 0; o < w->m->nobjects && !w->error; o++)
		if ((w->c->fate[o] == FATE_UNKNOWABLE || w->c->fate[o] == FATE_DROPPED_UNSURE) &&
		    !VEC_PUSH(&unsure, o))
			w->error = error_memory();
	for (size_t i = 0; i < unsure.n && !w->error; i++)
		drop_from(w, unsure.data[i], FATE_DROPPED_UNSURE, left);
	if (w->c->php && w->c->finalizers.n && !w->error)
		drop_cycles(w, left);
	VEC_FREE(&unsure);
	big_free(left, w->m->nobjects, sizeof *left);
	return w->error;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* 3.8 gives everything up when one object was resurrected. */
static bool is_all_or_nothing(const struct model *m)
{
	for (uint32_t i = 0; i < m->nruntimes; i++)
		if (m->runtimes[i].id == RGD_RT_CPYTHON)
			return strncmp(model_string(m, m->runtimes[i].version), "3.8.", 4) == 0;
	return false;
}

/* In the number that the call returns: what is unreachable, strings too; but PHP does not count references. */
static bool is_counted(const struct work *w, uint32_t o)
{
	unsigned fate = w->c->fate[o];

	return fate > FATE_ALIVE && fate <= FATE_HELD &&
	       !(w->c->php && strcmp(type_of(w->m, o)->name, "reference") == 0);
}

static struct error *run(struct work *w)
{
	struct collection *c = w->c;

	count_references(w);
	find_alive(w);
	set_legacy_aside(w);
	TRY(w->error);
	TRY(clear_weak_references(w));
	run_finalizers(w);
	TRY(w->error);
	if (c->php)
		TRY(run_again(w));
	TRY(drop_all(w));
	for (uint32_t o = 0; o < c->nobjects; o++) {
		c->count[c->fate[o]]++;
		c->bytes[c->fate[o]] += w->m->size[o];
		c->answer += is_counted(w, o);
	}
	return NULL;
}

struct error *collection_compute(struct model *m, unsigned generation, struct collection *ret)
{
	struct work w = {.m = m, .c = ret};
	struct error *e;

	TRY(model_load(m, MODEL_REPR | MODEL_EDGES | MODEL_REFCOUNT | MODEL_SIZE | MODEL_RUNTIMES));
	*ret = (struct collection){.nobjects = m->nobjects,
				   .generation = generation,
				   .php = !model_has_runtime(m, RGD_RT_CPYTHON) &&
					  model_has_runtime(m, RGD_RT_PHP),
				   .all_or_nothing = is_all_or_nothing(m)};
	e = big_alloc(m->nobjects, sizeof *ret->fate, &ret->fate);
	if (!e)
		e = big_alloc(m->nobjects, sizeof *ret->reason, &ret->reason);
	if (!e)
		e = big_alloc(m->nobjects, sizeof *ret->external, &ret->external);
	if (!e)
		e = run(&w);
	VEC_FREE(&w.queue);
	if (e)
		collection_deinit(ret);
	return e;
}

void collection_deinit(struct collection *c)
{
	big_free(c->fate, c->nobjects, sizeof *c->fate);
	big_free(c->reason, c->nobjects, sizeof *c->reason);
	big_free(c->external, c->nobjects, sizeof *c->external);
	VEC_FREE(&c->finalizers);
	VEC_FREE(&c->callbacks);
	VEC_FREE(&c->cleared);
	*c = (struct collection){0};
}

/* ---- why ------------------------------------------------------------------------------------- */

static void add_object(struct model *m, const char *before, uint32_t o, struct str *out)
{
	str_add(out, before);
	repr_full(m, o, out);
	str_printf(out, " #%" PRIu32, o);
}

static void outside_reason(const struct model *m, uint32_t o, struct str *out)
{
	if ((m->flags[o] & RGD_OBJ_F_RUNTIME_MASK) == RGD_RT_PHP)
		str_add(out, "nothing in the collector's buffer of possible roots leads to it");
	else if (!(m->flags[o] & RGD_OBJ_F_TRACKED))
		str_add(out, "not tracked, and held by something else");
	else if (model_generation(m, o) == 3)
		str_add(out, "in the permanent generation (gc.freeze)");
	else
		str_printf(out, "in generation %u", model_generation(m, o));
}

void collection_reason(struct model *m, const struct collection *c, uint32_t o, struct str *out)
{
	switch (c->fate[o]) {
	case FATE_OUTSIDE:
		outside_reason(m, o, out);
		break;
	case FATE_ALIVE:
		if (c->reason[o] != o)
			add_object(m, "reached from ", c->reason[o], out);
		else
			str_printf(out,
				   "%" PRIu32 " of its %" PRIu64
				   " references come from outside of the collection",
				   c->external[o], m->refcount[o]);
		break;
	case FATE_FREED:
		str_add(out, "unreachable");
		break;
	case FATE_UNKNOWABLE:
		if (c->reason[o] == o)
			str_add(out, "unreachable; its finalizer runs and may keep it");
		else
			add_object(m, "unreachable; may be kept by the finalizer of ", c->reason[o],
				   out);
		break;
	case FATE_UNCOLLECTABLE:
		str_add(out, "unreachable, but it has a tp_del: goes to gc.garbage");
		break;
	case FATE_HELD:
		add_object(m, "unreachable, but held by uncollectable ", c->reason[o], out);
		break;
	default:
		if (c->php && c->reason[o] == MODEL_NONE) {
			str_add(out,
				"in a cycle that only what goes refers to; the second run, after "
				"the destructors, may free it");
			break;
		}
		if (!c->php && is_tracked_in(m, o, c->generation))
			str_add(out, type_of(m, o)->flags & RGD_TYPE_F_LEGACY_DEL
					     ? "its tp_del runs, it may go: "
					     : "reached from a tp_del, and goes: ");
		add_object(m, "its last reference is that of ", c->reason[o], out);
	}
}
