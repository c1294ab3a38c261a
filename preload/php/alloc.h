/*
 * alloc.h - where each block of ZendMM was allocated: alloc.c keeps a number for each block, sites.c knows what the numbers mean.
 *
 * ZendMM's blocks are 8 bytes apart and up to 40 million a second come and go, so they are not in the shim's live table. ZendMM
 * itself knows which blocks live (zendmm.c reads that in the walker); all that is kept here is a number for the place where a block
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

/* ---- places.c ----------------------------------------------------------------------------------------------------- */

/* A function of PHP code runs there. */
bool place_is_user(const zend_execute_data *ex);
/* It is a frame that a programmer knows: not one that the engine made to call another. */
static inline bool place_is_frame(const zend_execute_data *ex)
{
	return ex->func && !(ex->func->common.fn_flags & ZEND_ACC_CALL_VIA_TRAMPOLINE) &&
	       (ZEND_USER_CODE(ex->func->type) || ex->func->common.function_name);
}
/* An exception left it: where it was, the engine keeps aside, for one frame at a time. */
static inline bool place_is_left(const zend_execute_data *ex)
{
	return (uintptr_t)ex->opline - (uintptr_t)EG(exception_op) < sizeof(EG(exception_op));
}
/* In the place of the callers of a generator that others `yield from`: the outermost of these; the next is its node.parent, the last
 * that has a parent is the innermost. NULL: an ordinary frame. */
static inline const zend_generator *place_delegates(const zend_execute_data *ex)
{
	return !ex->func && Z_TYPE(ex->This) == IS_OBJECT && Z_OBJCE(ex->This) == zend_ce_generator
		       ? (const zend_generator *)Z_OBJ(ex->This)
		       : NULL;
}
/* Of a user's function. */
uint32_t place_line(const zend_execute_data *ex);
/* The shim's number of the frame; inside block_enter(). */
uint32_t place_frame(const zend_execute_data *ex);
/* Of the engine itself: no code of PHP runs. */
uint32_t place_frame_engine(const char *what, const char *file);
/* A hash of the names of file, class and function. */
uint64_t place_names(const zend_function *f);

/* ---- stacks.c ----------------------------------------------------------------------------------------------------- */

/* A hash of the whole stack: the same for the same functions at the same instructions, until site_changes. 0: it has none (an
 * exception leaves the frames). */
uint64_t stack_hash(const zend_execute_data *innermost);
/* The shim's number of the stack; internal functions are frames too. 0: not now. */
uint32_t stack_of_all(const zend_execute_data *innermost);

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
