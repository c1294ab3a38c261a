/* why.c - `refgraph why`: why an object is alive, and which references to cut. */
#include "cmd/why.h"

#include <inttypes.h>
#include <stdio.h>

#include "graph/bfs_tree.h"
#include "report/contents.h"
#include "report/edge_name.h"
#include "report/epochs.h"
#include "report/repr.h"
#include "report/select.h"
#include "report/ways.h"
#include "util/big.h"
#include "util/bits.h"

#define DEFAULT_WAYS 3u
#define LARGEST_CUT 8u
/* Of a longer way the spelling of every row would be a book. */
#define SPELLED_ROWS 64u

enum {
	EDGE,
	TYPE,
	REPR,
	ID,
	FREES,
	RECORD,
	WAY,
	KIND,
	INTERIOR,
	DECLARED,
	PATH,
	ADDRESS,
	SIZE,
	RETAINED,
	REFCOUNT,
	SEEN,
	EPOCH,
	AGE,
	SITE,
	WAYS
};

static const struct column columns[] = {
	[EDGE] = {"edge", "EDGE", CELL_TEXT,
		  .about = "the reference from the line before; of the first, its root"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the object"},
	[REPR] = {"repr", "WHAT", CELL_TEXT, .about = "the object in a few words"},
	[ID] = {"id", "ID", CELL_ID, .about = "of the object"},
	[FREES] = {"frees", "CUT FREES", CELL_SIZE,
		   .about = "bytes that would be freed if this one reference were cut; empty when "
			    "the object in question would stay; of the record object: what the "
			    "smallest cut frees"},
	[RECORD] = {"record", NULL, CELL_TEXT, .hidden = true,
		    .about = "object: the object in question; step: of a way to it; cut: a "
			     "reference of the smallest cut; direct: each reference to the object, "
			     "when "
			     "there are at most 8"},
	[WAY] = {"way", "WAY", CELL_NUMBER, .hidden = true,
		 .about = "1 is the shortest; no two share a reference"},
	[KIND] = {"kind", "KIND", CELL_TEXT, .hidden = true,
		  .about = "of the reference: strong, internal, conservative (a guess)"},
	[INTERIOR] = {"interior", "INTERIOR", CELL_NUMBER, .hidden = true,
		      .about = "bytes behind the beginning of the object that it points to"},
	[DECLARED] = {"declared", "DECLARED", CELL_TEXT, .hidden = true,
		      .about = "what debug information says of a conservative reference's word: "
			       "pointer; other, when something else is declared there and the "
			       "reference is a coincidence, likely; null: nothing"},
	[PATH] = {"path", "PATH", CELL_TEXT, .hidden = true,
		  .about = "the way up to here as a programmer would write it; null in very long "
			   "ways"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .hidden = true, .about = "of the object"},
	[SIZE] = {"size", "SIZE", CELL_SIZE, .hidden = true, .about = "of the object"},
	[RETAINED] = {"retained", "RETAINED", CELL_SIZE, .hidden = true,
		      .about = "bytes that would go with the object"},
	[REFCOUNT] = {"refcount", "REFS", CELL_NUMBER, .hidden = true,
		      .about = "its reference count"},
	[SEEN] = {"seen", "SEEN", CELL_NUMBER, .hidden = true,
		  .about = "references of that count which the dump has"},
	[EPOCH] = {"epoch", "EPOCH", CELL_NUMBER, .hidden = true, .about = "of its birth"},
	[AGE] = {"age", "AGE", CELL_NUMBER, .hidden = true, .about = "epochs since then"},
	[SITE] = {"site", "SITE", CELL_TEXT, .hidden = true, .about = "where it was made"},
	[WAYS] = {"cut_size", "CUT SIZE", CELL_NUMBER, .hidden = true,
		  .about = "record object: references that must go to free it, at least; null when "
			   "there are more than the bound"},
};

struct page {
	struct context *context;
	struct subject subject;
	uint64_t *avoid;
	uint32_t object;
	struct ways ways;
	struct spell spell;
	struct bfs_tree tree; /* made when a cut's references are to be spelled */
	uint32_t now;	      /* the dump's epoch */
	struct str text;
	/* of the steps since the last row: containers' insides have none of their own */
	struct str passed;
	struct contents contents;
	bool cuts;
	uint64_t frees;
};

/* ---- rows ------------------------------------------------------------------------------------ */

static void add_object(struct page *p, struct table *t, const char *record, uint32_t o)
{
	struct model *m = p->subject.m;

	table_row(t);
	table_text(t, RECORD, record);
	str_clear(&p->text);
	repr_object(m, o, &p->text);
	table_text(t, TYPE, model_type_name(m, o));
	table_text(t, REPR, str_text(&p->text));
	table_number(t, ID, o);
	table_number(t, ADDRESS, m->address[o]);
	table_number(t, SIZE, m->size[o]);
	if (p->subject.alive.retained[o] != RETAINED_NONE)
		table_number(t, RETAINED, p->subject.alive.retained[o]);
	table_number(t, REFCOUNT, m->refcount[o]);
	table_number(t, SEEN, p->subject.alive.strong[o]);
	table_number(t, EPOCH, m->epoch[o]);
	table_number(t, AGE, p->now > m->epoch[o] ? p->now - m->epoch[o] : 0);
	if (p->context->style.format != TABLE_TEXT) {
		str_clear(&p->text);
		add_site(m, o, &p->text);
		table_text(t, SITE, str_text(&p->text));
	}
}

/* What is in p->text goes to the name of the next row. */
static void name_passed(struct page *p, uint32_t holder)
{
	struct model *m = p->subject.m;

	if (!m->block_owner)
		str_add(&p->passed, str_text(&p->text));
	else if (holder == MODEL_NONE)
		contents_clean(str_text(&p->text), &p->passed);
	else
		contents_add(m, holder, str_text(&p->text), &p->contents, &p->passed);
}

/* "['k']", ".handlers", or the name of a root; and how sure it is. */
static struct error *add_reference(struct page *p, struct table *t, uint32_t holder,
				   uint32_t number)
{
	struct model *m = p->subject.m;
	const struct root *root;
	const char *declared;
	struct edge edge;

	str_clear(&p->text);
	if (holder == MODEL_NONE) {
		root = &m->roots[p->subject.alive.root_rows.data[number]];
		root_name(m, root, &p->text);
		declared = root_declared(m, root);
		table_number(t, INTERIOR, root->interior);
	} else {
		TRY(model_edge(m, holder, number, &edge));
		edge_name(m, &edge, &p->text);
		declared = edge_declared(m, &edge);
		table_number(t, INTERIOR, edge.interior);
	}
	if (declared)
		table_text(t, DECLARED, declared);
	name_passed(p, holder);
	contents_end(&p->contents, &p->passed);
	table_text(t, EDGE, str_text(&p->passed));
	return NULL;
}

static struct error *pass(struct page *p, const struct way *way, size_t i)
{
	struct model *m = p->subject.m;
	struct edge edge;

	str_clear(&p->text);
	if (i == 0) {
		root_name(m, &m->roots[p->subject.alive.root_rows.data[way->edges.data[0]]],
			  &p->text);
		name_passed(p, MODEL_NONE);
		return NULL;
	}
	TRY(model_edge(m, way->nodes.data[i - 1], way->edges.data[i], &edge));
	edge_name(m, &edge, &p->text);
	name_passed(p, way->nodes.data[i - 1]);
	return NULL;
}

static struct error *add_step(struct page *p, struct table *t, size_t n, size_t i)
{
	const struct way *way = &p->ways.list.data[n];
	uint32_t o = way->nodes.data[i];

	if (i == 0)
		p->cuts = false;
	if (n == 0 && ways_is_cut(&p->ways, way, i, &p->frees))
		p->cuts = true;
	if (contents_passed(p->subject.m, o, i + 1 == way->nodes.n))
		return pass(p, way, i);
	add_object(p, t, "step", o);
	table_number(t, WAY, n + 1);
	TRY(add_reference(p, t, i ? way->nodes.data[i - 1] : MODEL_NONE, way->edges.data[i]));
	table_text(t, KIND, model_edge_kind_name(ways_kind(&p->ways, way, i)));
	if (p->cuts)
		table_number(t, FREES, p->frees);
	p->cuts = false;
	str_clear(&p->passed);
	if (way->nodes.n > SPELLED_ROWS)
		return NULL;
	str_clear(&p->text);
	TRY(ways_spell(&p->ways, &p->spell, way, i, &p->text));
	table_text(t, PATH, str_text(&p->text));
	return NULL;
}

/* ---- the cut --------------------------------------------------------------------------------- */

static void turn_round(struct ids *ids)
{
	for (size_t i = 0; i < ids->n / 2; i++) {
		uint32_t other = ids->data[ids->n - 1 - i];

		ids->data[ids->n - 1 - i] = ids->data[i];
		ids->data[i] = other;
	}
}

/* The shortest way to what a reference refers to that ends with this reference. */
static struct error *way_over(struct page *p, uint32_t holder, uint32_t number, struct way *way)
{
	const struct alive *a = &p->subject.alive;
	bool start = false;

	if (!p->tree.order)
		TRY(bfs_tree_make(&a->graph, &a->follow, a->roots.data, a->roots.n, NULL,
				  &p->tree));
	if (!VEC_PUSH(&way->nodes, a->graph.out_target[number]) || !VEC_PUSH(&way->edges, number))
		return error_memory();
	for (uint32_t o = holder; !start; o = p->tree.parent[o]) {
		start = p->tree.edge[o] == BFS_TREE_START;
		if (!VEC_PUSH(&way->nodes, o) ||
		    !VEC_PUSH(&way->edges, start ? p->tree.parent[o] : p->tree.edge[o]))
			return error_memory();
	}
	turn_round(&way->nodes);
	turn_round(&way->edges);
	return NULL;
}

static struct error *spell_reference(struct page *p, uint32_t holder, uint32_t number,
				     struct str *out)
{
	struct way way = {0};
	struct error *e = way_over(p, holder, number, &way);

	if (!e)
		e = ways_spell(&p->ways, &p->spell, &way, way.nodes.n - 1, out);
	VEC_FREE(&way.nodes);
	VEC_FREE(&way.edges);
	return e;
}

/* References to cut together: roots first. */
struct references {
	const struct ids *roots, *edges;
};

static struct references smallest_cut(const struct page *p)
{
	return (struct references){&p->ways.cut_roots, &p->ways.cut_edges};
}

static struct references direct(const struct page *p)
{
	return (struct references){&p->ways.direct_roots, &p->ways.direct_edges};
}

static size_t number_of(struct references r)
{
	return r.roots->n + r.edges->n;
}

static struct error *spell_one(struct page *p, struct references r, size_t i, uint32_t *target,
			       struct str *out)
{
	const struct graph *g = &p->subject.alive.graph;
	uint32_t edge;

	if (i < r.roots->n) {
		uint32_t root = r.roots->data[i];

		*target = p->subject.alive.roots.data[root];
		spell_root(&p->spell, root, out);
		return NULL;
	}
	edge = r.edges->data[i - r.roots->n];
	*target = g->out_target[edge];
	return spell_reference(p, graph_source_of(g, edge, 0), edge, out);
}

static struct error *print_references(struct page *p, struct references r)
{
	struct error *e = NULL;

	for (size_t i = 0; i < number_of(r) && !e; i++) {
		uint32_t target;

		str_clear(&p->text);
		e = spell_one(p, r, i, &target, &p->text);
		if (!e)
			printf("  %s\n", str_text(&p->text));
	}
	return e;
}

static void print_freed(struct page *p, uint64_t objects, uint64_t bytes)
{
	str_clear(&p->text);
	if (objects)
		str_printf(&p->text, "%" PRIu64 " object%s, ", objects, objects == 1 ? "" : "s");
	str_size_words(&p->text, bytes, p->context->style.exact_sizes);
	printf("%s would go\n", str_text(&p->text));
}

static struct error *print_cut(struct page *p)
{
	const struct ways *w = &p->ways;
	size_t n = number_of(smallest_cut(p)), all = number_of(direct(p));

	if (!n) {
		printf("\nheld by more than %" PRIu32 " ways that share no reference: no cut of so "
		       "few frees it\n",
		       w->limit);
		return NULL;
	}
	if (n == 1)
		fputs("\nto free it, cut one reference: ", stdout);
	else
		printf("\nto free it, cut these %zu references (no smaller cut does): ", n);
	print_freed(p, w->freed_objects, w->freed_bytes);
	TRY(print_references(p, smallest_cut(p)));
	/* what is nearer takes more cuts, but less with it */
	if (all <= n)
		return NULL;
	printf("or all %zu references to it: ", all);
	print_freed(p, 0, p->subject.alive.retained[p->object]);
	return print_references(p, direct(p));
}

static struct error *add_references(struct page *p, struct table *t, const char *record,
				    struct references r)
{
	for (size_t i = 0; i < number_of(r); i++) {
		struct str path = {0};
		uint32_t target = 0;
		struct error *e = spell_one(p, r, i, &target, &path);

		if (!e) {
			add_object(p, t, record, target);
			table_text(t, PATH, str_text(&path));
		}
		str_free(&path);
		TRY(e);
	}
	return NULL;
}

/* ---- the page -------------------------------------------------------------------------------- */

static struct error *print_head(struct page *p)
{
	const struct model *m = p->subject.m;
	struct str *s = &p->text;
	uint32_t o = p->object;

	str_clear(s);
	repr_full(p->subject.m, o, s);
	str_printf(s, " #%" PRIu32 ", ", o);
	str_size_words(s, m->size[o], p->context->style.exact_sizes);
	if (m->refcount[o])
		str_printf(s, ", refcount %" PRIu64 " (%" PRIu32 " seen)", m->refcount[o],
			   p->subject.alive.strong[o]);
	str_printf(s, ", born in epoch %" PRIu32, m->epoch[o]);
	if (p->now > m->epoch[o])
		str_printf(s, " (%" PRIu32 " ago)", p->now - m->epoch[o]);
	if (m->stack[o])
		str_add(s, ", made by ");
	add_site(m, o, s);
	if (!p->ways.list.n)
		str_add(s, p->ways.needed ? ": no root reaches it but through what is avoided"
					  : ": no root reaches it");
	else {
		str_char(s, '\n');
		TRY(ways_spell(&p->ways, &p->spell, &p->ways.list.data[0],
			       p->ways.list.data[0].nodes.n - 1, s));
	}
	puts(str_text(s));
	return NULL;
}

/* "another way, 5 references, 2 of them guesses: gc.garbage[3]" */
static struct error *print_others(struct page *p)
{
	for (size_t n = 1; n < p->ways.list.n; n++) {
		const struct way *way = &p->ways.list.data[n];
		size_t guesses = 0;

		for (size_t i = 0; i < way->nodes.n; i++)
			guesses += ways_kind(&p->ways, way, i) == RGD_EDGE_CONSERVATIVE;
		str_clear(&p->text);
		str_printf(&p->text, "%sanother way, %zu reference%s", n == 1 ? "\n" : "",
			   way->nodes.n, way->nodes.n == 1 ? "" : "s");
		if (guesses)
			str_printf(&p->text, ", %zu of them guessed", guesses);
		str_add(&p->text, ": ");
		TRY(ways_spell(&p->ways, &p->spell, way, way->nodes.n - 1, &p->text));
		puts(str_text(&p->text));
	}
	return NULL;
}

static struct error *add_question(struct page *p, struct table *t)
{
	const struct way *way = p->ways.list.data;

	add_object(p, t, "object", p->object);
	if (p->ways.needed <= p->ways.limit)
		table_number(t, WAYS, p->ways.needed);
	if (number_of(smallest_cut(p)))
		table_number(t, FREES, p->ways.freed_bytes);
	if (!p->ways.list.n)
		return NULL;
	str_clear(&p->text);
	TRY(ways_spell(&p->ways, &p->spell, way, way->nodes.n - 1, &p->text));
	table_text(t, PATH, str_text(&p->text));
	return NULL;
}

static struct error *add_rows(struct page *p, struct table *t)
{
	bool text = p->context->style.format == TABLE_TEXT;

	if (!text)
		TRY(add_question(p, t));
	for (size_t n = 0; n < (text ? p->ways.list.n > 0 : p->ways.list.n); n++)
		for (size_t i = 0; i < p->ways.list.data[n].nodes.n; i++)
			TRY(add_step(p, t, n, i));
	if (text)
		return NULL;
	TRY(add_references(p, t, "cut", smallest_cut(p)));
	return add_references(p, t, "direct", direct(p));
}

static struct error *print(struct page *p)
{
	bool words = p->context->style.format == TABLE_TEXT && !p->context->style.no_header;
	struct table *t;
	struct error *e;

	TRY(table_create(columns, sizeof columns / sizeof *columns, &t));
	e = add_rows(p, t);
	if (!e && words)
		e = print_head(p);
	if (!e && (p->ways.list.n || p->context->style.format != TABLE_TEXT))
		e = table_print(t, &p->context->style, stdout);
	if (!e && words && p->ways.list.n)
		e = print_others(p);
	if (!e && words && p->ways.list.n)
		e = print_cut(p);
	if (!e && p->text.failed)
		e = error_memory();
	table_destroy(t);
	return e;
}

static struct error *find_avoided(struct page *p)
{
	const char *list = option_text(p->context, OPT_AVOID, NULL);
	struct universe universe;

	if (!list)
		return NULL;
	TRY(big_alloc(bits_words(p->subject.m->nobjects), sizeof *p->avoid, &p->avoid));
	TRY(context_universe(p->context, p->subject.m, &universe));
	return select_list(p->subject.m, &universe, list, p->avoid);
}

static struct error *explain_one(struct page *p)
{
	uint64_t show = option_number(p->context, OPT_WAYS, DEFAULT_WAYS);
	struct model *m = p->subject.m;

	TRY(subject_one(&p->subject, p->context, "about", &p->object));
	if (p->avoid)
		bits_clear(p->avoid, p->object);
	TRY(ways_find(&p->subject.alive, p->object, p->avoid, show && show < 1000 ? show : 1000,
		      LARGEST_CUT, &p->ways));
	TRY(spell_init(&p->spell, &p->subject.alive));
	TRY(model_load(m,
		       MODEL_REPR | MODEL_REFCOUNT | MODEL_THREADS | MODEL_EPOCH | MODEL_EPOCHS));
	TRY(epoch_last(m, &p->now));
	return print(p);
}

static struct error *make(struct page *p)
{
	TRY(subject_init(p->context, true, &p->subject));
	TRY(find_avoided(p));
	if (option_flag(p->context, OPT_MERGE, false))
		return print_merged(p->context, &p->subject, p->avoid);
	return explain_one(p);
}

static struct error *run(struct context *context)
{
	struct page p = {.context = context};
	struct error *e = make(&p);

	if (p.avoid)
		big_free(p.avoid, bits_words(p.subject.m->nobjects), sizeof *p.avoid);
	bfs_tree_deinit(&p.tree);
	spell_deinit(&p.spell);
	ways_deinit(&p.ways);
	subject_deinit(&p.subject);
	str_free(&p.text);
	str_free(&p.passed);
	return e;
}

const struct command cmd_why = {
	.name = "why",
	.usage = "SELECTOR DUMP",
	.summary = "tell why objects are alive, and which references to cut",
	.about = "The shortest path from a root by references that keep alive, and for each of "
		 "them what would be freed if it alone were cut; other ways that share no "
		 "reference with it; the fewest references that must go. With --merge: the paths "
		 "to all selected objects as one tree.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_WHY,
	.records = RECORDS(RECORD(columns), &merged_record),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
