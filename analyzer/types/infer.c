/* infer.c - claims about the types of blocks, their scores, and their way along pointers; types.h tells the idea. */
#include "types/infer.h"

#include <stdlib.h>
#include <string.h>

#include "types/locals.h"
#include "util/bits.h"

#define LOOKED_AT_EDGES 64u
/* A union has several pointers there: only what fits well is believed. */
#define AMBIGUOUS 40u
/* How many words of a flexible array mean something, nobody says: behind them may lie what was there before. */
#define FROM_TAIL 35u
/* A local variable that has got no value yet holds what was there before. */
#define FROM_LOCAL 15u
/* An object of a class may be followed by so much of its own. */
#define POOL_SLACK 256u

bool infer_open(const struct types *t, uint32_t object)
{
	const struct model *m = t->m;
	uint32_t flags = m->flags[object];

	if ((flags & RGD_OBJ_F_RUNTIME_MASK) == RGD_RT_REFHOOK)
		return true; /* named by its rule; its fields are not */
	return (flags & RGD_OBJ_F_RUNTIME_MASK) == RGD_RT_NATIVE &&
	       !(flags & (RGD_OBJ_F_INTERNAL | RGD_OBJ_F_STATIC)) &&
	       (bits_get(t->pool, object) || m->type[object] == 0 ||
		model_type_at(t->m, m->type[object], MODEL_NONE) == 0);
}

/* ---- scores ---------------------------------------------------------------------------------- */

static unsigned fit_struct(struct ctype *type, uint64_t size, bool asked, enum form *form)
{
	uint64_t start;
	struct ctype *element;
	bool declared, flexible = ctype_flexible(type, &start, &element, &declared);

	*form = FORM_ONE;
	if (size == type->size)
		return 100;
	if (flexible && size >= start && (declared || size < type->size)) {
		*form = FORM_FLEXIBLE;
		return declared ? 90 : 60;
	}
	if (size < type->size)
		return 0;
	if (size % type->size == 0) {
		*form = FORM_ARRAY;
		return asked ? 85 : 50;
	}
	*form = FORM_HEAD;
	return 40;
}

static unsigned fit_size(struct ctype *type, uint64_t size, bool asked, enum form *form)
{
	*form = FORM_ARRAY;
	switch (type->kind) {
	case CTYPE_STRUCT:
	case CTYPE_UNION:
		if (type->complete && type->size)
			return fit_struct(type, size, asked, form);
		*form = FORM_ONE;
		return type->name[0] ? 30 : 0;
	case CTYPE_CHAR:
		return asked ? 65 : 45;
	case CTYPE_POINTER:
	case CTYPE_SCALAR:
	case CTYPE_ARRAY:
		if (!type->size || size < type->size)
			return 0;
		if (size == type->size)
			*form = FORM_ONE;
		if (size % type->size)
			return asked && type->kind != CTYPE_ARRAY ? 40 : 0;
		return (type->kind == CTYPE_POINTER ? 75 : 55) + (asked ? 15 : 0);
	default:
		return 0;
	}
}

bool infer_place(const struct typing *y, uint64_t offset, uint64_t *inside)
{
	uint64_t size = y->type->size;

	*inside = offset;
	if (!size || (y->form == FORM_COOKIE && offset < INFER_COOKIE))
		return false;
	if (y->form == FORM_COOKIE)
		*inside = (offset - INFER_COOKIE) % size;
	if (y->form == FORM_ARRAY)
		*inside = offset % size;
	return y->form == FORM_FLEXIBLE || *inside < size;
}

/* The pointers that lie in the block, and whether the type has one there. */
struct tally {
	unsigned good, bad, later; /* later: in elements behind the first */
};

static void tally_edges(const struct types *t, uint32_t object, const struct typing *y,
			struct tally *ret)
{
	const struct graph *g = &t->m->graph;
	uint32_t first = g->out_first[object], end = g->out_first[object + 1];

