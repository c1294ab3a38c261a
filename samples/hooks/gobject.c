/*
 * gobject.c - GObjects.        packages: gobject-2.0        rules: gobject
 *
 *   refgraph run --rules gobject --on-exit gobject missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <glib-object.h>

#define OBJECT GObject *
#define MAKE(i) G_OBJECT(g_object_new(G_TYPE_OBJECT, NULL))
#define TAKE(o) g_object_ref(o)
#define GIVE(o) g_object_unref(o)
#include "lives.h"
