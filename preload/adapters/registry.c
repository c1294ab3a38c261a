/* registry.c - the runtimes that we know. The order is the order of probing, discovery and description. */
#include "adapter.h"

extern const struct adapter adapter_cpython, adapter_php, adapter_gobject, adapter_refhook;

const struct adapter *const adapters[] = {&adapter_cpython, &adapter_php, &adapter_gobject,
					  &adapter_refhook, NULL};
