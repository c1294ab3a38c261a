/*
 * zendmm.h - the beginning of ZendMM's heap, which is private to zend_alloc.c. zendmm.c, in the walker, and alloc.c, in PHP's thread,
 * believe it only after a look.
 */
#ifndef REFGRAPH_PHP_ZENDMM_H
#define REFGRAPH_PHP_ZENDMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zend_alloc.h>
#include <zend_alloc_sizes.h>

#define ZENDMM_BINS 30u

struct zendmm_slot {
	struct zendmm_slot *next;
};

struct zendmm_heap {
	int custom; /* ZEND_MM_CUSTOM_HEAP_... */
	zend_mm_storage *storage;
	size_t size, peak;
	struct zendmm_slot *free_slot[ZENDMM_BINS];
	size_t real_size, real_peak;
	uintptr_t more[24]; /* limits, flags; then chunks and their numbers */
};

/* The word of a page that is in use: the first of a large block, or one of a run of blocks of a bin. */
#define ZENDMM_LARGE_RUN 0x40000000u
#define ZENDMM_SMALL_RUN 0x80000000u
static inline bool zendmm_is_small(uint32_t word)
{
	return word & ZENDMM_SMALL_RUN;
}
static inline uint32_t zendmm_bin(uint32_t word)
{
	return word & 0x1f;
}
static inline uint32_t zendmm_pages(uint32_t word) /* of a large block */
{
	return word & 0x3ff;
}
/* Where a chunk has the words of its pages; 0 not found. */
unsigned zendmm_map_offset(uintptr_t chunk);

#endif
