/* big.h - arrays with one entry per object or edge: zeroed, straight from mmap, so that
 * untouched pages cost nothing. */
#ifndef REFGRAPH_BIG_H
#define REFGRAPH_BIG_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

/* `*ret` (any pointer) is set on success; also for count 0. */
struct error *big_alloc(size_t count, size_t size, void *ret);
/* The same for arrays of which few entries here and there are written: never with large pages. */
struct error *big_alloc_sparse(size_t count, size_t size, void *ret);
/* A part of a file instead, from `offset` (of 4096) on: copy-on-write. What lies behind the file's end must not be touched. */
struct error *big_map(int fd, uint64_t offset, size_t count, size_t size, void *ret);
/* The same count and size. NULL is fine. */
void big_free(const void *p, size_t count, size_t size);

#endif
