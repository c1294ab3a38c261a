/*
 * libusb.c - transfers of libusb.        packages: libusb-1.0        rules: libusb
 *
 *   refgraph run --rules libusb --on-exit libusb missing    refgraph balance: forgetful() made 4 transfers that nobody freed
 */
#include <libusb.h>

#define OBJECT struct libusb_transfer *
#define MAKE(i) libusb_alloc_transfer(0)
#define END(o) libusb_free_transfer(o)
#include "lives.h"
