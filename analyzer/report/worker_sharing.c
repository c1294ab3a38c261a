/* worker_sharing.c - see worker_sharing.h. */
#include "report/worker_sharing.h"

#include <stdlib.h>
#include <string.h>

#include "util/big.h"
#include "util/str.h"

static const struct {
	const char *name, *about;
} causes[SHARING_CAUSES] = {
	[SHARING_OWN] = {"own", "nothing on it was there at the fork: what the child allocated"},
	[SHARING_CONTENTS] = {"contents", "objects were made, changed or freed there"},
	[SHARING_REFCOUNT] = {"refcounts",
			      "reference counts differ from the parent's, and no more"},
	[SHARING_COLLECTOR] =
		{"collector",
		 "only the collector wrote there: gc.freeze() before the fork saves it"},
	[SHARING_OTHER] = {"other", "counts that went up and came back, caches, data of C"},
};

const char *sharing_cause_name(unsigned cause)
{
	return cause < SHARING_CAUSES ? causes[cause].name : "?";
}

const char *sharing_cause_about(unsigned cause)
{
	return cause < SHARING_CAUSES ? causes[cause].about : "";
}

/* ---- both sides ---------------------------------------------------------------------------------- */

/* By type of the model: its number in `types`, by long name. */
static struct error *type_numbers(const struct model *m, struct names *types, uint32_t **ret)
{
	uint32_t *numbers = calloc((size_t)m->ntypes + 1, sizeof *numbers);
	struct str text = {0};
	struct error *e = numbers ? NULL : error_memory();

	for (uint32_t i = 0; i < m->ntypes && !e; i++) {
		str_clear(&text);
		model_long_name(m, i, &text);
		numbers[i] = text.failed ? NAMES_NONE : names_keep(types, str_text(&text));
		if (numbers[i] == NAMES_NONE)
			e = error_memory();
	}
	str_free(&text);
	if (e)
		free(numbers);
	else
		*ret = numbers;
	return e;
}

/* What an object refers to, as one number: addresses of targets in order. */
static uint64_t edges_of(const struct model *m, uint32_t o)
{
	uint64_t sum = 0;

	for (uint32_t e = m->graph.out_first[o]; e < m->graph.out_first[o + 1]; e++)
		sum = (sum ^ m->address[m->graph.out_target[e]]) * 0x9e3779b97f4a7c15ull;
	return sum;
}

#define PARTS                                                                                      \
	(MODEL_TYPES | MODEL_ADDRESS | MODEL_TYPE | MODEL_SIZE | MODEL_REFCOUNT | MODEL_FLAGS |    \
	 MODEL_EPOCH | MODEL_BASE | MODEL_EDGES)

struct error *sharing_parent_read(struct model *m, struct names *types, struct sharing_parent *ret)
{
	uint32_t *numbers = NULL, n = m->nobjects;
	struct error *e;

	*ret = (struct sharing_parent){.nobjects = n};
	TRY(model_load(m, PARTS));
	TRY(type_numbers(m, types, &numbers));
	e = big_alloc(n, sizeof *ret->type, &ret->type);
	if (!e)
		e = big_alloc(n, sizeof *ret->epoch, &ret->epoch);
	if (!e)
		e = big_alloc(n, sizeof *ret->generation, &ret->generation);
	if (!e)
		e = big_alloc(n, sizeof *ret->address, &ret->address);
	if (!e)
		e = big_alloc(n, sizeof *ret->refcount, &ret->refcount);
	if (!e)
		e = big_alloc(n, sizeof *ret->size, &ret->size);
	if (!e)
		e = big_alloc(n, sizeof *ret->edges, &ret->edges);
	for (uint32_t o = 0; o < n && !e; o++) {
		ret->type[o] = numbers[m->type[o]];
		ret->epoch[o] = m->epoch[o];
		ret->generation[o] = model_generation(m, o);
		ret->address[o] = m->address[o];
		ret->refcount[o] = m->refcount[o];
		ret->size[o] = m->size[o];
		ret->edges[o] = edges_of(m, o);
	}
	free(numbers);
	if (e)
		sharing_parent_deinit(ret);
	return e;
}

