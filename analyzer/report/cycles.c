/*
 * cycles.c - see cycles.h.
 *
 * References on cycles are visited in the order in which they lie in the dump, each becoming (component, kind of reference);
 * sorted, that is a signature for each component. Components of equal signature are one pattern.
 */
#include "report/cycles.h"

#include <stdlib.h>
#include <string.h>

#include "graph/reach.h"
#include "graph/scc.h"
#include "report/edge_name.h"
#include "report/edge_php.h"
#include "util/big.h"
#include "util/bits.h"

/* Above all kinds of the format: no reference to follow here. */
#define CLASS_NONE 0xffu

struct entry {
	uint32_t component, step;
};

struct work {
	struct cycles *c;
	struct alive *alive;
	struct model *m;
	struct graph graph;
	struct components components;
	VEC(struct entry) entries;
	uint32_t *pattern_by_component; /* number + 1 */
	uint32_t *pattern_slots;
	size_t nslots;
	struct str text;
};

/* ---- which edges count ----------------------------------------------------------------------- */

/* Modules, what they call their names, and types. */
static struct error *common_ground(struct work *w, uint64_t *bits)
{
	struct model *m = w->m;

	for (uint32_t o = 0; o < m->nobjects; o++) {
		uint32_t flags = m->types[m->type[o]].flags;

		if (flags & RGD_TYPE_F_IS_TYPE)
			bits_set(bits, o);
		if (!(flags & RGD_TYPE_F_IS_MODULE))
			continue;
		bits_set(bits, o);
		for (uint32_t e = m->graph.out_first[o]; e < m->graph.out_first[o + 1]; e++) {
			struct edge edge;

			TRY(model_edge(m, o, e, &edge));
			if (edge.class == RGD_LABEL_PART &&
			    strcmp(model_string(m, edge.string), "__dict__") == 0)
				bits_set(bits, edge.target);
		}
	}
	return NULL;
}

static struct error *choose_edges(struct work *w, bool with_types)
{
	const struct graph *g = &w->m->graph;
	uint64_t *out, words = bits_words(w->m->nobjects);
	struct error *e = NULL;

	TRY(big_alloc(words, sizeof *out, &out));
	if (!with_types)
		e = common_ground(w, out);
	for (size_t i = 0; i < words; i++)
		out[i] &= w->alive->reached[i];
	for (uint32_t o = 0; o < g->nnodes && !e; o++)
		for (uint32_t k = g->out_first[o]; k < g->out_first[o + 1]; k++) {
			uint8_t class = w->alive->edge_class[k];
			bool own = model_class_own(class, o, g->out_target[k]);

			w->c->edge_class[k] =
				own || bits_get(out, o) || bits_get(out, g->out_target[k])
					? CLASS_NONE
					: class;
		}
	w->graph = *g;
	w->graph.edge_class = w->c->edge_class;
	big_free(out, words, sizeof *out);
	return e;
}

/* ---- kinds of references ---------------------------------------------------------------------- */

void cycles_label(struct model *m, const struct edge *e, struct str *out)
{
	const char *text = model_string(m, e->string);

	if (edge_field(m, e, true, out) || edge_php(m, e, EDGE_PHP_PATH, out))
		return;
	switch (e->class) {
	case RGD_LABEL_ATTRIBUTE:
	case RGD_LABEL_PART:
	case RGD_LABEL_LOCAL:
	case RGD_LABEL_CELL:
		str_printf(out, ".%s", text);
		break;
	case RGD_LABEL_KEY:
	case RGD_LABEL_INDEX:
	case RGD_LABEL_NEXT:
	case RGD_LABEL_KEY_OBJECT:
	case RGD_LABEL_KEY_INT:
	case RGD_LABEL_KEY_TEXT:
	case RGD_LABEL_STACK:
		str_add(out, "[]");
		break;
	case RGD_LABEL_IS_KEY:
		str_add(out, "(key)");
		break;
	case RGD_LABEL_MEMBER:
		str_add(out, "(member)");
		break;
	case RGD_LABEL_OFFSET:
		str_printf(out, "%s+0x%llx", e->kind == RGD_EDGE_CONSERVATIVE ? "~" : "",
			   (unsigned long long)e->value);
		break;
	default:
		str_add(out, text[0] ? text : ".?");
	}
}

