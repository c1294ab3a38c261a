/* draw.h - what show-refs, show-backrefs and show-chain share: their options, and where the picture goes. */
#ifndef REFGRAPH_CMD_DRAW_H
#define REFGRAPH_CMD_DRAW_H

#include "cmd/cmd.h"
#include "report/picture.h"

/* Everything but starts, direction, universe and only. `starts`: how many objects the picture starts from. */
struct error *draw_options(const struct context *context, size_t starts,
			   struct picture_query *query);

extern const struct record *const draw_records[];

/* --filename or --output; NULL none. */
const char *draw_filename(const struct context *context);

/* Writes the drawing where the options say. */
struct error *draw_output(const struct context *context, const struct drawing *drawing);

/* Makes the picture and writes it where the options say: DOT or a picture to a file or standard output, or JSON Lines. */
struct error *draw_picture(const struct context *context, struct model *model,
			   const struct picture_query *query);

/* The whole of show-refs and show-backrefs. */
struct error *draw_selected(struct context *context, bool backwards);

#endif
