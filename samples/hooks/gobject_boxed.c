/*
 * gobject_boxed.c - copies of boxed values.        packages: gobject-2.0        rules: gobject
 *
 *   refgraph run --rules gobject --on-exit gobject_boxed missing    refgraph balance: forgetful() copied 4 that nobody freed
 */
#include <glib-object.h>

static const char *words[] = {"one", "two", NULL};

#define OBJECT gpointer
#define MAKE(i) g_boxed_copy(G_TYPE_STRV, words)
#define END(o) g_boxed_free(G_TYPE_STRV, o)
#include "lives.h"