	if (end - first > LOOKED_AT_EDGES)
		end = first + LOOKED_AT_EDGES;
	for (uint32_t e = first; e < end; e++) {
		struct ctype *out[CTYPE_POINTEES];
		uint64_t offset = (uint64_t)t->edge_offset[e] * 8, inside;
		bool scalar;

		if (!infer_place(y, offset, &inside))
			continue;
		ret->later += offset >= y->type->size;
		if (ctype_pointees(y->type, inside, out, &scalar))
			ret->good++;
		else if (!scalar)
			ret->bad++;
	}
}

unsigned infer_fit(const struct types *t, uint32_t object, struct ctype *type, bool asked,
		   enum form *form)
{
	unsigned score = fit_size(type, t->m->size[object], asked, form), off;
	struct typing y = {.type = type, .form = *form};
	struct tally tally = {0};

	if (!score)
		return 0;
	tally_edges(t, object, &y, &tally);
	if (type->kind == CTYPE_CHAR || type->kind == CTYPE_SCALAR)
		off = tally.bad ? 10 : 0;
	else
		off = tally.bad ? 30 * tally.bad / (tally.good + tally.bad) : 0;
	/* one that is embedded in front of something larger has its pointers in the first place alone */
	if (y.form == FORM_ARRAY && !asked && type->kind == CTYPE_STRUCT && tally.good &&
	    !tally.later)
		off += 25;
	if (y.form == FORM_ARRAY && !asked && type->kind == CTYPE_STRUCT && tally.bad)
		off += 15;
	score = score > off ? score - off : 0;
	if (asked && score)
		score += 12;
	return score;
}

/* ---- claims ---------------------------------------------------------------------------------- */

static void add_name(struct typing *y, struct str *out)
{
	ctype_name(y->type, out);
	if (y->form == FORM_ARRAY || y->form == FORM_COOKIE)
		str_add(out, "[]");
}

/* A type in its form: number + 1, 0 without memory. Few enough for their name to tell them apart, beside the pointer. */
static uint32_t typing_of(struct types *t, struct ctype *type, enum form form)
{
	struct str name = {0};

	if (type->typings[form])
		return type->typings[form];
	if (!VEC_PUSH(&t->typings, ((struct typing){.type = type, .form = form})))
		return 0;
	add_name(&t->typings.data[t->typings.n - 1], &name);
	t->typings.data[t->typings.n - 1].name =
		name.failed ? 0 : model_add_type(t->m, str_text(&name));
	str_free(&name);
	type->typings[form] = t->typings.n;
	return t->typings.n;
}

static void enqueue(struct types *t, uint32_t object)
{
	if (bits_get(t->queued, object))
		return;
	bits_set(t->queued, object);
	if (!VEC_PUSH(&t->queue, object))
		t->failed = true;
}

/* Two claims that both fit well, of which neither is a part of the other. */
static void note_conflict(struct types *t, uint32_t object, struct ctype *type, unsigned score)
{
	struct ctype *known = t->typings.data[t->typing[object] - 1].type;

	if (score >= SCORE_CERTAIN && t->score[object] >= SCORE_CERTAIN && known != type &&
	    known->kind == CTYPE_STRUCT && type->kind == CTYPE_STRUCT &&
	    !ctype_embeds(known, 0, type) && !ctype_embeds(type, 0, known))
		bits_set(t->conflict, object);
}

void infer_claim(struct types *t, uint32_t object, struct ctype *type, enum form form,
		 unsigned score, enum type_source source)
{
	struct typing *known = t->typing[object] ? &t->typings.data[t->typing[object] - 1] : NULL;
	uint32_t number;

	if (score < SCORE_LEAST)
		return;
	/* the same from a better source */
	if (known && known->type == type && known->form == form &&
	    source < t->m->block_source[object] && t->score[object] != SCORE_KNOWN)
		t->m->block_source[object] = source;
	if (known)
		note_conflict(t, object, type, score);
	if (score <= t->score[object])
		return;
	number = typing_of(t, type, form);
	if (!number)
		return;
	t->typing[object] = number;
	t->score[object] = score < SCORE_KNOWN ? score : SCORE_KNOWN - 1;
	t->m->block_source[object] = source;
	enqueue(t, object);
}

