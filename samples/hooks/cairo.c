/*
 * cairo.c - surfaces of cairo.        packages: cairo        rules: cairo
 *
 *   refgraph run --rules cairo --on-exit cairo missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <cairo.h>

#define OBJECT cairo_surface_t *
#define MAKE(i) cairo_image_surface_create(CAIRO_FORMAT_ARGB32, 8, 8)
#define TAKE(o) cairo_surface_reference(o)
#define GIVE(o) cairo_surface_destroy(o)
#include "lives.h"
