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

/* What of a block's first word says how it may be freed: LIVE_START alone of these, the usual way. LIVE_COUNTED is among them only where
 * its end is more than the block's (peaks, tombstones): otherwise that mark goes with the word, and is all there is to do. */
extern uint32_t entry_end_flags;

static inline uint32_t entry_epoch(void)
{
	/* as in stack_site_key() */
	return *(const uint32_t *)&epoch_now;
}

/* The stack of an allocation as the mode in force wants it, with LIVE_SHARE; the general way. */
uint32_t entry_stack(struct thread *t, uintptr_t caller, uintptr_t frame);
/* Of what is rare, a mapping: the whole stack where the mode has any. No flags. */
uint32_t entry_stack_rare(struct thread *t, uintptr_t caller, uintptr_t frame);
/* The countdown of sampled is over: this block is in the sample. */
void entry_record_sample(struct thread *t, void *block, size_t size, uint32_t epoch,
			 uintptr_t caller, uintptr_t frame);

/* Inside a hook, after the real call: this block is alive. The general way. */
void entry_record_any(struct thread *t, void *block, size_t size, uint32_t epoch, uintptr_t caller,
		      uintptr_t frame);

/*
 * What the real call gave, on the way out of a hook: records the block and leaves. The hooks inline the usual case of the modes with
 * sites; whatever is unusual (NULL, too) is the last call of the hook, so that nothing has to be kept over it and the usual case
 * needs few registers. A hook costs by its instructions: while the program waits for its memory, they take the room in which the
 * processor would look for the next miss.
 */
void *entry_made_other(struct thread *t, void *block, size_t size, uintptr_t caller,
		       uintptr_t frame);
void *entry_made_parked(struct thread *t, void *block);
void *entry_made_tick(struct thread *t, void *block);

static inline __attribute__((always_inline)) void *
entry_made(struct thread *t, void *block, size_t size, uintptr_t caller, uintptr_t frame)
{
	uintptr_t address = (uintptr_t)block;
	struct site *site = stack_site_slot(t, caller);
	live_word *leaf, *w;
	size_t index;

	if (unlikely(entry_mode != ENTRY_SITE) || unlikely(site->key != stack_site_key(caller)) ||
	    unlikely(live_is_odd(address)) || unlikely(size >= LIVE_LARGE))
		goto unusual;
	leaf = live_leaf(address);
	if (unlikely(!leaf))
		goto unusual;
	index = live_index(address); /* no page is touched where NULL would be */
	if (unlikely(!live_is_touched(leaf, index)))
		goto unusual;
	/* last: where it gets to 0, entry_stack() finds it so */
	if (unlikely(!--site->left))
		goto unusual;
	w = leaf + index;
	if (unlikely(size >= LIVE_SIZE_FAR)) {
		live_word_set(w + 2, (uint32_t)size);
		live_put_small(w, LIVE_SIZE_FAR, site->stack, entry_epoch());
	} else {
		live_put_small(w, (uint32_t)size, site->stack, entry_epoch());
	}
	counted(&t->made, 1);
	counted(&t->made_bytes, size);
	if (unlikely(t->made_bytes >= t->next_tick))
		return entry_made_tick(t, block);
	if (hook_close(t))
		return entry_made_parked(t, block);
	return block;
unusual:
	return entry_made_other(t, block, size, caller, frame);
}

/* In the live totals: a block that was put into the table, or taken out. A sampled one counts for those it stands for. */
void entry_count_made(struct thread *t, uint32_t stack, uint64_t size);
void entry_count_gone(struct thread *t, uint32_t stack, uint64_t size);

/* The end of a block did not come: back into the table, as it was. */
void entry_put_back(struct thread *t, const struct live_block *was);

/* Before the real free: the block is no more. `t` is the calling thread's record or NULL. False: it was not known. */
bool entry_forget_any(struct thread *t, void *block, struct live_block *was);

/*
 * The usual case of it. False: ask entry_forget_any(). No test for odd addresses: in the granule of such a block none begins that the
 * table has, since blocks are 32 bytes apart.
 */
static inline __attribute__((always_inline)) bool entry_forget_usual(struct thread *t, void *block)
{
	live_word *w = live_slot((uintptr_t)block);
	uint32_t size;

	if (unlikely(!w) || unlikely((live_word_get(w) & entry_end_flags) != LIVE_START))
		return false;
	size = live_small(live_word_get(w + 1));
	if (unlikely(size == LIVE_SIZE_FAR)) {
		size = live_word_get(w + 2);
		if (unlikely(size & LIVE_SIZE_MORE))
			return false;
	}
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

/* The whole hook of everything that frees one block, `frame` is its FRAME_PLACE; the general way, and from inside the hook on. */
void entry_free_any(void *block, uintptr_t frame);
void entry_free_other(struct thread *t, void *block);

static inline __attribute__((always_inline)) void entry_free(void *block, uintptr_t frame)
{
	struct thread *t = thread_current;

	if (unlikely(!block))
		return;
	if (unlikely(!t) || unlikely(hook_inside(t, frame))) {
		entry_free_any(block, frame);
		return;
	}
	hook_open(t, frame);
	if (unlikely(!entry_forget_usual(t, block))) {
		entry_free_other(t, block);
		return;
	}
	real.free(block);
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
