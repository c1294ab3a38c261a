/*
 * glib_hash.c - hash tables of GLib.        packages: glib-2.0        rules: glib
 *
 *   refgraph run --rules glib --on-exit glib_hash missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <glib.h>

#define OBJECT GHashTable *
#define MAKE(i) g_hash_table_new(NULL, NULL)
#define TAKE(o) g_hash_table_ref(o)
#define GIVE(o) g_hash_table_unref(o)
#include "lives.h"
