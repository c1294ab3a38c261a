/*
 * park.h - the waiting of a thread that stands still, by whatever way it came to. Compiled for general registers only, like wake.c: who
 * waits here may have been stopped between any two instructions.
 */
#ifndef REFGRAPH_PARK_H
#define REFGRAPH_PARK_H

#include <stdatomic.h>
#include <stdint.h>

/* Odd while the world stands, and then the number of the freeze; the parked wait for it to change. */
extern _Atomic uint32_t park_world;
/* Threads that are parked, or have not woken up since the thaw. */
extern _Atomic uint32_t parked_threads;
/* Counts the threads that parked; the freezer waits on it. */
extern _Atomic uint32_t park_arrivals;

/* Until the freeze of this number is over. Async-signal-safe, no errno. */
void park_wait(uint32_t frozen);

#endif
