/*
 * numbers.h - of objects that are numbers (an X resource's identifier): does the program still know the number?
 *
 * Nothing points to a window of the X server. But who means to free it must have its number somewhere: in a live block, a variable, on a stack. One
 * that stands nowhere any more can be freed by nobody. Blocks and variables of the libraries that the requests go through do not count: their
 * buffers hold each number that was ever sent.
 */
#ifndef REFGRAPH_HOOKS_NUMBERS_H
#define REFGRAPH_HOOKS_NUMBERS_H

#include "../walk.h"

/* Smaller ones (descriptors) stand everywhere. */
#define NUMBERS_LEAST 0x10000u

/* An object that is looked for. */
struct number {
	uint32_t value;
	uint32_t module; /* +1: of the functions that know it; its memory does not count */
	bool found;
	size_t row; /* the caller's */
};
/* `numbers` ascend by value. Sets `found` of those that stand in memory. */
void numbers_find(struct walk *w, struct number *numbers, size_t n);

#endif
