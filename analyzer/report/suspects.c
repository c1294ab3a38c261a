/* suspects.c - see suspects.h. */
#include "report/suspects.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/audit.h"
#include "report/cycles.h"
#include "report/leaks.h"
#include "report/repr.h"
#include "report/suppress.h"
#include "report/suspect_words.h"
#include "report/suspects_more.h"
#include "util/big.h"
#include "util/bits.h"

/* One owner must keep a twentieth of what is alive, waste and growth be a hundredth of it. */
#define LARGE_PART 20u
#define LARGE_LEAST (256u << 10)
#define SMALL_PART 100u
#define SMALL_LEAST (16u << 10)
/* So many of a type, one below the other, are a chain. */
#define CHAIN 100u
#define MAX_CANDIDATES 32u
/* Values that are shorter than this are whole: the shim cuts texts at 40 bytes, between characters, and bytes at 20. */
#define TEXT_SHOWN 37u
#define BYTES_SHOWN 20u

/* ---- owners ---------------------------------------------------------------------------------- */

/* The type of which most hangs directly below an object. */
struct below {
	uint32_t type;
	uint64_t count, bytes;
};

struct type_weight {
	uint64_t count, bytes;
};

static struct error *weigh_children(const struct suspects *s, uint32_t owner, struct below *ret)
{
	struct alive *a = s->q.alive;
	struct model *m = a->model;
	VEC(struct type_weight) sums = {0};
	struct error *e = NULL;

	*ret = (struct below){.type = MODEL_NONE};
	for (uint32_t i = 0; i < a->npreorder && !e; i++) {
		uint32_t o = a->preorder[i], type;

		if (a->immediate[o] != owner || (m->flags[o] & RGD_OBJ_F_INTERNAL))
			continue;
		type = model_type_of(m, o);
		while (sums.n <= type && !e)
			if (!VEC_PUSH(&sums, (struct type_weight){0}))
				e = error_memory();
		if (e)
			break;
		sums.data[type].count++;
		sums.data[type].bytes += a->retained[o];
		if (sums.data[type].bytes > ret->bytes || ret->type == type)
			*ret = (struct below){type, sums.data[type].count, sums.data[type].bytes};
	}
	VEC_FREE(&sums);
	return e;
}

/* Modules, their names and classes hold what they are made of; and so do the runtime's own tables. */
static bool is_expected_owner(const struct suspects *s, uint32_t o)
{
	const struct alive *a = s->q.alive;
	const struct model *m = a->model;
	struct str name = {0};
	bool expected = spell_landmark(&s->spell, o, &name) ||
			(m->types[m->type[o]].flags & RGD_TYPE_F_IS_TYPE);

	str_free(&name);
	for (size_t i = 0; i < a->roots.n && !expected; i++) {
		const struct root *r = &m->roots[a->root_rows.data[i]];

		expected = a->roots.data[i] == o &&
			   (r->class == RGD_ROOT_RUNTIME || r->class == RGD_ROOT_PINNED);
	}
	return expected;
}

/* Nodes of the longest way down from `head` over its own type. */
static struct error *measure_chain(const struct suspects *s, uint32_t head, uint64_t *length)
{
	struct alive *a = s->q.alive;
	uint32_t type = model_type_of(a->model, head), *run;

	TRY(big_alloc(a->model->nobjects, sizeof *run, &run));
	run[head] = 1;
	*length = 1;
	for (uint32_t i = 0; i < a->npreorder; i++) {
		uint32_t o = a->preorder[i], up = a->immediate[o];

		if (up >= a->model->nobjects || !run[up] || model_type_of(a->model, o) != type)
			continue;
		run[o] = run[up] + 1;
		if (run[o] > *length)
			*length = run[o];
	}
	big_free(run, a->model->nobjects, sizeof *run);
	return NULL;
}

/* A node in the middle of a list stands for its head. *length: nodes of the chain; 1 when it is none. */
static struct error *settle(const struct suspects *s, uint32_t *object, uint64_t *length)
{
	struct alive *a = s->q.alive;
	uint32_t n = a->model->nobjects, head = *object, type = model_type_of(a->model, head);

	while (a->immediate[head] < n && model_type_of(a->model, a->immediate[head]) == type)
		head = a->immediate[head];
	*length = 1;
	if (head == *object)
		return NULL;
	TRY(measure_chain(s, head, length));
	if (*length < CHAIN)
		*length = 1;
	else
		*object = head;
	return NULL;
}

