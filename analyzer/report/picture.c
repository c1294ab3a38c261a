/* picture.c - see picture.h. */
#include "report/picture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/edge_name.h"
#include "report/picture_contents.h"
#include "report/picture_cycles.h"
#include "report/picture_fold.h"
#include "report/picture_label.h"
#include "report/picture_reduce.h"
#include "report/picture_roots.h"
#include "report/references.h"
#include "report/repr.h"
#include "report/retained.h"
#include "report/select.h"
#include "report/where.h"
#include "util/big.h"
#include "util/bits.h"
#include "util/threads.h"

#define BLOCK_EDGES (1u << 17) /* that a thread looks through at a time */

/* One reference to an object whose referrers are wanted. */
struct hit {
	uint32_t node; /* number in the drawing of its target */
	uint32_t source, edge;
};

struct hits {
	struct hit *data;
	size_t n, room;
};

struct picture {
	struct model *model;
	const struct picture_query *query;
	struct drawing *out;
	struct follow follow;
	uint64_t *closed;   /* objects that are no referrers in this universe; NULL none */
	uint64_t *hidden;   /* --extra-ignore and what is not in query->only */
	uint64_t *modules;  /* proper ones; backwards only */
	uint64_t *frontier; /* objects whose referrers are wanted; backwards only */
	struct where *filter, *highlight;
	uint32_t *node;	    /* by object: number in the drawing + 1 */
	struct ids objects; /* by number in the drawing */
	size_t nstarts;	    /* of them */
	struct hits hits;
	struct labels labels;
};

static size_t words(const struct picture *p)
{
	return bits_words(p->model->nobjects);
}

/* Nodes ----------------------------------------------------------------------------------------------------------- */

static bool visible(const struct picture *p, uint32_t object)
{
	return !(p->hidden && bits_get(p->hidden, object)) &&
	       (!p->filter || where_test(p->filter, object));
}

static char *take(struct str *text)
{
	char *data = text->failed ? NULL : strdup(str_text(text));

	str_free(text);
	return data;
}

static char *object_label(struct picture *p, uint32_t object)
{
	struct str text = {0};

	label_object(&p->labels, object, &text);
	return take(&text);
}

static char *object_tooltip(struct picture *p, uint32_t object)
{
	struct str text = {0};

	label_tooltip(&p->labels, object, &text);
	return take(&text);
}

static char *object_attributes(struct picture *p, uint32_t object)
{
	struct str text = {0};
	char *data;

	label_attributes(&p->labels, object, &text);
	data = text.failed ? NULL : malloc(text.n);
	if (data)
		memcpy(data, text.data, text.n);
	str_free(&text);
	return data;
}

static const char *finalizer_name(const struct type *type)
{
	return !(type->flags & RGD_TYPE_F_FINALIZER) ? NULL
	       : type->runtime == RGD_RT_PHP	     ? "__destruct"
						     : "__del__";
}

static struct error *add_object(struct picture *p, uint32_t object, unsigned depth)
{
	struct drawing_node node = {
		.depth = depth,
		.start = depth == 0,
		.highlighted = p->highlight && where_test(p->highlight, object),
	};
	uint32_t flags, number;

	TRY(model_load_for(p->model, LABEL_PARTS, &object, 1));
	flags = model_type(p->model, p->model->type[object])->flags;
	node.module = flags & RGD_TYPE_F_IS_MODULE;
	node.finalizer = finalizer_name(model_type(p->model, p->model->type[object]));
	node.label = object_label(p, object);
	node.tooltip = object_tooltip(p, object);
	if (asprintf(&node.name, "o%" PRIu64, p->model->address[object]) < 0)
		node.name = NULL;
	if (p->query->extra_node_attrs)
		node.attributes = object_attributes(p, object);
	TRY(drawing_add_node(p->out, node, &number));
	if (!VEC_PUSH(&p->objects, object))
		return error_memory();
	p->node[object] = number + 1;
	return NULL;
}

/* Edges ----------------------------------------------------------------------------------------------------------- */

