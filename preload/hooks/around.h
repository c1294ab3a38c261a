/*
 * around.h - calls that we stand around: their real return addresses while their frames lead to us.
 */
#ifndef REFGRAPH_HOOKS_AROUND_H
#define REFGRAPH_HOOKS_AROUND_H

#include "hook.h"

/* A call that has not returned. While it runs rbx is its address: a function gives that register back as it got it. */
struct around {
	uintptr_t return_address; /* thunk.c knows these offsets */
	uintptr_t rbx;
	const void *body; /* where the function goes on */
	const struct hook *hook;
	struct hook_call call;
	uint32_t
		busy; /* enum around_busy: claimed by its thread; given back by whoever ends the call, also another thread (coroutines) */
	uint32_t unused;
	struct around
		*outer;	 /* a call that ended with a jump into this one: it comes back with it */
	uintptr_t stub;	 /* calls the body, and what it returns to is this record's own */
	uint64_t claims; /* bytes of the stack that our frame says it has: see thunk.c */
};

enum around_busy {
	AROUND_FREE,
	AROUND_BUSY,
	AROUND_JUMPED, /* longjmp went over it: taken again when nothing else is free, and good until then */
};

/* The calling thread is about to jump from stack pointer `from` to `to`, on one stack: calls between them do not return, as far as C is concerned. */
void around_jump(uintptr_t from, uintptr_t to);
/* The calling thread ends, with its stack from `from` to `to`, and gives its struct thread back: no call on that stack returns any more. */
void around_thread_ends(uintptr_t from, uintptr_t to);
/* The call whose return address `pc` leads to us, and its CFA: return_address and rbx are the caller's. NULL: there is none. */
const struct around *around_find(uintptr_t pc, uintptr_t cfa);
/* Calls that were left without a trace in leave(): all of a thread's places were taken. */
uint64_t around_lost(void);
/* An unwinder other than libgcc's is in the process: calls from now on. */
void around_other_unwinder(void);

#endif
