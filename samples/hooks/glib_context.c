/*
 * glib_context.c - main contexts of GLib.        packages: glib-2.0        rules: glib
 *
 *   refgraph run --rules glib --on-exit glib_context missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <glib.h>

#define OBJECT GMainContext *
#define MAKE(i) g_main_context_new()
#define TAKE(o) g_main_context_ref(o)
#define GIVE(o) g_main_context_unref(o)
#include "lives.h"