static struct error *add_owner(struct suspects *s, uint32_t o, uint64_t chain)
{
	struct alive *a = s->q.alive;
	struct model *m = a->model;
	struct finding f = {.kind = chain >= CHAIN ? "chain" : "owner",
			    .bytes = a->retained[o],
			    .count = chain,
			    .object = o};
	char *bytes = suspect_size(s, f.bytes), *what = suspect_object(s, o), *part;
	double share = 100.0 * (double)f.bytes / (double)a->reached_bytes;
	struct below below;
	struct error *e = weigh_children(s, o, &below);

	part = suspect_size(s, below.bytes);
	if (!e)
		e = suspect_path(s, o, &f.path);
	if (!e && chain >= CHAIN) {
		f.what = suspect_text("a chain of %" PRIu64 " %s keeps %s alive, %.1f %%", chain,
				      model_type_name(m, o), bytes, share);
		f.evidence = suspect_text("it begins with %s", what);
	} else if (!e) {
		if (below.type != MODEL_NONE)
			f.count = below.count;
		f.what =
			m->size[o] * 2 >= f.bytes
				? suspect_text("one block has most of %s, %.1f %% of what is alive",
					       bytes, share)
				: suspect_text("one object keeps %s alive, %.1f %%", bytes, share);
		f.evidence = below.type == MODEL_NONE
				     ? suspect_text("%s", what)
				     : suspect_text("%s: below it %" PRIu64 " x %s with %s", what,
						    below.count, m->types[below.type].name, part);
	}
	f.next = suspect_text("refgraph why '#%" PRIu32 "' %s", o, s->q.dump);
	free(bytes);
	free(what);
	free(part);
	return suspect_add_unless(s, f, e);
}

/* It, or something not far above it, is a finding already. */
static bool is_told(const struct suspects *s, uint32_t o)
{
	for (unsigned up = 0; up < 8 && o < s->q.alive->model->nobjects; up++) {
		for (size_t i = 0; i < s->list.n; i++)
			if (s->list.data[i].object == o)
				return true;
		o = s->q.alive->immediate[o];
	}
	return false;
}

struct candidate {
	uint32_t object;
	uint64_t weight;
};

struct candidates {
	VEC(struct candidate) list;
};

static int by_weight(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return (x->object > y->object) - (x->object < y->object);
}

/* The heaviest first. What a look at each of them costs is as much as walking all objects: so few of them are looked at. */
static void sort_candidates(struct candidates *c)
{
	if (c->list.n)
		qsort(c->list.data, c->list.n, sizeof *c->list.data, by_weight);
	if (c->list.n > MAX_CANDIDATES)
		c->list.n = MAX_CANDIDATES;
}

/* Where what is kept spreads: most of it is in no single part that is large itself. */
static struct error *find_owners(struct suspects *s)
{
	struct alive *a = s->q.alive;
	uint32_t n = a->model->nobjects;
	struct candidates candidates = {0};
	struct error *e = NULL;
	uint64_t *large;

	TRY(big_alloc(n, sizeof *large, &large));
	for (uint32_t i = 0; i < a->npreorder; i++) {
		uint32_t o = a->preorder[i];

		if (a->retained[o] >= s->large && a->immediate[o] < n)
			large[a->immediate[o]] += a->retained[o];
	}
	for (uint32_t i = 0; i < a->npreorder && !e; i++) {
		struct candidate one = {a->preorder[i], a->retained[a->preorder[i]]};

		if (one.weight >= s->large && large[one.object] * 2 < one.weight &&
		    !VEC_PUSH(&candidates.list, one))
			e = error_memory();
	}
	sort_candidates(&candidates);
	for (size_t i = 0; i < candidates.list.n && !e; i++) {
		uint32_t o = candidates.list.data[i].object;
		uint64_t chain;

		e = settle(s, &o, &chain);
		if (!e && !is_expected_owner(s, o) && !is_told(s, o))
			e = add_owner(s, o, chain);
	}
	VEC_FREE(&candidates.list);
	big_free(large, n, sizeof *large);
	return e;
}

/* ---- growth ---------------------------------------------------------------------------------- */

static int64_t growth_of(const struct suspects *s, uint32_t o)
{
	uint32_t before = s->q.diff->side[1].match[o];
	uint64_t now = s->q.alive->retained[o], then = 0;

	if (now == RETAINED_NONE)
		return 0;
	if (before != MODEL_NONE && s->q.earlier->retained[before] != RETAINED_NONE)
		then = s->q.earlier->retained[before];
	return (int64_t)(now - then);
}

