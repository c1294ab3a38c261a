/*
 * guard.h - every hook is a bracket: hook_enter, the real call, the record, hook_leave. Inside the bracket
 *   - a hook that is called again (operator new calls malloc, an allocator calls mmap, a signal handler allocates)
 *     passes through and records nothing;
 *   - the freezer does not stop the thread: it parks at hook_leave, so that no allocator's lock is held while the world stands.
 *
 * errno is not touched by a hook: what runs between the real call and the return either makes no system call or makes it by
 * sys.h, which leaves errno alone; libc calls on slow paths are wrapped in ERRNO_KEPT.
 */
#ifndef REFGRAPH_GUARD_H
#define REFGRAPH_GUARD_H

#include <errno.h>

#include "glue.h"

#define ERRNO_KEPT(statement)                                                                      \
	do {                                                                                       \
		int errno_kept = errno;                                                            \
		statement;                                                                         \
		errno = errno_kept;                                                                \
	} while (0)

/* What a bracket calls when it is rare: code that must not (hooks/outside.h) calls it in its own way. */
#ifndef HOOK_THREAD_SELF
#define HOOK_THREAD_SELF() thread_self()
#define HOOK_PARK_HERE(t) freeze_park_here(t)
#endif

/* A counter that only its owner writes and others read: a plain addition, not torn, not merged with its neighbours. In one
 * instruction, which the compiler does not make of an atomic store. */
static inline __attribute__((always_inline)) void counted(uint64_t *counter, uint64_t n)
{
#if defined(__x86_64__)
	__asm__("addq %1, %0" : "+m"(*counter) : "er"(n) : "cc");
#else
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
#endif
}

/*
 * A hook that is entered from a frame not below the one it seems to be inside of was left by a jump (a SIGALRM or SIGINT handler
 * that leaves by swapcontext or the like; longjmp itself is hooked in entry_process.c): that bracket is closed for it. A
 * handler on an alternative stack may be taken for one; then its blocks are recorded, which is right, and the thread may park a
 * little early, which is harmless.
 */
static inline bool hook_inside(const struct thread *t, uintptr_t frame)
{
	return frame < t->hook_frame;
}

/*
 * The shim's own work in one of the program's threads: what it allocates through libc is not the program's, and the thread
 * does not park meanwhile. Not around anything that waits for another thread.
 */
struct hook_own {
	struct thread *t;
	uintptr_t frame;
};

static inline struct hook_own hook_own_begin(void)
{
	struct hook_own own = {thread_current, 0};

	if (!own.t)
		return own;
	own.frame = own.t->hook_frame;
	*(volatile uintptr_t *)&own.t->hook_frame = UINTPTR_MAX;
	atomic_signal_fence(memory_order_seq_cst);
	return own;
}

static inline void hook_own_end(struct hook_own own)
{
	if (!own.t)
		return;
	atomic_signal_fence(memory_order_seq_cst);
	*(volatile uintptr_t *)&own.t->hook_frame = own.frame;
	atomic_signal_fence(memory_order_seq_cst);
	if (!own.frame && unlikely(__atomic_load_n(&own.t->park_pending, __ATOMIC_RELAXED)))
		freeze_park_here(own.t);
}

static inline __attribute__((always_inline)) void hook_open(struct thread *t, uintptr_t frame)
{
	t->hook_frame = frame;
	atomic_signal_fence(memory_order_seq_cst);
}

/* The calling thread's record when the hook is to record, else NULL: pass through. */
static inline __attribute__((always_inline)) struct thread *hook_enter(uintptr_t frame)
{
	struct thread *t = thread_current;

	if (unlikely(!t)) {
		t = HOOK_THREAD_SELF();
		if (!t)
			return NULL;
	}
	if (unlikely(hook_inside(t, frame)))
		return NULL;
	hook_open(t, frame);
	return t;
}

/* The bracket is closed. True: somebody waits for freeze_park_here(). */
static inline __attribute__((always_inline)) bool hook_close(struct thread *t)
{
	atomic_signal_fence(memory_order_seq_cst);
	*(volatile uintptr_t *)&t->hook_frame = 0;
	atomic_signal_fence(memory_order_seq_cst);
	return unlikely(__atomic_load_n(&t->park_pending, __ATOMIC_RELAXED));
}

static inline __attribute__((always_inline)) void hook_leave(struct thread *t)
{
	if (hook_close(t))
		HOOK_PARK_HERE(t);
}

#endif
