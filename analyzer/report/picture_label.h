/* picture_label.h - the words on a drawn object. */
#ifndef REFGRAPH_PICTURE_LABEL_H
#define REFGRAPH_PICTURE_LABEL_H

#include "dump/model.h"
#include "util/err.h"
#include "util/str.h"

struct labels {
	struct model *model;
	bool refcounts, long_names;
	/*
	 * Lists of fields: size retained refcount generation epoch age address id runtime type module site.
	 * "size,age" for more lines in labels; "URL=http://host/{id},penwidth=2" for more of Graphviz's attributes. NULL none.
	 */
	const char *extra_info, *extra_node_attrs;
	uint64_t *retained; /* labels_init() fills it when a field asks for it */
};

/* What labels need of an object, besides MODEL_EPOCHS: model_load_for(). */
#define LABEL_PARTS (MODEL_REPR | MODEL_SIZE | MODEL_REFCOUNT | MODEL_EPOCH)

/* The caller has set all but `retained`. Loads what the labels need of no
 * object in particular; an unknown field is a usage error. */
struct error *labels_init(struct labels *labels);
void labels_deinit(struct labels *labels);

/* All append. Type, short representation, extra information: one line each. */
void label_object(const struct labels *labels, uint32_t object, struct str *out);
/* "#17 0x7f1c, 64 bytes, refcount 2": for the pointer to hover over. */
void label_tooltip(const struct labels *labels, uint32_t object, struct str *out);
/* The extra attributes as NAME NUL VALUE NUL ... NUL. */
void label_attributes(const struct labels *labels, uint32_t object, struct str *out);

#endif
