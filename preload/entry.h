/*
 * entry.h - what the hooks share: the size that is really asked for, the stack of an allocation, the record of a block. Every
 * hook has one shape: enter, real call, record, leave. Hooks know neither the unwinder nor the dump format.
 */
#ifndef REFGRAPH_ENTRY_H
#define REFGRAPH_ENTRY_H

#include "guard.h"
#include "live.h"
#include "stack.h"

/*
 * Blocks must be 32 bytes apart (shim.h, live.c). glibc's are; other allocators have classes of 8 and 16 bytes, so small
 * requests are rounded up for them. 0 or 32.
 */
extern size_t request_min;
static inline size_t request(size_t size)
{
	return unlikely(size < request_min) ? live_round(size) : size;
}

/* The whole native stack by the unwinder in force, or the site alone when there is none yet. */
uint32_t entry_full_stack(struct thread *t, uintptr_t caller, uintptr_t frame);

static inline __attribute__((always_inline)) uint32_t entry_stack(struct thread *t, uintptr_t caller,
								  uintptr_t frame)
{
	if (likely(config.stacks == STACKS_CALLER))
		return stack_site_cached(t, caller);
	if (config.stacks == STACKS_NONE)
		return 0;
	return entry_full_stack(t, caller, frame);
}

/* Inside a hook, after the real call: this block is alive. */
static inline __attribute__((always_inline)) void entry_record(struct thread *t, void *block, size_t size,
							       uint32_t epoch, uintptr_t caller,
							       uintptr_t frame)
{
	if (unlikely(!native_followed))
		return;
	if (likely(live_put((uintptr_t)block, size, entry_stack(t, caller, frame), epoch))) {
		t->live_objects++;
		t->live_bytes += (int64_t)size;
	}
	t->allocated += size;
	if (unlikely(t->allocated >= t->next_tick))
		thread_tick(t);
}

static inline uint32_t entry_epoch(void)
{
	return atomic_load_explicit(&epoch_now, memory_order_relaxed);
}

/* Before the real free: the block is no more. `t` is the calling thread's record or NULL. False: it was not known. */
static inline __attribute__((always_inline)) bool entry_forget(struct thread *t, void *block,
							       struct live_block *was)
{
	if (unlikely(!live_take((uintptr_t)block, was)))
		return false;
	if (likely(t)) {
		t->live_objects--;
		t->live_bytes -= (int64_t)was->size;
	} else {
		threads_account(NULL, -1, -(int64_t)was->size);
	}
	return true;
}

/* A block of the start's own small arena (entry_malloc.c): never freed, never recorded. */
bool boot_owns(const void *block);

/* A free that passes through, inside another hook or without a record: still forgets. */
void entry_free_passing(void *block);
/* A block that the table does not know; `counted` in a hook of its own. */
void entry_free_unknown(void *block, bool counted);

/* The whole hook of everything that frees one block. */
static inline __attribute__((always_inline)) void entry_free(void *block, uintptr_t frame)
{
	struct live_block was;
	struct thread *t;

	if (unlikely(!block))
		return;
	t = hook_enter(frame);
	if (unlikely(!t)) {
		entry_free_passing(block);
		return;
	}
	if (likely(entry_forget(t, block, &was)))
		real.free(block);
	else
		entry_free_unknown(block, true);
	hook_leave(t);
}

/* Decides early what the C++ operators are, where their library is there already; entry_new.c. */
void entry_new_init(void);

/* dlsym that leaves nothing behind for dlerror(). entry_next: the definition after ours, NULL when there is none. */
void *entry_symbol(void *handle, const char *name);
void *entry_next(const char *name);

#endif
