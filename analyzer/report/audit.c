/* audit.c - see audit.h. */
#include "report/audit.h"

#include <stdlib.h>
#include <string.h>

#include "report/edge_name.h"
#include "report/references.h"
#include "report/where.h"
#include "util/big.h"
#include "util/bits.h"
#include "util/vec.h"

/* Counts from here up stand for "for ever" (deep-frozen objects of 3.11 have 999999999). */
#define COUNT_FOR_EVER (1u << 28)

static const struct {
	const char *name, *about;
} verdicts[VERDICT_NUMBER_OF] = {
	[VERDICT_LOST] = {"lost",
			  "counted, but no word in the process points to it: a reference that C "
			  "code took and never gave back"},
	[VERDICT_MISSING] = {"missing",
			     "more references than it counts: one was given back twice, it "
			     "will be freed while it is used"},
	[VERDICT_BORROWED] = {"borrowed",
			      "a library keeps a pointer that is not counted: right only "
			      "while something else holds the object"},
	[VERDICT_GLOBAL] = {"global",
			    "held by a library's variable: a cache that lives as long as the "
			    "process, as a rule"},
	[VERDICT_BLOCK] = {"block", "held by native memory"},
	[VERDICT_FIELD] = {"field", "held by an object of a C type that does not show it to the "
				    "collector"},
	[VERDICT_REGION] = {"region", "held by memory that the program mapped itself"},
	[VERDICT_STACK] = {"stack",
			   "held by a call that runs: a stack slot, a register, thread-local "
			   "storage"},
	[VERDICT_INTERPRETER] = {"interpreter", "held by the interpreter itself"},
};

const char *verdict_name(unsigned verdict)
{
	return verdict < VERDICT_NUMBER_OF ? verdicts[verdict].name : "?";
}

const char *verdict_about(unsigned verdict)
{
	return verdict < VERDICT_NUMBER_OF ? verdicts[verdict].about : "";
}

/* A word that points to the start of an object in question. */
struct holder {
	uint32_t object;
	uint8_t verdict;
	bool root;
	uint32_t index;	 /* of the root, or the edge */
	uint32_t source; /* of the edge */
};

/* An object whose only holders are words that prove nothing: [first, end) of the holders. */
struct doubtful {
	uint32_t object, row;
	size_t first, end;
};

struct work {
	struct model *m;
	struct where *where;
	struct audit *ret;
	uint32_t *counted;
	uint32_t interpreter; /* module, MODEL_NONE unknown */
	uint8_t *seen;	      /* by object: 1 = its count is not explained; 2 = it is */
	VEC(struct holder) holders;
	VEC(struct doubtful) doubtful;
	VEC(struct audit_row) rows;
	uint32_t *slots; /* rows by their key: number + 1 */
	size_t nslots;
	struct str type, holder, site;
};

/* ---- which objects --------------------------------------------------------------------------- */

enum { SKIP, UNEXPLAINED, EXPLAINED };

/* Of a runtime that counts references. */
static bool is_of_runtime(const struct model *m, uint32_t o)
{
	uint32_t runtime = m->flags[o] & RGD_OBJ_F_RUNTIME_MASK;

	return runtime == RGD_RT_CPYTHON || runtime == RGD_RT_PHP || runtime == RGD_RT_GOBJECT;
}

bool audit_can(const struct model *m)
{
	return model_has_runtime(m, RGD_RT_CPYTHON) || model_has_runtime(m, RGD_RT_PHP) ||
	       model_has_runtime(m, RGD_RT_GOBJECT);
}

static bool is_candidate(const struct work *w, uint32_t o)
{
	const struct model *m = w->m;

	return is_of_runtime(m, o) && !(m->flags[o] & RGD_OBJ_F_INTERNAL) && m->refcount[o];
}

static bool is_pinned(const struct model *m, uint32_t o)
{
	return (m->flags[o] & (RGD_OBJ_F_IMMORTAL | RGD_OBJ_F_STATIC)) ||
	       m->refcount[o] >= COUNT_FOR_EVER;
}

