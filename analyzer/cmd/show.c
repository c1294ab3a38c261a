/* show.c - `refgraph show`: everything that is known about an object. */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "out/json.h"
#include "report/edge_name.h"
#include "report/references.h"
#include "report/repr.h"

#define DEFAULT_LIMIT 20u
#define OBJECTS_AT_ONCE 50u

struct page {
	struct context *context;
	struct model *m;
	struct references in;
	uint64_t limit;
	struct str text;
};

/* ---- one reference --------------------------------------------------------------------------- */

static void reference_json(struct page *p, uint32_t object, const char *direction,
			   const struct edge *edge, uint32_t other)
{
	struct str what = {0};
	struct json j;

	repr_object(p->m, other, &what);
	json_begin(&j, stdout);
	json_text(&j, "record", "reference");
	json_number(&j, "of", object);
	json_text(&j, "direction", direction);
	json_text(&j, "edge", str_text(&p->text));
	json_text(&j, "kind", model_edge_kind_name(edge->kind));
	json_bool(&j, "traversed", edge->flags & RGD_LABEL_F_TRAVERSED);
	json_number(&j, "interior", edge->interior);
	json_text(&j, "declared", edge_declared(p->m, edge));
	json_number(&j, "id", other);
	json_address(&j, "address", p->m->address[other]);
	json_text(&j, "type", model_type_name(p->m, other));
	json_text(&j, "repr", str_text(&what));
	json_end(&j);
	str_free(&what);
}

static void reference_line(struct page *p, uint32_t other)
{
	struct str line = {0};

	str_printable(&line, str_text(&p->text));
	printf("  %-24s ", str_text(&line));
	str_clear(&p->text);
	repr_full(p->m, other, &p->text);
	str_clear(&line);
	str_printable(&line, str_text(&p->text));
	printf("%s  0x%" PRIx64 "  #%" PRIu32 "\n", str_text(&line), p->m->address[other], other);
	str_free(&line);
}

static struct error *reference(struct page *p, uint32_t object, uint32_t source, uint32_t number)
{
	bool out = source == object;
	struct edge edge;
	uint32_t other;

	TRY(model_edge(p->m, source, number, &edge));
	other = out ? edge.target : source;
	str_clear(&p->text);
	edge_name(p->m, &edge, &p->text);
	if (p->context->style.format == TABLE_JSON)
		reference_json(p, object, out ? "out" : "in", &edge, other);
	else
		reference_line(p, other);
	return NULL;
}

/* ---- lists of references --------------------------------------------------------------------- */

static bool beyond(const struct page *p, size_t shown, size_t all)
{
	if (!p->limit || shown < p->limit)
		return false;
	if (p->context->style.format != TABLE_JSON)
		printf("  ... %zu more; --limit 0 shows all\n", all - shown);
	return true;
}

static struct error *out_references(struct page *p, uint32_t object)
{
	uint32_t first = p->m->graph.out_first[object], end = p->m->graph.out_first[object + 1];

	if (p->context->style.format != TABLE_JSON && first < end)
		printf("refers to (%" PRIu32 "):\n", end - first);
	for (uint32_t e = first; e < end; e++) {
		if (beyond(p, e - first, end - first))
			break;
		TRY(reference(p, object, object, e));
	}
	return NULL;
}

/* A reference to itself stands among those that go out. */
static struct error *in_references(struct page *p, uint32_t object)
{
	size_t first, end, shown = 0, others = 0;

	references_range(&p->in, object, &first, &end);
	for (size_t i = first; i < end; i++)
		others += p->in.rows.data[i].other != object;
	if (p->context->style.format != TABLE_JSON && others)
		printf("referred to by (%zu):\n", others);
	for (size_t i = first; i < end; i++) {
		const struct reference *e = &p->in.rows.data[i];

		if (e->other == object)
			continue;
		if (beyond(p, shown, others))
			break;
		TRY(reference(p, object, e->other, e->number));
		shown++;
	}
	return NULL;
}

