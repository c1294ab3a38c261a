/*
 * stack.h - the part of stack.c that the hooks inline: the site of an allocation by a cache in the thread's record.
 */
#ifndef REFGRAPH_STACK_H
#define REFGRAPH_STACK_H

#include <stdatomic.h>

#include "shim.h"

extern _Atomic uint32_t stack_generation;
bool stack_ready(void);
uint32_t stack_site_slow(struct thread *t, uintptr_t pc);

static inline unsigned stack_site_slot(uintptr_t pc)
{
	return (unsigned)((pc * 0x9e3779b97f4a7c15ull) >> 32) % SITE_CACHE;
}

static inline uint32_t stack_site_cached(struct thread *t, uintptr_t pc)
{
	unsigned slot = stack_site_slot(pc);

	if (likely(t->sites[slot].pc == pc &&
		   t->sites[slot].generation ==
			   atomic_load_explicit(&stack_generation, memory_order_relaxed)))
		return t->sites[slot].stack;
	return stack_site_slow(t, pc);
}

#endif