static struct error *add_growth(struct suspects *s, uint32_t o)
{
	uint32_t before = s->q.diff->side[1].match[o];
	const struct graph *now = &s->q.alive->model->graph, *then = &s->q.earlier->model->graph;
	int64_t more = (int64_t)(now->out_first[o + 1] - now->out_first[o]) -
		       (int64_t)(then->out_first[before + 1] - then->out_first[before]);
	double seconds = suspect_seconds(s);
	struct finding f = {.kind = "growing", .bytes = growth_of(s, o), .object = o};
	char *bytes = suspect_size(s, f.bytes), *what = suspect_object(s, o),
	     *all = suspect_size(s, s->q.alive->retained[o]);
	struct below below;
	struct error *e = weigh_children(s, o, &below);

	f.count = more > 0 ? more : 0;
	f.slope = seconds > 0 ? (double)f.bytes / seconds : 0;
	if (!e)
		e = suspect_path(s, o, &f.path);
	if (!e) {
		f.what =
			suspect_text("one object keeps %s more alive than %.1f s before, %s in all",
				     bytes, seconds, all);
		f.evidence =
			below.type == MODEL_NONE
				? suspect_text("%s, %+" PRId64 " references", what, more)
				: suspect_text("%s, %+" PRId64 " references: mostly %s", what, more,
					       s->q.alive->model->types[below.type].name);
		f.next =
			suspect_text("refgraph diff --by path %s %s", s->q.earlier_dump, s->q.dump);
	}
	free(bytes);
	free(what);
	free(all);
	return suspect_add_unless(s, f, e);
}

/* As with owners: where the growth spreads. Objects that are new are found by who was there before. */
static struct error *find_growing(struct suspects *s)
{
	struct alive *a = s->q.alive;
	uint32_t n = a->model->nobjects;
	struct error *e = NULL;
	struct candidates candidates = {0};
	int64_t *large;

	if (!s->q.diff || !s->q.diff->identity)
		return NULL;
	TRY(big_alloc(n, sizeof *large, &large));
	for (uint32_t i = 0; i < a->npreorder; i++) {
		uint32_t o = a->preorder[i];
		int64_t growth = growth_of(s, o);

		if (growth >= (int64_t)s->small && a->immediate[o] < n &&
		    s->q.diff->side[1].match[o] != MODEL_NONE)
			large[a->immediate[o]] += growth;
	}
	for (uint32_t i = 0; i < a->npreorder && !e; i++) {
		uint32_t o = a->preorder[i];
		int64_t growth = growth_of(s, o);
		struct candidate one = {o, growth};

		if (growth >= (int64_t)s->small && large[o] * 2 < growth &&
		    s->q.diff->side[1].match[o] != MODEL_NONE && !VEC_PUSH(&candidates.list, one))
			e = error_memory();
	}
	sort_candidates(&candidates);
	for (size_t i = 0; i < candidates.list.n && !e; i++) {
		uint32_t o = candidates.list.data[i].object;
		uint64_t chain;

		e = settle(s, &o, &chain);
		if (!e && !is_told(s, o) && s->q.diff->side[1].match[o] != MODEL_NONE)
			e = add_growth(s, o);
	}
	VEC_FREE(&candidates.list);
	big_free(large, n, sizeof *large);
	return e;
}

/* ---- waste ----------------------------------------------------------------------------------- */

struct weight {
	uint32_t key; /* a string, a type */
	uint32_t object;
	uint64_t count, bytes;
};

static int by_key(const void *a, const void *b)
{
	const struct weight *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->object > y->object) - (x->object < y->object);
}

struct weights {
	VEC(struct weight) list;
};

/* Rows of one key become one. */
static void sum_up(struct weights *w)
{
	size_t kept = 0;

	if (w->list.n)
		qsort(w->list.data, w->list.n, sizeof *w->list.data, by_key);
	for (size_t i = 0; i < w->list.n; i++) {
		if (kept && w->list.data[kept - 1].key == w->list.data[i].key) {
			w->list.data[kept - 1].count += w->list.data[i].count;
			w->list.data[kept - 1].bytes += w->list.data[i].bytes;
		} else {
			w->list.data[kept++] = w->list.data[i];
		}
	}
	w->list.n = kept;
}

/* Line tables and the like: each code object has its own, and many are equal. */
static bool is_of_code(const struct suspects *s, uint32_t object)
{
	uint32_t holder = s->q.alive->immediate[object];

	return holder < s->q.alive->model->nobjects &&
	       strcmp(model_type_name(s->q.alive->model, holder), "code") == 0;
}

