/*
 * libuv.c - timers of libuv.        packages: libuv        rules: libuv
 *
 *   refgraph run --rules libuv --on-exit libuv missing    refgraph balance: forgetful() began 4 timers that nobody closed
 */
#include <uv.h>
#include <stdlib.h>

static uv_loop_t loop;

static uv_timer_t *make(void)
{
	uv_timer_t *timer = malloc(sizeof(*timer));

	uv_timer_init(&loop, timer);
	return timer;
}

static void on_close(uv_handle_t *handle)
{
	free(handle);
}

static void end(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, on_close);
	uv_run(&loop, UV_RUN_NOWAIT);
}

#define OBJECT uv_timer_t *
#define MAKE(i) make()
#define END(o) end(o)
#define BEGIN uv_loop_init(&loop)
#include "lives.h"
