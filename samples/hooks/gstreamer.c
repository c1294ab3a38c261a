/*
 * gstreamer.c - buffers of GStreamer.        packages: gstreamer-1.0        rules: gstreamer
 *
 *   refgraph run --rules gstreamer --on-exit gstreamer missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <gst/gst.h>

#define OBJECT GstBuffer *
#define MAKE(i) gst_buffer_new_allocate(NULL, 64, NULL)
#define TAKE(o) gst_buffer_ref(o)
#define GIVE(o) gst_buffer_unref(o)
#define BEGIN gst_init(NULL, NULL)
#include "lives.h"