/* Of parallel references the one that keeps alive most surely gives the line its style. */
static const uint8_t style_strength[] = {
	[EDGE_STRONG] = 4,   [EDGE_INTERNAL] = 3, [EDGE_CONSERVATIVE] = 2,
	[EDGE_BORROWED] = 1, [EDGE_WEAK] = 0,
};

/* objgraph's weights: structural parts hold tight, names less so. */
static unsigned edge_weight(const struct edge *edge)
{
	switch (edge->class) {
	case RGD_LABEL_PART:
		return 10;
	case RGD_LABEL_ATTRIBUTE:
	case RGD_LABEL_KEY:
	case RGD_LABEL_LOCAL:
		return 2;
	default:
		return 0;
	}
}

#define ARRAY_LEAST 32u /* pointers out of a native block that are no fields any more */

static bool is_array(const struct model *m, uint32_t object)
{
	return m->graph.out_first[object + 1] - m->graph.out_first[object] >= ARRAY_LEAST;
}

/* An offset that a type from debug information made an index: "[3666]". */
static bool is_typed_index(const char *label, uint64_t *index)
{
	char *end;

	if (label[0] != '[' || label[1] < '0' || label[1] > '9')
		return false;
	*index = strtoull(label + 1, &end, 10);
	return strcmp(end, "]") == 0;
}

static void set_fold(const struct picture *p, uint32_t source, const struct edge *edge,
		     const char *label, struct drawing_edge *line)
{
	bool index = edge->class == RGD_LABEL_INDEX || edge->class == RGD_LABEL_STACK;
	bool offset =
		edge->class == RGD_LABEL_OFFSET && label[0] == '+' && is_array(p->model, source);
	bool typed = edge->class == RGD_LABEL_OFFSET && is_typed_index(label, &line->index);

	if (index || offset)
		line->index = edge->value;
	line->fold = index || typed ? FOLD_INDEX
		     : offset	    ? FOLD_OFFSET
		     : edge->class == RGD_LABEL_KEY || edge->class == RGD_LABEL_KEY_INT ||
				     edge->class == RGD_LABEL_KEY_TEXT ||
				     edge->class == RGD_LABEL_KEY_OBJECT
			     ? FOLD_KEY
			     : FOLD_NAME;
}

/* One more object would be too many. */
static bool is_full(const struct picture *p, uint32_t object)
{
	return p->query->max_nodes && p->objects.n >= p->query->max_nodes && !p->node[object];
}

#define MAX_NAMES 4 /* of parallel references, written on one line */

/* Parallel references from hits[0].source as one line of the drawing. */
static struct error *add_line(struct picture *p, const struct hit *hits, size_t n)
{
	struct drawing_edge line = {
		.from = p->node[hits[0].source] - 1,
		.to = hits[0].node,
		.style = EDGE_WEAK,
	};
	enum drawing_edge_style style;
	struct str label = {0};

	for (size_t i = 0; i < n; i++) {
		struct edge edge;
		struct error *error = model_edge(p->model, hits[i].source, hits[i].edge, &edge);
		if (error) {
			str_free(&label);
			return error;
		}
		style = picture_edge_style(edge.kind);
		if (style_strength[style] > style_strength[line.style])
			line.style = style;
		if (edge_weight(&edge) > line.weight)
			line.weight = edge_weight(&edge);
		if (i == MAX_NAMES)
			str_printf(&label, "\n... %zu more", n - i);
		if (i >= MAX_NAMES)
			continue;
		if (label.n)
			str_char(&label, '\n');
		edge_label(p->model, &edge, &label);
		if (n == 1)
			set_fold(p, hits[i].source, &edge, str_text(&label), &line);
	}
	line.label = take(&label);
	return drawing_add_edge(p->out, line);
}

/* Forwards ---------------------------------------------------------------------------------------------------------- */

static struct error *draw_reference(struct picture *p, uint32_t number, uint32_t edge,
				    uint32_t target)
{
	struct edge decoded;
	struct drawing_edge line = {.from = number};
	struct str label = {0};

	if (!p->node[target])
		TRY(add_object(p, target, p->out->nodes[number].depth + 1));
	line.to = p->node[target] - 1;
	TRY(model_edge(p->model, p->objects.data[number], edge, &decoded));
	edge_label(p->model, &decoded, &label);
	line.style = picture_edge_style(decoded.kind);
	line.weight = edge_weight(&decoded);
	set_fold(p, p->objects.data[number], &decoded, str_text(&label), &line);
	line.label = take(&label);
	return drawing_add_edge(p->out, line);
}

