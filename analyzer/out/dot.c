#include "out/dot.h"

#include <errno.h>
#include <math.h>
#include <graphviz/cgraph.h>
#include <stdlib.h>
#include <string.h>

#include "util/str.h"

/* HSV value of the start objects and of those at max_depth; below READABLE the text turns white. */
#define VALUE_NEAR 1.0
#define VALUE_FAR 0.3
#define READABLE 0.5

/* The drawing ---------------------------------------------------------------------------------------------------- */

static bool make_room(void **items, size_t count, size_t *room, size_t size)
{
	size_t want = *room ? *room * 2 : 64;
	void *moved;

	if (count < *room)
		return true;
	moved = reallocarray(*items, want, size);
	if (!moved)
		return false;
	*items = moved;
	*room = want;
	return true;
}

void drawing_node_free(struct drawing_node *node)
{
	free(node->name);
	free(node->label);
	free(node->tooltip);
	free(node->attributes);
}

struct error *drawing_add_node(struct drawing *drawing, struct drawing_node node, uint32_t *number)
{
	if (!node.name || !node.label ||
	    !make_room((void **)&drawing->nodes, drawing->node_count, &drawing->node_room,
		       sizeof(node))) {
		drawing_node_free(&node);
		return error_memory();
	}
	*number = (uint32_t)drawing->node_count;
	drawing->nodes[drawing->node_count++] = node;
	return NULL;
}

struct error *drawing_add_edge(struct drawing *drawing, struct drawing_edge edge)
{
	if (!edge.label || !make_room((void **)&drawing->edges, drawing->edge_count,
				      &drawing->edge_room, sizeof(edge))) {
		free(edge.label);
		return error_memory();
	}
	drawing->edges[drawing->edge_count++] = edge;
	return NULL;
}

void drawing_free(struct drawing *drawing)
{
	for (size_t i = 0; i < drawing->node_count; i++)
		drawing_node_free(&drawing->nodes[i]);
	for (size_t i = 0; i < drawing->edge_count; i++)
		free(drawing->edges[i].label);
	free(drawing->nodes);
	free(drawing->edges);
	free(drawing->note);
	*drawing = (struct drawing){0};
}

/* Writing -------------------------------------------------------------------------------------------------------- */

#define MAX_WIDTH 48u	/* characters of a line in a box */
#define WIDE 12u	/* boxes of one depth side by side */
#define WIDE_LEVELS 64u /* depths that are told apart for that */

static const char *const frame_look[][2] = {
	{"style", "rounded,dashed"}, {"color", "#b05000"}, {"fontcolor", "#b05000"},
	{"fontname", "Helvetica"},   {"fontsize", "9"},	   {"labeljust", "l"},
};

struct writer {
	uint64_t heaviest; /* weight of a node */
	const struct drawing *drawing;
	Agraph_t *graph;
	Agnode_t **nodes;
	struct str text; /* scratch */
	bool failed;	 /* out of memory somewhere below */
};

/* cgraph wants each attribute declared with a default before an object may differ from it. */
static const struct {
	int kind;
	const char *name, *value;
} defaults[] = {
	{AGNODE, "shape", "box"},
	{AGNODE, "style", "filled"},
	{AGNODE, "fillcolor", "white"},
	{AGNODE, "label", "\\N"},
	{AGNODE, "fontname", "Helvetica"},
	{AGNODE, "fontsize", "11"},
	{AGNODE, "fontcolor", "black"},
	{AGNODE, "color", "black"},
	{AGNODE, "height", "0.4"},
	{AGNODE, "tooltip", ""},
	{AGNODE, "width", "0.6"},
	{AGNODE, "margin", "0.11,0.055"},
	{AGEDGE, "label", ""},
	{AGEDGE, "edgetooltip", ""},
	{AGEDGE, "labeltooltip", ""},
	{AGEDGE, "fontname", "Helvetica"},
	{AGEDGE, "fontsize", "10"},
	{AGEDGE, "style", "solid"},
	{AGEDGE, "color", "black"},
	{AGEDGE, "fontcolor", "black"},
	{AGEDGE, "weight", "1"},
	{AGEDGE, "len", "1"},
	{AGEDGE, "arrowsize", "0.8"},
};

