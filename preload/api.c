/* api.c - what programs may call: include/refgraph.h. */
#define REFGRAPH_NO_WRAPPERS
#include "../include/refgraph.h"
#include "guard.h"

EXPORT int refgraph_snapshot(const char *label)
{
	return control_request(RGC_SNAPSHOT, label, NULL);
}

/* Inside a hook, so that the freezer does not park us while we hold the lock of the epochs. */
EXPORT unsigned refgraph_mark(const char *label)
{
	struct thread *t = hook_enter(FRAME);
	control_request(RGC_MARK, label, NULL);
	if (t)
		hook_leave(t);
	return atomic_load_explicit(&epoch_now, memory_order_relaxed);
}

EXPORT unsigned long refgraph_task_done(const char *name)
{
	if (atomic_load_explicit(&shim_state, memory_order_relaxed) != SHIM_ON)
		return 0;
	return task_done(name);
}

EXPORT int refgraph_leak_check(const char *label)
{
	return leak_check(label);
}

EXPORT void refgraph_leaks_disable(void)
{
	annotate_disable();
}

EXPORT void refgraph_leaks_enable(void)
{
	annotate_enable();
}

EXPORT void refgraph_ignore(const void *address)
{
	annotate_ignore((uintptr_t)address);
}

EXPORT void refgraph_root_region(const void *address, size_t size)
{
	annotate_region((uintptr_t)address, size);
}

EXPORT void refgraph_root_region_end(const void *address, size_t size)
{
	annotate_region_end((uintptr_t)address, size);
}

EXPORT int refgraph_active(void)
{
	return atomic_load_explicit(&shim_state, memory_order_relaxed) == SHIM_ON;
}
