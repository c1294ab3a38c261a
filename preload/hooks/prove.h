/*
 * prove.h - may this entry be patched? The proof, and the instructions that move.
 */
#ifndef REFGRAPH_HOOKS_PROVE_H
#define REFGRAPH_HOOKS_PROVE_H

#include "decode.h"
#include "image.h"

#define PATCH_SIZE 5u /* jmp rel32 */
#define MOVED_MAX 5u  /* instructions: each has a byte at least */

struct proof {
	uintptr_t entry;      /* the function */
	uintptr_t start, end; /* its extent by .eh_frame */
	uintptr_t patch;      /* the entry, or behind its endbr64 */
	uintptr_t
		moved_end; /* the end of the last instruction that moves; the patch may end before it */
	struct insn moved[MOVED_MAX];
	unsigned nmoved;
	bool ended;	 /* the last one moved does not go on */
	const char *why; /* NULL: may be patched */
};

/* What can be said by the function and its neighbours alone. */
void prove_entry(const struct image *image, uintptr_t function, size_t size, struct proof *ret);
/* What only the module as a whole tells: jumps, labels, symbols into what is to be patched. `proofs` of this image, ascending by
 * entry. `marks` has a bit for each 16 bytes of image->low to image->high, all 0. */
void prove_module(const struct image *image, struct proof *const *proofs, size_t n, uint8_t *marks);

#endif
