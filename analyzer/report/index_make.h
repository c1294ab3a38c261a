/* index_make.h - making the index of a dump; dump/index.h says what that is. */
#ifndef REFGRAPH_INDEX_MAKE_H
#define REFGRAPH_INDEX_MAKE_H

#include "dump/model.h"
#include "report/alive.h"
#include "util/err.h"

/* Works everything out, whatever an older index says, and writes it beside the dump. *size: bytes of the file. */
struct error *index_make(struct model *model, uint64_t *size);
/*
 * With REFGRAPH_INDEX=auto: writes what alive_dominators() has just worked out, for the next command; of small dumps, nothing. A failure is
 * a note.
 */
void index_keep(struct alive *alive);

#endif