static struct error *expand_forwards(struct picture *p, uint32_t number)
{
	const struct graph *graph = &p->model->graph;
	uint32_t source = p->objects.data[number];
	uint64_t drawn = 0;

	for (uint32_t e = graph->out_first[source]; e < graph->out_first[source + 1]; e++) {
		uint32_t target = graph->out_target[e];
		if (!p->follow.pass[graph->edge_class[e]] || !visible(p, target))
			continue;
		if (drawn >= p->query->too_many || is_full(p, target)) {
			p->out->nodes[number].more++;
			continue;
		}
		TRY(draw_reference(p, number, e, target));
		drawn++;
	}
	return NULL;
}

/* Whatever expand_forwards() may draw. */
static bool list_targets(const struct picture *p, uint32_t source, struct ids *ret)
{
	const struct graph *graph = &p->model->graph;
	uint64_t drawn = 0;

	for (uint32_t e = graph->out_first[source];
	     e < graph->out_first[source + 1] && drawn < p->query->too_many; e++) {
		uint32_t target = graph->out_target[e];
		if (!p->follow.pass[graph->edge_class[e]] || !visible(p, target))
			continue;
		if (!p->node[target] && !VEC_PUSH(ret, target))
			return false;
		drawn++;
	}
	return true;
}

/* What the labels of one more level say is read at once. */
static struct error *load_level(struct picture *p, uint32_t from, uint32_t to)
{
	struct ids targets = {0};
	struct error *error = NULL;

	for (uint32_t i = from; i < to && !error; i++)
		if (!list_targets(p, p->objects.data[i], &targets))
			error = error_memory();
	if (!error)
		error = model_load_for(p->model, LABEL_PARTS, targets.data, targets.n);
	VEC_FREE(&targets);
	return error;
}

static struct error *draw_forwards(struct picture *p)
{
	uint32_t from = 0;

	for (uint32_t depth = 0; depth < p->query->max_depth && from < p->objects.n; depth++) {
		uint32_t to = (uint32_t)p->objects.n;
		TRY(load_level(p, from, to));
		for (uint32_t i = from; i < to; i++)
			TRY(expand_forwards(p, i));
		from = to;
	}
	return NULL;
}

/* Backwards --------------------------------------------------------------------------------------------------------- */

/*
 * Appends the edges [first, last) that end at the frontier. The loop looks at targets alone, one after the other; whose edge it
 * is is only asked about the few that hit.
 */
static bool collect(const struct picture *p, uint32_t first, uint32_t last, uint32_t source,
		    struct hits *hits)
{
	const struct graph *graph = &p->model->graph;
	const uint32_t *target = graph->out_target;

	for (uint32_t e = first; e < last; e++) {
		struct hit hit;
		if (!bits_get(p->frontier, target[e]) || !p->follow.pass[graph->edge_class[e]])
			continue;
		source = graph_source_of(graph, e, source);
		if (p->closed && bits_get(p->closed, source))
			continue;
		hit = (struct hit){p->node[target[e]] - 1, source, e};
		if (!VEC_PUSH(hits, hit))
			return false;
	}
	return true;
}

struct collect_job {
	const struct picture *p;
	struct hits *hits; /* by block */
};

static struct error *collect_block(void *context, size_t block)
{
	const struct collect_job *job = context;
	uint32_t first = block * BLOCK_EDGES, left = job->p->model->graph.nedges - first,
		 last = first + (left < BLOCK_EDGES ? left : BLOCK_EDGES);

	return collect(job->p, first, last, 0, &job->hits[block]) ? NULL : error_memory();
}

/* In the whole graph. */
static struct error *collect_all(struct picture *p)
{
	size_t blocks = (p->model->graph.nedges + (size_t)BLOCK_EDGES - 1) / BLOCK_EDGES;
	struct collect_job job = {p, calloc(blocks + 1, sizeof(*job.hits))};
	struct error *error = job.hits ? parallel_for(blocks, collect_block, &job) : error_memory();

