/*
 * gobject_probe.c - is there a GObject in this process, and is it one that we know?
 *
 * It is asked when a snapshot begins: a program does not start later for it, and how libgobject came does not matter. Only exported
 * functions are looked up here. What lies in private tables is found and verified in the walker, by gobject_types.c, each time.
 */
#include <errno.h>
#include <string.h>

#include "gobject.h"

#define MINOR_FIRST 62
#define MINOR_LAST 78
#define GLIB "libglib-2.0.so"
#define GOBJECT "libgobject-2.0.so"

struct gobject gobject;
static const struct adapter_host *services;
static bool refused;

/* NULL when GLib is at least this version. */
static const char *(*check_version)(unsigned major, unsigned minor, unsigned micro);

static unsigned highest(unsigned (*last)(unsigned), unsigned limit)
{
	unsigned n = 0;
	while (n < limit && last(n + 1))
		n++;
	return n;
}

static unsigned has_minor(unsigned minor)
{
	return !check_version(2, minor, 0);
}

static unsigned has_micro(unsigned micro)
{
	return !check_version(2, gobject.minor, micro);
}

static void find_version(void)
{
	size_t n = text_add(gobject.version, sizeof(gobject.version), 0, "2.");

	gobject.minor = highest(has_minor, 999);
	n = text_number(gobject.version, sizeof(gobject.version), n, gobject.minor, 10);
	n = text_add(gobject.version, sizeof(gobject.version), n, ".");
	text_number(gobject.version, sizeof(gobject.version), n, highest(has_micro, 99), 10);
}

static unsigned data_of(uintptr_t code, struct span *spans)
{
	unsigned n = 0;

	while (n < MAX_SPANS && services->module_writable(code, n, &spans[n].low, &spans[n].high)) {
		spans[n].low = (spans[n].low + 7) & ~(uintptr_t)7;
		spans[n].high &= ~(uintptr_t)7;
		n++;
	}
	return n;
}

static bool resolve(void)
{
	const struct {
		const char *file, *name;
		uintptr_t *to;
	} wanted[] = {
		{GLIB, "glib_check_version", (uintptr_t *)&check_version},
		{GLIB, "g_quark_to_string", (uintptr_t *)&gobject.quark_text},
		{GLIB, "g_nullify_pointer", &gobject.nullify},
		{GLIB, "g_str_hash", &gobject.str_hash},
		{GOBJECT, "g_type_name", (uintptr_t *)&gobject.type_name},
		{GOBJECT, "g_type_class_peek", (uintptr_t *)&gobject.class_peek},
		{GOBJECT, "g_object_unref", &gobject.object_unref},
		{GOBJECT, "g_closure_unref", &gobject.closure_unref},
	};
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		*wanted[i].to = services->exported(wanted[i].file, wanted[i].name);
		if (!*wanted[i].to)
			return false;
	}
	return true;
}

static int refuse(const char *why)
{
	refused = true;
	services->refuse(RGD_RT_GOBJECT, gobject.version, why);
	return ENODEV;
}

static bool probe(const struct adapter_host *host, void *handle)
{
	services = host;
	return true;
}

/* There is no lock to take: the walker sees tables in the middle of a change, and checks what it follows. */
static int enter(unsigned deadline_ms, char *note, size_t note_size)
{
	if (gobject.host)
		return 0;
	if (refused || !services || !services->exported(GOBJECT, "g_type_name"))
		return ENODEV;
	if (!resolve())
		return refuse("functions of GLib are missing: an unusual build, not supported");
	find_version();
	if (gobject.minor < MINOR_FIRST || gobject.minor > MINOR_LAST)
		return refuse("only GLib 2.62 to 2.78 is supported: GObjects are only blocks here");
	gobject.glib_count = data_of((uintptr_t)gobject.quark_text, gobject.glib);
	gobject.gobject_count = data_of((uintptr_t)gobject.type_name, gobject.gobject);
	gobject.host = services;
	return 0;
}

const struct adapter adapter_gobject = {
	.runtime = RGD_RT_GOBJECT,
	.name = "gobject",
	.probe = probe,
	.enter = enter,
	.discover = gobject_discover,
	.describe = gobject_describe,
	.edges = gobject_edges,
	.state = gobject_state,
};
