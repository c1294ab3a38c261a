/* tasks.c - see tasks.h. */
#include "report/tasks.h"

#include <string.h>

#include "util/big.h"
#include "util/bits.h"

#define CHAIN_MAX 1000u /* coroutines that await each other */

static const struct type *type_of(const struct model *m, uint32_t o)
{
	return &m->types[m->type[o]];
}

static bool is_named(const struct model *m, uint32_t o, const char *name)
{
	return strcmp(type_of(m, o)->name, name) == 0;
}

static bool is_task_type(const struct model *m, uint32_t type)
{
	for (unsigned i = 0; type != MODEL_NONE && i < 32; i++) {
		const struct type *t = &m->types[type];
		uint32_t base = t->base;

		if (strcmp(t->name, "Task") == 0 &&
		    (strcmp(t->module, "_asyncio") == 0 || strcmp(t->module, "asyncio.tasks") == 0))
			return true;
		if (base == type)
			break;
		type = base;
	}
	return false;
}

static bool is_coroutine(const struct model *m, uint32_t o)
{
	return is_named(m, o, "coroutine") || is_named(m, o, "generator") ||
	       is_named(m, o, "async_generator_asend");
}

static uint32_t first_coroutine(const struct model *m, uint32_t o)
{
	for (uint32_t e = m->graph.out_first[o]; e < m->graph.out_first[o + 1]; e++)
		if (is_coroutine(m, m->graph.out_target[e]))
			return m->graph.out_target[e];
	return MODEL_NONE;
}

/* What a suspended coroutine awaits stands on top of its frame's stack; up to 3.10 the frame is an
 * object of its own. */
static struct error *awaited_by(struct model *m, uint32_t o, uint32_t *ret)
{
	uint32_t frame = MODEL_NONE;
	struct edge edge;

	*ret = MODEL_NONE;
	for (uint32_t e = m->graph.out_first[o]; e < m->graph.out_first[o + 1]; e++) {
		TRY(model_edge(m, o, e, &edge));
		if (edge.class == RGD_LABEL_STACK)
			*ret = edge.target;
		else if (is_named(m, edge.target, "frame") && is_coroutine(m, o))
			frame = edge.target;
	}
	return *ret == MODEL_NONE && frame != MODEL_NONE ? awaited_by(m, frame, ret) : NULL;
}

/* The iterator of a future stands for the future. */
static uint32_t future_of(const struct model *m, uint32_t o)
{
	for (uint32_t e = m->graph.out_first[o];
	     is_named(m, o, "FutureIter") && e < m->graph.out_first[o + 1]; e++)
		if (!is_named(m, m->graph.out_target[e], "type"))
			return m->graph.out_target[e];
	return o;
}

static struct error *follow_awaits(struct model *m, struct task *t)
{
	uint32_t next = t->coroutine;

	for (unsigned i = 0; next != MODEL_NONE && i < CHAIN_MAX; i++) {
		if (!is_coroutine(m, next)) {
			t->waits_for = future_of(m, next);
			break;
		}
		t->inner = next;
		TRY(awaited_by(m, next, &next));
	}
	return NULL;
}

/* ---- what it holds --------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);

	return n >= k && strcmp(text + n - k, end) == 0;
}

/* What all tasks share: nobody's alone. */
static bool is_shared(const struct model *m, uint32_t o)
{
	const struct type *t = type_of(m, o);

	return (t->flags & RGD_TYPE_F_IS_MODULE) || strcmp(t->name, "type") == 0 ||
	       strcmp(t->name, "function") == 0 || strcmp(t->name, "Context") == 0 ||
	       ends_with(t->name, "EventLoop") || ends_with(t->name, "Loop") ||
	       is_task_type(m, m->type[o]) ||
	       (m->flags[o] & (RGD_OBJ_F_STATIC | RGD_OBJ_F_IMMORTAL));
}

struct search {
	uint32_t *seen; /* by object: number of the task that met it last + 1 */
	uint64_t *chosen, *namespaces;
	struct ids queue;
};