static void sort_out(struct work *w)
{
	const struct model *m = w->m;

	for (uint32_t o = 0; o < m->nobjects; o++) {
		if (!is_candidate(w, o) || (w->where && !where_test(w->where, o)))
			continue;
		if (is_pinned(m, o)) {
			w->ret->pinned++;
			continue;
		}
		w->ret->counted++;
		w->seen[o] = m->refcount[o] == w->counted[o] ? EXPLAINED : UNEXPLAINED;
		if (w->seen[o] == EXPLAINED)
			w->ret->explained++;
		else
			w->ret->unexplained++;
	}
}

/* ---- the interpreter's own module: the one that has the type named type ---------------------- */

static uint32_t module_at(const struct model *m, uint64_t address)
{
	for (uint32_t i = 0; i < m->nmodules; i++)
		if (address >= m->modules[i].low && address < m->modules[i].high &&
		    !m->modules[i].unloaded)
			return i;
	return MODEL_NONE;
}

static uint32_t find_interpreter(const struct model *m)
{
	for (uint32_t t = 0; t < m->ntypes; t++)
		if (m->types[t].runtime == RGD_RT_CPYTHON && m->types[t].object != MODEL_NONE &&
		    strcmp(m->types[t].name, "type") == 0 &&
		    strcmp(m->types[t].module, "builtins") == 0)
			return module_at(m, m->address[m->types[t].object]);
	return MODEL_NONE;
}

/* ---- holders --------------------------------------------------------------------------------- */