static void roots(struct page *p, uint32_t object)
{
	struct str line = {0};
	bool any = false;

	for (uint32_t i = 0; i < p->m->nroots; i++) {
		const struct root *r = &p->m->roots[i];
		struct json j;

		if (r->target != object)
			continue;
		str_clear(&p->text);
		root_name(p->m, r, &p->text);
		if (p->context->style.format == TABLE_JSON) {
			json_begin(&j, stdout);
			json_text(&j, "record", "root");
			json_number(&j, "of", object);
			json_text(&j, "root", str_text(&p->text));
			json_text(&j, "class", model_root_class_name(r->class));
			json_text(&j, "kind", model_edge_kind_name(r->kind));
			json_number(&j, "interior", r->interior);
			json_text(&j, "declared", root_declared(p->m, r));
			json_end(&j);
			continue;
		}
		if (!any)
			printf("roots:\n");
		any = true;
		str_clear(&line);
		str_printable(&line, str_text(&p->text));
		printf("  %s%s\n", r->kind == RGD_EDGE_CONSERVATIVE ? "~" : "", str_text(&line));
	}
	str_free(&line);
}

/* ---- the object itself ----------------------------------------------------------------------- */

/* Counted references that the dump can see: what is missing from the refcount is held by
 * something that it cannot. */
static uint64_t seen_references(const struct page *p, uint32_t object)
{
	size_t first, end;
	uint64_t n = 0;

	references_range(&p->in, object, &first, &end);
	for (size_t i = first; i < end; i++)
		n += MODEL_CLASS_KIND(p->m->graph.edge_class[p->in.rows.data[i].number]) ==
		     RGD_EDGE_STRONG;
	for (uint32_t i = 0; i < p->m->nroots; i++)
		n += p->m->roots[i].target == object && p->m->roots[i].kind == RGD_EDGE_STRONG;
	return n;
}

static const char *flag_words(uint32_t flags, struct str *out)
{
	static const struct {
		uint32_t flag;
		const char *word;
	} words[] = {
		{RGD_OBJ_F_TRACKED, "tracked"},	    {RGD_OBJ_F_IMMORTAL, "immortal"},
		{RGD_OBJ_F_FINALIZED, "finalized"}, {RGD_OBJ_F_INTERNAL, "internal"},
		{RGD_OBJ_F_STATIC, "static"},
	};

	str_clear(out);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (flags & words[i].flag)
			str_printf(out, "%s%s", out->n ? ", " : "", words[i].word);
	return str_text(out);
}

static void line(const char *name, const char *value)
{
	struct str s = {0};

	str_printable(&s, value);
	if (value[0])
		printf("  %-11s %s\n", name, str_text(&s));
	str_free(&s);
}

static void print_stack(struct page *p, uint32_t object)
{
	struct model *m = p->m;
	uint32_t stack = m->stack[object] ? m->stack[object] - 1 : MODEL_NONE;

	for (bool first = true; stack != MODEL_NONE;
	     stack = m->stacks[stack].parent, first = false) {
		str_clear(&p->text);
		model_frame_text(m, m->stacks[stack].frame, &p->text);
		line(first ? "made by" : "", str_text(&p->text));
	}
}

static bool is_reused(const struct model *m, uint32_t object)
{
	return model_type(m, m->type[object])->flags & RGD_TYPE_F_REUSED;
}

static void print_properties(struct page *p, uint32_t object)
{
	static const char *const names[] = {"",	      "name",  "file",	"line",
					    "length", "value", "state", "qualname"};
	struct model *m = p->m;

	for (unsigned key = RGD_PROP_NAME; key <= RGD_PROP_QUALNAME; key++) {
		uint64_t value;

		if (!model_property(m, object, key, &value))
			continue;
		str_clear(&p->text);
		if (key == RGD_PROP_LINE || key == RGD_PROP_LENGTH)
			str_printf(&p->text, "%" PRIu64, value);
		else
			str_add(&p->text, model_string(m, value));
		line(names[key], str_text(&p->text));
	}
}

