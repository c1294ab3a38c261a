/*
 * wrap.c - hooks for an allocator of a runtime (PyMem), in one piece: enter, the allocator beneath, record, leave. What the
 * allocator beneath asks of malloc is inside the bracket and so not recorded a second time.
 */
#include "adapters/adapter.h"
#include "entry.h"
#include "hooks/quarantine.h"

static inline size_t raised(const struct adapter_wrap *w, size_t size)
{
	return unlikely(size < w->smallest) ? w->smallest : size;
}

/* The runtime's own stack, else the native one as configured. */
static inline __attribute__((always_inline)) uint32_t
birth_stack(const struct adapter_wrap *w, struct thread *t, uintptr_t caller, uintptr_t frame)
{
	uint32_t stack = w->stack ? w->stack() : 0;

	if (stack)
		return stack;
	if (likely(entry_mode == ENTRY_SITE))
		return stack_site_cached(t, caller);
	return entry_mode >= ENTRY_EXACT ? entry_stack(t, caller, frame) : 0;
}

static __attribute__((noinline)) void record_any(struct thread *t, void *block, size_t size,
						 uint32_t stack, uint32_t epoch)
{
	if (live_put((uintptr_t)block, size, stack, epoch))
		threads_count_made(t, 1, size);
	if (t->made_bytes >= t->next_tick)
		thread_tick(t);
}

static inline __attribute__((always_inline)) void record(struct thread *t, void *block, size_t size,
							 uint32_t stack)
{
	uintptr_t address = (uintptr_t)block;
	live_word *leaf;

	if (unlikely(live_is_odd(address)) || unlikely(size >= LIVE_SIZE_FAR))
		goto unusual;
	leaf = live_leaf(address);
	if (unlikely(!leaf) || unlikely(!live_is_touched(leaf, live_index(address))))
		goto unusual;
	live_put_small(leaf + live_index(address), (uint32_t)size, stack, entry_epoch());
	counted(&t->made, 1);
	counted(&t->made_bytes, size);
	if (likely(t->made_bytes < t->next_tick))
		return;
unusual:
	if (t->made_bytes >= t->next_tick)
		thread_tick(t);
	else
		record_any(t, block, size, stack, entry_epoch());
}

/* Last of all: what fires may ask the clock. */
static inline __attribute__((always_inline)) void look(const struct adapter_wrap *w)
{
	struct adapter_watch *a = w->watch;

	if (likely(a) && unlikely((*a->count[0] + *a->count[1] + *a->count[2] != a->seen) |
				  (a->level[1] >= a->level[0]) | (--a->left == 0)))
		a->fire(a);
}

static void *wrap_malloc(void *context, size_t size)
{
	struct adapter_wrap *w = context;
	struct thread *t = hook_enter(FRAME);
	void *block;

	if (unlikely(!t))
		return w->next.malloc(w->next.context, raised(w, size));
	block = w->next.malloc(w->next.context, raised(w, size));
	if (likely(block)) {
		record(t, block, size, birth_stack(w, t, CALLER, FRAME));
		w->blocks++;
		w->last = block;
		look(w);
	}
	hook_leave(t);
	return block;
}

static void *wrap_calloc(void *context, size_t n, size_t size)
{
	struct adapter_wrap *w = context;
	struct thread *t = hook_enter(FRAME);
	size_t total;
	void *block;

	if (!__builtin_mul_overflow(n, size, &total) && total < w->smallest) {
		n = 1;
		size = w->smallest;
	}
	if (unlikely(!t))
		return w->next.calloc(w->next.context, n, size);
	block = w->next.calloc(w->next.context, n, size);
	if (likely(block)) {
		record(t, block, total, birth_stack(w, t, CALLER, FRAME));
		w->blocks++;
		w->last = block;
		look(w);
	}
	hook_leave(t);
	return block;
}

/* Out of the table before it is freed: another thread may get the address at once. A block that stays where it is keeps its
 * epoch of birth, and so its identity. */
static void *wrap_realloc(void *context, void *old, size_t size)
{
	struct adapter_wrap *w = context;
	struct thread *t = hook_enter(FRAME);
	struct live_block was;
	bool known;
	void *block;

	if (unlikely(!t))
		return w->next.realloc(w->next.context, old, raised(w, size));
	known = old && entry_forget_any(t, old, &was);
	block = w->next.realloc(w->next.context, old, raised(w, size));
	if (likely(block)) {
		uint32_t epoch = known && block == old ? was.epoch : entry_epoch();
		record_any(t, block, size, birth_stack(w, t, CALLER, FRAME), epoch);
		w->blocks += !known;
	} else if (known) {
		entry_put_back(t, &was);
	}
	hook_leave(t);
	return block;
}

/* What was kept of objects that ended: here the runtime's lock is held. */
static __attribute__((noinline)) void free_due(struct adapter_wrap *w)
{
	for (void *block; (block = quarantine_due(w));)
		w->next.free(w->next.context, block);
}

/* A free that passes through still forgets: a signal handler may free. */
static void wrap_free(void *context, void *block)
{
	struct adapter_wrap *w = context;
	struct live_block was;
	struct thread *t;

	if (unlikely(!block)) {
		w->next.free(w->next.context, block);
		return;
	}
	t = hook_enter(FRAME);
	if (unlikely(config.tombstones))
		free_due(w);
	if (unlikely(!t)) {
		if (entry_forget_any(thread_current, block, &was))
			w->blocks--;
		w->next.free(w->next.context, block);
		return;
	}
	if (likely(entry_forget_usual(t, block))) {
		w->blocks--;
	} else if (entry_forget_any(t, block, &was)) {
		w->blocks--;
		if (was.stack & LIVE_COUNTED && config.tombstones &&
		    quarantine_take(block, was.size, w)) {
			hook_leave(t);
			return;
		}
	} else {
		counter_add(COUNTER_UNKNOWN_FREES, 1);
	}
	w->next.free(w->next.context, block);
	hook_leave(t);
}

const struct adapter_allocator wrap_functions = {NULL, wrap_malloc, wrap_calloc, wrap_realloc,
						 wrap_free};
