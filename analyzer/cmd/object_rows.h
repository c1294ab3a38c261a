/* object_rows.h - a table with one object a row: what by-type and at print. */
#ifndef REFGRAPH_OBJECT_ROWS_H
#define REFGRAPH_OBJECT_ROWS_H

#include "cmd/cmd.h"

/* Prints the objects by context->style. Loads what it needs. `offsets` (an address within each object) may be NULL. */
struct error *print_objects(struct context *context, struct model *model, const struct ids *objects, const uint64_t *offsets);
/* "handler (app.py:31)": the place of birth; appended. MODEL_SITES. */
void add_site(const struct model *model, uint32_t object, struct str *out);

#endif
