/*
 * glib_bytes.c - GBytes, whose last reference may go by g_bytes_unref_to_data().        packages: glib-2.0        rules: glib
 *
 *   refgraph run --rules glib --on-exit glib_bytes missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <glib.h>

static void give(GBytes *bytes)
{
	gsize size;

	g_free(g_bytes_unref_to_data(bytes, &size));
}

#define OBJECT GBytes *
#define MAKE(i) g_bytes_new("sixteen bytes...", 16)
#define TAKE(o) g_bytes_ref(o)
#define GIVE(o) give(o)
#include "lives.h"
