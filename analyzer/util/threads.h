/* threads.h - the same work on many independent pieces, on all processors. */
#ifndef REFGRAPH_THREADS_H
#define REFGRAPH_THREADS_H

#include <stddef.h>

#include "util/err.h"

/* Processors that we may use; REFGRAPH_THREADS overrides. At least 1. */
unsigned threads_online(void);

/*
 * Calls work(context, 0..n-1), each once, in any order and from several threads at a time. Returns
 * the error of the smallest number that failed (so that a damaged dump is always reported alike);
 * pieces that did not begin by then are left out.
 */
struct error *parallel_for(size_t n, struct error *(*work)(void *context, size_t i), void *context);

#endif