/* The dicts of modules: up to 3.10 every frame refers to its globals and builtins. */
static void mark_namespaces(const struct model *m, uint64_t *bits)
{
	const struct graph *g = &m->graph;

	for (uint32_t o = 0; o < m->nobjects; o++) {
		if (!(type_of(m, o)->flags & RGD_TYPE_F_IS_MODULE))
			continue;
		for (uint32_t e = g->out_first[o]; e < g->out_first[o + 1]; e++)
			if (is_named(m, g->out_target[e], "dict"))
				bits_set(bits, g->out_target[e]);
	}
}

/* Into what all share, or from a frame to its caller. */
static bool leads_away(const struct model *m, const struct search *s, uint32_t from, uint32_t to)
{
	return bits_get(s->namespaces, to) || is_shared(m, to) ||
	       (is_named(m, from, "frame") && is_named(m, to, "frame"));
}

static struct error *count_held(const struct model *m, struct task *t, uint32_t mark,
				struct search *s)
{
	const struct graph *g = &m->graph;

	s->queue.n = 0;
	if (t->coroutine == MODEL_NONE)
		return NULL;
	if (!VEC_PUSH(&s->queue, t->coroutine))
		return error_memory();
	s->seen[t->coroutine] = mark;
	while (s->queue.n) {
		uint32_t o = s->queue.data[--s->queue.n];

		t->holds += bits_get(s->chosen, o);
		for (uint32_t e = g->out_first[o]; e < g->out_first[o + 1]; e++) {
			uint32_t target = g->out_target[e];
			unsigned kind = MODEL_CLASS_KIND(g->edge_class[e]);

			if ((kind != RGD_EDGE_STRONG && kind != RGD_EDGE_INTERNAL) ||
			    s->seen[target] == mark || leads_away(m, s, o, target))
				continue;
			s->seen[target] = mark;
			if (!VEC_PUSH(&s->queue, target))
				return error_memory();
		}
	}
	return NULL;
}

static struct error *count_all_held(const struct model *m, const struct ids *chosen,
				    struct tasks *ret)
{
	struct search s = {0};
	struct error *e = big_alloc(m->nobjects, sizeof *s.seen, &s.seen);

	if (!e)
		e = big_alloc(bits_words(m->nobjects), sizeof *s.chosen, &s.chosen);
	if (!e)
		e = big_alloc(bits_words(m->nobjects), sizeof *s.namespaces, &s.namespaces);
	if (!e)
		mark_namespaces(m, s.namespaces);
	for (size_t i = 0; i < chosen->n && !e; i++)
		bits_set(s.chosen, chosen->data[i]);
	for (uint32_t i = 0; i < ret->rows.n && !e; i++)
		e = count_held(m, &ret->rows.data[i], i + 1, &s);
	big_free(s.seen, m->nobjects, sizeof *s.seen);
	big_free(s.chosen, bits_words(m->nobjects), sizeof *s.chosen);
	big_free(s.namespaces, bits_words(m->nobjects), sizeof *s.namespaces);
	VEC_FREE(&s.queue);
	return e;
}

struct error *tasks_find(struct model *m, const struct ids *chosen, struct tasks *ret)
{
	struct error *e = NULL;

	*ret = (struct tasks){0};
	TRY(model_load(m, MODEL_REPR | MODEL_EDGES));
	for (uint32_t o = 0; o < m->nobjects && !e; o++) {
		struct task t = {.object = o, .inner = MODEL_NONE, .waits_for = MODEL_NONE};

		if (!is_task_type(m, m->type[o]))
			continue;
		t.coroutine = first_coroutine(m, o);
		e = follow_awaits(m, &t);
		if (!e && !VEC_PUSH(&ret->rows, t))
			e = error_memory();
	}
	if (!e && chosen)
		e = count_all_held(m, chosen, ret);
	if (e)
		tasks_deinit(ret);
	return e;
}

void tasks_deinit(struct tasks *tasks)
{
	VEC_FREE(&tasks->rows);
}
