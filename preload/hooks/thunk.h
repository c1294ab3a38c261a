/*
 * thunk.h - where a patched entry leads to: all registers are saved, hook->enter is called, the function goes on.
 *
 * A slot in a near page is
 *   -16  the struct hook
 *    -8  the thunk: hook_thunk_enter or hook_thunk_around
 *     0  call *-8      (so that its return is foreseen, and a shadow stack agrees)
 *     6  the function's first instructions, moved; a jump to the rest: hook->trampoline
 * and one with leave():
 *     0  push -16; jmp *-8
 *    12  the function's
 * With hook->wants the two words change places (the thunk finds the hook 22 bytes ahead of where the call returns to), and 8 bytes come
 * first: test of the argument; je to the function's; a nop.
 */
#ifndef REFGRAPH_HOOKS_THUNK_H
#define REFGRAPH_HOOKS_THUNK_H

#include "hook.h"

#define SLOT_HEAD 16u /* the two words before the code */
#define SLOT_TEST 8u  /* bytes ahead of the call, with hook->wants */
#define SLOT_CALL 6u  /* bytes of the call */
#define SLOT_PUSH 12u /* bytes of the push and the jump */

/* Assembly; reached by a slot's call only. */
extern const char hook_thunk_enter[], hook_thunk_around[];
/*
 * Where a function that hook_thunk_around called comes back: to the AROUND_CALLS addresses from here on that are AROUND_STEP bytes
 * apart, one for each record of a pool, so that a stack says which one it is. In stacks all of them stand as the first.
 */
extern const char hook_thunk_return[];
#define AROUND_CALLS 1024
#define AROUND_STEP 8
static inline bool hook_thunk_returns(uintptr_t pc)
{
	return pc - (uintptr_t)hook_thunk_return < (uintptr_t)AROUND_CALLS * AROUND_STEP;
}
/* Where an exception goes on that left a call with around->claims 0: the record in rbx; its body is _Unwind_Resume(), its result the exception. */
extern const char hook_thunk_unwound[];
/* Looks at the processor. Before the first hook. False: there are no thunks for this machine. */
bool thunk_init(void);

#endif