/* A dump has the beginning of long texts only, and many begin alike. */
static bool is_whole(const struct model *m, const struct property *p)
{
	const char *text = model_string(m, p->value);
	uint64_t length;

	if (text[0] == 'b' && model_property(m, p->object, RGD_PROP_LENGTH, &length))
		return length < BYTES_SHOWN;
	return strlen(text) < (text[0] == 'b' ? BYTES_SHOWN : TEXT_SHOWN);
}

/* Texts of dumps that were taken with values. */
static struct error *find_copies(struct suspects *s)
{
	struct model *m = s->q.alive->model;
	struct weights w = {0};
	const struct weight *most = NULL;
	uint64_t copies = 0, waste = 0, texts = 0, largest = 0;
	struct error *e = NULL;

	for (uint32_t i = 0; i < m->nproperties; i++) {
		const struct property *p = &m->properties[i];
		struct weight one = {p->value, p->object, 1, m->size[p->object]};
		const char *type;

		if (p->key != RGD_PROP_REPR || is_of_code(s, p->object) || !is_whole(m, p))
			continue;
		type = model_type_name(m, p->object);
		if ((strcmp(type, "str") == 0 || strcmp(type, "bytes") == 0) &&
		    bits_get(s->q.alive->reached, p->object) && !VEC_PUSH(&w.list, one))
			e = error_memory();
	}
	sum_up(&w);
	for (size_t i = 0; i < w.list.n; i++) {
		const struct weight *x = &w.list.data[i];
		uint64_t saved = x->bytes - x->bytes / x->count;

		if (x->count < 2)
			continue;
		copies += x->count - 1;
		waste += saved;
		texts++;
		if (saved > largest) {
			largest = saved;
			most = x;
		}
	}
	if (!e && most && waste >= s->small) {
		char *bytes = suspect_size(s, waste);
		struct finding f = {
			.kind = "copies", .bytes = waste, .count = copies, .object = most->object};

		f.what = suspect_text("%" PRIu64 " strings are copies of %" PRIu64 " other%s: %s",
				      copies, texts, suspect_plural(texts), bytes);
		f.evidence = suspect_text("%s is there %" PRIu64 " times",
					  model_string(m, most->key), most->count);
		f.next = suspect_text("refgraph why '#%" PRIu32 "' %s", most->object, s->q.dump);
		free(bytes);
		e = suspect_add(s, f);
	}
	VEC_FREE(&w.list);
	return e;
}

static bool is_container(const char *type)
{
	static const char *const names[] = {"dict",  "list",	    "set",
					    "deque", "OrderedDict", "defaultdict"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(type, names[i]) == 0)
			return true;
	return false;
}

static struct error *add_empty(struct suspects *s, const struct weight *x)
{
	struct model *m = s->q.alive->model;
	const char *type = m->types[x->key].name;
	char *bytes = suspect_size(s, x->bytes);
	struct finding f = {
		.kind = "empty", .bytes = x->bytes, .count = x->count, .object = x->object};
	struct error *e = suspect_path(s, x->object, &f.path);

	if (!e) {
		f.what = suspect_text("%" PRIu64 " times an empty %s: %s", x->count, type, bytes);
		f.evidence = suspect_text("such as #%" PRIu32, x->object);
		f.next = suspect_text("refgraph why --merge %s --where 'outdegree == 0' %s", type,
				      s->q.dump);
	}
	free(bytes);
	return suspect_add_unless(s, f, e);
}

static struct error *find_empty(struct suspects *s)
{
	struct alive *a = s->q.alive;
	struct model *m = a->model;
	struct weights w = {0};
	struct error *e = NULL;

	for (uint32_t i = 0; i < m->nproperties && !e; i++) {
		const struct property *p = &m->properties[i];
		uint32_t type;

		if (p->key != RGD_PROP_LENGTH || p->value || !bits_get(a->reached, p->object))
			continue;
		type = model_type_of(m, p->object);
		if (is_container(m->types[type].name) &&
		    !VEC_PUSH(&w.list,
			      ((struct weight){type, p->object, 1, a->retained[p->object]})))
			e = error_memory();
	}
	sum_up(&w);
	for (size_t i = 0; i < w.list.n && !e; i++)
		if (w.list.data[i].bytes >= s->small)
			e = add_empty(s, &w.list.data[i]);
	VEC_FREE(&w.list);
	return e;
}