	for (size_t block = 0; job.hits && block < blocks; block++) {
		for (size_t i = 0; i < job.hits[block].n && !error; i++)
			if (!VEC_PUSH(&p->hits, job.hits[block].data[i]))
				error = error_memory();
		VEC_FREE(&job.hits[block]);
	}
	free(job.hits);
	return error;
}

/* From these objects. */
static struct error *collect_from(struct picture *p, const struct ids *only)
{
	const struct graph *graph = &p->model->graph;

	for (size_t i = 0; i < only->n; i++) {
		uint32_t source = only->data[i];
		if (!collect(p, graph->out_first[source], graph->out_first[source + 1], source,
			     &p->hits))
			return error_memory();
	}
	return NULL;
}

static int compare_hits(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return (x->edge > y->edge) - (x->edge < y->edge);
}

/*
 * From all objects. A pass over all edges, unless the dump has an index: a picture is a few levels deep, turning all edges round costs
 * more than that many passes.
 */
static struct error *collect_any(struct picture *p, const struct ids *frontier)
{
	struct ids sources = {0};
	struct error *error;
	bool known;

	TRY(references_sources(p->model, frontier, &sources, &known));
	error = known ? collect_from(p, &sources) : collect_all(p);
	VEC_FREE(&sources);
	return error;
}

/* The referrers of one level of the picture. */
static struct error *find_hits(struct picture *p, uint32_t from, uint32_t to)
{
	struct ids frontier = {0};
	struct error *error = NULL;

	p->hits.n = 0;
	/* Modules are where a search for holders ends: behind them lies sys.modules, which holds everything. */
	for (uint32_t i = from; i < to && !error; i++) {
		if (bits_get(p->modules, p->objects.data[i]))
			continue;
		bits_set(p->frontier, p->objects.data[i]);
		if (!VEC_PUSH(&frontier, p->objects.data[i]))
			error = error_memory();
	}
	if (!error)
		error = p->query->only ? collect_from(p, p->query->only)
				       : collect_any(p, &frontier);
	VEC_FREE(&frontier);
	for (uint32_t i = from; i < to; i++)
		bits_clear(p->frontier, p->objects.data[i]);
	if (p->hits.n)
		qsort(p->hits.data, p->hits.n, sizeof(*p->hits.data), compare_hits);
	return error;
}

/* How many hits from number i on are parallel references. */
static size_t parallel(const struct picture *p, size_t i)
{
	const struct hit *hits = p->hits.data;
	size_t n = 1;

	while (i + n < p->hits.n && hits[i + n].node == hits[i].node &&
	       hits[i + n].source == hits[i].source)
		n++;
	return n;
}

/* What the labels of one more level say is read at once: of whatever draw_hits() may draw. */
static struct error *load_sources(struct picture *p)
{
	const struct hit *hits = p->hits.data;
	struct ids sources = {0};
	struct error *error = NULL;
	uint64_t drawn = 0;

	for (size_t i = 0; i < p->hits.n && !error; i += parallel(p, i)) {
		if (i && hits[i - 1].node != hits[i].node)
			drawn = 0;
		if (drawn >= p->query->too_many || !visible(p, hits[i].source))
			continue;
		drawn++;
		if (!p->node[hits[i].source] && !VEC_PUSH(&sources, hits[i].source))
			error = error_memory();
	}
	if (!error)
		error = model_load_for(p->model, LABEL_PARTS, sources.data, sources.n);
	VEC_FREE(&sources);
	return error;
}

static struct error *draw_hits(struct picture *p)
{
	const struct hit *hits = p->hits.data;
	uint64_t drawn = 0;

	TRY(load_sources(p));
	for (size_t i = 0, n; i < p->hits.n; i += n) {
		uint32_t node = hits[i].node, source = hits[i].source;
		n = parallel(p, i);
		if (i && hits[i - 1].node != node)
			drawn = 0;
		if (!visible(p, source))
			continue;
		if (drawn >= p->query->too_many || is_full(p, source)) {
			p->out->nodes[node].more++;
			continue;
		}
		if (!p->node[source])
			TRY(add_object(p, source, p->out->nodes[node].depth + 1));
		TRY(add_line(p, hits + i, n));
		drawn++;
	}
	return NULL;
}

