/*
 * wayland_surface.c - surfaces, whose destructor is a request.        packages: wayland-client        rules: wayland
 *
 *   refgraph run --rules wayland --on-exit wayland_surface missing    refgraph balance: forgetful() made 4 surfaces that nobody destroyed
 */
#include <sys/socket.h>
#include <wayland-client.h>

static struct wl_compositor *compositor;

static void begin(void)
{
	struct wl_display *display;
	struct wl_registry *registry;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return;
	display = wl_display_connect_to_fd(ends[0]);
	registry = wl_display_get_registry(display);
	compositor = wl_registry_bind(registry, 1, &wl_compositor_interface, 1);
}

#define OBJECT struct wl_surface *
#define MAKE(i) wl_compositor_create_surface(compositor)
#define END(o) wl_surface_destroy(o)
#define BEGIN begin()
#include "lives.h"
