/*
 * pango.c - lists of attributes of Pango.        packages: pango        rules: text
 *
 *   refgraph run --rules text --on-exit pango missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <pango/pango.h>

#define OBJECT PangoAttrList *
#define MAKE(i) pango_attr_list_new()
#define TAKE(o) pango_attr_list_ref(o)
#define GIVE(o) pango_attr_list_unref(o)
#include "lives.h"
