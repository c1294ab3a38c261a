/* allocator.h - which functions only pass an allocation on: the frame that asked for memory lies outside of them. */
#ifndef REFGRAPH_SYMBOL_ALLOCATOR_H
#define REFGRAPH_SYMBOL_ALLOCATOR_H

#include <stdbool.h>

/* `function` is a demangled name without offset: "xmalloc", "operator new(unsigned long)". */
bool allocator_is_wrapper(const char *function);

#endif