/* A pointer to what follows the number of elements, and the size says so, too. */
static bool claim_array(struct types *t, uint32_t object, struct ctype *type, unsigned less)
{
	struct typing y = {.type = type, .form = FORM_COOKIE};
	uint64_t size = t->m->size[object];
	struct tally tally = {0};
	unsigned score = SCORE_CERTAIN;

	if (type->kind != CTYPE_STRUCT || !type->complete || !type->size ||
	    size < INFER_COOKIE + type->size || (size - INFER_COOKIE) % type->size)
		return false;
	tally_edges(t, object, &y, &tally);
	if (tally.bad)
		score -= 30 * tally.bad / (tally.good + tally.bad);
	infer_claim(t, object, type, FORM_COOKIE, score > less ? score - less : 0, SOURCE_DWARF);
	return true;
}

/* Somebody has a pointer to `type`, and it points `interior` bytes into the block; `counted`: behind what may be a number of elements. */
static void claim_pointee(struct types *t, uint32_t object, uint64_t interior, struct ctype *type,
			  unsigned less, bool counted)
{
	enum form form;
	unsigned score;

	if (type->kind == CTYPE_VOID || type->kind == CTYPE_FUNCTION || !infer_open(t, object))
		return;
	if (interior == INFER_COOKIE && counted && less < AMBIGUOUS &&
	    claim_array(t, object, type, less))
		return;
	if (interior && (!type->size || interior % type->size || t->m->size[object] % type->size))
		return;
	score = infer_fit(t, object, type, false, &form);
	if (interior) {
		/* into an array, perhaps; or to a part of something else */
		if (form != FORM_ARRAY || type->kind == CTYPE_CHAR)
			return;
		score = score > SCORE_LEAST ? SCORE_LEAST : 0;
	}
	infer_claim(t, object, type, form, score > less ? score - less : 0, SOURCE_DWARF);
}

/* Where the elements of a flexible array begin; UINT64_MAX without one. */
static uint64_t tail_of(const struct typing *y)
{
	struct ctype *element;
	uint64_t start;
	bool declared;

	return y->form == FORM_FLEXIBLE && ctype_flexible(y->type, &start, &element, &declared)
		       ? start
		       : UINT64_MAX;
}

/* Libraries make their own; what was there before is anybody's. */
static bool other_module(const struct model *m, uint32_t a, uint32_t b)
{
	uint32_t x = m->stack[a] ? model_site_frame(m, m->stack[a] - 1) : MODEL_NONE,
		 y = m->stack[b] ? model_site_frame(m, m->stack[b] - 1) : MODEL_NONE;

	return x != MODEL_NONE && y != MODEL_NONE && m->frames[x].module != m->frames[y].module;
}

static void spread_from(struct types *t, uint32_t object)
{
	const struct graph *g = &t->m->graph;
	struct typing y = t->typings.data[t->typing[object] - 1];
	unsigned score = t->score[object],
		 own = score < SCORE_CERTAIN ? SCORE_CERTAIN - score : 0; /* its own doubts */
	uint64_t tail = tail_of(&y);

	for (uint32_t e = g->out_first[object]; e < g->out_first[object + 1]; e++) {
		struct ctype *out[CTYPE_POINTEES];
		uint64_t inside;
		unsigned n, less, heuristic;
		bool scalar, counted;

		less = (uint64_t)t->edge_offset[e] * 8 >= tail ? FROM_TAIL + own : 0;
		if (less && other_module(t->m, object, g->out_target[e]))
			less += FROM_TAIL;
		if (!infer_place(&y, (uint64_t)t->edge_offset[e] * 8, &inside))
			continue;
		n = ctype_pointees(y.type, inside, out, &scalar);
		heuristic = MODEL_CLASS_HEURISTIC(g->edge_class[e]);
		counted = heuristic == HEURISTIC_NEWARRAY || heuristic == HEURISTIC_EITHER;
		for (unsigned i = 0; i < n; i++)
			claim_pointee(t, g->out_target[e], t->edge_interior[e], out[i],
				      less + (n > 1 ? AMBIGUOUS : 0), counted);
	}
}

void infer_spread(struct types *t)
{
	for (size_t i = 0; i < t->queue.n; i++) {
		uint32_t object = t->queue.data[i];

		bits_clear(t->queued, object);
		spread_from(t, object);
	}
	t->queue.n = 0;
}

