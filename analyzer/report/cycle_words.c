/*
 * cycle_words.c - see cycles.h: a pattern in words, and the reference in it to make weak. Both look at one cycle of the
 * pattern, as a small graph of its own.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "report/cycles.h"
#include "report/edge_name.h"

/* A cycle of more references is not taken apart. */
#define MAX_EDGES 100000u
/* Of a way around that is longer, the beginning and the end are told. */
#define MAX_STEPS 12u
#define FIRST_STEPS 6u

struct local_edge {
	uint32_t from, to; /* places in `objects` */
	uint32_t step;
};

struct local {
	struct cycles *c;
	struct model *m;
	struct ids objects;	      /* ascending */
	VEC(struct local_edge) edges; /* ascending by source */
	uint32_t *first;	      /* by object: its first edge */
};

static void local_deinit(struct local *l)
{
	VEC_FREE(&l->objects);
	VEC_FREE(&l->edges);
	free(l->first);
}

static uint32_t place_of(const struct local *l, uint32_t object)
{
	size_t low = 0, high = l->objects.n;

	while (low + 1 < high) {
		size_t middle = (low + high) / 2;

		*(l->objects.data[middle] <= object ? &low : &high) = middle;
	}
	return low;
}

static uint32_t label_number(const struct local *l, const struct edge *e, struct str *text)
{
	str_clear(text);
	cycles_label(l->m, e, text);
	return names_find(&l->c->labels, str_text(text));
}

static uint32_t step_number(const struct local *l, const struct cycle_pattern *p, uint32_t from,
			    uint32_t to, uint32_t label)
{
	const uint32_t *steps = l->c->pattern_steps.data + p->first_step;

	for (uint32_t i = 0; i < p->nsteps; i++) {
		const struct cycle_step *s = &l->c->steps.data[steps[i]];

		if (s->from == from && s->to == to && s->label == label)
			return steps[i];
	}
	return UINT32_MAX;
}

static struct error *add_edges(struct local *l, const struct cycle_pattern *p, uint32_t place,
			       struct str *text)
{
	const struct graph *g = &l->m->graph;
	uint32_t o = l->objects.data[place];

	l->first[place] = l->edges.n;
	for (uint32_t e = g->out_first[o]; e < g->out_first[o + 1]; e++) {
		struct local_edge add = {.from = place};
		struct edge edge;

		if (!l->c->alive->follow.pass[l->c->edge_class[e]] ||
		    l->c->component_of[g->out_target[e]] != p->component)
			continue;
		TRY(model_edge(l->m, o, e, &edge));
		add.to = place_of(l, edge.target);
		add.step =
			step_number(l, p, model_type_of(l->m, o), model_type_of(l->m, edge.target),
				    label_number(l, &edge, text));
		if (l->edges.n == MAX_EDGES)
			return NULL;
		if (!VEC_PUSH(&l->edges, add))
			return error_memory();
	}
	return NULL;
}

/* The cycle that stands for the pattern. With more than MAX_EDGES references: that many of them. */
static struct error *local_init(struct local *l, struct cycles *c, uint32_t pattern)
{
	const struct cycle_pattern *p = &c->patterns.data[pattern];
	struct str text = {0};
	struct error *e = NULL;

	*l = (struct local){.c = c, .m = c->alive->model};
	for (uint32_t o = 0; o < l->m->nobjects && !e; o++)
		if (c->component_of[o] == p->component && !VEC_PUSH(&l->objects, o))
			e = error_memory();
	if (!e && !(l->first = calloc(l->objects.n + 2, sizeof *l->first)))
		e = error_memory();
	for (uint32_t i = 0; i < l->objects.n && !e; i++)
		e = add_edges(l, p, i, &text);
	if (!e)
		l->first[l->objects.n] = l->edges.n;
	str_free(&text);
	if (e)
		local_deinit(l);
	return e;
}

/* ---- the pattern in words ---------------------------------------------------------------------- */

