/*
 * dot.h - a drawing as Graphviz DOT text. The only file that includes cgraph. It takes a selection, never a whole graph,
 * and knows no dump: labels are finished text, nodes are numbers of its own arrays.
 *
 * The conventions are objgraph's (boxes, shade by depth, red start, green modules, blue highlights, red stubs), so that
 * who knows its pictures can read ours. What it has no word for is drawn so: roots are ellipses, weak edges
 * dashed, conservative ones dotted, edges to an object's own storage grey.
 */
#ifndef REFGRAPH_OUT_DOT_H
#define REFGRAPH_OUT_DOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/err.h"

struct drawing_node {
	char *name;	/* unique in the drawing; the node's name in DOT */
	char *label;	/* UTF-8, lines end in '\n' */
	char *tooltip;	/* shown by SVG viewers; NULL none */
	unsigned depth; /* from the start objects */
	bool start, module, highlighted, root;
	const char *finalizer; /* what it is called; NULL none */
	char *attributes; /* more attributes for Graphviz: NAME NUL VALUE NUL ... NUL; NULL none */
	uint64_t weight;  /* with drawing.by_weight */
	uint64_t members; /* objects that it stands for; 0 is 1 */
	uint32_t cycle;	  /* nodes with the same number, not 0, are framed: they hold each other */
	uint64_t more;	  /* neighbours that were not drawn: > 0 gives a stub */
	uint64_t more_bytes; /* that these retain; 0 unknown */
};

enum drawing_edge_style { EDGE_STRONG, EDGE_WEAK, EDGE_INTERNAL, EDGE_CONSERVATIVE, EDGE_BORROWED };

/* What edges between alike nodes may differ in, so that they can be drawn as one. */
enum drawing_fold { FOLD_NAME, FOLD_INDEX, FOLD_KEY, FOLD_OFFSET };

struct drawing_edge {
	uint32_t from, to; /* numbers of nodes */
	char *label;	   /* UTF-8, "" none */
	enum drawing_edge_style style;
	enum drawing_fold
		fold; /* what the label is: nothing that may differ, `index`, a key, or an offset */
	uint64_t index;
	unsigned
		weight; /* 0 = Graphviz's default; objgraph: 10 for parts like __dict__, 2 for names */
};

struct drawing {
	struct drawing_node *nodes;
	size_t node_count, node_room;
	struct drawing_edge *edges;
	size_t edge_count, edge_room;
	unsigned max_depth;
	char *note;	/* what a reader must know, below the picture; NULL none */
	bool backwards; /* stubs say "backreferences" and point at their node */
	bool sideways;	/* from left to right, whatever its shape; else only when it is wide */
	bool legend;
	bool by_weight; /* nodes are the larger and yellower, the more they weigh; else the darker, the further */
	bool no_frames; /* around cycles */
	bool padded; /* blanks around the labels of edges: nicer in a picture, but no longer the label itself */
};

/* The drawing takes the strings, also when it fails. */
struct error *drawing_add_node(struct drawing *drawing, struct drawing_node node, uint32_t *number);
struct error *drawing_add_edge(struct drawing *drawing, struct drawing_edge edge);
void drawing_free(struct drawing *drawing);
void drawing_node_free(struct drawing_node *node); /* what it holds */

/* Writes and flushes. `name` is for the message. */
struct error *dot_write(const struct drawing *drawing, FILE *out, const char *name);

#endif