static void set(void *object, const char *name, const char *value)
{
	agset(object, (char *)name, (char *)value);
}

/* Graphviz reads backslashes in labels: one for us is two for it, a line's end is "\n". Quotes are cgraph's work. */
static const char *escape(struct writer *w, const char *text)
{
	str_clear(&w->text);
	for (; *text; text++) {
		if (*text == '\\')
			str_add(&w->text, "\\\\");
		else if (*text == '\n')
			str_add(&w->text, "\\n");
		else
			str_char(&w->text, *text);
	}
	w->failed = w->failed || w->text.failed;
	return str_text(&w->text);
}

/* Lines of a label that are wider than a page of boxes has room for are cut short; DOT text keeps them. */
static const char *label_text(struct writer *w, const char *label)
{
	struct str cut = {0};
	size_t width = 0;

	if (!w->drawing->padded)
		return escape(w, label);
	for (; *label; label++) {
		if (*label == '\n')
			width = 0;
		else
			width += ((unsigned char)*label & 0xc0) != 0x80;
		if (width <= MAX_WIDTH)
			str_char(&cut, *label);
		if (width > MAX_WIDTH && (label[1] == '\n' || !label[1]))
			str_add(&cut, "...");
	}
	escape(w, str_text(&cut));
	w->failed = w->failed || cut.failed;
	str_free(&cut);
	return str_text(&w->text);
}

static const char *print(struct writer *w, const char *format, const char *name)
{
	str_clear(&w->text);
	str_printf(&w->text, format, name);
	w->failed = w->failed || w->text.failed;
	return str_text(&w->text);
}

static void set_graph(struct writer *w, const char *name, const char *value)
{
	agsafeset(w->graph, (char *)name, (char *)value, (char *)"");
}

static Agnode_t *make_node(struct writer *w, const char *name)
{
	Agnode_t *node = agnode(w->graph, (char *)name, 1);

	w->failed = w->failed || !node;
	return node;
}

static Agedge_t *make_edge(struct writer *w, Agnode_t *from, Agnode_t *to)
{
	Agedge_t *edge = from && to ? agedge(w->graph, from, to, NULL, 1) : NULL;

	w->failed = w->failed || !edge;
	return edge;
}

static double shade(unsigned depth, unsigned max_depth)
{
	double far = max_depth ? (double)depth / max_depth : 0;

	return VALUE_NEAR * (1 - far) + VALUE_FAR * far;
}

static void set_fill(struct writer *w, Agnode_t *node, double h, double s, double v)
{
	str_clear(&w->text);
	str_printf(&w->text, "%g,%g,%g", h, s, v);
	w->failed = w->failed || w->text.failed;
	set(node, "fillcolor", str_text(&w->text));
	if (v < READABLE)
		set(node, "fontcolor", "white");
}

static uint64_t heaviest(const struct drawing *drawing)
{
	uint64_t most = 0;

	for (size_t i = 0; i < drawing->node_count; i++)
		if (drawing->nodes[i].weight > most)
			most = drawing->nodes[i].weight;
	return most;
}

/* Areas: so by the root. */
static void weigh_node(struct writer *w, const struct drawing_node *node, Agnode_t *drawn)
{
	double part = w->heaviest ? sqrt((double)node->weight / (double)w->heaviest) : 0;

	set_fill(w, drawn, 0.13, 0.65 * part, 1);
	str_clear(&w->text);
	str_printf(&w->text, "%g", 0.75 + part);
	w->failed = w->failed || w->text.failed;
	set(drawn, "width", str_text(&w->text));
	str_clear(&w->text);
	str_printf(&w->text, "%g", 0.5 + 0.6 * part);
	set(drawn, "height", str_text(&w->text));
}

