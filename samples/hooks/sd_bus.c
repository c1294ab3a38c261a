/*
 * sd_bus.c - connections of sd-bus.        packages: libsystemd        rules: systemd
 *
 *   refgraph run --rules systemd --on-exit sd_bus missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <systemd/sd-bus.h>

static sd_bus *make(void)
{
	sd_bus *bus = NULL;

	sd_bus_new(&bus);
	return bus;
}

#define OBJECT sd_bus *
#define MAKE(i) make()
#define TAKE(o) sd_bus_ref(o)
#define GIVE(o) sd_bus_unref(o)
#include "lives.h"
