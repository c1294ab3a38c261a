/* leaks.c - see leaks.h. */
#include "report/leaks.h"

#include <stdlib.h>
#include <string.h>

#include "graph/reach.h"
#include "util/big.h"
#include "util/bits.h"

const char *const leak_kind_names[LEAK_KINDS] = {
	[LEAK_NONE] = "none",	      [LEAK_DEFINITE] = "definite", [LEAK_INDIRECT] = "indirect",
	[LEAK_POSSIBLE] = "possible", [LEAK_GARBAGE] = "garbage",   [LEAK_REACHABLE] = "reachable",
};

static unsigned kind_bits(const char *word, size_t n)
{
	if (n == 3 && strncmp(word, "all", n) == 0)
		return ~0u & ~(1u << LEAK_NONE);
	for (unsigned k = LEAK_NONE + 1; k < LEAK_KINDS; k++)
		if (strlen(leak_kind_names[k]) == n && strncmp(word, leak_kind_names[k], n) == 0)
			return 1u << k;
	return 0;
}

unsigned leak_kinds_parse(const char *text, const char *separators, const char **unknown,
			  size_t *length)
{
	unsigned kinds = 0;

	*unknown = NULL;
	while (*text) {
		size_t n = strcspn(text, separators);
		unsigned bits = kind_bits(text, n);

		kinds |= bits;
		if (!bits && !*unknown && (n != 4 || strncmp(text, "none", n) != 0)) {
			*unknown = text;
			*length = n;
		}
		text += n;
		text += *text != 0;
	}
	return kinds;
}

/* ---- kinds ------------------------------------------------------------------------------------ */

const char *const leak_heuristic_names[HEURISTICS] = {
	[HEURISTIC_STDSTRING] = "stdstring", [HEURISTIC_LENGTH64] = "length64",
	[HEURISTIC_NEWARRAY] = "newarray",   [HEURISTIC_INHERITANCE] = "multipleinheritance",
	[HEURISTIC_GCHEAD] = "gchead",	     [HEURISTIC_PHPTABLE] = "phptable",
};

/* The heuristic that lets this one pass, HEURISTIC_NONE when none of those that count does. */
static enum heuristic passes(const struct leaks *l, unsigned heuristic)
{
	if (heuristic == HEURISTIC_EITHER)
		heuristic = l->heuristics & LEAKS_HEURISTIC(HEURISTIC_LENGTH64)
				    ? HEURISTIC_LENGTH64
				    : HEURISTIC_NEWARRAY;
	return heuristic < HEURISTICS && l->heuristics & LEAKS_HEURISTIC(heuristic)
		       ? heuristic
		       : HEURISTIC_NONE;
}

static enum heuristic root_heuristic(const struct leaks *l, const struct root *r)
{
	return r->interior ? passes(l, model_heuristic(r->flags | RGD_LABEL_F_INTERIOR))
			   : HEURISTIC_NONE;
}

/* What the work needs besides the result. */
struct search {
	struct leaks *leaks;
	const struct model *m;
	uint64_t *exact;   /* bit set: reached by starts alone */
	uint64_t *waiting; /* bit set: reached, or reached by garbage */
	uint64_t *cyclic;  /* bit set: heads that what they gather leads back to */
	uint32_t *stack;
};

/* GLib has no collector: what it loses is lost, as any other block is. */
static bool is_block(const struct model *m, uint32_t object)
{
	uint32_t flags = m->flags[object];

	if ((flags & RGD_OBJ_F_RUNTIME_MASK) == RGD_RT_GOBJECT)
		flags &= ~RGD_OBJ_F_RUNTIME_MASK;
	return model_is_native(flags) && !(flags & (RGD_OBJ_F_INTERNAL | RGD_OBJ_F_STATIC));
}

static struct error *mark_exact(struct search *s)
{
	const struct alive *a = s->leaks->alive;
	struct follow follow = a->follow;
	struct ids starts = {0};
	struct error *e = NULL;