static void colour_node(struct writer *w, const struct drawing_node *node, Agnode_t *drawn)
{
	double h = 0, s = 0, v = shade(node->depth, w->drawing->max_depth);

	if (node->root) {
		set(drawn, "shape", "ellipse");
		set(drawn, "fillcolor", "0.15,0.25,1");
		return;
	}
	if (node->module) {
		h = 0.3;
		s = 1;
	}
	if (node->highlighted) {
		h = s = 0.6;
		v = 0.5 + v * 0.5;
	}
	if (node->start)
		set(drawn, "fontcolor", "red");
	if (w->drawing->by_weight)
		weigh_node(w, node, drawn);
	else
		set_fill(w, drawn, h, s, v);
}

static void red_and_small(Agnode_t *node, Agedge_t *edge)
{
	set(node, "height", "0.25");
	set(node, "width", "0.25");
	set(node, "margin", "0.02");
	set(node, "color", "red");
	set(node, "fontsize", "8");
	set(edge, "color", "red");
	set(edge, "style", "dotted");
	set(edge, "len", "0.25");
	set(edge, "weight", "10");
}

static void draw_finalizer(struct writer *w, const char *name, const char *finalizer,
			   Agnode_t *owner)
{
	Agnode_t *node = make_node(w, print(w, "%s_has_a_del", name));
	Agedge_t *edge = make_edge(w, owner, node);

	if (!edge)
		return;
	red_and_small(node, edge);
	set(node, "label", finalizer);
	set(node, "shape", "doublecircle");
	set(node, "fillcolor", "0,.5,1");
}

static void draw_more(struct writer *w, const struct drawing_node *owner, Agnode_t *drawn)
{
	bool back = w->drawing->backwards;
	Agnode_t *node = make_node(w, print(w, "too_many_%s", owner->name));
	Agedge_t *edge = back ? make_edge(w, node, drawn) : make_edge(w, drawn, node);

	if (!edge)
		return;
	red_and_small(node, edge);
	str_clear(&w->text);
	str_printf(&w->text, "%llu more", (unsigned long long)owner->more);
	if (owner->more_bytes) {
		str_add(&w->text, "\\n");
		str_size_words(&w->text, owner->more_bytes, false);
	} else {
		str_printf(&w->text, " %sreferences", back ? "back" : "");
	}
	set(node, "label", str_text(&w->text));
	if (w->drawing->by_weight) { /* where colour is weight, red would shout */
		set(node, "color", "gray70");
		set(node, "fontcolor", "gray35");
		set(edge, "color", "gray70");
		return;
	}
	set_fill(w, node, 0, 1, shade(owner->depth + 1, w->drawing->max_depth));
	set(node, "fontcolor", "white");
}

static void set_attributes(struct writer *w, Agnode_t *node, const char *pairs)
{
	while (pairs && *pairs) {
		const char *value = pairs + strlen(pairs) + 1;
		agsafeset(node, (char *)pairs, (char *)escape(w, value), (char *)"");
		pairs = value + strlen(value) + 1;
	}
}

static void draw_node(struct writer *w, size_t i)
{
	const struct drawing_node *node = &w->drawing->nodes[i];
	Agnode_t *drawn = w->nodes[i] = make_node(w, node->name);

	if (!drawn)
		return;
	set(drawn, "label", label_text(w, node->label));
	if (node->tooltip)
		set(drawn, "tooltip", escape(w, node->tooltip));
	colour_node(w, node, drawn);
	set_attributes(w, drawn, node->attributes);
	if (node->finalizer)
		draw_finalizer(w, node->name, node->finalizer, drawn);
	if (node->more)
		draw_more(w, node, drawn);
}

