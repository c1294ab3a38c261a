/*
 * regions.c - memory that PHP maps by itself and that is no root. The C stack of a fiber that sleeps would hold the fiber itself
 * and all it works with: its frames are written exactly instead (frames.c), and the stack that runs is scanned as the thread's.
 */
#include "php.h"

/* As in zend_fibers.c. */
struct fiber_stack {
	void *pointer;
	size_t size;
};

static void fiber_begin(zend_fiber_context *context)
{
	const struct fiber_stack *stack = (const struct fiber_stack *)context->stack;

	if (stack)
		host->region((uintptr_t)stack->pointer, stack->size, RGD_REGION_FIBER);
}

const struct event_handlers regions_events = {.fiber_begin = fiber_begin};