	for (unsigned class = 0; class < 256; class ++)
		follow.pass[class] &= !(class & MODEL_CLASS_INTERIOR) ||
				      passes(s->leaks, MODEL_CLASS_HEURISTIC(class));
	for (size_t i = 0; i < a->roots.n && !e; i++) {
		const struct root *r = &s->m->roots[a->root_rows.data[i]];

		if ((!r->interior || root_heuristic(s->leaks, r)) &&
		    !VEC_PUSH(&starts, a->roots.data[i]))
			e = error_memory();
	}
	if (!e)
		e = reach_mark(&a->graph, &follow, starts.data, starts.n, s->exact);
	VEC_FREE(&starts);
	return e;
}

static void sum_add(struct leak_sum *sum, uint64_t bytes)
{
	sum->blocks++;
	sum->bytes += bytes;
}

/* Blocks that a heuristic made reachable: no pointer to their start is. */
static struct error *judge_heuristics(struct search *s)
{
	const struct alive *a = s->leaks->alive;
	const struct graph *g = &a->graph;
	struct leaks *l = s->leaks;
	uint8_t *by;
	struct error *e;

	if (!l->heuristics)
		return NULL;
	e = big_alloc(g->nnodes, sizeof *by, &by);
	if (e)
		return e;
	for (size_t i = 0; i < a->roots.n; i++) {
		const struct root *r = &s->m->roots[a->root_rows.data[i]];

		if (!r->interior)
			by[a->roots.data[i]] = HEURISTICS;
		else if (root_heuristic(l, r) && !by[a->roots.data[i]])
			by[a->roots.data[i]] = root_heuristic(l, r);
	}
	for (uint32_t i = 0; i < g->nnodes; i++) {
		if (!bits_get(s->exact, i))
			continue;
		for (uint32_t k = g->out_first[i]; k < g->out_first[i + 1]; k++) {
			uint8_t class = g->edge_class[k], *to = &by[g->out_target[k]];

			if (!a->follow.pass[class])
				continue;
			if (!(class & MODEL_CLASS_INTERIOR))
				*to = HEURISTICS;
			else if (!*to)
				*to = passes(l, MODEL_CLASS_HEURISTIC(class));
		}
	}
	for (uint32_t i = 0; i < g->nnodes; i++)
		if (by[i] && by[i] < HEURISTICS && l->kind[i] == LEAK_REACHABLE)
			sum_add(&l->by_heuristic[by[i]], s->m->size[i]);
	big_free(by, g->nnodes, sizeof *by);
	return NULL;
}

/* A runtime's objects that nothing reaches are garbage that its collector will find, and with them what they hold. */
static struct error *mark_waiting(struct search *s)
{
	const struct alive *a = s->leaks->alive;
	struct ids starts = {0};
	struct error *e = NULL;

	memcpy(s->waiting, a->reached, bits_words(s->m->nobjects) * sizeof *s->waiting);
	for (uint32_t i = 0; i < s->m->nobjects && !e; i++)
		if (!bits_get(a->reached, i) && !is_block(s->m, i) && !VEC_PUSH(&starts, i))
			e = error_memory();
	if (!e)
		e = reach_mark(&a->graph, &a->follow, starts.data, starts.n, s->waiting);
	VEC_FREE(&starts);
	return e;
}

/* A lost block, and all that it reaches of what nobody gathered before. */
static void gather(struct search *s, uint32_t head)
{
	const struct alive *a = s->leaks->alive;
	const struct graph *g = &a->graph;
	uint32_t *of = s->leaks->head;
	size_t n = 0;

	of[head] = head;
	s->stack[n++] = head;
	while (n) {
		uint32_t node = s->stack[--n];

		for (uint32_t e = g->out_first[node]; e < g->out_first[node + 1]; e++) {
			uint32_t target = g->out_target[e];

			if (model_class_own(g->edge_class[e], node, target) ||
			    !a->follow.pass[g->edge_class[e]] || bits_get(s->waiting, target))
				continue;
			if (target == head)
				bits_set(s->cyclic, head);
			if (of[target] != MODEL_NONE)
				continue;
			of[target] = head;
			s->stack[n++] = target;
		}
	}
}