static struct error *intern_label(struct work *w, const struct edge *e, uint32_t *ret)
{
	str_clear(&w->text);
	cycles_label(w->m, e, &w->text);
	*ret = w->text.failed ? NAMES_NONE : names_keep(&w->c->labels, str_text(&w->text));
	return *ret == NAMES_NONE ? error_memory() : NULL;
}

static size_t mix(uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ b * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;

	return h ^ h >> 32;
}

static bool same_step(const struct cycle_step *x, const struct cycle_step *y)
{
	return x->from == y->from && x->to == y->to && x->label == y->label;
}

static size_t find_slot(const struct cycles *c, const struct cycle_step *step)
{
	size_t i = mix((uint64_t)step->from << 32 | step->to, step->label) & (c->nslots - 1);

	while (c->step_slots[i] && !same_step(&c->steps.data[c->step_slots[i] - 1], step))
		i = (i + 1) & (c->nslots - 1);
	return i;
}

static bool grow_slots(struct cycles *c)
{
	if ((c->steps.n + 1) * 2 <= c->nslots)
		return true;
	free(c->step_slots);
	c->nslots = c->nslots ? c->nslots * 2 : 256;
	c->step_slots = calloc(c->nslots, sizeof *c->step_slots);
	if (!c->step_slots)
		return false;
	for (size_t i = 0; i < c->steps.n; i++)
		c->step_slots[find_slot(c, &c->steps.data[i])] = i + 1;
	return true;
}

static struct error *intern_step(struct cycles *c, struct cycle_step step, uint32_t *ret)
{
	size_t slot;

	if (!grow_slots(c))
		return error_memory();
	slot = find_slot(c, &step);
	if (!c->step_slots[slot]) {
		if (!VEC_PUSH(&c->steps, step))
			return error_memory();
		c->step_slots[slot] = c->steps.n;
	}
	*ret = c->step_slots[slot] - 1;
	return NULL;
}

static struct error *step_of(struct work *w, uint32_t source, uint32_t number, uint32_t *ret)
{
	struct cycle_step step;
	struct edge edge;

	TRY(model_edge(w->m, source, number, &edge));
	TRY(intern_label(w, &edge, &step.label));
	step.from = model_type_of(w->m, source);
	step.to = model_type_of(w->m, edge.target);
	step.attribute = edge.class == RGD_LABEL_ATTRIBUTE || edge.class == RGD_LABEL_OFFSET ||
			 edge.class == RGD_LABEL_CELL;
	return intern_step(w->c, step, ret);
}

/* ---- signatures ------------------------------------------------------------------------------- */

static bool inside(const struct work *w, uint32_t source, uint32_t number)
{
	const uint32_t *of = w->components.of;

	return w->alive->follow.pass[w->c->edge_class[number]] &&
	       of[source] == of[w->graph.out_target[number]];
}

static struct error *collect_entries(struct work *w)
{
	for (uint32_t o = 0; o < w->graph.nnodes; o++) {
		for (uint32_t e = w->graph.out_first[o]; e < w->graph.out_first[o + 1]; e++) {
			struct entry entry = {.component = w->components.of[o]};

			if (!inside(w, o, e))
				continue;
			TRY(step_of(w, o, e, &entry.step));
			if (!VEC_PUSH(&w->entries, entry))
				return error_memory();
		}
	}
	return NULL;
}

static int by_component(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->component != y->component)
		return x->component < y->component ? -1 : 1;
	return (x->step > y->step) - (x->step < y->step);
}

static void sort_entries(struct work *w)
{
	size_t kept = 0;

	if (!w->entries.n)
		return;
	qsort(w->entries.data, w->entries.n, sizeof *w->entries.data, by_component);
	for (size_t i = 0; i < w->entries.n; i++)
		if (!kept || by_component(&w->entries.data[kept - 1], &w->entries.data[i]))
			w->entries.data[kept++] = w->entries.data[i];
	w->entries.n = kept;
}

/* ---- patterns --------------------------------------------------------------------------------- */

