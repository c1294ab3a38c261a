/*
 * ffmpeg_frame.c - frames of FFmpeg with their buffers.        packages: libavutil        rules: ffmpeg
 *
 *   refgraph run --rules ffmpeg --on-exit ffmpeg_frame missing    refgraph balance: forgetful() made 4 frames that nobody freed
 */
#include <libavutil/frame.h>

static AVFrame *make(void)
{
	AVFrame *frame = av_frame_alloc();

	frame->width = frame->height = 16;
	frame->format = 0;
	av_frame_get_buffer(frame, 0);
	return frame;
}

static void end(AVFrame *frame)
{
	av_frame_free(&frame);
}

#define OBJECT AVFrame *
#define MAKE(i) make()
#define END(o) end(o)
#include "lives.h"