/*
 * One head for each set of lost blocks that hold each other and that nothing else holds. In a first round by address, whoever was
 * not gathered yet is a candidate; a candidate reaches no later one, but a later one may reach it. So the second round goes
 * backwards, and who was gathered when its turn comes is no head.
 */
static struct error *find_heads(struct search *s)
{
	uint32_t *of = s->leaks->head;
	size_t bytes = (size_t)s->m->nobjects * sizeof *of;
	struct ids candidates = {0};

	memset(of, 0xff, bytes);
	for (uint32_t i = 0; i < s->m->nobjects; i++) {
		if (bits_get(s->waiting, i) || of[i] != MODEL_NONE)
			continue;
		gather(s, i);
		if (!VEC_PUSH(&candidates, i)) {
			VEC_FREE(&candidates);
			return error_memory();
		}
	}
	memset(of, 0xff, bytes);
	memset(s->cyclic, 0, bits_words(s->m->nobjects) * sizeof *s->cyclic);
	for (size_t i = candidates.n; i-- > 0;)
		if (of[candidates.data[i]] == MODEL_NONE)
			gather(s, candidates.data[i]);
	VEC_FREE(&candidates);
	return NULL;
}

static enum leak_kind kind_of(const struct search *s, uint32_t object)
{
	if (!is_block(s->m, object))
		return LEAK_NONE;
	if (bits_get(s->exact, object))
		return LEAK_REACHABLE;
	if (bits_get(s->leaks->alive->reached, object))
		return LEAK_POSSIBLE;
	if (bits_get(s->waiting, object))
		return LEAK_GARBAGE;
	return s->leaks->head[object] == object ? LEAK_DEFINITE : LEAK_INDIRECT;
}

static void judge(struct search *s)
{
	for (uint32_t i = 0; i < s->m->nobjects; i++) {
		enum leak_kind kind = kind_of(s, i);

		s->leaks->kind[i] = kind;
		s->leaks->sums[kind].blocks++;
		s->leaks->sums[kind].bytes += s->m->size[i];
	}
}

/* ---- records ---------------------------------------------------------------------------------- */

static size_t record_room(const struct model *m)
{
	return ((size_t)m->nstacks + 1) * LEAK_KINDS;
}

static uint32_t *record_slot(const struct leaks *l, uint32_t stack, enum leak_kind kind)
{
	return &l->record_at[(size_t)(stack == MODEL_NONE ? 0 : stack + 1) * LEAK_KINDS + kind];
}

static uint32_t record_stack(const struct leaks *l, uint32_t object)
{
	uint32_t stack = l->alive->model->stack[object];

	return stack ? l->whole[stack - 1] : MODEL_NONE;
}

uint32_t leaks_record(const struct leaks *l, uint32_t object)
{
	return *record_slot(l, record_stack(l, object), l->kind[object]) - 1;
}

/* The record for the kind and stack of a block. NULL without memory. */
static struct leak_record *record_of(struct leaks *l, uint32_t object)
{
	const struct model *m = l->alive->model;
	struct leak_record fresh = {.kind = l->kind[object],
				    .stack = record_stack(l, object),
				    .example = object,
				    .oldest = m->epoch[object],
				    .newest = m->epoch[object]};
	uint32_t *slot = record_slot(l, fresh.stack, fresh.kind);

	if (!*slot) {
		if (!VEC_PUSH(&l->records, fresh))
			return NULL;
		*slot = l->records.n;
	}
	return &l->records.data[*slot - 1];
}

static struct error *record_blocks(struct search *s)
{
	struct leaks *l = s->leaks;
	const struct model *m = s->m;