/* A list, a dict, a cell: nobody's class, only a way from one object to the next. */
static bool is_container(const struct model *m, uint32_t type)
{
	static const char *const names[] = {
		"dict",	      "list",	     "tuple",	     "set",	    "frozenset",
		"cell",	      "deque",	     "mappingproxy", "dict values", "dict keys",
		"list items", "OrderedDict", "defaultdict"};
	const struct type *t = &m->types[type];

	if (t->flags & RGD_TYPE_F_INTERNAL)
		return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (t->runtime == RGD_RT_CPYTHON && strcmp(t->name, names[i]) == 0)
			return true;
	return false;
}

/* A class of the program's before one of the runtime's own. */
static unsigned start_rank(const struct local *l, uint32_t place)
{
	uint32_t type = model_type_of(l->m, l->objects.data[place]);

	if (is_container(l->m, type))
		return 2;
	return l->m->types[type].flags & RGD_TYPE_F_HEAP ? 0 : 1;
}

/* What in the cycle is held from outside comes first: "Parent.children[] -> Child.parent", not the other way round. */
static uint32_t choose_start(const struct local *l)
{
	const struct alive *a = l->c->alive;
	uint32_t best = 0;
	unsigned best_rank = 9;

	for (uint32_t i = 0; i < l->objects.n; i++) {
		uint32_t up = a->immediate ? a->immediate[l->objects.data[i]] : MODEL_NONE;
		bool entry = up != MODEL_NONE &&
			     (up >= l->m->nobjects ||
			      l->c->component_of[up] != l->c->component_of[l->objects.data[i]]);
		unsigned rank = 2 * start_rank(l, i) + !entry;

		if (rank < best_rank) {
			best = i;
			best_rank = rank;
		}
	}
	return best;
}

/* The edges of a shortest way from `start` to itself, last first. */
static struct error *shortest_cycle(const struct local *l, uint32_t start, struct ids *ret)
{
	uint32_t n = l->objects.n, *queue = malloc(n * sizeof *queue), *by = calloc(n, sizeof *by),
		 tail = 0;
	bool failed = !queue || !by;

	for (uint32_t head = 0; !failed && !by[start];) {
		uint32_t v = head ? queue[head - 1] : start;

		for (uint32_t e = l->first[v]; e < l->first[v + 1] && !by[start]; e++) {
			uint32_t to = l->edges.data[e].to;

			if (by[to])
				continue;
			by[to] = e + 1;
			queue[tail++] = to;
		}
		if (++head > tail)
			break;
	}
	for (uint32_t at = start; !failed && by[at];) {
		failed = !VEC_PUSH(ret, by[at] - 1);
		at = failed ? at : l->edges.data[by[at] - 1].from;
		if (at == start)
			break;
	}
	free(queue);
	free(by);
	return failed ? error_memory() : NULL;
}

static struct error *write_words(const struct local *l, struct str *out)
{
	uint32_t start = choose_start(l);
	struct ids way = {0};
	struct error *e = shortest_cycle(l, start, &way);
	const struct type *types = l->m->types;
	uint32_t last = 0; /* the type before the last two references */

	if (!e && way.n > MAX_STEPS)
		last = model_type_of(l->m, l->objects.data[l->edges.data[way.data[1]].from]);
	if (!e)
		str_add(out, types[model_type_of(l->m, l->objects.data[start])].name);
	for (size_t i = way.n; i-- > 0 && !e;) {
		const struct local_edge *edge = &l->edges.data[way.data[i]];
		const struct cycle_step *s = &l->c->steps.data[edge->step];
		size_t done = way.n - 1 - i;

		if (way.n > MAX_STEPS && done >= FIRST_STEPS && i > 1) {
			if (done == FIRST_STEPS)
				str_printf(out, " ... %zu references ... %s", i - 1,
					   types[last].name);
			continue;
		}
		/* the names of an object are its attributes */
		if (strcmp(l->c->labels.names[s->label], ".__dict__") != 0)
			str_add(out, l->c->labels.names[s->label]);
		if (i && (!is_container(l->m, s->to) || start_rank(l, start) == 2))
			str_printf(out, " -> %s", types[s->to].name);
	}
	VEC_FREE(&way);
	return e;
}

