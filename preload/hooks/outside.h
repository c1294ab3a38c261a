/*
 * outside.h - code that stands in the way of a hooked call, and touches no vector register.
 *
 * A thunk would have to save sixteen vector registers, and to ask for more of them, for a hook that needs none. The sources that the Makefile
 * names GENERAL are compiled for general registers alone; whatever else they call, libc's string functions among it, they call by
 * hook_outside(), which keeps vector registers and errno. So only what is rare pays for them.
 */
#ifndef REFGRAPH_HOOKS_OUTSIDE_H
#define REFGRAPH_HOOKS_OUTSIDE_H

#include <stdint.h>

/* function(a, b, c, d). Of a result that is smaller than a word the rest is anything. thunk.c */
uint64_t hook_outside(const void *function, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

#define OUTSIDE_PICK(a, b, c, d, ...) (a), (b), (c), (d)
#define OUTSIDE_FOUR(...) OUTSIDE_PICK(__VA_ARGS__, 0, 0, 0, 0)
#define OUTSIDE(function, ...) hook_outside((const void *)(function), OUTSIDE_FOUR(__VA_ARGS__))

#endif
