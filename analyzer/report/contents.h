/*
 * contents.h - names of references through the insides of containers, when these are folded (--fold-containers, model->block_owner):
 * store->map[].second instead of ->map._M_t._M_impl._M_header._M_left, ->_M_right, ->_M_storage.second.
 */
#ifndef REFGRAPH_CONTENTS_H
#define REFGRAPH_CONTENTS_H

#include "dump/model.h"
#include "util/str.h"

/* Containers are folded, and the object is of the insides of one. */
bool contents_inside(const struct model *model, uint32_t object);
/* An object that is passed over: it is inside, and not where the way ends. */
static inline bool contents_passed(const struct model *model, uint32_t object, bool last)
{
	return !last && contents_inside(model, object);
}

/* A way in the making. Zero: at its beginning. */
struct contents {
	bool node; /* in a container's node: whose item the next name is about */
};

/* The text without the names that the C++ library gives to parts of its containers. Appended. */
void contents_clean(const char *text, struct str *out);
/* One reference on, out of `source`, whose name is `text`. Appended to what the references before it came to. */
void contents_add(struct model *model, uint32_t source, const char *text, struct contents *contents,
		  struct str *out);
/* At an object that is shown. */
void contents_end(struct contents *contents, struct str *out);

#endif