static struct error *draw_backwards(struct picture *p)
{
	uint32_t from = 0;

	for (uint32_t depth = 0; depth < p->query->max_depth && from < p->objects.n; depth++) {
		uint32_t to = (uint32_t)p->objects.n;
		TRY(find_hits(p, from, to));
		TRY(draw_hits(p));
		from = to;
	}
	return NULL;
}

/* Around it all ------------------------------------------------------------------------------------------------------- */

/* Outside of a collector's view a weak or borrowed reference is worth seeing: it is why someone thinks it is held. */
static void choose_edges(struct picture *p)
{
	universe_follow(p->query->universe, &p->follow);
	if (p->query->universe->kind == UNIVERSE_GC)
		return;
	for (unsigned c = 0; c < 256; c++)
		if (MODEL_CLASS_KIND(c) == RGD_EDGE_WEAK ||
		    MODEL_CLASS_KIND(c) == RGD_EDGE_BORROWED)
			p->follow.pass[c] = true;
}

static struct error *compile(struct picture *p, const char *expression, struct where **ret)
{
	if (!expression)
		return NULL;
	TRY(where_compile(expression, ret));
	return where_bind(*ret, p->model);
}

static struct error *ignore(struct picture *p, const char *selectors)
{
	const struct universe all = {.kind = UNIVERSE_ALL, .chosen = true};
	struct ids found = {0};
	struct error *error = NULL;

	for (const char *at = selectors; *at && !error;) {
		size_t length = strcspn(at, ",");
		char *one = strndup(at, length);
		found.n = 0;
		error = !one	 ? error_memory()
			: length ? select_objects(p->model, &all, one, &found)
				 : NULL;
		for (size_t i = 0; i < found.n && !error; i++)
			bits_set(p->hidden, found.data[i]);
		free(one);
		at += length + (at[length] == ',');
	}
	VEC_FREE(&found);
	return error;
}

static struct error *hide(struct picture *p)
{
	const struct picture_query *query = p->query;

	if (!query->only && !query->extra_ignore)
		return NULL;
	TRY(big_alloc(words(p), sizeof(*p->hidden), &p->hidden));
	if (query->only) {
		memset(p->hidden, 0xff, words(p) * sizeof(*p->hidden));
		for (size_t i = 0; i < query->only->n; i++)
			bits_clear(p->hidden, query->only->data[i]);
	}
	return query->extra_ignore ? ignore(p, query->extra_ignore) : NULL;
}

static struct error *prepare(struct picture *p)
{
	const struct picture_query *query = p->query;
	uint32_t count;

	TRY(labels_init(&p->labels));
	TRY(model_load(p->model, MODEL_TYPES | MODEL_EDGES | MODEL_LABELS));
	TRY(compile(p, query->filter, &p->filter));
	TRY(compile(p, query->highlight, &p->highlight));
	TRY(hide(p));
	choose_edges(p);
	TRY(big_alloc_sparse(p->model->nobjects, sizeof(*p->node), &p->node));
	if (!query->backwards)
		return NULL;
	TRY(universe_closed(query->universe, p->model, &p->closed));
	TRY(proper_modules(p->model, &p->modules, &count));
	return big_alloc(words(p), sizeof(*p->frontier), &p->frontier);
}

static struct error *weigh(struct picture *p)
{
	uint64_t *retained;

	TRY(retained_sizes(p->model, &retained));
	for (size_t i = 0; i < p->objects.n; i++)
		if (retained[p->objects.data[i]] != RETAINED_NONE)
			p->out->nodes[i].weight = retained[p->objects.data[i]];
	big_free(retained, p->model->nobjects, sizeof *retained);
	p->out->by_weight = true;
	return NULL;
}

