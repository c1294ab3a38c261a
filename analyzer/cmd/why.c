/* why.c - `refgraph why`: why an object is alive, and which single reference to cut. */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/subject.h"
#include "graph/bfs.h"
#include "report/edge_name.h"
#include "report/holder.h"
#include "report/repr.h"
#include "util/big.h"
#include "util/bits.h"

enum { EDGE, TYPE, REPR, ID, FREES, KIND, ADDRESS };

static const struct column columns[] = {
	[EDGE] = {"edge", "EDGE", CELL_TEXT,
		  .about = "the reference from the line before; of the first, its root"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the object"},
	[REPR] = {"repr", "WHAT", CELL_TEXT, .about = "the object in a few words"},
	[ID] = {"id", "ID", CELL_ID, .about = "of the object"},
	[FREES] = {"frees", "CUT FREES", CELL_SIZE,
		   .about = "bytes that would be freed if this one reference were cut; empty when "
			    "the object in question would stay"},
	[KIND] = {"kind", "KIND", CELL_TEXT, .hidden = true,
		  .about = "of the reference: strong, internal, conservative"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .hidden = true, .about = "of the object"},
};

struct page {
	struct context *context;
	struct subject subject;
	struct ids path;
	uint32_t object;
};

static struct error *find_path(struct page *p)
{
	uint64_t *goal;
	struct bfs_query q = {.graph = &p->subject.alive.graph,
			      .follow = &p->subject.alive.follow,
			      .starts = p->subject.alive.roots.data,
			      .nstarts = p->subject.alive.roots.n,
			      .max_depth = UINT32_MAX};
	struct error *e;

	TRY(big_alloc(bits_words(p->subject.m->nobjects), sizeof *goal, &goal));
	bits_set(goal, p->object);
	q.goals = goal;
	e = bfs_path(&q, &p->path);
	big_free(goal, bits_words(p->subject.m->nobjects), sizeof *goal);
	return e;
}

/* A reference whose loss frees the object is on every path, so on the shortest; each of that is tried. */
static struct error *try_cut(struct page *p, const struct ids *edges, const struct ids *roots,
			     bool *is_cut, uint64_t *bytes)
{
	uint64_t *freed, objects;

	TRY(alive_freed_by_cut(&p->subject.alive, edges, roots, &freed));
	*is_cut = bits_get(freed, p->object);
	alive_sum(&p->subject.alive, freed, &objects, bytes);
	big_free(freed, bits_words(p->subject.m->nobjects), sizeof *freed);
	return NULL;
}

static struct error *add_row(struct page *p, struct table *t, size_t i, struct str *text)
{
	uint32_t o = p->path.data[i], up = i ? p->path.data[i - 1] : MODEL_NONE, number;
	struct ids one = {.data = &number, .n = 1};
	uint64_t bytes;
	unsigned kind;
	bool is_cut;

	number = i ? holder_edge(&p->subject.alive, up, o) : holder_root(&p->subject.alive, o);
	TRY(try_cut(p, i ? &one : NULL, i ? NULL : &one, &is_cut, &bytes));
	kind = i ? MODEL_CLASS_KIND(p->subject.m->graph.edge_class[number])
		 : p->subject.m->roots[p->subject.alive.root_rows.data[number]].kind;
	str_clear(text);
	TRY(holder_name(&p->subject.alive, up, o, text));
	table_row(t);
	table_text(t, EDGE, str_text(text));
	str_clear(text);
	repr_object(p->subject.m, o, text);
	table_text(t, TYPE, model_type_name(p->subject.m, o));
	table_text(t, REPR, str_text(text));
	table_number(t, ID, o);
	if (is_cut)
		table_number(t, FREES, bytes);
	table_text(t, KIND, model_edge_kind_name(kind));
	table_number(t, ADDRESS, p->subject.m->address[o]);
	return NULL;
}

static void print_head(struct page *p, struct str *s)
{
	const struct model *m = p->subject.m;
	uint32_t o = p->object;

	str_clear(s);
	repr_full(p->subject.m, o, s);
	str_printf(s, " #%" PRIu32 ", ", o);
	str_size_words(s, m->size[o], p->context->style.exact_sizes);
	if (m->refcount[o])
		str_printf(s, ", refcount %" PRIu64 " (%" PRIu32 " seen)", m->refcount[o],
			   p->subject.alive.strong[o]);
	str_printf(s, ", born in epoch %" PRIu32, m->epoch[o]);
	if (m->stack[o])
		str_add(s, ", made by ");
	add_site(m, o, s);
	str_add(s, p->path.n ? "" : ": no root reaches it");
	puts(str_text(s));
}

static struct error *print(struct page *p)
{
	struct str text = {0};
	struct table *t;
	struct error *e;

	TRY(model_load(p->subject.m, MODEL_REPR | MODEL_THREADS | MODEL_EPOCH));
	TRY(table_create(columns, sizeof columns / sizeof *columns, &t));
	e = alive_reach(&p->subject.alive);
	for (size_t i = 0; i < p->path.n && !e; i++)
		e = add_row(p, t, i, &text);
	if (!e && p->context->style.format == TABLE_TEXT && !p->context->style.no_header)
		print_head(p, &text);
	if (!e && (p->path.n || p->context->style.format != TABLE_TEXT))
		e = table_print(t, &p->context->style, stdout);
	if (!e && text.failed)
		e = error_memory();
	str_free(&text);
	table_destroy(t);
	return e;
}

static struct error *make(struct page *p)
{
	TRY(subject_init(p->context, true, &p->subject));
	TRY(subject_one(&p->subject, p->context, "about", &p->object));
	TRY(find_path(p));
	return print(p);
}

static struct error *run(struct context *context)
{
	struct page p = {.context = context};
	struct error *e = make(&p);

	subject_deinit(&p.subject);
	VEC_FREE(&p.path);
	return e;
}

const struct command cmd_why = {
	.name = "why",
	.usage = "SELECTOR DUMP",
	.summary = "tell why an object is alive, and which single reference to cut",
	.about = "The shortest path from a root by references that keep alive, and for each of "
		 "them what would be freed if it alone were cut.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE,
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