/* The pool that the object is a block of, NULL none. */
static const struct pool *pool_of(const struct model *m, uint32_t object)
{
	uint64_t number;

	return model_property(m, object, RGD_PROP_POOL, &number) ? &m->pools[number] : NULL;
}

/* "strings 0x5581...", or the address alone */
static void print_pool(struct page *p, uint32_t object)
{
	const struct pool *pool = pool_of(p->m, object);

	if (!pool)
		return;
	str_clear(&p->text);
	str_printf(&p->text, "%s%s0x%" PRIx64, model_string(p->m, pool->name),
		   model_string(p->m, pool->name)[0] ? " " : "", pool->address);
	line("pool", str_text(&p->text));
}

static void pool_json(const struct page *p, uint32_t object)
{
	const struct pool *pool = pool_of(p->m, object);
	struct json j;

	if (!pool)
		return;
	json_begin(&j, stdout);
	json_text(&j, "record", "pool");
	json_number(&j, "of", object);
	json_text(&j, "name", model_string(p->m, pool->name));
	json_address(&j, "address", pool->address);
	json_number(&j, "blocks", pool->blocks);
	json_number(&j, "bytes", pool->bytes);
	json_end(&j);
}

static void print_counts(struct page *p, uint32_t object)
{
	struct model *m = p->m;
	uint32_t flags = m->flags[object];
	uint64_t seen = seen_references(p, object), count = m->refcount[object];

	if ((flags & RGD_OBJ_F_RUNTIME_MASK) == RGD_RT_NATIVE)
		return;
	str_clear(&p->text);
	str_printf(&p->text, "%" PRIu64, count);
	if (flags & RGD_OBJ_F_IMMORTAL)
		str_add(&p->text, ", immortal");
	else if (count > seen)
		str_printf(&p->text, " (%" PRIu64 " seen, %" PRIu64 " unexplained)", seen,
			   count - seen);
	else if (count)
		str_printf(&p->text, " (%" PRIu64 " seen)", seen);
	line("refcount", str_text(&p->text));
	str_clear(&p->text);
	if (flags & RGD_OBJ_F_TRACKED) {
		str_printf(&p->text, "%u%s", model_generation(m, object),
			   model_generation(m, object) == 3 ? " (permanent)" : "");
		line("generation", str_text(&p->text));
	}
}

static void object_text(struct page *p, uint32_t object)
{
	struct model *m = p->m;
	struct str s = {0};

	repr_full(m, object, &s);
	str_clear(&p->text);
	str_printable(&p->text, str_text(&s));
	printf("#%" PRIu32 "  %s\n", object, str_text(&p->text));
	str_clear(&s);
	model_long_name(m, model_type_of(m, object), &s);
	line("type", str_text(&s));
	str_clear(&s);
	str_printf(&s, "0x%" PRIx64, m->address[object]);
	if (m->base[object])
		str_printf(&s, " (%" PRIu64 " into its block)", m->base[object]);
	line("address", str_text(&s));
	str_clear(&s);
	str_printf(&s, "%" PRIu64 " bytes", m->size[object]);
	line("size", str_text(&s));
	print_counts(p, object);
	line("flags", flag_words(m->flags[object], &s));
	str_clear(&s);
	str_printf(&s, m->epoch[object] ? "in epoch %" PRIu32 : "before tracking began",
		   m->epoch[object]);
	if (is_reused(m, object))
		str_add(&s, ", or later: its memory may come from a free list, and it was made "
			    "elsewhere then");
	line("born", str_text(&s));
	print_properties(p, object);
	print_pool(p, object);
	print_stack(p, object);
	str_free(&s);
}

