/* holders.c - see holders.h. */
#include "report/holders.h"

#include <stdlib.h>
#include <string.h>

#include "report/edge_name.h"
#include "report/repr.h"
#include "report/spell.h"
#include "util/big.h"
#include "util/bits.h"

const char *const holder_kinds[HOLDER_KINDS] = {"task", "thread", "thread-local", "context",
						"generator"};

static const struct type *type_of(const struct model *m, uint32_t o)
{
	return &m->types[m->type[o]];
}

static bool is_named(const struct model *m, uint32_t o, const char *name)
{
	return strcmp(type_of(m, o)->name, name) == 0;
}

static bool is_generator(const struct model *m, uint32_t o)
{
	if (type_of(m, o)->runtime == RGD_RT_PHP)
		return is_named(m, o, "Generator");
	return is_named(m, o, "generator") || is_named(m, o, "coroutine") ||
	       is_named(m, o, "async_generator");
}

/* threading.local, or a class that derives from it. */
static bool is_local(const struct model *m, uint32_t o)
{
	uint32_t type = m->type[o];

	for (unsigned i = 0; type != MODEL_NONE && i < 32; i++, type = m->types[type].base)
		if (strcmp(m->types[type].name, "_local") == 0 &&
		    strcmp(m->types[type].module, "_thread") == 0)
			return true;
	return false;
}

/* ---- who there is ---------------------------------------------------------------------------- */

static struct error *add_start(struct holders *h, uint32_t object, uint32_t root)
{
	struct start s = {object, root};

	if (!VEC_PUSH(&h->starts, s))
		return error_memory();
	h->rows.data[h->rows.n - 1].nstarts++;
	return NULL;
}

static struct error *add_holder(struct holders *h, enum holder_kind kind, uint32_t object,
				uint32_t thread)
{
	struct holder row = {
		.kind = kind,
		.object = object,
		.user = MODEL_NONE,
		.thread = thread,
		.first = (uint32_t)h->starts.n,
	};

	return VEC_PUSH(&h->rows, row) ? NULL : error_memory();
}

static struct error *add_tasks(struct model *m, struct holders *h)
{
	TRY(tasks_find(m, &h->tasks));
	for (size_t i = 0; i < h->tasks.rows.n; i++) {
		const struct task *t = &h->tasks.rows.data[i];

		TRY(add_holder(h, HOLDER_TASK, t->object, MODEL_NONE));
		h->rows.data[h->rows.n - 1].task = t;
		if (t->coroutine != MODEL_NONE)
			TRY(add_start(h, t->coroutine, MODEL_NONE));
	}
	return NULL;
}

/* The frame of a generator that runs is the generator's; what a frame's stack may hold is a guess. */
static bool is_thread_local_variable(const struct model *m, const struct root *r)
{
	return r->class == RGD_ROOT_LOCAL && r->owner < m->nthreads &&
	       r->kind != RGD_EDGE_CONSERVATIVE &&
	       strcmp(model_string(m, r->label), "(generator)") != 0;
}

static const struct model *sorting; /* qsort has no context */

static int by_owner(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint32_t one = sorting->roots[x].owner, other = sorting->roots[y].owner;

	return one != other ? (one < other ? -1 : 1) : (x > y) - (x < y);
}

static struct error *add_variables(const struct model *m, struct holders *h,
				   const struct ids *roots)
{
	for (size_t i = 0; i < roots->n; i++) {
		const struct root *r = &m->roots[roots->data[i]];

		if (!i || m->roots[roots->data[i - 1]].owner != r->owner)
			TRY(add_holder(h, HOLDER_THREAD, MODEL_NONE, r->owner));
		TRY(add_start(h, r->target, roots->data[i]));
	}
	return NULL;
}

static struct error *add_threads(const struct model *m, struct holders *h)
{
	struct ids roots = {0};
	struct error *e = NULL;

	for (uint32_t r = 0; r < m->nroots && !e; r++)
		if (is_thread_local_variable(m, &m->roots[r]) && !VEC_PUSH(&roots, r))
			e = error_memory();
	sorting = m;
	if (!e && roots.n)
		qsort(roots.data, roots.n, sizeof *roots.data, by_owner);
	if (!e)
		e = add_variables(m, h, &roots);
	VEC_FREE(&roots);
	return e;
}

