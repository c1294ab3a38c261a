/* api.c - what programs may call: include/refgraph.h. */
#define REFGRAPH_NO_WRAPPERS
#include "../include/refgraph.h"
#include "entry.h"
#include "mempool.h"

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

EXPORT void refgraph_type(const void *address, const char *type)
{
	annotate_type((uintptr_t)address, type);
}

EXPORT int refgraph_active(void)
{
	return atomic_load_explicit(&shim_state, memory_order_relaxed) == SHIM_ON;
}

/*
 * Pools. What a signal handler says while its thread is inside a hook is taken down all the same, without a stack; it cannot be parked
 * there.
 */
static bool pools_followed(const struct thread *t)
{
	return t || (thread_current &&
		     atomic_load_explicit(&shim_state, memory_order_relaxed) == SHIM_ON);
}

static struct mempool_block pool_block(const struct thread *t, const void *address, size_t size,
				       uint32_t stack)
{
	return (struct mempool_block){.address = (uintptr_t)address,
				      .size = size,
				      .stack = stack | (t && t->ignoring ? LIVE_IGNORED : 0),
				      .epoch = entry_epoch()};
}

EXPORT void refgraph_pool_create(const void *pool, const char *name)
{
	struct thread *t = hook_enter(FRAME);

	if (pools_followed(t))
		mempool_create((uintptr_t)pool, name, t ? entry_stack_rare(t, CALLER, FRAME) : 0);
	if (t)
		hook_leave(t);
}

EXPORT void refgraph_pool_destroy(const void *pool)
{
	struct thread *t = hook_enter(FRAME);

	if (pools_followed(t))
		mempool_destroy((uintptr_t)pool);
	if (t)
		hook_leave(t);
}

EXPORT void refgraph_pool_alloc(const void *pool, const void *address, size_t size)
{
	struct thread *t = hook_enter(FRAME);
	struct mempool_block block;

	if (pools_followed(t)) {
		block = pool_block(t, address, size, t ? entry_stack(t, CALLER, FRAME) : 0);
		mempool_add((uintptr_t)pool, &block);
	}
	if (t)
		hook_leave(t);
}

EXPORT void refgraph_pool_free(const void *pool, const void *address)
{
	struct thread *t = hook_enter(FRAME);

	if (pools_followed(t))
		mempool_remove((uintptr_t)pool, (uintptr_t)address);
	if (t)
		hook_leave(t);
}

EXPORT void refgraph_pool_change(const void *pool, const void *from, const void *address,
				 size_t size)
{
	struct thread *t = hook_enter(FRAME);
	struct mempool_block block;

	if (pools_followed(t)) {
		block = pool_block(t, address, size, t ? entry_stack(t, CALLER, FRAME) : 0);
		mempool_change((uintptr_t)pool, (uintptr_t)from, &block);
	}
	if (t)
		hook_leave(t);
}

EXPORT void refgraph_pool_trim(const void *pool, const void *address, size_t size)
{
	struct thread *t = hook_enter(FRAME);

	if (pools_followed(t))
		mempool_trim((uintptr_t)pool, (uintptr_t)address, size);
	if (t)
		hook_leave(t);
}

EXPORT void refgraph_pool_move(const void *from, const void *to)
{
	struct thread *t = hook_enter(FRAME);

	if (pools_followed(t))
		mempool_move((uintptr_t)from, (uintptr_t)to);
	if (t)
		hook_leave(t);
}
