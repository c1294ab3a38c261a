/*
 * edge_name.h - an edge as a programmer would write it: ".attr", "['key']", "[17]", "{key}", "cell
 * x", "__dict__", native "+0x18". A conservative edge begins with "~", a weak one ends with "
 * (weak)".
 */
#ifndef REFGRAPH_EDGE_NAME_H
#define REFGRAPH_EDGE_NAME_H

#include "dump/model.h"
#include "util/str.h"

/* Appended; nothing when the edge has no label. MODEL_EDGES, MODEL_STRINGS, MODEL_REPR for keys
 * that are objects. */
void edge_name(struct model *model, const struct edge *edge, struct str *out);
/* As a drawing of objgraph labels it: "__dict__", "attr", "key", "f_globals": the bare word
 * without punctuation. */
void edge_label(struct model *model, const struct edge *edge, struct str *out);
/* "->next", "[17].name": the field of a native block of known type; `general`: "[].name". False for what has none. */
bool edge_field(struct model *model, const struct edge *edge, bool general, struct str *out);
/* "sys.modules['app']", "g_cache+0x10 in app", "stack of thread 17 (worker)", ... MODEL_ROOTS |
 * STRINGS | MODULES | THREADS */
void root_name(struct model *model, const struct root *root, struct str *out);
/* What debug information says of the word that a conservative reference is: "pointer", or "other", when a number or text is
 * declared there and the reference is a coincidence, most likely. NULL: it says nothing. */
const char *edge_declared(const struct model *model, const struct edge *edge);
const char *root_declared(const struct model *model, const struct root *root);

#endif