/* thread_of: by object, + 1: of what hangs on a thread. An object stands for the thread in every threading.local: it does, too, or
 * its dict has it. */
static void find_threads(const struct model *m, uint32_t *thread_of)
{
	const struct graph *g = &m->graph;

	for (uint32_t i = 0; i < m->nroots; i++) {
		const struct root *r = &m->roots[i];

		if (r->class != RGD_ROOT_RUNTIME || r->owner >= m->nthreads || thread_of[r->target])
			continue;
		thread_of[r->target] = r->owner + 1;
		if (strcmp(model_string(m, r->label), "thread's dict") != 0)
			continue;
		for (uint32_t e = g->out_first[r->target]; e < g->out_first[r->target + 1]; e++)
			if (is_named(m, g->out_target[e], "_localdummy"))
				thread_of[g->out_target[e]] = r->owner + 1;
	}
}

/* The key of a thread's values is that object, or a weak reference to it. */
static uint32_t thread_of_key(const struct model *m, uint32_t key, const uint32_t *thread_of)
{
	if (is_named(m, key, "_localdummy"))
		return thread_of[key] ? thread_of[key] - 1 : MODEL_NONE;
	for (uint32_t e = m->graph.out_first[key]; e < m->graph.out_first[key + 1]; e++) {
		uint32_t o = m->graph.out_target[e];

		if (is_named(m, o, "_localdummy"))
			return thread_of[o] ? thread_of[o] - 1 : MODEL_NONE;
	}
	return MODEL_NONE;
}

/* table: of values by thread. */
static struct error *add_local(struct model *m, struct holders *h, uint32_t local, uint32_t table,
			       const uint32_t *thread_of)
{
	for (uint32_t e = m->graph.out_first[table]; e < m->graph.out_first[table + 1]; e++) {
		struct edge edge;

		TRY(model_edge(m, table, e, &edge));
		if (edge.class != RGD_LABEL_KEY_OBJECT || edge.value >= m->nobjects)
			continue;
		TRY(add_holder(h, HOLDER_LOCAL, local,
			       thread_of_key(m, (uint32_t)edge.value, thread_of)));
		TRY(add_start(h, edge.target, MODEL_NONE));
	}
	return NULL;
}

static struct error *add_locals(struct model *m, struct holders *h, const uint32_t *thread_of)
{
	for (uint32_t o = 0; o < m->nobjects; o++) {
		if (!is_local(m, o))
			continue;
		for (uint32_t e = m->graph.out_first[o]; e < m->graph.out_first[o + 1]; e++) {
			struct edge edge;

			TRY(model_edge(m, o, e, &edge));
			if (edge.class == RGD_LABEL_PART &&
			    strcmp(model_string(m, edge.string), "threads") == 0)
				TRY(add_local(m, h, o, edge.target, thread_of));
		}
	}
	return NULL;
}

/* user_of: by object, + 1. The Contexts that the object refers to as its own. */
static struct error *mark_contexts(struct model *m, uint32_t o, uint32_t *user_of)
{
	for (uint32_t e = m->graph.out_first[o]; e < m->graph.out_first[o + 1]; e++) {
		struct edge edge;

		if (!is_named(m, m->graph.out_target[e], "Context") ||
		    user_of[m->graph.out_target[e]])
			continue;
		TRY(model_edge(m, o, e, &edge));
		if ((edge.class == RGD_LABEL_PART || edge.class == RGD_LABEL_ATTRIBUTE ||
		     edge.class == RGD_LABEL_KEY) &&
		    strcmp(model_string(m, edge.string), "_context") == 0)
			user_of[edge.target] = o + 1;
	}
	return NULL;
}

/* Tasks first, then what waits for the event loop to call it. */
static struct error *find_users(struct model *m, const struct holders *h, uint32_t *user_of)
{
	for (size_t i = 0; i < h->tasks.rows.n; i++)
		TRY(mark_contexts(m, h->tasks.rows.data[i].object, user_of));
	for (uint32_t o = 0; o < m->nobjects; o++)
		if (is_named(m, o, "Handle") || is_named(m, o, "TimerHandle"))
			TRY(mark_contexts(m, o, user_of));
	return NULL;
}

