/*
 * glib_source.c - sources of a main loop of GLib.        packages: glib-2.0        rules: glib
 *
 *   refgraph run --rules glib --on-exit glib_source missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <glib.h>

#define OBJECT GSource *
#define MAKE(i) g_idle_source_new()
#define TAKE(o) g_source_ref(o)
#define GIVE(o) g_source_unref(o)
#include "lives.h"
