/* tasks.c - see tasks.h. */
#include "report/tasks.h"

#include <string.h>

#include "report/alive.h"
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

static bool is_fiber(const struct model *m, uint32_t type)
{
	return m->types[type].runtime == RGD_RT_PHP && strcmp(m->types[type].name, "Fiber") == 0;
}

bool is_task_type(const struct model *m, uint32_t type)
{
	if (type != MODEL_NONE && is_fiber(m, type))
		return true;
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

bool is_coroutine(const struct model *m, uint32_t o)
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
struct error *awaited_by(struct model *m, uint32_t o, uint32_t *ret)
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

/* Its frames are told outermost first; the last one is that of the call that suspended it. */
static void find_inner_frame(const struct model *m, struct task *t)
{
	const struct graph *g = &m->graph;

	for (uint32_t e = g->out_first[t->object]; e < g->out_first[t->object + 1]; e++) {
		uint32_t frame = g->out_target[e];
		const char *name = model_property_text(m, frame, RGD_PROP_NAME);

		if (is_named(m, frame, "frame") && name && strcmp(name, "Fiber::suspend()") != 0)
			t->inner = frame;
	}
}

static struct error *find_unreachable(struct model *m, struct tasks *tasks)
{
	struct alive alive;
	struct error *e;

	TRY(alive_init(&alive, m));
	e = alive_reach(&alive);
	for (size_t i = 0; i < tasks->rows.n && !e; i++) {
		struct task *t = &tasks->rows.data[i];

		t->unreachable =
			is_fiber(m, m->type[t->object]) && !bits_get(alive.reached, t->object);
	}
	alive_deinit(&alive);
	return e;
}

struct error *tasks_find(struct model *m, struct tasks *ret)
{
	struct error *e = NULL;
	bool fibers = false;

	*ret = (struct tasks){0};
	TRY(model_load(m, MODEL_REPR | MODEL_EDGES));
	for (uint32_t o = 0; o < m->nobjects && !e; o++) {
		struct task t = {.object = o, .inner = MODEL_NONE, .waits_for = MODEL_NONE};

		if (!is_task_type(m, m->type[o]))
			continue;
		if (is_fiber(m, m->type[o])) {
			t.coroutine = o;
			find_inner_frame(m, &t);
			fibers = true;
		} else {
			t.coroutine = first_coroutine(m, o);
			e = follow_awaits(m, &t);
		}
		if (!e && !VEC_PUSH(&ret->rows, t))
			e = error_memory();
	}
	if (!e && fibers)
		e = find_unreachable(m, ret);
	if (e)
		tasks_deinit(ret);
	return e;
}

void tasks_deinit(struct tasks *tasks)
{
	VEC_FREE(&tasks->rows);
}
