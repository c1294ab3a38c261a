/*
 * engine.h - the hook engine by itself, in a test program: its sources, and what of the shim they ask for.
 */
#ifndef REFGRAPH_TESTS_ENGINE_H
#define REFGRAPH_TESTS_ENGINE_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../../preload/hooks/around.c"
#include "../../preload/hooks/decode.c"
#include "../../preload/hooks/got.c"
#include "../../preload/hooks/image.c"
#include "../../preload/hooks/patch.c"
#include "../../preload/hooks/prove.c"
#include "../../preload/hooks/relocate.c"
#include "../../preload/hooks/scan.c"
#include "../../preload/hooks/thunk.c"
#include "../../preload/unwind_cfi.c"
#include "../../preload/unwind_fast.c"
#include "../../preload/unwind_stack.c"
#include "../../preload/unwind_wide.c"

_Atomic bool shim_sandboxed;
struct config config = {.stack_depth = 64};
__thread struct thread *thread_current TLS_FAST;

struct thread *thread_self(void)
{
	return NULL;
}

void *arena_map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void arena_unmap(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}

void *arena_alloc(size_t size)
{
	return calloc(1, size);
}

void *entry_symbol(void *handle, const char *name)
{
	return dlsym(handle ? handle : RTLD_DEFAULT, name);
}

uint32_t memo_stack(uintptr_t return_address, uintptr_t cfa, uintptr_t frame_pointer)
{
	return 0;
}

#endif
