/* library_held.c - see library_held.h. */
#include "report/library_held.h"

#include <stdlib.h>
#include <string.h>

#include "util/big.h"
#include "util/bits.h"

struct variable {
	uint64_t address;
	uint32_t library;
};

struct held {
	const struct model *m;
	uint32_t *library; /* by object: module + 1 of the functions that count it; 0 not counted */
	uint8_t *
		stores; /* by module + 1: it keeps other people's objects for them, as containers do */
	VEC(struct variable) variables; /* counted objects that are no blocks, ascending */
};

uint32_t library_of(const struct model *m, const struct counted_row *c)
{
	for (uint32_t i = 0; i < c->events; i++) {
		uint32_t hook = m->events[c->first + i].hook;

		if (hook != MODEL_NONE)
			return m->hooks[hook].module == MODEL_NONE || !m->hooks[hook].module
				       ? 0
				       : m->hooks[hook].module + 1;
	}
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static struct error *find_counted(struct held *h)
{
	for (uint32_t i = 0; i < h->m->ncounted; i++) {
		const struct counted_row *c = &h->m->counted[i];
		uint32_t library = c->state == RGD_COUNTED_ALIVE ? library_of(h->m, c) : 0;

		if (!library)
			continue;
		if (c->object != MODEL_NONE)
			h->library[c->object] = library;
		else if (!(c->flags & RGD_COUNTED_F_ID) &&
			 !VEC_PUSH(&h->variables, ((struct variable){c->address, library})))
			return error_memory();
	}
	if (h->variables.n)
		qsort(h->variables.data, h->variables.n, sizeof *h->variables.data, by_address);
	return NULL;
}

/* Module + 1 whose memory the object is; 0 unknown. */
static uint32_t owner_of(const struct held *h, uint32_t object)
{
	uint32_t stack = h->m->stack[object];

	if (h->library[object])
		return h->library[object];
	return stack ? h->m->frames[h->m->stacks[stack - 1].frame].module + 1 : 0;
}

/* An adapter knows it: an instance of a class, whose fields are everybody's. */
static bool is_runtime(const struct model *m, uint32_t object)
{
	uint8_t runtime = m->types[m->type[object]].runtime;

	return runtime == RGD_RT_GOBJECT || runtime == RGD_RT_CPYTHON || runtime == RGD_RT_PHP;
}

static const char *variable_at(const struct model *m, uint32_t module, uint64_t offset)
{
	return m->namer.data ? m->namer.data(m->namer.context, module, offset) : NULL;
}

/* "loop+0x10" lies in the variable `begin` of the same module, as its symbols say; where there are none nobody knows. */
static bool same_variable(const struct model *m, const struct root *root, uint64_t begin)
{
	char name[256];
	const char *text = variable_at(m, root->owner, begin - m->modules[root->owner].base);
	size_t n = text ? strcspn(text, "+ ") : 0;

	if (!n || text[n] || n >= sizeof name) /* no name, or not where it begins */
		return false;
	memcpy(name, text, n);
	text = variable_at(m, root->owner, root->value);
	return text && !strncmp(text, name, n) && (!text[n] || text[n] == '+');
}

static bool root_is_own(const struct held *h, const struct root *root, uint32_t library)
{
	size_t low = 0, high = h->variables.n;
	uint64_t address;

	if (root->class != RGD_ROOT_GLOBAL || root->owner >= h->m->nmodules)
		return false;
	if (root->owner == library - 1)
		return true;
	address = h->m->modules[root->owner].base + root->value;
	while (low < high) { /* the last variable that begins at or before the word */
		size_t middle = low + (high - low) / 2;

		if (h->variables.data[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && h->variables.data[low - 1].library == library &&
	       same_variable(h->m, root, h->variables.data[low - 1].address);
}

/*
 * A library of containers (GLib) holds whatever it is given, and blocks of an object system (GObject) are everybody's: that one of theirs is the
 * holder says nothing, nor do its counted ones, which others may make longer for what is theirs (GSource). Such are libraries of which some block points to what is neither theirs nor counted by them.
 */
static void find_stores(const struct held *h, const struct alive *a)
{
	const struct graph *g = &h->m->graph;

	for (uint32_t v = 0; v < h->m->nobjects; v++) {
		uint32_t owner = owner_of(h, v);

		if (!owner || (h->library[v] && !is_runtime(h->m, v)) || !bits_get(a->reached, v))
			continue;
		for (uint32_t e = g->out_first[v]; e < g->out_first[v + 1] && !h->stores[owner];
		     e++)
			h->stores[owner] = owner_of(h, g->out_target[e]) != owner;
	}
}

static void take_out(const struct held *h, const struct alive *a, uint64_t *set)
{
	const struct graph *g = &h->m->graph;

	for (uint32_t v = 0; v < h->m->nobjects; v++) {
		if (!bits_get(a->reached, v))
			continue;
		for (uint32_t e = g->out_first[v]; e < g->out_first[v + 1]; e++) {
			uint32_t t = g->out_target[e];

			if (t != v && h->library[t] && alive_edge(a, e) &&
			    (is_runtime(h->m, v) || owner_of(h, v) != h->library[t] ||
			     h->stores[h->library[t]]))
				bits_clear(set, t);
		}
	}
	for (size_t i = 0; i < a->root_rows.n; i++) {
		const struct root *root = &h->m->roots[a->root_rows.data[i]];

		if (h->library[root->target] && !root_is_own(h, root, h->library[root->target]))
			bits_clear(set, root->target);
	}
}

struct error *library_held(struct alive *a, uint64_t **ret)
{
	struct held h = {.m = a->model};
	struct error *e;

	*ret = NULL;
	TRY(model_load(a->model, MODEL_COUNTED | MODEL_STACK | MODEL_STACKS | MODEL_FRAMES |
					 MODEL_MODULES | MODEL_TYPES | MODEL_TYPE));
	TRY(alive_reach(a));
	TRY(big_alloc(h.m->nobjects, sizeof *h.library, &h.library));
	e = big_alloc((size_t)h.m->nmodules + 1, sizeof *h.stores, &h.stores);
	if (!e)
		e = find_counted(&h);
	if (!e)
		e = big_alloc(bits_words(h.m->nobjects), sizeof **ret, ret);
	for (uint32_t o = 0; o < h.m->nobjects && !e; o++)
		if (h.library[o] && bits_get(a->reached, o))
			bits_set(*ret, o);
	if (!e) {
		find_stores(&h, a);
		take_out(&h, a, *ret);
	}
	big_free(h.stores, (size_t)h.m->nmodules + 1, sizeof *h.stores);
	big_free(h.library, h.m->nobjects, sizeof *h.library);
	VEC_FREE(&h.variables);
	return e;
}
