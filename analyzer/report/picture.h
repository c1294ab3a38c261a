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
	const struct ids *starts;      /* drawn first, in red, at depth 0 */
	bool backwards;                /* who holds them; else: what they hold */
	const struct universe *universe;
	uint32_t max_depth;            /* objects there are drawn and not expanded */
	uint64_t too_many;             /* neighbours drawn per object; the rest become one stub */
	const struct ids *only;        /* NULL: all; else neighbours that are not in it vanish, uncounted. Ascending */
	const char *extra_ignore;      /* selectors separated by commas: as if they did not exist. NULL none */
	const char *filter;            /* expression: neighbours for which it does not hold vanish. NULL none */
	const char *highlight;         /* expression, NULL none */
	const char *extra_info;        /* fields separated by commas (see picture_label.h), NULL none */
	const char *extra_node_attrs;  /* "NAME=VALUE,...", {field} in a value is replaced. NULL none */
	bool refcounts, long_names, legend;
};

/*
 * objgraph's rules: breadth first; an object drawn already gets its edge and is not expanded twice; backwards, proper
 * modules are not expanded; forwards each reference is an edge, backwards each referrer has one edge with all its names.
 * Outside of the gc universe weak references and the roots that hold drawn objects (forwards: the start objects) are drawn
 * too. The caller frees the drawing, also after an error.
 */
struct error *picture_make(struct model *model, const struct picture_query *query, struct drawing *ret);

#endif