/* ---- garbage --------------------------------------------------------------------------------- */

static struct error *add_garbage(struct suspects *s, struct cycles *cycles, uint32_t pattern)
{
	const struct cycle_pattern *c = &cycles->patterns.data[pattern];
	struct finding f = {.kind = c->legacy ? "uncollectable" : "garbage",
			    .count = c->count,
			    .object = c->example};
	struct str words = {0}, weak = {0};
	uint64_t objects, bytes;
	char *size;

	TRY(cycles_retained(cycles, pattern, &objects, &bytes));
	f.bytes = bytes;
	if (bytes < s->small && !c->legacy)
		return NULL;
	TRY(cycles_words(cycles, pattern, &words));
	TRY(cycles_weak(cycles, pattern, &weak));
	size = suspect_size(s, bytes);
	if (c->legacy)
		f.what = suspect_text(
			"%" PRIu32 " cycle%s that the collector never frees keep%s %s", c->count,
			suspect_plural(c->count), c->count == 1 ? "s" : "", size);
	else
		f.what = suspect_text(
			"%" PRIu32 " cycle%s that nothing holds wait%s for the collector with %s",
			c->count, suspect_plural(c->count), c->count == 1 ? "s" : "", size);
	f.evidence = weak.n ? suspect_text("%s; making %s weak would free them at once",
					   str_text(&words), str_text(&weak))
			    : suspect_text("%s", str_text(&words));
	f.next = suspect_text("refgraph cycles --state garbage %s", s->q.dump);
	free(size);
	str_free(&words);
	str_free(&weak);
	return suspect_add(s, f);
}

static struct error *find_garbage(struct suspects *s)
{
	struct cycles cycles;
	struct error *e = cycles_find(s->q.alive, false, &cycles);
	unsigned found = 0;

	for (uint32_t i = 0; !e && i < cycles.patterns.n && found < MAX_OF_A_KIND; i++) {
		size_t before = s->list.n;

		if (!cycles.patterns.data[i].garbage)
			break;
		e = add_garbage(s, &cycles, i);
		found += s->list.n > before;
	}
	cycles_deinit(&cycles);
	return e;
}

/* gc.garbage: what the collector gave up, or what gc.DEBUG_SAVEALL kept. */
static struct error *find_kept_garbage(struct suspects *s)
{
	struct alive *a = s->q.alive;
	struct model *m = a->model;

	for (uint32_t i = 0; i < m->nroots; i++) {
		const struct root *r = &m->roots[i];
		uint32_t o = r->target, n = m->graph.out_first[o + 1] - m->graph.out_first[o];
		struct finding f = {.kind = "uncollectable", .count = n, .object = o};
		uint64_t length;
		char *bytes;

		if (r->class != RGD_ROOT_RUNTIME ||
		    strcmp(model_string(m, r->label), "gc.garbage") != 0 ||
		    a->retained[o] == RETAINED_NONE)
			continue;
		if (!model_property(m, o, RGD_PROP_LENGTH, &length))
			length = n;
		if (!length)
			continue;
		f.count = length;
		f.bytes = a->retained[o];
		bytes = suspect_size(s, f.bytes);
		f.what = suspect_text("gc.garbage has %" PRIu64 " object%s, which keep %s alive",
				      length, suspect_plural(length), bytes);
		f.evidence = suspect_text("#%" PRIu32
					  ": the collector could not free them, or was told to "
					  "keep them",
					  o);
		f.next = suspect_text("refgraph referents '#%" PRIu32 "' %s", o, s->q.dump);
		free(bytes);
		TRY(suspect_add(s, f));
	}
	return NULL;
}

/* ---- lost blocks ----------------------------------------------------------------------------- */

static struct error *add_leak(struct suspects *s, const struct leak_record *r)
{
	struct model *m = s->q.alive->model;
	uint64_t all = r->own.bytes + r->indirect.bytes;
	struct finding f = {
		.kind = "lost", .bytes = all, .count = r->own.blocks, .object = r->example};
	struct str site = {0};
	char *bytes = suspect_size(s, all);

	if (r->stack != MODEL_NONE)
		model_frame_text(m, model_site_frame(m, r->stack), &site);
	f.what = suspect_text("nothing points to %" PRIu64
			      " block%s any more: %s with what hangs on them",
			      r->own.blocks, suspect_plural(r->own.blocks), bytes);
	f.evidence = suspect_text("%s, made by %s", model_type_name(m, r->example),
				  site.n ? str_text(&site) : "an unknown place");
	f.next = suspect_text("refgraph leaks %s", s->q.dump);
	str_free(&site);
	free(bytes);
	return suspect_add(s, f);
}