static bool has_signature(const struct work *w, const struct cycle_pattern *p,
			  const struct entry *entries, size_t n, bool garbage)
{
	const uint32_t *steps = w->c->pattern_steps.data + p->first_step;

	if (p->nsteps != n || p->garbage != garbage)
		return false;
	for (size_t i = 0; i < n; i++)
		if (steps[i] != entries[i].step)
			return false;
	return true;
}

static struct error *new_pattern(struct work *w, const struct entry *entries, size_t n,
				 bool garbage)
{
	struct cycle_pattern p = {.garbage = garbage,
				  .nsteps = n,
				  .example = MODEL_NONE,
				  .component = entries->component,
				  .first_step = w->c->pattern_steps.n};

	for (size_t i = 0; i < n; i++)
		if (!VEC_PUSH(&w->c->pattern_steps, entries[i].step))
			return error_memory();
	return VEC_PUSH(&w->c->patterns, p) ? NULL : error_memory();
}

/* All entries of one component. There are at most as many patterns as entries, so that a table of twice their number never
 * fills. */
static struct error *add_component(struct work *w, const struct entry *entries, size_t n,
				   bool garbage)
{
	size_t slot = garbage;

	for (size_t i = 0; i < n; i++)
		slot = mix(slot, entries[i].step + 1);
	for (slot &= w->nslots - 1; w->pattern_slots[slot]; slot = (slot + 1) & (w->nslots - 1))
		if (has_signature(w, &w->c->patterns.data[w->pattern_slots[slot] - 1], entries, n,
				  garbage))
			break;
	if (!w->pattern_slots[slot]) {
		TRY(new_pattern(w, entries, n, garbage));
		w->pattern_slots[slot] = w->c->patterns.n;
	}
	w->pattern_by_component[entries->component] = w->pattern_slots[slot];
	w->c->patterns.data[w->pattern_slots[slot] - 1].count++;
	return NULL;
}

/* Whether a component is garbage: any of its objects tells. */
static uint8_t *garbage_components(const struct work *w)
{
	uint8_t *garbage = calloc(w->components.count + 1, 1);

	for (uint32_t o = 0; o < w->graph.nnodes && garbage; o++)
		garbage[w->components.of[o]] = !bits_get(w->alive->reached, o);
	return garbage;
}

static struct error *make_patterns(struct work *w)
{
	uint8_t *garbage = garbage_components(w);
	struct error *e = NULL;

	w->nslots = 64;
	while (w->nslots < w->entries.n * 2)
		w->nslots *= 2;
	w->pattern_slots = calloc(w->nslots, sizeof *w->pattern_slots);
	w->pattern_by_component = calloc(w->components.count + 1, sizeof *w->pattern_by_component);
	if (!garbage || !w->pattern_slots || !w->pattern_by_component)
		e = error_memory();
	for (size_t i = 0, end; i < w->entries.n && !e; i = end) {
		const struct entry *first = &w->entries.data[i];

		for (end = i + 1; end < w->entries.n; end++)
			if (w->entries.data[end].component != first->component)
				break;
		e = add_component(w, first, end - i, garbage[first->component]);
	}
	free(garbage);
	return e;
}

static void count_objects(struct work *w)
{
	for (uint32_t o = 0; o < w->graph.nnodes; o++) {
		uint32_t number = w->pattern_by_component[w->components.of[o]];
		struct cycle_pattern *p;
		uint32_t flags;

		if (!number)
			continue;
		p = &w->c->patterns.data[number - 1];
		flags = w->m->types[w->m->type[o]].flags;
		if (p->example == MODEL_NONE) {
			p->example = o;
			p->component = w->components.of[o];
		}
		p->objects++;
		p->bytes += w->m->size[o];
		p->finalizers += !!(flags & (RGD_TYPE_F_FINALIZER | RGD_TYPE_F_LEGACY_DEL));
		p->legacy += !!(flags & RGD_TYPE_F_LEGACY_DEL);
		w->c->pattern_of[o] = number;
	}
}

static int by_weight(const void *a, const void *b, void *patterns)
{
	const struct cycle_pattern *x = (struct cycle_pattern *)patterns + *(const uint32_t *)a,
				   *y = (struct cycle_pattern *)patterns + *(const uint32_t *)b;

	if (x->garbage != y->garbage)
		return x->garbage ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return (x->example > y->example) - (x->example < y->example);
}