void sharing_parent_deinit(struct sharing_parent *p)
{
	big_free(p->type, p->nobjects, sizeof *p->type);
	big_free(p->epoch, p->nobjects, sizeof *p->epoch);
	big_free(p->generation, p->nobjects, sizeof *p->generation);
	big_free(p->address, p->nobjects, sizeof *p->address);
	big_free(p->refcount, p->nobjects, sizeof *p->refcount);
	big_free(p->size, p->nobjects, sizeof *p->size);
	big_free(p->edges, p->nobjects, sizeof *p->edges);
	*p = (struct sharing_parent){0};
}

/* ---- pages of the child ------------------------------------------------------------------------------ */

enum { INHERITED = 1, CONTENTS = 2, REFCOUNT = 4, COLLECTOR = 8 };

struct search {
	struct model *model;
	const struct sharing_parent *parent;
	uint64_t fork_epoch, page, npages;
	uint64_t *first;   /* by run of private pages: number of its first page; else UINT64_MAX */
	uint8_t *marks;	   /* by private page */
	uint32_t *numbers; /* by type of the model: its name */
	uint64_t collections[3];
	uint64_t *last_page; /* by type: the page that was counted last + 1 */
	struct sharing *ret;
};

/* The number of the private page that holds the address; UINT64_MAX: it is none. */
static uint64_t page_at(const struct search *s, uint64_t address)
{
	const struct model *m = s->model;
	uint32_t low = 0, high = m->npages;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct pages *run = &m->pages[middle];

		if (address < run->address)
			high = middle;
		else if (address - run->address >= run->count * s->page)
			low = middle + 1;
		else
			return s->first[middle] == UINT64_MAX
				       ? UINT64_MAX
				       : s->first[middle] + (address - run->address) / s->page;
	}
	return UINT64_MAX;
}

static void mark(struct search *s, uint64_t address, unsigned what)
{
	uint64_t page = page_at(s, address);

	if (page != UINT64_MAX)
		s->marks[page] |= (uint8_t)what;
}

/* At most so many pages of one object are looked at: a size in a dump may be anything. */
#define SPAN_MOST (1u << 20)

static void mark_all(struct search *s, uint64_t low, uint64_t high, unsigned what)
{
	uint64_t at = low - low % s->page;

	for (unsigned i = 0; at < high && i < SPAN_MOST; i++, at += s->page)
		mark(s, at < low ? low : at, what);
}

static uint64_t gc_number(const struct model *m, const char *name, unsigned generation)
{
	for (uint32_t i = 0; i < m->ngc; i++)
		if (m->gc[i].runtime == RGD_RT_CPYTHON && m->gc[i].index == generation &&
		    strcmp(model_string(m, m->gc[i].name), name) == 0)
			return m->gc[i].value;
	return 0;
}

/* A collection writes the headers of its generation and of the younger ones. */
static bool collected(const struct search *s, unsigned before, unsigned now)
{
	if (now == 3)
		return false;
	return s->collections[2] || (s->collections[1] && before <= 1) ||
	       (s->collections[0] && before == 0) || before != now;
}

static void look_at(struct search *s, uint32_t o, uint32_t twin)
{
	const struct model *m = s->model;
	const struct sharing_parent *p = s->parent;
	uint64_t low = m->address[o] - m->base[o], high = m->address[o] + m->size[o];
	unsigned now = model_generation(m, o);

	if (high < low)
		return;
	if (m->epoch[o] >= s->fork_epoch) {
		mark_all(s, low, high, CONTENTS);
		return;
	}
	mark_all(s, low, high, INHERITED);
	if (m->flags[o] & RGD_OBJ_F_TRACKED &&
	    collected(s, twin == MODEL_NONE ? 2 : p->generation[twin], now))
		mark(s, low, COLLECTOR);
	if (!p || twin == MODEL_NONE)
		return;
	if (m->size[o] != p->size[twin] || edges_of(m, o) != p->edges[twin])
		mark_all(s, low, high, CONTENTS);
	if (m->refcount[o] != p->refcount[twin])
		mark(s, m->address[o], REFCOUNT);
}

/* An object of the parent that was there at the fork and is not here. */
static void look_at_gone(struct search *s, uint32_t o)
{
	const struct sharing_parent *p = s->parent;

	if (p->epoch[o] < s->fork_epoch && p->address[o] + p->size[o] >= p->address[o])
		mark_all(s, p->address[o], p->address[o] + p->size[o], CONTENTS);
}

