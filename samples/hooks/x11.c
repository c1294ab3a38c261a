/*
 * x11.c - pixmaps of the X server, by their numbers. There is no server here: xcb takes the requests all the same.
 *                                                              packages: xcb        rules: x11
 *   refgraph run --rules x11 --on-exit x11 missing    refgraph balance: forgetful() made 4 pixmaps that nobody freed
 */
#include <xcb/xcb.h>

static xcb_connection_t *connection;

static xcb_pixmap_t make(int i)
{
	xcb_create_pixmap(connection, 24, 0x200001 + i, 0x100, 8, 8);
	return 0x200001 + i;
}

#define OBJECT xcb_pixmap_t
#define MAKE(i) make(i)
#define END(o) xcb_free_pixmap(connection, o)
#define BEGIN connection = xcb_connect(":65000", NULL)
#include "lives.h"
