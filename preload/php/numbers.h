/*
 * numbers.h - a number for each block of ZendMM: by chunk (2 MiB), by page (4 KiB), by block. A page of small blocks has blocks of
 * one size only, and so an array with a number for each; it takes 4 bytes a block, 2 to 15 % of the heap. A larger block has its
 * number in the word of its first page, a huge one in the word of page 0, where a chunk has its own head.
 *
 * A number is written with each allocation, and stays when the block is freed. Programs often hand out the same few blocks again and
 * again, or those of a page one after the other: the page of the last block of each bin is remembered.
 */
#ifndef REFGRAPH_PHP_NUMBERS_H
#define REFGRAPH_PHP_NUMBERS_H

#include <stdint.h>

#include "zendmm.h"

/* What each allocation needs is reached without a detour. */
#pragma GCC visibility push(hidden)

struct numbers_bin {
	uintptr_t page;	     /* of the last block; 0: none */
	uint32_t *array;     /* its numbers */
	uint64_t reciprocal; /* 2^32 / size, rounded up */
	size_t size;
};
extern struct numbers_bin numbers_bins[ZENDMM_BINS];
extern uint8_t numbers_bin_of[ZEND_MM_MAX_SMALL_SIZE / 8 + 1]; /* by (size + 7) / 8 */

#pragma GCC visibility pop

void numbers_init(void);
/* All blocks are gone. */
void numbers_drop(void);
/* Any block; `size` as it was asked for. */
void number_put(uintptr_t block, size_t size, uint32_t number);
/* A block that has one already. False: it has none. */
bool number_change(uintptr_t block, uint32_t number);
/* Of the block of `size` bytes as ZendMM rounds them; 0 none. */
uint32_t number_of(uintptr_t block, size_t size);

static inline unsigned numbers_bin(size_t size)
{
	return numbers_bin_of[(size + 7) / 8];
}

/* Of a block in the array of its page. */
static inline size_t numbers_index(uintptr_t block, const struct numbers_bin *bin)
{
	return ((block & (ZEND_MM_PAGE_SIZE - 1)) * bin->reciprocal) >> 32;
}

/* A block of a bin: the quick way of number_put(). False: not that quickly. */
static inline bool number_put_near(uintptr_t block, unsigned bin, uint32_t number)
{
	const struct numbers_bin *b = &numbers_bins[bin];

	if ((block & ~((uintptr_t)ZEND_MM_PAGE_SIZE - 1)) != b->page)
		return false;
	b->array[numbers_index(block, b)] = number;
	return true;
}

#endif
