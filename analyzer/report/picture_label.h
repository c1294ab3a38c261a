/* picture_label.h - the words on a drawn object. */
#ifndef REFGRAPH_PICTURE_LABEL_H
#define REFGRAPH_PICTURE_LABEL_H

#include "dump/model.h"
#include "util/str.h"

/*
 * One field of an object as text, appended: size refcount generation epoch age address id runtime type module site. False:
 * there is no such field.
 */
bool field_text(struct model *model, uint32_t object, const char *field, size_t length,
		struct str *out);
/* "size, refcount, ..." for messages. */
void field_names(struct str *out);

/* Model parts that fields and labels need. */
#define LABEL_PARTS                                                                                \
	(MODEL_REPR | MODEL_SIZE | MODEL_REFCOUNT | MODEL_FLAGS | MODEL_EPOCH | MODEL_EPOCHS |     \
	 MODEL_TYPES)

struct label_style {
	bool refcounts, long_names;
	const char *extra_info; /* NULL none */
};

/* A usage error for the first unknown field in a list, or in {braces} of a template. NULL lists are fine. */
struct error *label_check(const char *extra_info, const char *extra_node_attrs);

/* Type, short representation, extra information: one line each. Appended. */
void label_object(struct model *model, const struct label_style *style, uint32_t object,
		  struct str *out);
/* "#17 0x7f1c, 64 bytes, refcount 2": for the pointer to hover over. Appended. */
void label_tooltip(struct model *model, uint32_t object, struct str *out);
/* A template with {field} replaced. Appended. */
void label_template(struct model *model, uint32_t object, const char *text, size_t length,
		    struct str *out);

#endif