static struct error *add_context(struct model *m, struct holders *h, uint32_t o, uint32_t user,
				 uint32_t thread)
{
	TRY(add_holder(h, HOLDER_CONTEXT, o, thread));
	h->rows.data[h->rows.n - 1].user = user;
	for (uint32_t e = m->graph.out_first[o]; e < m->graph.out_first[o + 1]; e++)
		if (is_named(m, m->graph.out_target[e], "hamt"))
			TRY(add_start(h, m->graph.out_target[e], MODEL_NONE));
	return NULL;
}

static struct error *add_contexts(struct model *m, struct holders *h, const uint32_t *thread_of)
{
	uint32_t *user_of = NULL;
	struct error *e = big_alloc(m->nobjects, sizeof *user_of, &user_of);

	if (!e)
		e = find_users(m, h, user_of);
	for (uint32_t o = 0; o < m->nobjects && !e; o++)
		if (is_named(m, o, "Context"))
			e = add_context(m, h, o, user_of[o] - 1, thread_of[o] - 1); /* 0: none */
	big_free(user_of, m->nobjects, sizeof *user_of);
	return e;
}

/* inner: those that another one waits for, or that a task runs. */
static struct error *mark_inner(struct model *m, const struct holders *h, uint64_t *inner)
{
	for (size_t i = 0; i < h->tasks.rows.n; i++)
		if (h->tasks.rows.data[i].coroutine != MODEL_NONE)
			bits_set(inner, h->tasks.rows.data[i].coroutine);
	for (uint32_t o = 0; o < m->nobjects; o++) {
		if (!is_generator(m, o) && !is_named(m, o, "frame") &&
		    !is_named(m, o, "async_generator_asend") &&
		    !is_named(m, o, "coroutine_wrapper"))
			continue;
		for (uint32_t e = m->graph.out_first[o]; e < m->graph.out_first[o + 1]; e++) {
			struct edge edge;

			TRY(model_edge(m, o, e, &edge));
			if (is_generator(m, edge.target) &&
			    (edge.class == RGD_LABEL_STACK ||
			     is_named(m, o, "async_generator_asend")))
				bits_set(inner, edge.target);
		}
	}
	return NULL;
}

static struct error *add_generators(struct model *m, struct holders *h)
{
	uint64_t *inner = NULL;
	struct error *e = big_alloc(bits_words(m->nobjects), sizeof *inner, &inner);

	if (!e)
		e = mark_inner(m, h, inner);
	for (uint32_t o = 0; o < m->nobjects && !e; o++) {
		if (!is_generator(m, o) || bits_get(inner, o))
			continue;
		e = add_holder(h, HOLDER_GENERATOR, o, MODEL_NONE);
		if (!e)
			e = add_start(h, o, MODEL_NONE);
	}
	big_free(inner, bits_words(m->nobjects), sizeof *inner);
	return e;
}

/* ---- what they hold -------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);

	return n >= k && strcmp(text + n - k, end) == 0;
}

/* What all share: nobody's alone. */
static bool is_shared(const struct model *m, uint32_t o)
{
	const struct type *t = type_of(m, o);

	return (t->flags & RGD_TYPE_F_IS_MODULE) || strcmp(t->name, "type") == 0 ||
	       strcmp(t->name, "function") == 0 || strcmp(t->name, "Context") == 0 ||
	       strcmp(t->name, "ContextVar") == 0 || strcmp(t->name, "code") == 0 ||
	       ends_with(t->name, "EventLoop") || ends_with(t->name, "Loop") ||
	       is_task_type(m, m->type[o]) || is_local(m, o) ||
	       (m->flags[o] & (RGD_OBJ_F_STATIC | RGD_OBJ_F_IMMORTAL));
}

