/*
 * attach.h - joins a dump's modules and frames with symbol.h. After symbols_attach() the model's namer answers from
 * the files of this machine; each frame and each global is looked up once.
 */
#ifndef REFGRAPH_SYMBOL_ATTACH_H
#define REFGRAPH_SYMBOL_ATTACH_H

#include "dump/model.h"
#include "symbol/symbol.h"

/*
 * Loads the model's modules and frames when a name is first asked for. `search` NULL: REFGRAPH_SYMBOL_PATH. The result is
 * freed by symbols_destroy(), before the model is closed and after the last name was used.
 */
struct error *symbols_attach(struct model *model, const char *search, struct symbols **ret);

/* The number of a module of the model in `symbols`, for symbol.h; -1 unknown. */
long symbols_module(struct symbols *symbols, uint32_t module);

#endif
