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

/*
 * Where a runtime's blocks start inside blocks of malloc (the debug hooks of PyMem: 16 bytes in), the words of both must not
 * meet: what is asked for inside a bracket is raised to this. 0 or 48.
 */
extern size_t request_min_inside;
static inline size_t request_inside(size_t size)
{
	return unlikely(size < request_min_inside) ? request_min_inside : request(size);
}

/* stacks_mode and native_followed in one word for the hooks, set by entry_mode_set(). ENTRY_SITE is caller and hybrid: they
 * differ in what a cached site's `left` counts down to. */
enum entry_mode {
	ENTRY_NOTHING,
	ENTRY_NONE,
	ENTRY_SITE,
	ENTRY_SAMPLED,
	ENTRY_EXACT,
	ENTRY_COUNTED /* any with sites, which count: site_counts.h */
};
extern uint32_t entry_mode;

static inline uint32_t entry_epoch(void)
{
	return atomic_load_explicit(&epoch_now, memory_order_relaxed);
}

/* The stack of an allocation as the mode in force wants it, with LIVE_SHARE; the general way. */
uint32_t entry_stack(struct thread *t, uintptr_t caller, uintptr_t frame);
/* Of what is rare, a mapping: the whole stack where the mode has any. No flags. */
uint32_t entry_stack_rare(struct thread *t, uintptr_t caller, uintptr_t frame);
/* The countdown of sampled is over: this block is in the sample. */
void entry_record_sample(struct thread *t, void *block, size_t size, uint32_t epoch,
			 uintptr_t caller, uintptr_t frame);

/* Inside a hook, after the real call: this block is alive. The general way, and what the hooks inline: whatever is unusual
 * goes the general way, so that the usual one needs few registers. */
void entry_record_any(struct thread *t, void *block, size_t size, uint32_t epoch, uintptr_t caller,
		      uintptr_t frame);

static inline __attribute__((always_inline)) void
entry_record(struct thread *t, void *block, size_t size, uintptr_t caller, uintptr_t frame)
{
	uintptr_t address = (uintptr_t)block;
	struct site *site = stack_site_slot(t, caller);
	uint32_t stack = 0;
	live_word *leaf;

	if (unlikely(entry_mode != ENTRY_SITE)) {
		if (likely(entry_mode == ENTRY_SAMPLED)) {
			t->sample_left -= (int64_t)size;
			if (unlikely(t->sample_left <= 0))
				entry_record_sample(t, block, size, entry_epoch(), caller, frame);
			return;
		}
		if (entry_mode != ENTRY_NONE || t->ignoring)
			goto unusual;
	} else if (unlikely(site->key != stack_site_key(caller))) {
		goto unusual;
	}
	if (unlikely(live_is_odd(address)) || unlikely(size >= LIVE_SIZE_FAR))
		goto unusual;
	leaf = live_leaf(address);
	if (unlikely(!leaf) || unlikely(!live_is_touched(leaf, live_index(address))))
		goto unusual;
	if (likely(entry_mode == ENTRY_SITE)) {
		/* last: where it gets to 0, entry_stack() finds it so */
		if (unlikely(!--site->left))
			goto unusual;
		stack = site->stack;
	}
	live_put_small(leaf + live_index(address), (uint32_t)size, stack, entry_epoch());
	counted(&t->made, 1);
	counted(&t->made_bytes, size);
	if (unlikely(t->made_bytes >= t->next_tick))
		thread_tick(t);
	return;
unusual:
	entry_record_any(t, block, size, entry_epoch(), caller, frame);
}

/* In the live totals: a block that was put into the table, or taken out. A sampled one counts for those it stands for. */
void entry_count_made(struct thread *t, uint32_t stack, uint64_t size);
void entry_count_gone(struct thread *t, uint32_t stack, uint64_t size);

/* The end of a block did not come: back into the table, as it was. */
void entry_put_back(struct thread *t, const struct live_block *was);

/* Before the real free: the block is no more. `t` is the calling thread's record or NULL. False: it was not known. */
bool entry_forget_any(struct thread *t, void *block, struct live_block *was);

static inline __attribute__((always_inline)) bool entry_forget(struct thread *t, void *block)
{
	uintptr_t address = (uintptr_t)block;
	uint32_t word0, size;
	struct live_block was;
	live_word *leaf, *w;

	if (unlikely(live_is_odd(address)))
		return entry_forget_any(t, block, &was);
	leaf = live_leaf(address);
	if (unlikely(!leaf))
		return false;
	w = leaf + live_index(address);
	word0 = live_word_get(w);
	if (unlikely((word0 & (LIVE_START | LIVE_SAMPLED | LIVE_COUNTED)) != LIVE_START))
		return word0 & LIVE_START && entry_forget_any(t, block, &was);
	size = live_small(live_word_get(w + 1));
	if (unlikely(size == LIVE_SIZE_FAR))
		return entry_forget_any(t, block, &was);
	live_word_set(w, 0);
	counted(&t->gone, 1);
	counted(&t->gone_bytes, size);
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
	struct thread *t;

	if (unlikely(!block))
		return;
	t = hook_enter(frame);
	if (unlikely(!t)) {
		entry_free_passing(block);
		return;
	}
	if (likely(entry_forget(t, block)))
		real.free(block);
	else
		entry_free_unknown(block, true);
	hook_leave(t);
}

/* Decides early what the C++ operators are, where their library is there already; entry_new.c. */
void entry_new_init(void);

/* Around a call that must not see a second thread (entry_process.c): what _begin said goes to _end. */
bool alone_begin(void);
void alone_end(bool paused);

/* Around an exec that is reached in another way (entry_exec.c): what _begin said goes to _failed. */
bool entry_exec_begin(void);
void entry_exec_failed(bool waited);

/* dlsym that leaves nothing behind for dlerror(). entry_next: the definition after ours, NULL when there is none. */
void *entry_symbol(void *handle, const char *name);
/* After a failed call of the loader that nobody shall hear of. */
void entry_forget_error(void);
/* The first definition in the global scope; NULL when there is none, or only a PLT entry of the executable before ours. */
void *entry_definition(const char *name);
void *entry_next(const char *name);

#endif
