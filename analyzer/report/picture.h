/*
 * picture.h - which objects and references show-refs, show-backrefs and show-chain draw, and what is written on them.
 * Fills a struct drawing; how it looks is out/dot's business.
 */
#ifndef REFGRAPH_PICTURE_H
#define REFGRAPH_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/model.h"
#include "out/dot.h"
#include "report/universe.h"
#include "util/vec.h"

struct picture_query {
	/* drawn first, in red, at depth 0 */
	const struct ids *starts;
	/* who holds them; else: what they hold */
	bool backwards;
	const struct universe *universe;
	/* objects there are drawn and not expanded */
	uint32_t max_depth;
	/* neighbours drawn per object; the rest become one stub */
	uint64_t too_many;
	/* NULL: all; else neighbours that are not in it vanish, uncounted. Ascending */
	const struct ids *only;
	/* The rest may be NULL. Selectors separated by commas: as if they did not exist */
	const char *extra_ignore;
	/* expression: neighbours for which it does not hold vanish */
	const char *filter;
	const char *highlight; /* expression */
	/* fields separated by commas, see picture_label.h */
	const char *extra_info;
	/* "NAME=VALUE,...", {field} in a value is replaced */
	const char *extra_node_attrs;
	bool refcounts, long_names, legend;
	bool by_retained;   /* size and colour of the boxes: what they retain */
	bool fold;	    /* draw what looks alike as one, see picture_fold.h */
	uint64_t max_nodes; /* in all, before that; 0 any number */
	uint64_t fit;	    /* more than so many boxes are folded, then cut; 0 any number */
	bool cycles;	    /* frame what holds each other */
};

/*
 * objgraph's rules: breadth first; an object drawn already gets its edge and is not expanded twice; backwards, proper
 * modules are not expanded; forwards each reference is an edge, backwards each referrer has one edge with all its names.
 * Outside of the gc universe weak references and the roots that hold drawn objects (forwards: the start objects) are drawn
 * too, and parallel references are one edge. drawing.note says what was left out and by what rule. The caller frees the drawing, also after an error.
 */
struct error *picture_make(struct model *model, const struct picture_query *query,
			   struct drawing *ret);

#endif