bool infer_root_variable(struct types *t, const struct root *r, struct ctype **type,
			 uint64_t *offset)
{
	struct local_word word;
	struct debug *debug;
	const char *name;

	if (r->class == RGD_ROOT_GLOBAL) {
		debug = types_debug(t, r->owner);
		return debug && debug_variable(debug, r->value, type, offset, &name);
	}
	if (!locals_find(t, r, &word) || !word.variable)
		return false;
	*type = word.type;
	*offset = word.offset;
	return true;
}

void infer_roots(struct types *t)
{
	const struct model *m = t->m;

	for (uint32_t i = 0; i < m->nroots; i++) {
		const struct root *r = &m->roots[i];
		struct ctype *type, *out[CTYPE_POINTEES];
		unsigned n, less = r->class == RGD_ROOT_GLOBAL || r->class == RGD_ROOT_TLS
					   ? 0
					   : FROM_LOCAL;
		uint64_t offset;
		bool scalar;

		if (!infer_root_variable(t, r, &type, &offset))
			continue;
		n = ctype_pointees(type, offset, out, &scalar);
		for (unsigned k = 0; k < n; k++)
			claim_pointee(t, r->target, r->interior, out[k],
				      less + (n > 1 ? AMBIGUOUS : 0),
				      r->flags & RGD_LABEL_F_NEWARRAY);
	}
}

/* Of "std::vector<A, B >[]" the class, with brackets as compilers write them in debug information. */
static struct ctype *find_class(struct types *t, const char *name, enum form *form)
{
	struct str text = {0};
	size_t n = strlen(name);
	struct ctype *found;

	*form = FORM_ONE;
	if (n > 2 && strcmp(name + n - 2, "[]") == 0) {
		*form = FORM_ARRAY;
		n -= 2;
	}
	str_bytes(&text, name, n);
	found = text.failed ? NULL : debug_find(t->world, str_text(&text));
	str_free(&text);
	return found;
}

/* The program said what the block is: a type of which debug information may know more. */
static bool is_annotated(const struct model *m, uint32_t object)
{
	const struct type *type = &m->types[m->type[object]];

	return m->type[object] && type->runtime == RGD_RT_NATIVE &&
	       !(type->flags & (RGD_TYPE_F_RTTI | RGD_TYPE_F_VTABLE));
}

struct class_type {
	bool asked;
	enum form form;
	struct ctype *type;
};

/* How the object holds its class; false: not so that its fields could be named. */
static bool class_form(struct types *t, uint32_t object, const struct class_type *c,
		       enum form *form)
{
	uint64_t size = t->m->size[object];

	*form = c->form;
	if (is_annotated(t->m, object))
		return c->form == FORM_ARRAY ? c->type->size && size % c->type->size == 0
					     : infer_fit(t, object, c->type, true, form) > 0;
	if (c->form == FORM_ARRAY) {
		*form = FORM_COOKIE;
		return c->type->size && size > INFER_COOKIE &&
		       (size - INFER_COOKIE) % c->type->size == 0;
	}
	/* the first of many in a pool: whatever the pool says */
	if (size > c->type->size + POOL_SLACK) {
		bits_set(t->pool, object);
		return false;
	}
	return true;
}

void infer_classes(struct types *t)
{
	struct model *m = t->m;
	struct class_type *classes = calloc((size_t)m->ntypes + 1, sizeof *classes);

	for (uint32_t i = 0; i < m->nobjects && classes; i++) {
		struct class_type *c = &classes[m->type[i]];
		enum form form;
		uint32_t type;

		if (!(m->types[m->type[i]].flags & (RGD_TYPE_F_RTTI | RGD_TYPE_F_VTABLE)) &&
		    !is_annotated(m, i))
			continue;
		type = model_type_at(m, m->type[i], MODEL_NONE);
		if (!c->asked && type)
			c->type = find_class(t, m->types[type].name, &c->form);
		c->asked = true;
		if (!c->type || !class_form(t, i, c, &form))
			continue;
		t->typing[i] = typing_of(t, c->type, form);
		t->score[i] = SCORE_KNOWN;
		if (t->typing[i])
			enqueue(t, i);
	}
	free(classes);
}