struct search {
	struct model *m;
	uint32_t *seen;	       /* by object: number of the holder that met it last + 1 */
	uint32_t *from, *edge; /* by object: how it was met; edge MODEL_NONE: `from` is a start */
	uint64_t *chosen, *namespaces;
	uint64_t *leading; /* from here a chosen one may be reached */
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
static bool leads_away(const struct search *s, uint32_t from, uint32_t to)
{
	return bits_get(s->namespaces, to) || is_shared(s->m, to) ||
	       (is_named(s->m, from, "frame") && is_named(s->m, to, "frame"));
}

/* Backwards from the chosen: a holder need not look at what leads nowhere, which may be most of the heap, once for each holder. */
static struct error *find_leading(struct search *s, const struct ids *chosen)
{
	struct follow follow = {0};
	struct reverse reverse;
	struct error *e = NULL;

	for (unsigned c = 0; c < 256; c++)
		follow.pass[c] = MODEL_CLASS_KIND(c) == RGD_EDGE_STRONG ||
				 MODEL_CLASS_KIND(c) == RGD_EDGE_INTERNAL;
	TRY(graph_reverse(&s->m->graph, &follow, &reverse));
	s->queue.n = 0;
	for (size_t i = 0; i < chosen->n && !e; i++) {
		bits_set(s->leading, chosen->data[i]);
		e = VEC_PUSH(&s->queue, chosen->data[i]) ? NULL : error_memory();
	}
	for (size_t i = 0; i < s->queue.n && !e; i++) {
		uint32_t o = s->queue.data[i];

		for (uint32_t k = reverse.in_first[o]; k < reverse.in_first[o + 1] && !e; k++) {
			uint32_t from = reverse.in_source[k];

			if (bits_get(s->leading, from) || leads_away(s, from, o))
				continue;
			bits_set(s->leading, from);
			e = VEC_PUSH(&s->queue, from) ? NULL : error_memory();
		}
	}
	reverse_deinit(&reverse);
	return e;
}

/* "inner() > deep.items[3]" */
static void add_step(struct search *s, const struct edge *e, struct str *path)
{
	struct model *m = s->m;

	if (is_named(m, e->target, "frame") || is_named(m, e->target, "hamt_bitmap_node") ||
	    is_named(m, e->target, "hamt_array_node") ||
	    is_named(m, e->target, "hamt_collision_node"))
		return;
	if (e->class == RGD_LABEL_STACK && is_generator(m, e->target)) {
		const char *name = model_property_text(m, e->target, RGD_PROP_NAME);

		str_printf(path, "%s%s()", path->n ? " > " : "", name ? name : "?");
	} else if (e->class == RGD_LABEL_LOCAL || e->class == RGD_LABEL_CELL) {
		str_printf(path, "%s%s", path->n ? " > " : "", model_string(m, e->string));
	} else {
		spell_edge(m, e, false, path);
	}
}

static void add_root_step(struct search *s, uint32_t root, struct str *path)
{
	if (root != MODEL_NONE)
		root_name(s->m, &s->m->roots[root], path);
}

static struct error *spell_held(struct search *s, const struct holders *h, struct holder *row,
				uint32_t object)
{
	struct ids way = {0};
	struct str path = {0}, safe = {0};
	struct error *e = NULL;

	for (; s->edge[object] != MODEL_NONE && !e; object = s->from[object])
		if (!VEC_PUSH(&way, object))
			e = error_memory();
	add_root_step(s, h->starts.data[s->from[object]].root, &path);
	while (way.n && !e) {
		struct edge edge;
		uint32_t o = way.data[--way.n];

		e = model_edge(s->m, s->from[o], s->edge[o], &edge);
		if (!e)
			add_step(s, &edge, &path);
	}
	str_printable(&safe, str_text(&path));
	if (!e && (path.failed || safe.failed || !(row->path = strdup(str_text(&safe)))))
		e = error_memory();
	VEC_FREE(&way);
	str_free(&path);
	str_free(&safe);
	return e;
}

static bool enter(struct search *s, uint32_t object, uint32_t mark, uint32_t from, uint32_t edge)
{
	if (s->seen[object] == mark)
		return true;
	s->seen[object] = mark;
	s->from[object] = from;
	s->edge[object] = edge;
	return VEC_PUSH(&s->queue, object);
}

static struct error *enter_starts(struct search *s, const struct holders *h,
				  const struct holder *row, uint32_t mark)
{
	for (uint32_t i = row->first; i < row->first + row->nstarts; i++) {
		uint32_t o = h->starts.data[i].object;

		if (bits_get(s->leading, o) && !bits_get(s->namespaces, o) &&
		    (o == row->object || !is_shared(s->m, o)) && !enter(s, o, mark, i, MODEL_NONE))
			return error_memory();
	}
	return NULL;
}

/* Breadth first: the path is a shortest one. */
static struct error *count_held(struct search *s, const struct holders *h, struct holder *row,
				uint32_t mark)
{
	const struct graph *g = &s->m->graph;

	s->queue.n = 0;
	TRY(enter_starts(s, h, row, mark));
	for (size_t i = 0; i < s->queue.n; i++) {
		uint32_t o = s->queue.data[i];

		if (bits_get(s->chosen, o) && !row->holds++)
			TRY(spell_held(s, h, row, o));
		for (uint32_t e = g->out_first[o]; e < g->out_first[o + 1]; e++) {
			unsigned kind = MODEL_CLASS_KIND(g->edge_class[e]);
			uint32_t target = g->out_target[e];

			if ((kind == RGD_EDGE_STRONG || kind == RGD_EDGE_INTERNAL) &&
			    bits_get(s->leading, target) && s->seen[target] != mark &&
			    !leads_away(s, o, target) && !enter(s, target, mark, o, e))
				return error_memory();
		}
	}
	return NULL;
}

static struct error *count_all(struct model *m, const struct ids *chosen, struct holders *h)
{
	size_t words = bits_words(m->nobjects);
	struct search s = {.m = m};
	struct error *e = big_alloc(m->nobjects, sizeof *s.seen, &s.seen);

