/*
 * render.h - where a drawing goes: DOT text as it is, or a picture that Graphviz's program `dot` makes of it. A viewer is
 * never started. A file appears under its name only when it is complete.
 */
#ifndef REFGRAPH_OUT_RENDER_H
#define REFGRAPH_OUT_RENDER_H

#include <stdbool.h>

#include "out/dot.h"

/* True when Graphviz will have to lay it out. */
bool render_is_picture(const char *filename, const char *format);

/*
 * `filename` NULL or "-": standard output. `format`: "dot", "svg", "png", "pdf" or what else Graphviz knows; NULL: by the
 * file name's ending, "dot" without one.
 */
struct error *render_drawing(const struct drawing *drawing, const char *filename,
			     const char *format);

#endif
