/*
 * harfbuzz.c - buffers of HarfBuzz.        packages: harfbuzz        rules: text
 *
 *   refgraph run --rules text --on-exit harfbuzz missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <hb.h>

#define OBJECT hb_buffer_t *
#define MAKE(i) hb_buffer_create()
#define TAKE(o) hb_buffer_reference(o)
#define GIVE(o) hb_buffer_destroy(o)
#include "lives.h"
