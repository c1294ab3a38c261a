/*
 * relocate.h - the first instructions of a function, written for another place.
 */
#ifndef REFGRAPH_HOOKS_RELOCATE_H
#define REFGRAPH_HOOKS_RELOCATE_H

#include "prove.h"

/* The longest that relocate() writes: five instructions, of which the last is a call, and the jump back. */
#define RELOCATED_MAX 112u

/* Writes what `p` moves, and the way back, to `code`, to be run at `address`. Length, 0: something is out of reach. */
size_t relocate(const struct proof *p, uint8_t *code, uintptr_t address);

#endif
