/*
 * stack.h - the part of stack.c that the hooks inline: the site of an allocation by a cache in the thread's record.
 */
#ifndef REFGRAPH_STACK_H
#define REFGRAPH_STACK_H

#include <stdatomic.h>

#include "shim.h"

/* Advanced before frames are forgotten: part of each cached key, so that older entries no longer match. Bits 48..63. */
#define STACK_GENERATION (1ull << 48)
extern _Atomic uint64_t stack_generation;
bool stack_ready(void);
uint32_t stack_site_slow(struct thread *t, uintptr_t pc);

static inline struct site *stack_site_slot(struct thread *t, uintptr_t pc)
{
	return &t->sites[pc % SITE_CACHE];
}

static inline uint64_t stack_site_key(uintptr_t pc)
{
	/* a plain load of a word: gcc makes two instructions of atomic_load_explicit */
	return pc ^ *(const uint64_t *)&stack_generation;
}

static inline uint32_t stack_site_cached(struct thread *t, uintptr_t pc)
{
	const struct site *site = stack_site_slot(t, pc);

	if (likely(site->key == stack_site_key(pc)))
		return site->stack;
	return stack_site_slow(t, pc);
}

#endif
