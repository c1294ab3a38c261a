/*
 * glue.h - what the tracking half needs from compiler, libc and ld.so, in one place: bounded locks, the kernel's own view
 * of a thread, and the caller of a hook. It knows nothing of blocks, stacks or dumps.
 */
#ifndef REFGRAPH_GLUE_H
#define REFGRAPH_GLUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim.h"
#include "sys.h"

/*
 * A lock that is tried for a bounded time: the taker counts a loss when it does not get it. So a holder that was killed,
 * forked away (_Fork) or sits in a debugger costs data, never the program.
 */
typedef _Atomic uint32_t trylock_t;

static inline void glue_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("yield" ::: "memory");
#endif
}

/* Who holds a lock: a number of the calling thread, never 0. */
static inline uint32_t trylock_owner(void)
{
	return (uint32_t)((uintptr_t)&thread_current >> 3) | 1;
}

static inline bool trylock_is_mine(const trylock_t *lock)
{
	return atomic_load_explicit(lock, memory_order_relaxed) == trylock_owner();
}

static inline bool trylock_once(trylock_t *lock)
{
	uint32_t free_value = 0;
	return atomic_load_explicit(lock, memory_order_relaxed) == 0 &&
	       atomic_compare_exchange_strong_explicit(lock, &free_value, trylock_owner(),
						       memory_order_acquire, memory_order_relaxed);
}

/* Set in a thread between its fork handlers: it holds all locks, and other libraries' handlers run, which allocate. */
extern __thread bool fork_holds TLS_FAST;

/* A holder that lost its processor gets it back by the yields. */
static inline bool trylock(trylock_t *lock)
{
	if (unlikely(fork_holds))
		return true;
	for (int i = 0; i < 100; i++) {
		if (trylock_once(lock))
			return true;
		glue_relax();
	}
	for (int i = 0; i < 200 && !shim_sandboxed; i++) {
		if (trylock_once(lock))
			return true;
		sys(SYS_sched_yield);
	}
	return false;
}

static inline void trylock_release(trylock_t *lock)
{
	if (unlikely(fork_holds))
		return;
	atomic_store_explicit(lock, 0, memory_order_release);
}

/* The locks of the tracking half, outer first; fork takes them all so that the child finds whole tables. */
extern trylock_t threads_lock, epoch_lock, modules_lock, regions_lock, stack_lock, live_odd_lock,
	annotate_lock, rules_lock;

static inline uint32_t glue_tid(void)
{
	return (uint32_t)sys(SYS_gettid);
}

static inline uint32_t glue_pid(void)
{
	return (uint32_t)sys(SYS_getpid);
}

/* Who called this hook. Only in the hook's own body. */
#define CALLER ((uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))
/* Where the hook's frame is: the saved frame pointer lies there, the return address above it. */
#define FRAME ((uintptr_t)__builtin_frame_address(0))
/* The same address in a hook that nobody unwinds from: it keeps no frame pointer. */
#define FRAME_PLACE ((uintptr_t)__builtin_dwarf_cfa() - 2 * sizeof(uintptr_t))

#endif
