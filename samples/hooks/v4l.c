/*
 * v4l.c - buffers that libv4l2 maps: here from a file, which it maps like a device that needs no conversion.        packages: libv4l2        rules: v4l
 *
 *   refgraph run --rules v4l --on-exit v4l missing    refgraph balance: forgetful() mapped 4 buffers that nobody unmapped
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>
#include <libv4l2.h>

static int device;

static void begin(void)
{
	device = memfd_create("frames", MFD_CLOEXEC);
	if (ftruncate(device, 1 << 20))
		_exit(1);
}

#define OBJECT void *
#define MAKE(i) v4l2_mmap(NULL, 4096, PROT_READ, MAP_SHARED, device, (i) * 4096)
#define END(o) v4l2_munmap(o, 4096)
#define BEGIN begin()
#include "lives.h"