static void object_json(struct page *p, uint32_t object)
{
	struct model *m = p->m;
	struct str s = {0};
	struct json j;

	json_begin(&j, stdout);
	json_text(&j, "record", "object");
	json_number(&j, "id", object);
	json_address(&j, "address", m->address[object]);
	json_text(&j, "type", model_type_name(m, object));
	json_text(&j, "module", model_type(m, model_type_of(m, object))->module);
	repr_object(m, object, &s);
	json_text(&j, "repr", str_text(&s));
	json_number(&j, "size", m->size[object]);
	json_number(&j, "base", m->base[object]);
	json_number(&j, "refcount", m->refcount[object]);
	json_number(&j, "refs_seen", seen_references(p, object));
	json_number(&j, "generation", model_generation(m, object));
	json_number(&j, "epoch", m->epoch[object]);
	json_text(&j, "runtime", model_runtime_name(m->flags[object] & RGD_OBJ_F_RUNTIME_MASK));
	json_text(&j, "flags", flag_words(m->flags[object], &s));
	str_clear(&s);
	add_site(m, object, &s);
	json_text(&j, "site", str_text(&s));
	json_bool(&j, "reused", is_reused(m, object));
	json_number(&j, "out", m->graph.out_first[object + 1] - m->graph.out_first[object]);
	json_end(&j);
	str_free(&s);
}

static struct error *print_object(struct page *p, uint32_t object)
{
	if (p->context->style.format == TABLE_JSON) {
		object_json(p, object);
		pool_json(p, object);
	} else {
		object_text(p, object);
	}
	TRY(out_references(p, object));
	TRY(in_references(p, object));
	roots(p, object);
	return NULL;
}

static struct error *print_all(struct page *p, struct ids *objects)
{
	size_t all = objects->n;

	if (objects->n > OBJECTS_AT_ONCE)
		objects->n = OBJECTS_AT_ONCE;
	TRY(references_in(p->m, objects, NULL, NULL, &p->in));
	for (size_t i = 0; i < objects->n; i++) {
		if (i && p->context->style.format != TABLE_JSON)
			putchar('\n');
		TRY(print_object(p, objects->data[i]));
	}
	if (all > objects->n)
		fprintf(stderr, "refgraph: %zu objects match; these are the first %u\n", all,
			OBJECTS_AT_ONCE);
	return NULL;
}

static struct error *run(struct context *context)
{
	struct page p = {.context = context,
			 .limit = option_number(context, OPT_LIMIT, DEFAULT_LIMIT)};
	struct universe universe;
	struct ids objects = {0};
	struct error *e;

	TRY(context_model(context, 0, &p.m));
	TRY(context_universe(context, p.m, &universe));
	e = context_select(context, p.m, &universe, &objects);
	if (!e)
		e = model_load_for(
			p.m,
			MODEL_REPR | MODEL_SIZE | MODEL_REFCOUNT | MODEL_EPOCH | MODEL_BASE |
				MODEL_EDGES | MODEL_ROOTS | MODEL_THREADS | MODEL_POOLS,
			objects.data, objects.n < OBJECTS_AT_ONCE ? objects.n : OBJECTS_AT_ONCE);
	if (!e)
		e = print_all(&p, &objects);
	VEC_FREE(&objects);
	VEC_FREE(&p.in.rows);
	str_free(&p.text);
	return e;
}

