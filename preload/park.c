/*
 * park.c - see park.h.
 */
#include <linux/futex.h>

#include "park.h"
#include "sys.h"

_Atomic uint32_t park_world;
_Atomic uint32_t parked_threads;
_Atomic uint32_t park_arrivals;

void park_wait(uint32_t frozen)
{
	atomic_fetch_add_explicit(&parked_threads, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&park_arrivals, 1, memory_order_release);
	sys(SYS_futex, &park_arrivals, FUTEX_WAKE_PRIVATE, 1);
	while (atomic_load_explicit(&park_world, memory_order_acquire) == frozen)
		sys(SYS_futex, &park_world, FUTEX_WAIT_PRIVATE, frozen, 0);
	atomic_fetch_sub_explicit(&parked_threads, 1, memory_order_relaxed);
}
