/*
 * gstreamer_boxed.c - buffers as boxed values, as signals and properties pass them on.        packages: gstreamer-1.0        rules: gstreamer
 *
 *   refgraph run --rules gstreamer --on-exit gstreamer_boxed missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <gst/gst.h>

#define OBJECT GstBuffer *
#define MAKE(i) gst_buffer_new_allocate(NULL, 64, NULL)
#define TAKE(o) g_boxed_copy(GST_TYPE_BUFFER, o)
#define GIVE(o) g_boxed_free(GST_TYPE_BUFFER, o)
#define BEGIN gst_init(NULL, NULL)
#include "lives.h"
