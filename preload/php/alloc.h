/*
 * alloc.h - where each block of ZendMM was allocated: alloc.c keeps a number for each block, sites.c knows what the numbers mean.
 *
 * ZendMM's blocks are 8 bytes apart and up to 40 million a second come and go, so they are not in the shim's live table. ZendMM
 * itself knows which blocks live (heap.c reads that in the walker); all that is kept here is a number for the place where a block
 * was last handed out. Freeing costs nothing.
 */
#ifndef REFGRAPH_PHP_ALLOC_H
#define REFGRAPH_PHP_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- alloc.c ------------------------------------------------------------------------------------------------------ */

extern const struct event_handlers alloc_events;
/* Our handlers are in force again after the engine left the allocator by longjmp. */
void alloc_again(void);
/* In the walker: stack and epoch of the block of ZendMM that starts at `block`, of `size` bytes as ZendMM rounds them; 0 where
 * they are not known. */
void alloc_birth(uintptr_t block, uint64_t size, uint32_t *stack, uint32_t *epoch);
/* Why blocks have no places; NULL: they have, or nobody asked for them. */
const char *alloc_note(void);

/* ---- sites.c ------------------------------------------------------------------------------------------------------ */

enum { PHP_STACKS_OFF, PHP_STACKS_SITE, PHP_STACKS_FULL }; /* host->php_stacks */

/* The number of the place that runs now, in the present epoch; 0 none. */
uint32_t site_here(void);
/* What a number stands for. False: nothing. */
bool site_get(uint32_t site, uint32_t *stack, uint32_t *epoch);
/* All blocks of the request are gone: numbers are handed out anew. */
void site_forget_all(void);
/* Something was compiled or loaded: addresses of instructions may mean others now. */
void site_code_changed(void);

#endif