struct error *cycles_words(struct cycles *c, uint32_t pattern, struct str *out)
{
	struct local l;
	struct error *e;

	TRY(alive_dominators(c->alive));
	TRY(local_init(&l, c, pattern));
	e = write_words(&l, out);
	local_deinit(&l);
	return e;
}

/* ---- the reference to make weak ----------------------------------------------------------------- */

/* True when no cycle is left once references of this kind are gone: leaves are taken off until nothing is left. */
static bool breaks(const struct local *l, uint32_t step, uint32_t *indegree, uint32_t *queue)
{
	uint32_t n = l->objects.n, tail = 0;

	memset(indegree, 0, n * sizeof *indegree);
	for (size_t i = 0; i < l->edges.n; i++)
		indegree[l->edges.data[i].to] += l->edges.data[i].step != step;
	for (uint32_t i = 0; i < n; i++)
		if (!indegree[i])
			queue[tail++] = i;
	for (uint32_t head = 0; head < tail; head++)
		for (uint32_t e = l->first[queue[head]]; e < l->first[queue[head] + 1]; e++)
			if (l->edges.data[e].step != step && !--indegree[l->edges.data[e].to])
				queue[tail++] = l->edges.data[e].to;
	return tail == n;
}

/* Names by which programs call what is above or before. */
static bool points_back(const char *label)
{
	static const char *const names[] = {"parent", "owner",	 "back",       "prev",	 "previous",
					    "root",   "outer",	 "container",  "master", "backref",
					    "up",     "manager", "controller", "host"};

	while (*label == '.' || *label == '_')
		label++;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strncasecmp(label, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Smaller is more natural: named like one; an attribute; many that point at few. */
static uint64_t weak_rank(const struct local *l, uint32_t step, uint32_t *seen, uint32_t mark)
{
	const struct cycle_step *s = &l->c->steps.data[step];
	uint64_t edges = 0, targets = 0;

	for (size_t i = 0; i < l->edges.n; i++) {
		if (l->edges.data[i].step != step)
			continue;
		edges++;
		targets += seen[l->edges.data[i].to] != mark;
		seen[l->edges.data[i].to] = mark;
	}
	return (uint64_t)!points_back(l->c->labels.names[s->label]) << 62 |
	       (uint64_t)!s->attribute << 61 | (edges ? targets * 1000000 / edges : 1000000);
}

static struct error *choose_weak(const struct local *l, const struct cycle_pattern *p,
				 uint32_t *ret)
{
	const uint32_t *steps = l->c->pattern_steps.data + p->first_step;
	uint32_t n = l->objects.n + 1, *a = calloc(n, sizeof *a), *b = calloc(n, sizeof *b);
	uint64_t best = UINT64_MAX;

	*ret = UINT32_MAX;
	for (uint32_t i = 0; i < p->nsteps && a && b; i++) {
		uint64_t rank;

		if (!breaks(l, steps[i], a, b))
			continue;
		memset(a, 0, n * sizeof *a);
		rank = weak_rank(l, steps[i], a, 1);
		if (rank < best) {
			best = rank;
			*ret = steps[i];
		}
	}
	free(a);
	free(b);
	return a && b ? NULL : error_memory();
}

struct error *cycles_weak(struct cycles *c, uint32_t pattern, struct str *out)
{
	const struct cycle_pattern *p = &c->patterns.data[pattern];
	struct local l;
	uint32_t step = UINT32_MAX;
	struct error *e;

	TRY(local_init(&l, c, pattern));
	e = l.edges.n < MAX_EDGES && p->nsteps < 200 ? choose_weak(&l, p, &step) : NULL;
	if (!e && step != UINT32_MAX)
		str_printf(out, "%s%s", l.m->types[c->steps.data[step].from].name,
			   c->labels.names[c->steps.data[step].label]);
	local_deinit(&l);
	return e;
}
