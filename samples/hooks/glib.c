/*
 * glib.c - GVariants, which begin floating.        packages: glib-2.0        rules: glib
 *
 *   refgraph run --rules glib --on-exit glib missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <glib.h>

#define OBJECT GVariant *
#define MAKE(i) g_variant_ref_sink(g_variant_new("(si)", "a text that is longer than sixteen bytes", i))
#define TAKE(o) g_variant_ref(o)
#define GIVE(o) g_variant_unref(o)
#include "lives.h"