/* Sorts the patterns and gives the objects their new numbers. */
static struct error *sort_patterns(struct work *w)
{
	size_t n = w->c->patterns.n;
	struct cycle_pattern *sorted = malloc((n + 1) * sizeof *sorted);
	uint32_t *order = malloc((n + 1) * sizeof *order), *place = malloc((n + 1) * sizeof *place);
	bool failed = !sorted || !order || !place;

	for (size_t i = 0; i < n && !failed; i++)
		order[i] = i;
	if (n && !failed) {
		qsort_r(order, n, sizeof *order, by_weight, w->c->patterns.data);
		for (size_t i = 0; i < n; i++) {
			sorted[i] = w->c->patterns.data[order[i]];
			place[order[i]] = i + 1;
		}
		memcpy(w->c->patterns.data, sorted, n * sizeof *sorted);
		for (uint32_t o = 0; o < w->graph.nnodes; o++)
			if (w->c->pattern_of[o])
				w->c->pattern_of[o] = place[w->c->pattern_of[o] - 1];
	}
	free(sorted);
	free(order);
	free(place);
	return failed ? error_memory() : NULL;
}

static struct error *find(struct work *w, bool with_types)
{
	TRY(choose_edges(w, with_types));
	TRY(components_compute(&w->graph, &w->alive->follow, &w->components));
	TRY(collect_entries(w));
	sort_entries(w);
	TRY(make_patterns(w));
	count_objects(w);
	return sort_patterns(w);
}

struct error *cycles_find(struct alive *a, bool with_types, struct cycles *ret)
{
	struct work w = {.c = ret, .alive = a, .m = a->model};
	struct error *e;

	*ret = (struct cycles){.alive = a};
	TRY(model_load(w.m, MODEL_SITES | MODEL_LABELS | MODEL_SIZE));
	TRY(alive_reach(a));
	e = big_alloc(w.m->nobjects, sizeof *ret->pattern_of, &ret->pattern_of);
	if (!e)
		e = big_alloc(w.m->graph.nedges, sizeof *ret->edge_class, &ret->edge_class);
	if (!e)
		e = find(&w, with_types);
	ret->component_of = w.components.of;
	w.components.of = NULL;
	components_deinit(&w.components);
	VEC_FREE(&w.entries);
	free(w.pattern_by_component);
	free(w.pattern_slots);
	str_free(&w.text);
	if (e)
		cycles_deinit(ret);
	return e;
}

void cycles_deinit(struct cycles *c)
{
	size_t n = c->alive ? c->alive->model->nobjects : 0;

	if (!c->alive)
		return;
	big_free(c->pattern_of, n, sizeof *c->pattern_of);
	big_free(c->edge_class, c->alive->model->graph.nedges, sizeof *c->edge_class);
	free(c->component_of);
	free(c->step_slots);
	names_free_kept(&c->labels);
	VEC_FREE(&c->steps);
	VEC_FREE(&c->pattern_steps);
	VEC_FREE(&c->patterns);
	*c = (struct cycles){0};
}

struct error *cycles_retained(struct cycles *c, uint32_t pattern, uint64_t *objects,
			      uint64_t *bytes)
{
	const struct model *m = c->alive->model;
	size_t words = bits_words(m->nobjects);
	uint64_t *bits = NULL;
	struct ids set = {0};
	struct error *e = NULL;

	for (uint32_t o = 0; o < m->nobjects && !e; o++)
		if (c->pattern_of[o] == pattern + 1 && !VEC_PUSH(&set, o))
			e = error_memory();
	if (!e && !c->patterns.data[pattern].garbage)
		e = alive_retained_set(c->alive, &set, &bits);
	else if (!e && !(e = big_alloc(words, sizeof *bits, &bits))) {
		memcpy(bits, c->alive->reached, words * sizeof *bits);
		e = reach_mark(&c->alive->graph, &c->alive->follow, set.data, set.n, bits);
		for (size_t i = 0; i < words; i++)
			bits[i] &= ~c->alive->reached[i];
	}
	if (!e)
		alive_sum(c->alive, bits, objects, bytes);
	big_free(bits, words, sizeof *bits);
	VEC_FREE(&set);
	return e;
}