static const struct {
	const char *style, *color, *meaning;
} edge_styles[] = {
	[EDGE_STRONG] = {"solid", "black", "reference"},
	[EDGE_WEAK] = {"dashed", "black", "weak: does not keep alive"},
	[EDGE_INTERNAL] = {"solid", "gray55", "own storage"},
	[EDGE_CONSERVATIVE] = {"dotted", "black", "looks like a pointer"},
	[EDGE_BORROWED] = {"dashed", "gray55", "borrowed: not counted"},
};

static void style_edge(Agedge_t *edge, enum drawing_edge_style style)
{
	set(edge, "style", edge_styles[style].style);
	set(edge, "color", edge_styles[style].color);
	set(edge, "fontcolor", edge_styles[style].color);
}

/* Graphviz sets a label close beside its line; in pictures a blank keeps them apart. */
static const char *edge_text(struct writer *w, const char *label)
{
	escape(w, label);
	if (w->drawing->padded) {
		struct str padded = {0};
		str_printf(&padded, " %s ", str_text(&w->text));
		str_clear(&w->text);
		str_add(&w->text, str_text(&padded));
		w->failed = w->failed || padded.failed || w->text.failed;
		str_free(&padded);
	}
	return str_text(&w->text);
}

/* "['cart'] of dict: own storage"; without it SVG viewers would show Graphviz's "o4096->o8192". */
static void explain_edge(struct writer *w, const struct drawing_edge *edge, Agedge_t *drawn)
{
	const struct drawing_node *from = &w->drawing->nodes[edge->from];
	struct str text = {0};

	str_printf(&text, "%s%s%.*s: %s", edge->label, edge->label[0] ? " of " : "",
		   (int)strcspn(from->label, "\n"), from->label, edge_styles[edge->style].meaning);
	w->failed = w->failed || text.failed;
	escape(w, str_text(&text));
	set(drawn, "edgetooltip", str_text(&w->text));
	set(drawn, "labeltooltip", str_text(&w->text));
	str_free(&text);
}

static void draw_edge(struct writer *w, const struct drawing_edge *edge)
{
	Agedge_t *drawn = make_edge(w, w->nodes[edge->from], w->nodes[edge->to]);
	char weight[16];

	if (!drawn)
		return;
	style_edge(drawn, edge->style);
	explain_edge(w, edge, drawn);
	if (edge->label[0])
		set(drawn, "label", edge_text(w, edge->label));
	if (edge->weight) {
		snprintf(weight, sizeof(weight), "%u", edge->weight);
		set(drawn, "weight", weight);
	}
}

/* Cycles and the page --------------------------------------------------------------------------------------------- */

/* A frame around the nodes of each cycle, with how many objects they stand for. */
static void draw_cycle(struct writer *w, uint32_t number)
{
	const struct drawing *d = w->drawing;
	Agraph_t *frame;
	uint64_t objects = 0;
	size_t boxes = 0;
	bool folded = false;
	char name[32], label[64];

	for (size_t i = 0; i < d->node_count; i++) {
		if (d->nodes[i].cycle != number)
			continue;
		boxes++;
		folded = folded || d->nodes[i].members > 1;
		objects += d->nodes[i].members ? d->nodes[i].members : 1;
	}
	if (boxes < 2) /* the others were left out, or all are one box */
		return;
	snprintf(name, sizeof name, "cluster_%u", number);
	snprintf(label, sizeof label, folded ? "cycles: %llu objects" : "cycle: %llu objects",
		 (unsigned long long)objects);
	frame = agsubg(w->graph, name, 1);
	w->failed = w->failed || !frame;
	for (size_t i = 0; frame && i < d->node_count; i++)
		if (d->nodes[i].cycle == number)
			agsubnode(frame, w->nodes[i], 1);
	for (size_t i = 0; frame && i < sizeof frame_look / sizeof *frame_look; i++)
		agsafeset(frame, (char *)frame_look[i][0], (char *)frame_look[i][1], (char *)"");
	if (frame)
		agsafeset(frame, (char *)"label", label, (char *)"");
}