	if (!e)
		e = big_alloc(m->nobjects, sizeof *s.from, &s.from);
	if (!e)
		e = big_alloc(m->nobjects, sizeof *s.edge, &s.edge);
	if (!e)
		e = big_alloc(words, sizeof *s.chosen, &s.chosen);
	if (!e)
		e = big_alloc(words, sizeof *s.namespaces, &s.namespaces);
	if (!e)
		e = big_alloc(words, sizeof *s.leading, &s.leading);
	if (!e)
		mark_namespaces(m, s.namespaces);
	for (size_t i = 0; i < chosen->n && !e; i++)
		bits_set(s.chosen, chosen->data[i]);
	if (!e)
		e = find_leading(&s, chosen);
	for (uint32_t i = 0; i < h->rows.n && !e; i++)
		e = count_held(&s, h, &h->rows.data[i], i + 1);
	big_free(s.seen, m->nobjects, sizeof *s.seen);
	big_free(s.from, m->nobjects, sizeof *s.from);
	big_free(s.edge, m->nobjects, sizeof *s.edge);
	big_free(s.chosen, words, sizeof *s.chosen);
	big_free(s.namespaces, words, sizeof *s.namespaces);
	big_free(s.leading, words, sizeof *s.leading);
	VEC_FREE(&s.queue);
	return e;
}

static struct error *add_all(struct model *m, struct holders *h, const uint32_t *thread_of)
{
	TRY(add_tasks(m, h));
	TRY(add_threads(m, h));
	TRY(add_locals(m, h, thread_of));
	TRY(add_contexts(m, h, thread_of));
	return add_generators(m, h);
}

struct error *holders_find(struct model *m, const struct ids *chosen, struct holders *ret)
{
	uint32_t *thread_of = NULL;
	struct error *e;

	*ret = (struct holders){0};
	TRY(model_load(m, MODEL_REPR | MODEL_EDGES | MODEL_ROOTS | MODEL_THREADS));
	e = big_alloc(m->nobjects, sizeof *thread_of, &thread_of);
	if (!e) {
		find_threads(m, thread_of);
		e = add_all(m, ret, thread_of);
	}
	big_free(thread_of, m->nobjects, sizeof *thread_of);
	if (!e && chosen)
		e = count_all(m, chosen, ret);
	if (e)
		holders_deinit(ret);
	return e;
}

void holders_deinit(struct holders *h)
{
	for (size_t i = 0; i < h->rows.n; i++)
		free(h->rows.data[i].path);
	tasks_deinit(&h->tasks);
	VEC_FREE(&h->rows);
	VEC_FREE(&h->starts);
}