	for (uint32_t i = 0; i < m->nobjects; i++) {
		struct leak_record *r;

		if (l->kind[i] == LEAK_NONE)
			continue;
		r = record_of(l, i);
		if (!r)
			return error_memory();
		sum_add(&r->own, m->size[i]);
		if (l->kind[i] == LEAK_DEFINITE && bits_get(s->cyclic, i))
			sum_add(&r->cyclic, m->size[i]);
		if (m->size[i] > m->size[r->example])
			r->example = i;
		if (m->epoch[i] < r->oldest)
			r->oldest = m->epoch[i];
		if (m->epoch[i] > r->newest)
			r->newest = m->epoch[i];
	}
	for (uint32_t i = 0; i < m->nobjects; i++)
		if (l->kind[i] == LEAK_INDIRECT)
			sum_add(&record_of(l, l->head[i])->indirect, m->size[i]);
	return NULL;
}

static int by_bytes(const void *a, const void *b)
{
	const struct leak_record *x = a, *y = b;
	uint64_t xb = x->own.bytes + x->indirect.bytes, yb = y->own.bytes + y->indirect.bytes;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (xb != yb)
		return xb > yb ? -1 : 1;
	return x->example < y->example ? -1 : 1;
}

static struct error *make_records(struct search *s)
{
	struct leaks *l = s->leaks;

	TRY(big_alloc_sparse(record_room(s->m), sizeof *l->record_at, &l->record_at));
	TRY(big_alloc(s->m->nstacks, sizeof *l->whole, &l->whole));
	for (uint32_t i = 0; i < s->m->nstacks; i++)
		l->whole[i] = model_whole_stack(s->m, i);
	TRY(record_blocks(s));
	if (l->records.n)
		qsort(l->records.data, l->records.n, sizeof *l->records.data, by_bytes);
	for (size_t i = 0; i < l->records.n; i++) {
		const struct leak_record *r = &l->records.data[i];

		*record_slot(l, r->stack, r->kind) = i + 1;
	}
	return NULL;
}

/* ---- all of it -------------------------------------------------------------------------------- */

static struct error *search(struct search *s)
{
	struct leaks *l = s->leaks;
	size_t n = s->m->nobjects, words = bits_words(n);

	TRY(big_alloc(n, sizeof *l->kind, &l->kind));
	TRY(big_alloc(n, sizeof *l->head, &l->head));
	TRY(big_alloc(words, sizeof *s->exact, &s->exact));
	TRY(big_alloc(words, sizeof *s->waiting, &s->waiting));
	TRY(big_alloc(words, sizeof *s->cyclic, &s->cyclic));
	TRY(big_alloc(n, sizeof *s->stack, &s->stack));
	TRY(mark_exact(s));
	TRY(alive_reach_with(l->alive, s->exact));
	TRY(mark_waiting(s));
	TRY(find_heads(s));
	judge(s);
	TRY(judge_heuristics(s));
	return make_records(s);
}

struct error *leaks_find(struct alive *alive, unsigned heuristics, struct leaks *ret)
{
	struct search s = {.leaks = ret, .m = alive->model};
	size_t n = alive->model->nobjects, words = bits_words(n);
	struct error *e;

	*ret = (struct leaks){.alive = alive, .heuristics = heuristics};
	TRY(model_load(alive->model, MODEL_FLAGS | MODEL_STACK | MODEL_STACKS | MODEL_EPOCH));
	e = search(&s);
	big_free(s.exact, words, sizeof *s.exact);
	big_free(s.waiting, words, sizeof *s.waiting);
	big_free(s.cyclic, words, sizeof *s.cyclic);
	big_free(s.stack, n, sizeof *s.stack);
	return e;
}

void leaks_deinit(struct leaks *l)
{
	size_t n = l->alive ? l->alive->model->nobjects : 0;

	if (!l->alive)
		return;
	big_free(l->kind, n, sizeof *l->kind);
	big_free(l->head, n, sizeof *l->head);
	big_free(l->record_at, record_room(l->alive->model), sizeof *l->record_at);
	big_free(l->whole, l->alive->model->nstacks, sizeof *l->whole);
	VEC_FREE(&l->records);
	*l = (struct leaks){0};
}