static void draw_cycles(struct writer *w)
{
	uint32_t last = 0;

	for (size_t i = 0; i < w->drawing->node_count; i++)
		if (w->drawing->nodes[i].cycle > last)
			last = w->drawing->nodes[i].cycle;
	for (uint32_t number = 1; number <= last; number++)
		draw_cycle(w, number);
	if (last) /* dot's older way to rank what is framed fails with "trouble in init_rank" */
		set_graph(w, "newrank", "true");
}

/* More boxes side by side than a page is wide: boxes are wider than high, so one above the other they fit. */
static bool is_wide(const struct drawing *d)
{
	size_t n[WIDE_LEVELS] = {0};

	for (size_t i = 0; i < d->node_count; i++) {
		const struct drawing_node *node = &d->nodes[i];
		unsigned depth = node->depth < WIDE_LEVELS ? node->depth : WIDE_LEVELS - 1;

		if (++n[depth] > WIDE)
			return true;
	}
	return false;
}

static void set_page(struct writer *w)
{
	set_graph(w, "fontname", "Helvetica");
	if (w->drawing->sideways || is_wide(w->drawing))
		set_graph(w, "rankdir", "LR");
	if (!w->drawing->note)
		return;
	set_graph(w, "fontsize", "11");
	set_graph(w, "label", escape(w, w->drawing->note));
}

/* Legend --------------------------------------------------------------------------------------------------------- */

/* A bit per kind of thing that the drawing holds: only these are explained. */
enum {
	USED_START = 1u << 0,
	USED_FAR = 1u << 1,
	USED_MODULE = 1u << 2,
	USED_HIGHLIGHT = 1u << 3,
	USED_ROOT = 1u << 4,
	USED_FINALIZER = 1u << 5,
	USED_MORE = 1u << 6,
	USED_WEIGHT = 1u << 7,
	USED_CYCLE = 1u << 8,
	USED_PALE_MORE = 1u << 9,
	USED_STYLE = 1u << 10, /* shifted by enum drawing_edge_style */
};

static const struct {
	unsigned used;
	const char *fill, *text, *sample, *meaning;
} legend_rows[] = {
	{USED_START, "white", "red", "name", "what was asked for"},
	{USED_FAR, "0,0,0.65", "black", "name", "the darker, the more steps away"},
	{USED_WEIGHT, "0.13,0.65,1", "black", "name",
	 "the larger and yellower, the more bytes would go with it"},
	{USED_MODULE, "0.3,1,0.8", "black", "name", "a module"},
	{USED_HIGHLIGHT, "0.6,0.6,0.9", "black", "name", "highlighted"},
	{USED_ROOT, "0.15,0.25,1", "black", "( name )",
	 "a root: a global, a stack, a table of a runtime"},
	{USED_FINALIZER, "0,.5,1", "black", NULL, "has a finalizer"},
	{USED_MORE, "0,1,0.6", "white", "N more", "neighbours that are not drawn"},
	{USED_PALE_MORE, "white", "gray35", "N more", "what is not drawn"},
	{USED_CYCLE, "white", "#b05000", "- - - -", "a frame: each in it is held by the others"},
	{USED_STYLE << EDGE_STRONG, "white", "black", "———▸", "reference"},
	{USED_STYLE << EDGE_WEAK, "white", "black", "– – –▸", "weak: does not keep alive"},
	{USED_STYLE << EDGE_INTERNAL, "white", "gray55", "———▸", "the object's own storage"},
	{USED_STYLE << EDGE_CONSERVATIVE, "white", "black", "· · · ·▸",
	 "a word that looks like a pointer"},
	{USED_STYLE << EDGE_BORROWED, "white", "gray55", "– – –▸", "borrowed: not counted"},
};