static struct error *find_lost(struct suspects *s)
{
	struct suppressions *known = NULL;
	struct leaks leaks;
	struct error *e = leaks_find(s->q.alive, LEAKS_ALL_HEURISTICS, &leaks);
	unsigned found = 0;

	if (!e)
		e = suppressions_create(true, &known);
	if (!e)
		leaks_suppress(&leaks, known);
	for (size_t i = 0; !e && i < leaks.records.n && found < MAX_OF_A_KIND; i++) {
		const struct leak_record *r = &leaks.records.data[i];

		if (r->kind != LEAK_DEFINITE || r->suppressed ||
		    r->own.bytes + r->indirect.bytes < s->small)
			continue;
		e = add_leak(s, r);
		found++;
	}
	leaks_deinit(&leaks);
	suppressions_destroy(known);
	return e;
}

/* ---- forgotten references --------------------------------------------------------------------- */

static struct error *add_forgotten(struct suspects *s, const struct audit_row *r)
{
	char *bytes = suspect_size(s, r->bytes);
	struct finding f = {
		.kind = "forgotten", .bytes = r->bytes, .count = r->objects, .object = r->example};

	f.what = suspect_text("%" PRIu64
			      " %s object%s, %s, are counted as held, and nobody holds them",
			      r->objects, r->type, suspect_plural(r->objects), bytes);
	f.evidence =
		suspect_text("%" PRIu64 " reference%s too many: C code forgot to give them back; "
			     "made by %s",
			     r->references, suspect_plural(r->references),
			     *r->site ? r->site : "an unknown place");
	f.next = suspect_text("refgraph audit %s", s->q.dump);
	free(bytes);
	return suspect_add(s, f);
}

static struct error *find_forgotten(struct suspects *s)
{
	struct audit audit = {0};
	struct error *e = audit_compute(s->q.alive->model, NULL, &audit);
	unsigned found = 0;

	for (size_t i = 0; !e && i < audit.n && found < MAX_OF_A_KIND; i++) {
		const struct audit_row *r = &audit.rows[i];

		if (r->verdict != VERDICT_LOST || r->bytes < s->small)
			continue;
		e = add_forgotten(s, r);
		found++;
	}
	audit_deinit(&audit);
	return e;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static struct error *(*const detectors[])(struct suspects *s) = {
	find_growing, /* before owners: what grows is told once */
	find_owners,  find_copies,    find_empty,  find_garbage, find_kept_garbage,
	find_lost,    find_forgotten, find_pinned, find_zombies, find_churn,
};

static int by_bytes(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	int kind = strcmp(x->kind, y->kind);

	if ((x->slope > 0) != (y->slope > 0))
		return x->slope > 0 ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (kind)
		return kind;
	return (x->object > y->object) - (x->object < y->object);
}

static uint64_t threshold(const struct suspects *s, uint64_t part, uint64_t least)
{
	uint64_t bytes = s->q.alive->reached_bytes / part;

	if (s->q.min)
		return s->q.min;
	return bytes > least ? bytes : least;
}

struct error *suspects_find(const struct suspects_query *query, struct suspects *ret)
{
	struct alive *a = query->alive;

	*ret = (struct suspects){.q = *query};
	TRY(model_load(a->model, MODEL_REPR | MODEL_THREADS | MODEL_SIZE));
	TRY(alive_reach(a));
	TRY(alive_dominators(a));
	if (query->earlier)
		TRY(alive_dominators(query->earlier));
	TRY(spell_init(&ret->spell, a));
	TRY(bfs_tree_make(&a->graph, &a->follow, a->roots.data, a->roots.n, NULL, &ret->tree));
	ret->large = threshold(ret, LARGE_PART, LARGE_LEAST);
	ret->small = threshold(ret, SMALL_PART, SMALL_LEAST);
	for (size_t i = 0; i < sizeof detectors / sizeof *detectors; i++)
		TRY(detectors[i](ret));
	if (ret->list.n)
		qsort(ret->list.data, ret->list.n, sizeof *ret->list.data, by_bytes);
	return NULL;
}

void suspects_deinit(struct suspects *s)
{
	for (size_t i = 0; i < s->list.n; i++)
		suspect_deinit(&s->list.data[i]);
	VEC_FREE(&s->list);
	spell_deinit(&s->spell);
	bfs_tree_deinit(&s->tree);
}