/* What was left out, and by what rule, for who looks at the picture. `nodes` and `boxes`: before and after folding. */
static struct error *add_note(struct picture *p, size_t nodes, size_t boxes, enum fold_depth depth)
{
	static const char *const rules[] = {
		[FOLD_ALL_AROUND] = "those that look alike are one box",
		[FOLD_NEIGHBOURS] =
			"those of one type with neighbours of the same types are one box",
		[FOLD_TYPES] = "those of one type and distance are one box",
	};
	bool too_many = p->query->fit && nodes > p->query->fit && boxes < nodes &&
			(!p->query->fold || depth != FOLD_ALL_AROUND);
	struct str note = {0};

	if (p->nstarts < p->query->starts->n)
		str_printf(&note, "only %zu of %zu objects that were asked for are looked at",
			   p->nstarts, p->query->starts->n);
	if (too_many)
		str_printf(&note, "%s%zu nodes are too many to draw: %s", note.n ? "; " : "", nodes,
			   rules[depth]);
	if (boxes > p->out->node_count)
		str_printf(&note, "%sthe %zu nearest of %zu boxes are drawn", note.n ? "; " : "",
			   p->out->node_count, boxes);
	if (!note.n)
		return NULL;
	p->out->note = take(&note);
	return p->out->note ? NULL : error_memory();
}

static struct error *reduce(struct picture *p)
{
	const struct picture_query *query = p->query;
	enum fold_depth depth = FOLD_ALL_AROUND;
	size_t nodes, boxes;

	if (p->model->block_owner)
		TRY(picture_contents(p->model, &p->objects, p->out));
	nodes = p->out->node_count;
	if (query->fold || (query->fit && nodes > query->fit))
		TRY(picture_fold(p->model, &p->objects, query->fit, p->out, &depth));
	if (query->universe->kind != UNIVERSE_GC || depth != FOLD_ALL_AROUND)
		TRY(picture_join_lines(p->out));
	for (size_t i = 0; depth != FOLD_ALL_AROUND && i < p->out->node_count; i++)
		p->out->nodes[i].cycle = 0; /* those of a type are on many */
	boxes = p->out->node_count;
	if (query->fit)
		TRY(picture_trim(p->out, query->fit));
	return add_note(p, nodes, boxes, depth);
}

static struct error *draw(struct picture *p)
{
	const struct ids *starts = p->query->starts, *only = p->query->only;

	TRY(prepare(p));
	if (only) /* all at once: a chain has a level for each */
		TRY(model_load_for(p->model, LABEL_PARTS, only->data, only->n));
	TRY(model_load_for(p->model, LABEL_PARTS, starts->data, starts->n));
	for (size_t i = 0; i < starts->n; i++)
		if (!p->node[starts->data[i]] && !is_full(p, starts->data[i]))
			TRY(add_object(p, starts->data[i], 0));
	p->nstarts = p->objects.n;
	TRY(p->query->backwards ? draw_backwards(p) : draw_forwards(p));
	if (p->query->universe->kind != UNIVERSE_GC)
		TRY(picture_roots(p->model, p->query, p->node, p->out));
	if (p->query->by_retained)
		TRY(weigh(p));
	if (p->query->cycles)
		TRY(picture_cycles(p->out));
	return reduce(p);
}

struct error *picture_make(struct model *model, const struct picture_query *query,
			   struct drawing *ret)
{
	struct picture p = {
		.model = model,
		.query = query,
		.out = ret,
		.labels =
			{
				.model = model,
				.refcounts = query->refcounts,
				.long_names = query->long_names,
				.extra_info = query->extra_info,
				.extra_node_attrs = query->extra_node_attrs,
			},
	};
	struct error *error;

	*ret = (struct drawing){
		.max_depth = query->max_depth,
		.backwards = query->backwards,
		.legend = query->legend,
	};
	error = draw(&p);
	labels_deinit(&p.labels);
	big_free(p.closed, words(&p), sizeof(*p.closed));
	big_free(p.hidden, words(&p), sizeof(*p.hidden));
	big_free(p.modules, words(&p), sizeof(*p.modules));
	big_free(p.frontier, words(&p), sizeof(*p.frontier));
	big_free(p.node, model->nobjects, sizeof(*p.node));
	where_destroy(p.filter);
	where_destroy(p.highlight);
	VEC_FREE(&p.objects);
	VEC_FREE(&p.hits);
	return error;
}
