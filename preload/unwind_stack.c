/*
 * unwind_stack.c - what may be read of a stack.
 *
 * The walk reads from the caller's frame of a hook upwards. On the thread's own stack all of that is mapped, up to its end: for
 * the main thread that is where the kernel put the arguments; for others glibc keeps the thread's control block at the top of the
 * stack, so the thread pointer is the end. No libc function is asked: pthread_getattr_np() takes a lock of the thread and allocates
 * while it holds it, so a hook that called it would wait for itself (a JVM does so in every thread it starts).
 *
 * How far down another thread's stack goes is found by probing its pages, each once. Anything else (fibers, a signal's
 * stack) is read page by page, each page probed in each walk.
 */
#include <sys/syscall.h>

#include "sys.h"
#include "unwind.h"

#define PAGE 4096ul

/* Between the end of the main stack and what mmap gives out the kernel leaves at least this much. */
#define MAIN_STACK_ROOM (128ul << 20)
/* Pages of one stack that are probed at once: a stack deeper than that counts as a foreign one. */
#define PROBES_MAX 16384u

extern void *__libc_stack_end; /* ld.so: where the kernel left the initial stack */

static bool probe(uintptr_t address)
{
	return !shim_sandboxed && sys_can_read(address);
}

/* Moves own->low down to sp, or as far as pages can be read. */
static bool reach_down(struct own_stack *own, uintptr_t sp)
{
	for (unsigned i = 0; i < PROBES_MAX && own->low > sp; i++) {
		if (!probe(own->low - PAGE))
			return false;
		own->low -= PAGE;
	}
	return own->low <= sp;
}

__attribute__((noinline)) bool own_stack_find(struct own_stack *own, uintptr_t sp)
{
	uintptr_t main_end = (uintptr_t)__libc_stack_end, self = thread_pointer();
	if (own->thread != self) /* the record had another owner before */
		*own = (struct own_stack){.thread = self};
	if (sp >= own->low && sp < own->high)
		return true;
	if (own->high == main_end)
		return false;
	if (sp < main_end && main_end - sp < MAIN_STACK_ROOM) {
		own->low = main_end - MAIN_STACK_ROOM;
		own->high = main_end;
		return true;
	}
	if (sp >= self)
		return false;
	if (!own->high) {
		own->low = self & ~(PAGE - 1);
		own->high = self;
	}
	return reach_down(own, sp);
}

struct stack_view view_open(uintptr_t sp)
{
	/* sp is the caller's of a hook: the word below it is on the page of a live frame */
	struct own_stack *own = thread_current ? thread_current->unwind : NULL;
	if (likely(own && own_stack(own, sp - 8)))
		return (struct stack_view){sp - 8, own->high};
	return (struct stack_view){sp - 8, ((sp - 8) | (PAGE - 1)) + 1};
}

bool view_extend(struct stack_view *view, uintptr_t address)
{
	if (address & 7)
		return false;
	if (address >= view->low && address < view->high)
		return true;
	if (!probe(address))
		return false;
	struct own_stack *own = thread_current ? thread_current->unwind : NULL;
	uintptr_t page = address & ~(PAGE - 1);
	if (own && own_stack(own, address)) {
		view->low = address;
		view->high = own->high;
	} else if (page == view->high) {
		view->high = page + PAGE;
	} else {
		view->low = page;
		view->high = page + PAGE;
	}
	return true;
}