/* Both sides ascend by address. `visit` gets each object of the child with its twin, MODEL_NONE none. */
static void walk(struct search *s, void (*visit)(struct search *, uint32_t, uint32_t),
		 void (*gone)(struct search *, uint32_t))
{
	const struct model *m = s->model;
	const struct sharing_parent *p = s->parent;
	uint32_t other = 0;

	for (uint32_t o = 0; o < m->nobjects; o++) {
		uint32_t twin = MODEL_NONE;

		while (p && other < p->nobjects && p->address[other] < m->address[o]) {
			if (gone)
				gone(s, other);
			other++;
		}
		if (p && other < p->nobjects && p->address[other] == m->address[o]) {
			if (p->type[other] == s->numbers[m->type[o]])
				twin = other;
			other++;
		}
		visit(s, o, twin);
	}
}

static unsigned cause_of(unsigned marks)
{
	if (!(marks & INHERITED))
		return SHARING_OWN;
	if (marks & CONTENTS)
		return SHARING_CONTENTS;
	if (marks & REFCOUNT)
		return SHARING_REFCOUNT;
	return marks & COLLECTOR ? SHARING_COLLECTOR : SHARING_OTHER;
}

/* ---- reference counts by type ---------------------------------------------------------------------------- */

static void count_refcount(struct search *s, uint32_t o, uint32_t twin)
{
	const struct model *m = s->model;
	uint64_t page;
	uint32_t type;

	if (twin == MODEL_NONE || m->epoch[o] >= s->fork_epoch ||
	    m->refcount[o] == s->parent->refcount[twin])
		return;
	page = page_at(s, m->address[o]);
	if (page == UINT64_MAX || cause_of(s->marks[page]) != SHARING_REFCOUNT)
		return;
	type = s->numbers[m->type[o]];
	s->ret->types.data[type].objects++;
	if (s->last_page[type] != page + 1)
		s->ret->types.data[type].pages++;
	s->last_page[type] = page + 1;
}

static struct error *count_refcounts(struct search *s, size_t ntypes)
{
	while (s->ret->types.n < ntypes)
		if (!VEC_PUSH(&s->ret->types, ((struct sharing_type){0})))
			return error_memory();
	s->last_page = calloc(ntypes + 1, sizeof *s->last_page);
	if (!s->last_page)
		return error_memory();
	walk(s, count_refcount, NULL);
	free(s->last_page);
	return NULL;
}

/* ---- all of it ---------------------------------------------------------------------------------------------- */

#define PAGES_MOST (1ull << 32)

static struct error *number_pages(struct search *s)
{
	const struct model *m = s->model;

	s->first = calloc((size_t)m->npages + 1, sizeof *s->first);
	if (!s->first)
		return error_memory();
	for (uint32_t i = 0; i < m->npages; i++) {
		bool is_private = m->pages[i].state == RGD_PAGES_PRIVATE;

		s->first[i] = is_private ? s->npages : UINT64_MAX;
		if (is_private)
			s->npages += m->pages[i].count;
		else
			*(m->pages[i].state == RGD_PAGES_SHARED ? &s->ret->shared
								: &s->ret->shim) +=
				m->pages[i].count;
		if (s->npages > PAGES_MOST)
			return error_usage("%s: more pages than any machine has", m->path);
	}
	return big_alloc(s->npages, 1, &s->marks);
}

struct error *sharing_compute(struct model *m, const struct sharing_parent *parent,
			      uint64_t fork_epoch, struct names *types, struct sharing *ret)
{
	struct search s = {.model = m, .parent = parent, .fork_epoch = fork_epoch, .ret = ret};
	struct error *e;

	*ret = (struct sharing){.compared = parent};
	TRY(model_load(m, PARTS | MODEL_PAGES | MODEL_GC));
	s.page = ret->page = dump_header(m->dump)->page_size;
	if (!s.page)
		return NULL;
	for (unsigned g = 0; g < 3; g++)
		s.collections[g] =
			gc_number(m, "collections", g) - gc_number(m, "collections.at.fork", g);
	ret->known = m->npages;
	ret->collected = s.collections[2];
	e = number_pages(&s);
	if (!e)
		e = type_numbers(m, types, &s.numbers);
	if (!e) {
		walk(&s, look_at, parent && parent->before ? look_at_gone : NULL);
		for (uint64_t i = 0; i < s.npages; i++)
			ret->causes[cause_of(s.marks[i])]++;
		if (parent)
			e = count_refcounts(&s, types->n);
	}
	free(s.first);
	free(s.numbers);
	big_free(s.marks, s.npages, 1);
	return e;
}

void sharing_deinit(struct sharing *sharing)
{
	VEC_FREE(&sharing->types);
}
