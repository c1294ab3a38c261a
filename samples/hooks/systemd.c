/*
 * systemd.c - devices of sd-device.        packages: libsystemd        rules: systemd
 *
 *   refgraph run --rules systemd --on-exit systemd missing    refgraph balance: keeper() took 4 references and gave none back
 */
#include <systemd/sd-device.h>

static sd_device *make(void)
{
	sd_device *device = NULL;

	sd_device_new_from_syspath(&device, "/sys/class/net/lo");
	return device;
}

#define OBJECT sd_device *
#define MAKE(i) make()
#define TAKE(o) sd_device_ref(o)
#define GIVE(o) sd_device_unref(o)
#include "lives.h"
