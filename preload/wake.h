/*
 * wake.h - holding blocked threads that wake up while the world stands.
 *
 * A blocked thread cannot be sent a signal: its system call would end with EINTR. But glibc (2.35) registers an area for
 * restartable sequences (rseq(2)) with the kernel for each thread, and a thread that was off the processor returns to the program
 * by way of that area: where its pc lies in the sequence that the area names, the kernel sends it to the sequence's abort
 * address instead. The freezer names a "sequence" of one byte, the instruction behind the system call, in the areas of blocked
 * threads. Who wakes up then, before the thaw, comes to wake_entry, waits there until the world goes on, and returns from its
 * call with all registers as the kernel left them. Nobody is woken up by it, and no call ends early.
 *
 * An area whose owner uses it (a sequence is named in it) is left alone. No area, a kernel that does not look at it there, or one
 * that punishes it (CONFIG_DEBUG_RSEQ): the probe, in a process of its own, finds out, and all is as without this file.
 */
#ifndef REFGRAPH_WAKE_H
#define REFGRAPH_WAKE_H

#include "shim.h"

/* The constructor: looks for the area's place. */
void wake_init(void);
/* One for each thread record, made with it. NULL: no memory, its thread is not held. */
struct wake *wake_make(void);
/* The record is the calling thread's from now on. */
void wake_own(struct wake *w);

/* True when it is known to work here. */
bool wake_works(void);
/* True when it is not known yet, and may. */
bool wake_untried(void);
/* In a copy of the process that nobody needs any more (it may die of it): does a thread that wakes up come to us? */
bool wake_probe(void);
/* What the probe said, or that it died. */
void wake_judge(bool works);

/* The blocked thread `t` would return to pc: from now on it would come to us. False: it cannot be had. The caller makes sure, after
 * this, that it is still as blocked as it was before, and that it is not inside a fork. */
bool wake_hold(const struct thread *t, uintptr_t sp, uintptr_t pc, uint32_t frozen);
/* A thread with wake_hold() in this freeze ran: true when nothing but the kernel's part of its call and our wait came of it.
 * Waits for it, a moment at most. */
bool wake_held(const struct thread *t, uint32_t frozen);
/* Ahead of the thaw: a thread that ends waits for it, so its memory is still there. */
void wake_let_go(const struct thread *t);
/* Where the program would be, when pc is where the kernel sent the calling thread; else pc. */
uintptr_t wake_return(const struct thread *t, uintptr_t pc);

#endif
