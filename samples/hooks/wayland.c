/*
 * wayland.c - proxies of a Wayland client, whose compositor never answers.        packages: wayland-client        rules: wayland
 *
 *   refgraph run --rules wayland --on-exit wayland missing    refgraph balance: forgetful() made 4 proxies that nobody destroyed
 */
#include <sys/socket.h>
#include <wayland-client.h>

static struct wl_display *display;

static void begin(void)
{
	int ends[2];

	if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		display = wl_display_connect_to_fd(ends[0]);
}

#define OBJECT struct wl_callback *
#define MAKE(i) wl_display_sync(display)
#define END(o) wl_callback_destroy(o)
#define BEGIN begin()
#include "lives.h"
