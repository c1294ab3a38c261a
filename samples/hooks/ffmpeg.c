/*
 * ffmpeg.c - buffers of FFmpeg: each AVBufferRef is one reference. hasty() does what a copy by assignment does: it gives back the reference of another
 * AVBufferRef.                                                        packages: libavutil        rules: ffmpeg
 *
 *   refgraph run --rules ffmpeg --on-exit ffmpeg missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <libavutil/buffer.h>
#include <libavutil/mem.h>

static void give(AVBufferRef *ref)
{
	av_buffer_unref(&ref);
}

#define OBJECT AVBufferRef *
#define MAKE(i) av_buffer_alloc(64)
#define TAKE(o) av_buffer_ref(o)
#define GIVE(o) give(o)
#define GIVE_TOO_MUCH(o) give(av_memdup(o, sizeof(*o)))
#include "lives.h"
