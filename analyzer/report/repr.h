/*
 * repr.h - an object in a few words, as objgraph does: the name of a function, class, module or
 * builtin; "name (bound)"; "lambda: file:line"; a frame's file:line; "N items"; the value where the
 * dump has values; "" when nothing is known.
 */
#ifndef REFGRAPH_REPR_H
#define REFGRAPH_REPR_H

#include "dump/model.h"
#include "util/str.h"

/* Appended; never longer than about 40 characters of a value. MODEL_REPR (a bound method's
 * function wants MODEL_EDGES too and is looked up only when that is loaded). */
void repr_object(struct model *model, uint32_t object, struct str *out);
/* "dict 3 items", "Session", "malloc in parse_line": type name and short representation. */
void repr_full(struct model *model, uint32_t object, struct str *out);
/* True when the object is a module that sys.modules holds under its own name. MODEL_ROOTS,
 * MODEL_TYPES, MODEL_TYPE and MODEL_PROPERTIES. */
bool is_proper_module(const struct model *model, uint32_t object);
/* Bit set of all proper modules, or of all targets of roots; big_alloc()ed. Loads what it needs. */
struct error *proper_modules(struct model *model, uint64_t **ret, uint32_t *count);
struct error *root_targets(struct model *model, uint64_t **ret, uint32_t *count);

#endif