static const char *file_of_module(const struct model *m, uint32_t module)
{
	const char *path = model_string(m, m->modules[module].path);
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool begins_with_any(const char *name, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(name, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

/* Of libc and the loader, which know nothing of Python: what lies in their memory was left there. */
static bool is_libc(const struct work *w, uint32_t module)
{
	static const char *const names[] = {"libc.so", "libc-",	  "ld-linux",	   "libpthread",
					    "libdl",   "libm.so", "librefgraph.so"};

	return module != MODEL_NONE &&
	       begins_with_any(file_of_module(w->m, module), names, sizeof names / sizeof *names);
}

static bool is_system(const struct work *w, uint32_t module)
{
	static const char *const names[] = {"libpython", "php", "libphp", "libgobject-",
					    "libglib-"};

	return module == MODEL_NONE || module == w->interpreter || is_libc(w, module) ||
	       begins_with_any(file_of_module(w->m, module), names, sizeof names / sizeof *names);
}

/* The native frame that asked for the block, when it is one; its module is what the block belongs
 * to. */
static uint32_t module_of_block(const struct model *m, uint32_t o)
{
	uint32_t frame = m->stack[o] ? model_site_frame(m, m->stack[o] - 1) : MODEL_NONE;

	return frame != MODEL_NONE && m->frames[frame].kind == RGD_FRAME_NATIVE
		       ? m->frames[frame].module
		       : MODEL_NONE;
}

/* Of PHP's memory, and not an object's: the engine's own, or an extension's. */
static bool is_of_engine(const struct model *m, uint32_t o)
{
	uint32_t frame = m->stack[o] ? model_site_frame(m, m->stack[o] - 1) : MODEL_NONE;

	return frame != MODEL_NONE && m->frames[frame].kind == RGD_FRAME_PHP;
}

static enum verdict verdict_of_source(const struct work *w, uint32_t source)
{
	const struct model *m = w->m;
	uint32_t module;

	if (is_of_runtime(m, source))
		return VERDICT_FIELD;
	if (is_of_engine(m, source))
		return VERDICT_INTERPRETER;
	module = module_of_block(m, source);
	return module != MODEL_NONE && is_system(w, module) ? VERDICT_INTERPRETER : VERDICT_BLOCK;
}

static enum verdict verdict_of_root(const struct work *w, const struct root *r)
{
	switch (r->class) {
	case RGD_ROOT_GLOBAL:
		return is_system(w, r->owner) ? VERDICT_INTERPRETER : VERDICT_GLOBAL;
	case RGD_ROOT_REGION:
		return VERDICT_REGION;
	default:
		return VERDICT_STACK;
	}
}

/* Whose uncounted pointers are worth a word: those of libraries that are not the interpreter. */
static bool may_borrow(const struct work *w, enum verdict verdict, uint32_t source)
{
	if (verdict == VERDICT_GLOBAL)
		return true;
	return verdict == VERDICT_BLOCK && module_of_block(w->m, source) != MODEL_NONE;
}

/*
 * Whether the word is good evidence of a reference that is owned. Native memory is not cleared when
 * it is handed out, free lists and stacks keep what was in them: there a word may be left over.
 */
static bool is_proof(const struct work *w, const struct holder *h)
{
	if (h->verdict == VERDICT_BLOCK)
		return module_of_block(w->m, h->source) != MODEL_NONE;
	return h->verdict == VERDICT_FIELD || h->verdict == VERDICT_GLOBAL;
}

static struct error *add_holder(struct work *w, const struct holder *h)
{
	if (h->source != MODEL_NONE && is_libc(w, module_of_block(w->m, h->source)))
		return NULL;
	if (w->seen[h->object] == EXPLAINED && !may_borrow(w, h->verdict, h->source))
		return NULL;
	return VEC_PUSH(&w->holders, *h) ? NULL : error_memory();
}

/*
 * A C type may show a field as an attribute and not own what is in it: sqlite3.Connection does so
 * with the exceptions of its module. The sign is that its tp_traverse passes it over.
 */
static bool is_shown_uncounted(const struct work *w, uint32_t source, uint32_t target,
			       uint8_t class)
{
	const struct model *m = w->m;

	return m->refcount[target] < w->counted[target] &&
	       MODEL_CLASS_KIND(class) == RGD_EDGE_STRONG && !(class & MODEL_CLASS_TRAVERSED) &&
	       (m->flags[source] & RGD_OBJ_F_TRACKED);
}

static struct error *find_holding_edges(struct work *w)
{
	const struct graph *g = &w->m->graph;
	uint32_t source = 0;
	struct edge edge;

	for (uint32_t e = 0; e < g->nedges; e++) {
		uint32_t target = g->out_target[e];

		if (!w->seen[target])
			continue;
		while (g->out_first[source + 1] <= e)
			source++;
		if (is_shown_uncounted(w, source, target, g->edge_class[e]))
			TRY(VEC_PUSH(&w->holders, ((struct holder){.object = target,
								   .verdict = VERDICT_BORROWED,
								   .index = e,
								   .source = source}))
				    ? NULL
				    : error_memory());
		if (MODEL_CLASS_KIND(g->edge_class[e]) != RGD_EDGE_CONSERVATIVE)
			continue;
		TRY(model_edge(w->m, source, e, &edge));
		if (edge.interior)
			continue;
		TRY(add_holder(w, &(struct holder){.object = target,
						   .verdict = verdict_of_source(w, source),
						   .index = e,
						   .source = source}));
	}
	return NULL;
}

static struct error *find_holding_roots(struct work *w)
{
	for (uint32_t i = 0; i < w->m->nroots; i++) {
		const struct root *r = &w->m->roots[i];

		if (r->kind != RGD_EDGE_CONSERVATIVE || r->interior || !w->seen[r->target])
			continue;
		TRY(add_holder(w, &(struct holder){.object = r->target,
						   .verdict = verdict_of_root(w, r),
						   .root = true,
						   .index = i,
						   .source = MODEL_NONE}));
	}
	return NULL;
}

/* The best evidence first: a variable says more than a slot on a stack, which may be left over. */
static int evidence(const struct holder *h)
{
	static const uint8_t order[VERDICT_NUMBER_OF] = {
		[VERDICT_FIELD] = 0, [VERDICT_GLOBAL] = 1, [VERDICT_INTERPRETER] = 2,
		[VERDICT_BLOCK] = 3, [VERDICT_REGION] = 4, [VERDICT_STACK] = 5,
	};

	return order[h->verdict];
}

static int by_object(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	if (evidence(x) != evidence(y))
		return evidence(x) - evidence(y);
	if (x->root != y->root)
		return x->root - y->root;
	return (x->index > y->index) - (x->index < y->index);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Where it was made: the innermost native frame of an extension, else the frame of the runtime. */
static void site_of(struct work *w, uint32_t o)
{
	const struct model *m = w->m;
	uint32_t stack = m->stack[o] ? m->stack[o] - 1 : MODEL_NONE;
	uint32_t frame = stack != MODEL_NONE ? model_site_frame(m, stack) : MODEL_NONE;

	str_clear(&w->site);
	for (; stack != MODEL_NONE; stack = m->stacks[stack].parent) {
		const struct frame *f = &m->frames[m->stacks[stack].frame];

		if (f->kind == RGD_FRAME_PYTHON)
			break;
		if (f->kind == RGD_FRAME_NATIVE && !is_system(w, f->module)) {
			frame = m->stacks[stack].frame;
			break;
		}
	}
	if (frame != MODEL_NONE)
		model_frame_text(m, frame, &w->site);
}

/* Of a block its type, when that is known, and who allocated it. */
static void block_name(struct work *w, uint32_t object)
{
	uint32_t type = model_type_of(w->m, object), site = model_site_type_of(w->m, object);

	str_add(&w->holder, model_type(w->m, type)->name);
	if (site != type)
		str_printf(&w->holder, ", %s", model_type(w->m, site)->name);
}

static void holder_name(struct work *w, const struct holder *h)
{
	str_clear(&w->holder);
	if (h->root && w->m->roots[h->index].class == RGD_ROOT_STACK)
		str_add(&w->holder, "a thread's stack");
	else if (h->root && w->m->roots[h->index].class == RGD_ROOT_REGISTER)
		str_add(&w->holder, "a register");
	else if (h->root)
		root_name(w->m, &w->m->roots[h->index], &w->holder);
	else
		block_name(w, h->source);
}

static uint64_t hash_text(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 1099511628211ull; /* FNV-1a */
	return h * 31;
}

static bool is_row(const struct audit_row *r, enum verdict verdict, const char *type,
		   const char *holder, const char *site)
{
	return r->verdict == verdict && strcmp(r->type, type) == 0 &&
	       strcmp(r->holder, holder) == 0 && strcmp(r->site, site) == 0;
}

static bool grow_slots(struct work *w)
{
	size_t bigger = w->nslots ? w->nslots * 2 : 256;
	uint32_t *slots;

	while (bigger < w->rows.n * 2 + 2) /* audit_compare() comes with its rows */
		bigger *= 2;
	slots = calloc(bigger, sizeof *slots);
	if (!slots)
		return false;
	for (size_t i = 0; i < w->rows.n; i++) {
		const struct audit_row *r = &w->rows.data[i];
		uint64_t h = hash_text(hash_text(hash_text(r->verdict + 1, r->type), r->holder),
				       r->site);
		size_t at = h & (bigger - 1);

		while (slots[at])
			at = (at + 1) & (bigger - 1);
		slots[at] = i + 1;
	}
	free(w->slots);
	w->slots = slots;
	w->nslots = bigger;
	return true;
}

static size_t slot_of(const struct work *w, enum verdict verdict, const char *type,
		      const char *holder, const char *site)
{
	return hash_text(hash_text(hash_text(verdict + 1, type), holder), site) & (w->nslots - 1);
}

/* The row of these four, made when it is new; NULL without memory. */
static struct audit_row *find_row(struct work *w, enum verdict verdict, const char *type,
				  const char *holder, const char *site)
{
	struct audit_row row = {.verdict = verdict, .example = MODEL_NONE}, *new;
	size_t at;

	if (w->rows.n * 2 >= w->nslots && !grow_slots(w))
		return NULL;
	for (at = slot_of(w, verdict, type, holder, site); w->slots[at];
	     at = (at + 1) & (w->nslots - 1)) {
		struct audit_row *r = &w->rows.data[w->slots[at] - 1];

		if (is_row(r, verdict, type, holder, site))
			return r;
	}
	if (!VEC_PUSH(&w->rows, row))
		return NULL;
	new = &w->rows.data[w->rows.n - 1];
	new->type = strdup(type);
	new->holder = strdup(holder);
	new->site = strdup(site);
	if (!new->type || !new->holder || !new->site) {
		free(new->type);
		free(new->holder);
		free(new->site);
		w->rows.n--;
		return NULL;
	}
	w->slots[at] = w->rows.n;
	return new;
}

/* Type and place of birth, in w->type and w->site. */
static void name_object(struct work *w, uint32_t o)
{
	const struct type *type = model_type(w->m, model_type_of(w->m, o));

	str_clear(&w->type);
	if (strcmp(type->module, "builtins") == 0)
		str_add(&w->type, type->name);
	else
		model_long_name(w->m, model_type_of(w->m, o), &w->type);
	site_of(w, o);
}

static struct error *add_finding(struct work *w, enum verdict verdict, uint32_t o,
				 const struct holder *h, uint64_t references)
{
	const struct model *m = w->m;
	struct audit_row *row;

	name_object(w, o);
	if (h)
		holder_name(w, h);
	else
		str_clear(&w->holder);
	if (w->type.failed || w->holder.failed || w->site.failed)
		return error_memory();
	row = find_row(w, verdict, str_text(&w->type), str_text(&w->holder), str_text(&w->site));
	if (!row)
		return error_memory();
	if (row->example != o) {
		row->objects++;
		row->bytes += m->size[o];
	}
	row->references += references;
	row->example = o;
	row->refcount = (int64_t)m->refcount[o];
	row->explained = w->counted[o];
	row->owned = (m->flags[o] & RGD_OBJ_F_RUNTIME_MASK) == RGD_RT_GOBJECT &&
		     verdict >= VERDICT_GLOBAL && verdict <= VERDICT_REGION;
	return NULL;
}

/* Gives each unexplained reference of one object to a holder; [first, end) are its holders, the best first. */
static struct error *give(struct work *w, uint32_t o, size_t first, size_t end)
{
	uint64_t count = w->m->refcount[o], counted = w->counted[o];
	uint64_t left = count > counted ? count - counted : 0;

	if (count < counted) {
		uint64_t missing = counted - count;

		for (size_t i = first; i < end && missing; i++)
			if (w->holders.data[i].verdict == VERDICT_BORROWED) {
				TRY(add_finding(w, VERDICT_BORROWED, o, &w->holders.data[i], 1));
				missing--;
			}
		return missing ? add_finding(w, VERDICT_MISSING, o, NULL, missing) : NULL;
	}
	for (size_t i = first; i < end && left; i++, left--)
		TRY(add_finding(w, w->holders.data[i].verdict, o, &w->holders.data[i], 1));
	return left ? add_finding(w, VERDICT_LOST, o, NULL, left) : NULL;
}

/* The best of its words is none that proves a reference. */
static bool is_doubtful(const struct work *w, uint32_t o, size_t first, size_t end)
{
	return w->m->refcount[o] > w->counted[o] && first < end &&
	       !is_proof(w, &w->holders.data[first]);
}

/* Number of the row of lost objects of this type and place; MODEL_NONE when there is none. */
static struct error *lost_like(struct work *w, uint32_t o, uint32_t *ret)
{
	*ret = MODEL_NONE;
	name_object(w, o);
	if (w->type.failed || w->site.failed)
		return error_memory();
	for (size_t at = w->nslots ? slot_of(w, VERDICT_LOST, str_text(&w->type), "",
					     str_text(&w->site))
				   : 0;
	     w->nslots && w->slots[at]; at = (at + 1) & (w->nslots - 1))
		if (is_row(&w->rows.data[w->slots[at] - 1], VERDICT_LOST, str_text(&w->type), "",
			   str_text(&w->site))) {
			*ret = w->slots[at] - 1;
			break;
		}
	return NULL;
}

/*
 * Types whose dead objects CPython keeps in arrays and hands out again (list, dict), or in chains:
 * the array still points to what was handed out, and where that was made is not seen.
 */
static bool has_free_list(const struct model *m, uint32_t o)
{
	static const char *const names[] = {"list", "dict", "tuple", "float", "frame", "slice"};
	const struct type *type = model_type(m, m->type[o]);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(type->name, names[i]) == 0 && strcmp(type->module, "builtins") == 0)
			return true;
	return false;
}

/* In the interpreter's own data, where those arrays are. */
static bool is_in_interpreter(const struct work *w, const struct holder *h)
{
	return h->verdict == VERDICT_INTERPRETER &&
	       (h->root ||
		strcmp(model_type_name(w->m, h->source), "malloc in PyInterpreterState_New") == 0);
}

/* Lost objects without any word, and doubtful ones: of one row, or of one type. */
struct tally {
	uint64_t lost, doubtful;
};

static bool is_most(const struct tally *t)
{
	return t->lost && t->lost >= t->doubtful;
}

static struct error *tally_doubtful(struct work *w, struct tally *rows, struct tally *types)
{
	for (size_t i = 0; i < w->doubtful.n; i++) {
		struct doubtful *d = &w->doubtful.data[i];

		TRY(lost_like(w, d->object, &d->row));
		if (d->row != MODEL_NONE)
			rows[d->row].doubtful++;
		types[w->m->type[d->object]].doubtful++;
	}
	return NULL;
}

static struct error *settle(struct work *w, const struct doubtful *d, const struct tally *rows,
			    const struct tally *types)
{
	const struct model *m = w->m;
	bool lost = (d->row != MODEL_NONE && is_most(&rows[d->row])) ||
		    (has_free_list(m, d->object) && is_most(&types[m->type[d->object]]) &&
		     is_in_interpreter(w, &w->holders.data[d->first]));
	uint32_t row;

	if (!lost)
		return give(w, d->object, d->first, d->end);
	TRY(add_finding(w, VERDICT_LOST, d->object, NULL,
			m->refcount[d->object] - w->counted[d->object]));
	TRY(lost_like(w, d->object, &row));
	w->rows.data[row].words++;
	return NULL;
}

/*
 * Objects of one type and place of birth have one fate. When most of them have no holder at all,
 * words that prove nothing and point to the others are left over, and these are lost too. Where
 * most have such a word, it is taken for the holder.
 */
static struct error *judge_doubtful(struct work *w)
{
	struct tally *rows = calloc(w->rows.n + 1, sizeof *rows);
	struct tally *types = calloc(w->m->ntypes + 1, sizeof *types);
	struct error *e = rows && types ? NULL : error_memory();

	for (size_t i = 0; i < w->rows.n && !e; i++) {
		const struct audit_row *r = &w->rows.data[i];

		if (r->verdict != VERDICT_LOST)
			continue;
		rows[i].lost = r->objects;
		types[w->m->type[r->example]].lost += r->objects;
	}
	if (!e)
		e = tally_doubtful(w, rows, types);
	for (size_t i = 0; i < w->doubtful.n && !e; i++) {
		struct doubtful d = w->doubtful.data[i];

		e = settle(w, &d, rows, types);
	}
	free(rows);
	free(types);
	return e;
}

static struct error *judge(struct work *w)
{
	size_t at = 0;

	for (uint32_t o = 0; o < w->m->nobjects; o++) {
		size_t first = at;

		while (at < w->holders.n && w->holders.data[at].object == o)
			at++;
		if (w->seen[o] == UNEXPLAINED && is_doubtful(w, o, first, at)) {
			if (!VEC_PUSH(&w->doubtful, ((struct doubtful){o, MODEL_NONE, first, at})))
				return error_memory();
		} else if (w->seen[o] == UNEXPLAINED) {
			TRY(give(w, o, first, at));
		} else if (w->seen[o] == EXPLAINED) {
			for (size_t i = first; i < at; i++)
				TRY(add_finding(w, VERDICT_BORROWED, o, &w->holders.data[i], 1));
		}
	}
	return judge_doubtful(w);
}

static int by_verdict(const void *a, const void *b)
{
	const struct audit_row *x = a, *y = b;
	int order;

	if (x->verdict != y->verdict)
		return (int)x->verdict - (int)y->verdict;
	if (x->references != y->references)
		return x->references < y->references ? 1 : -1;
	order = strcmp(x->type, y->type);
	if (!order)
		order = strcmp(x->holder, y->holder);
	return order ? order : strcmp(x->site, y->site);
}

static void sort_rows(struct audit *a)
{
	if (a->n)
		qsort(a->rows, a->n, sizeof *a->rows, by_verdict);
}

static struct error *run(struct work *w, const char *where)
{
	struct model *m = w->m;

	TRY(model_load(m, MODEL_REPR | MODEL_EDGES | MODEL_ROOTS | MODEL_REFCOUNT | MODEL_SIZE |
				  MODEL_THREADS));
	if (where) {
		TRY(where_compile(where, &w->where));
		TRY(where_bind(w->where, m));
	}
	TRY(references_counted(m, &w->counted));
	TRY(big_alloc(m->nobjects, sizeof *w->seen, &w->seen));
	w->interpreter = find_interpreter(m);
	sort_out(w);
	TRY(find_holding_edges(w));
	TRY(find_holding_roots(w));
	if (w->holders.n)
		qsort(w->holders.data, w->holders.n, sizeof *w->holders.data, by_object);
	return judge(w);
}

struct error *audit_compute(struct model *m, const char *where, struct audit *ret)
{
	struct work w = {.m = m, .ret = ret};
	struct error *e;

	*ret = (struct audit){0};
	e = run(&w, where);
	ret->rows = w.rows.data;
	ret->n = w.rows.n;
	where_destroy(w.where);
	big_free(w.counted, m->nobjects, sizeof *w.counted);
	big_free(w.seen, m->nobjects, sizeof *w.seen);
	VEC_FREE(&w.holders);
	VEC_FREE(&w.doubtful);
	free(w.slots);
	str_free(&w.type);
	str_free(&w.holder);
	str_free(&w.site);
	if (e)
		audit_deinit(ret);
	else
		sort_rows(ret);
	return e;
}

/* Rows that are in the earlier dump alone are told too: they went. */
struct error *audit_compare(struct audit *a, const struct audit *before)
{
	struct work w = {0};
	struct error *e = NULL;

	w.rows.data = a->rows;
	w.rows.n = w.rows.room = a->n;
	if (!grow_slots(&w))
		return error_memory();
	for (size_t i = 0; i < before->n && !e; i++) {
		const struct audit_row *old = &before->rows[i];
		struct audit_row *row =
			find_row(&w, old->verdict, old->type, old->holder, old->site);

		if (!row) {
			e = error_memory();
			break;
		}
		row->old_objects = old->objects;
		row->old_references = old->references;
	}
	a->rows = w.rows.data;
	a->n = w.rows.n;
	free(w.slots);
	sort_rows(a);
	return e;
}

void audit_deinit(struct audit *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->rows[i].type);
		free(a->rows[i].holder);
		free(a->rows[i].site);
	}
	free(a->rows);
	*a = (struct audit){0};
}
