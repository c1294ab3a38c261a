/*
 * counter.c - what was counted and what was lost. A loss is rare by design, so plain shared counters do.
 */
#include <stdatomic.h>

#include "shim.h"

const char *const counter_names[COUNTER_MAX] = {
	[COUNTER_LOST_BLOCKS] = "lost.blocks",
	[COUNTER_LOST_STACKS] = "lost.stacks",
	[COUNTER_LOST_THREADS] = "lost.threads",
	[COUNTER_LOST_MODULES] = "lost.modules",
	[COUNTER_LOST_OBJECTS] = "lost.objects",
	[COUNTER_LOST_EDGES] = "lost.edges",
	[COUNTER_LOST_REGIONS] = "lost.regions",
	[COUNTER_LOST_HOOKS] = "lost.hooks",
	[COUNTER_LOST_EPOCHS] = "lost.epochs",
	[COUNTER_UNKNOWN_FREES] = "unknown.frees",
	[COUNTER_SNAPSHOTS] = "snapshots",
	[COUNTER_SNAPSHOTS_FAILED] = "snapshots.failed",
	[COUNTER_FREEZE_RETRIES] = "freeze.retries",
	[COUNTER_FREEZE_HELD] = "freeze.held",
	[COUNTER_FREEZE_TORN] = "freeze.torn",
};

static _Atomic uint64_t counters[COUNTER_MAX];

void counter_add(enum counter which, uint64_t n)
{
	atomic_fetch_add_explicit(&counters[which], n, memory_order_relaxed);
}

uint64_t counter_get(enum counter which)
{
	return atomic_load_explicit(&counters[which], memory_order_relaxed);
}
