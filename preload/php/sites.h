/* sites.h - the way of each allocation that mostly suffices to know its place (sites.c). */
#ifndef REFGRAPH_PHP_SITES_H
#define REFGRAPH_PHP_SITES_H

#include "alloc.h"

#define SITE_CACHE_BITS 13

/* What each allocation needs is reached without a detour. */
#pragma GCC visibility push(hidden)

struct site_cached {
	const void *key; /* the instruction, or what identifies a stack of many frames */
	/* That it belongs to: the engine's idea of the instruction may be an older frame's, under the JIT. */
	const void *code;
	uint32_t epoch, changes, site;
};
extern struct site_cached site_cache[1u << SITE_CACHE_BITS];
extern const uint32_t *site_epoch; /* as host->epoch */
/* Code was compiled since: what is at an address may be new. Another number whenever that happened, never 0. */
extern uint32_t site_changes;

#pragma GCC visibility pop

/* Neighbours in a function are neighbours here. */
static inline struct site_cached *site_slot(const zend_op *instruction)
{
	return &site_cache[((uintptr_t)instruction / sizeof(zend_op)) &
			   ((1u << SITE_CACHE_BITS) - 1)];
}

/* As site_here(), where one frame is the place. False: not that quickly. */
static inline bool site_quick(uint32_t *site)
{
	const zend_execute_data *ex = EG(current_execute_data);
	const struct site_cached *c;

	while (EXPECTED(ex != NULL) && UNEXPECTED(!ex->func || !ZEND_USER_CODE(ex->func->type)))
		ex = ex->prev_execute_data;
	if (UNEXPECTED(!ex))
		return false;
	c = site_slot(ex->opline);
	if (UNEXPECTED(c->key != ex->opline) || UNEXPECTED(c->code != ex->func->op_array.opcodes) ||
	    UNEXPECTED(c->epoch != __atomic_load_n(site_epoch, __ATOMIC_RELAXED)) ||
	    UNEXPECTED(c->changes != site_changes))
		return false;
	*site = c->site;
	return true;
}

#endif