static unsigned what_is_used(const struct drawing *drawing)
{
	unsigned used = 0, more = drawing->by_weight ? USED_PALE_MORE : USED_MORE;
	unsigned far = drawing->by_weight ? USED_WEIGHT : USED_FAR;

	for (size_t i = 0; i < drawing->node_count; i++) {
		const struct drawing_node *node = &drawing->nodes[i];
		bool plain = !node->start && !node->module && !node->highlighted && !node->root;
		used |= (node->start ? USED_START : 0) | (plain ? far : 0) |
			(node->module && !drawing->by_weight ? USED_MODULE : 0) |
			(node->highlighted && !drawing->by_weight ? USED_HIGHLIGHT : 0) |
			(node->finalizer ? USED_FINALIZER : 0) | (node->root ? USED_ROOT : 0) |
			(node->more ? more : 0) | (node->cycle ? USED_CYCLE : 0);
	}
	for (size_t i = 0; i < drawing->edge_count; i++)
		used |= USED_STYLE << drawing->edges[i].style;
	return used;
}

/* What it is called in this drawing. */
static const char *finalizer_name(const struct drawing *drawing)
{
	for (size_t i = 0; i < drawing->node_count; i++)
		if (drawing->nodes[i].finalizer)
			return drawing->nodes[i].finalizer;
	return "";
}

static void legend_text(struct writer *w)
{
	unsigned used = what_is_used(w->drawing);

	str_clear(&w->text);
	str_add(&w->text,
		"<TABLE BORDER=\"1\" COLOR=\"gray70\" CELLBORDER=\"0\" CELLSPACING=\"3\">");
	for (size_t i = 0; i < sizeof(legend_rows) / sizeof(*legend_rows); i++) {
		if (!(legend_rows[i].used & used))
			continue;
		str_printf(&w->text,
			   "<TR><TD BGCOLOR=\"%s\"><FONT COLOR=\"%s\">%s</FONT></TD>"
			   "<TD ALIGN=\"LEFT\">%s</TD></TR>",
			   legend_rows[i].fill, legend_rows[i].text,
			   legend_rows[i].sample ? legend_rows[i].sample
						 : finalizer_name(w->drawing),
			   legend_rows[i].meaning);
	}
	str_add(&w->text, "</TABLE>");
	w->failed = w->failed || w->text.failed;
}

static void draw_legend(struct writer *w)
{
	Agnode_t *node = make_node(w, "legend");
	char *html;

	if (!node)
		return;
	legend_text(w);
	html = agstrdup_html(w->graph, (char *)str_text(&w->text));
	w->failed = w->failed || !html;
	if (!html)
		return;
	set(node, "label", html);
	agstrfree(w->graph, html);
	set(node, "shape", "plaintext");
	set(node, "style", "");
}

static struct error *draw(struct writer *w)
{
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
		if (!agattr(w->graph, defaults[i].kind, (char *)defaults[i].name,
			    (char *)defaults[i].value))
			return error_memory();
	for (size_t i = 0; i < w->drawing->node_count; i++)
		draw_node(w, i);
	for (size_t i = 0; i < w->drawing->edge_count; i++)
		draw_edge(w, &w->drawing->edges[i]);
	if (!w->drawing->no_frames)
		draw_cycles(w);
	set_page(w);
	if (w->drawing->legend)
		draw_legend(w);
	return w->failed ? error_memory() : NULL;
}

struct error *dot_write(const struct drawing *drawing, FILE *out, const char *name)
{
	struct writer w = {.drawing = drawing, .heaviest = heaviest(drawing)};
	struct error *error;

	w.graph = agopen("ObjectGraph", Agdirected, NULL);
	w.nodes = calloc(drawing->node_count + 1, sizeof(void *));
	error = w.graph && w.nodes ? draw(&w) : error_memory();
	if (!error && (agwrite(w.graph, out) != 0 || fflush(out) != 0 || ferror(out)))
		error = error_system(errno, name, "cannot write the drawing");
	str_free(&w.text);
	free(w.nodes);
	if (w.graph)
		agclose(w.graph);
	return error;
}
