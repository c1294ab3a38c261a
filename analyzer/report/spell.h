/*
 * spell.h - the way to an object as a programmer would write it: app.sessions['k'].handlers[3].
 *
 * What has no notation stands in angle brackets: function<cell x>, list<items>. A root that is no module is in parentheses when it
 * takes several words: (local x of main() app.py:12).items[3]. Native fields are offsets: sessions->+0x18.
 */
#ifndef REFGRAPH_SPELL_H
#define REFGRAPH_SPELL_H

#include <stdbool.h>

#include "graph/bfs_tree.h"
#include "report/alive.h"
#include "util/str.h"

/* Modules of a runtime and their dictionaries are named after the module, whoever holds them. */
struct landmark {
	uint32_t object, root; /* root: number in model->roots */
	bool is_dict;
};

struct spell {
	const struct alive *alive;
	VEC(struct landmark) landmarks; /* ascending by object */
};

/* Loads MODEL_ROOTS, THREADS, STRINGS, MODULES and edges; who spells keys that are objects loads MODEL_REPR. */
struct error *spell_init(struct spell *spell, const struct alive *alive);
void spell_deinit(struct spell *spell);

/* An object that a root holds; root: a place in alive->roots. Appended. */
void spell_root(const struct spell *spell, uint32_t root, struct str *path);
/* When the object is a module or its dictionary: `path` becomes "app" or "app.__dict__". */
bool spell_landmark(const struct spell *spell, uint32_t object, struct str *path);
/* A key in a dictionary of names: "app.__dict__" becomes "app.key"; false when `path` ends otherwise. */
bool spell_name(const char *key, struct str *path);
/* One reference on from what `path` says. `general`: indexes and keys are left out, "[]"; so are offsets in blocks that are full of
 * pointers. */
void spell_edge(struct model *model, const struct edge *edge, bool general, struct str *path);

/* The shortest way to an object that the tree reaches, its starts being alive->roots; of a long one the end only. Appended. */
struct error *spell_way(const struct spell *spell, const struct bfs_tree *tree, uint32_t object,
			struct str *out);

#endif
