/*
 * hook.h - functions of other people's libraries that we stand before: the engine's contract.
 *
 *   decode.h    x86-64: length of an instruction, what it reads and jumps to, whether it may be moved   (decode.c)
 *   patch.c     the patch of an entry, its slot, unhooking
 *   prove.c     is it sound? the argument         relocate.c  the first instructions for another place
 *   got.c       the tables of imports              image.c     a module's code and tables in memory
 *   around.c    calls that have not returned yet, when there is a leave()
 *   thunk.c     saves what a call passes, calls call.enter, goes on in the function (or calls it and then call.leave)
 *   outside.h   code without vector registers, and how it calls other code
 *   rules.h     the rules' format, and which functions of which modules a rule names                     (rules.c, find.c)
 *   slices.h    a hook of our own: GLib's slices, for quarantine.h                                       (slices.c)
 *   record.h    what is remembered of each call: objects, counts, stacks, pairs, tombstones              (record.c)
 *   roles.h     what a call does to its object   followed.h  which objects are followed at all
 *
 * A hook is installed where nobody can be running the code. It is never in force half.
 * Nothing here allocates with malloc, takes a lock of the program, or calls the function that it stands before.
 *
 * What find.c asks of the engine
 *   - _dl_debug_state of ld.so (one byte, `ret`, then padding up to the next function at a multiple of 16) can be hooked by its
 *     entry: padding behind a function counts as its own. The loader calls it when a dlopen has mapped its libraries and before
 *     it relocates them or runs their code: the one moment at which hooks may be installed in them with nobody inside and no
 *     stop of the world. enter() of that hook calls hook_install() for the new functions, with the loader's lock held.
 *   - Tables of imports (HOOK_GOT) of such libraries are not relocated yet at that moment, and later libraries may import what is
 *     hooked so already.
 */
#ifndef REFGRAPH_HOOK_H
#define REFGRAPH_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a function is hooked: in the dump too (RGD_SEC_HOOKS). */
enum hook_way {
	HOOK_NOT = 0,	/* not at all: `why` says the reason */
	HOOK_ENTRY = 1, /* its first instructions: every call is seen */
	HOOK_GOT =
		2, /* the tables of imports of the modules: calls inside its own module are not seen */
};

/* One call that is seen. The memory is the thunk's, on the calling thread's stack. */
struct hook_call {
	uint64_t argument[6];	  /* rdi rsi rdx rcx r8 r9 */
	uint64_t result;	  /* rax; in leave() only */
	uintptr_t return_address; /* of the caller */
	uintptr_t frame;	  /* stack pointer after the return (the call's CFA) */
	uintptr_t base_pointer;	  /* rbp at the entry */
	uint64_t kept[2];	  /* what enter() leaves for leave() of the same call; zeroed */
	void *context;		  /* struct hook's */
};

struct hook {
	uintptr_t function; /* resolved: no IFUNC, no PLT entry */
	size_t size;	    /* by the symbol's size; 0 unknown */
	/* Called at each entry, and (when not NULL) at each return. errno, all registers of arguments, results and vectors survive. A call that
	 * is left by longjmp or an exception has no leave(). What a hook without leave() writes to call->argument the function gets. */
	void (*enter)(struct hook_call *call);
	void (*leave)(struct hook_call *call);
	void *context;
	/* enter and leave are compiled for general registers alone (outside.h), and keep errno: nothing is to be saved around them */
	bool light;
	/* 1..6: a call in which this argument (all 64 bits of it) is 0 goes on at once and is not seen: who frees calls with NULL more often than
	 * not. 0: every call is seen. */
	uint8_t wants;
	/* filled in by hook_install() */
	enum hook_way way;
	const char
		*why; /* static: "is shorter than the patch", "its prologue jumps back", ...; "" */
	void *trampoline; /* calls the real function, unseen; NULL when way is HOOK_NOT */
};

/*
 * Installs hooks. An entry is patched when there is one thread, or the module has just been mapped and not been relocated (the loader's
 * _dl_debug_state), or a single instruction is all that the patch covers; else its functions are hooked in the tables of imports. `hooks` stay the caller's and must live as long
 * as the hook does. Returns how many are in force. Functions that are hooked already (aliases) share the first one: `why` says so.
 */
size_t hook_install(struct hook *const *hooks, size_t n);
/* Modules were relocated since: the tables of imports of those that came are looked through for what is hooked so. Cheap when nothing is. */
void hook_refresh(void);
/* Takes them out, with threads running too: the original bytes again. Trampolines stay mapped: a thread may be inside. */
void hook_remove(struct hook *const *hooks, size_t n);
/* The module that was mapped at [low, high) is gone (dlclose): forget its hooks, and unmap their trampolines. */
void hook_forget(uintptr_t low, uintptr_t high);

#endif