/* Fields of --json. */
static const struct column json_object[] = {
	{"record", NULL, CELL_TEXT, .about = "object: all that is known"},
	{"id", NULL, CELL_ID, .about = "its number in this dump"},
	{"address", NULL, CELL_ADDRESS, .about = "where it begins"},
	{"type", NULL, CELL_TEXT, .about = "its type"},
	{"module", NULL, CELL_TEXT, .about = "of the type"},
	{"repr", NULL, CELL_TEXT, .about = "it in a few words"},
	{"size", NULL, CELL_SIZE, .about = "bytes"},
	{"reused", NULL, CELL_BOOL, .about = "its memory was handed out again by a free list"},
	{"base", NULL, CELL_NUMBER, .about = "bytes before its address that belong to it"},
	{"refcount", NULL, CELL_NUMBER, .about = "its reference count"},
	{"refs_seen", NULL, CELL_NUMBER, .about = "references that the dump has"},
	{"generation", NULL, CELL_NUMBER, .about = "0, 1, 2; 3 = permanent"},
	{"epoch", NULL, CELL_NUMBER, .about = "of its birth"},
	{"runtime", NULL, CELL_TEXT, .about = "native, python, ..."},
	{"flags", NULL, CELL_TEXT, .about = "in words"},
	{"site", NULL, CELL_TEXT, .about = "where it was made"},
	{"out", NULL, CELL_NUMBER, .about = "references that leave it"},
};

/* Fields of --json. */
static const struct column json_reference[] = {
	{"record", NULL, CELL_TEXT, .about = "reference: one from or to the object"},
	{"of", NULL, CELL_ID, .about = "the object that was asked for"},
	{"direction", NULL, CELL_TEXT, .about = "out: it refers to; in: is referred to by"},
	{"edge", NULL, CELL_TEXT, .about = "name of the reference"},
	{"kind", NULL, CELL_TEXT, .about = "strong, internal, conservative, borrowed, weak"},
	{"traversed", NULL, CELL_BOOL, .about = "the collector sees it"},
	{"interior", NULL, CELL_NUMBER, .about = "bytes behind the beginning of the target"},
	{"declared", NULL, CELL_TEXT,
	 .about = "what debug information says of the word: pointer; other, when something else "
		  "is declared there; null: nothing"},
	{"id", NULL, CELL_ID, .about = "of the other object"},
	{"address", NULL, CELL_ADDRESS, .about = "of the other object"},
	{"type", NULL, CELL_TEXT, .about = "of the other object"},
	{"repr", NULL, CELL_TEXT, .about = "it in a few words"},
};

/* Fields of --json. */
static const struct column json_pool[] = {
	{"record", NULL, CELL_TEXT, .about = "pool: the one that the object is a block of"},
	{"of", NULL, CELL_ID, .about = "the object"},
	{"name", NULL, CELL_TEXT, .about = "of the pool"},
	{"address", NULL, CELL_ADDRESS, .about = "what the pool is known by"},
	{"blocks", NULL, CELL_NUMBER, .about = "live blocks of the pool"},
	{"bytes", NULL, CELL_SIZE, .about = "theirs"},
};

/* Fields of --json. */
static const struct column json_root[] = {
	{"record", NULL, CELL_TEXT, .about = "root: one that holds it"},
	{"of", NULL, CELL_ID, .about = "the object"},
	{"root", NULL, CELL_TEXT, .about = "its name"},
	{"class", NULL, CELL_TEXT, .about = "module, global, stack, ..."},
	{"kind", NULL, CELL_TEXT, .about = "as of a reference"},
	{"interior", NULL, CELL_NUMBER, .about = "as of a reference"},
	{"declared", NULL, CELL_TEXT, .about = "as of a reference"},
};

const struct command cmd_show = {
	.name = "show",
	.usage = "SELECTOR... DUMP",
	.summary = "show an object: type, size, refcount, age, where it was made, what it refers "
		   "to, what holds it",
	.about = "`seen` are the counted references that the dump explains; the rest are held by "
		 "something that it cannot see. ~ marks a "
		 "reference that only looks like one.",
	.options = OPTIONS_UNIVERSE | OPTIONS_LIMIT | OPTIONS_JSON,
	.records = RECORDS(RECORD_IF("record", "object", json_object),
			   RECORD_IF("record", "reference", json_reference),
			   RECORD_IF("record", "pool", json_pool),
			   RECORD_IF("record", "root", json_root)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
