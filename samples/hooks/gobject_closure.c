/*
 * gobject_closure.c - closures of GObject, which float at first.        packages: gobject-2.0        rules: gobject
 *
 *   refgraph run --rules gobject --on-exit gobject_closure missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <glib-object.h>

static void callback(void)
{
}

static GClosure *make(void)
{
	GClosure *closure = g_cclosure_new(callback, NULL, NULL);

	g_closure_ref(closure);
	g_closure_sink(closure);
	return closure;
}

#define OBJECT GClosure *
#define MAKE(i) make()
#define TAKE(o) g_closure_ref(o)
#define GIVE(o) g_closure_unref(o)
#include "lives.h"
