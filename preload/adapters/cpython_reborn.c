/*
 * cpython_reborn.c - objects that come out of a free list: the interpreter keeps the memory of some small types and makes new
 * objects of it, which no allocator sees.
 *
 * 3.13 tells of each new object whoever asks by PyRefTracer_SetTracer(). There is one place for one tracer: who wants it after us
 * (tracemalloc, a program that looks for leaks) gets it, and what he takes for his own we do not take back. Without a tracer, and
 * up to 3.12, nobody can tell; then the dump says of which types an instance's stack and epoch may be those of an older one.
 */
#include <string.h>

#include "cpython.h"

#define TRACER_CREATE 0
#define TPFLAG_PREHEADER (TPFLAG_MANAGED_WEAKREF | TPFLAG_MANAGED_DICT)
#define PREHEADER 16

static bool traced; /* from the beginning, and without a gap */

/* A new object. Most come right from the allocator, whose hook knows all of it. */
static int created(uintptr_t object, int event, void *unused)
{
	uintptr_t block = object, type = type_of(object);
	if (event != TRACER_CREATE)
		return 0;
	if (has_flag(type, TPFLAG_GC))
		block -= GC_HEAD;
	if (has_flag(type, TPFLAG_PREHEADER))
		block -= PREHEADER;
	if (block != alloc_last())
		python.host->block_reborn(block, python.host->mixed ? NULL : stacks_here,
					  (uintptr_t)__builtin_return_address(0),
					  (uintptr_t)__builtin_frame_address(0));
	return 0;
}

void reborn_watch(void)
{
	static bool first = true;
	void *data, *now;
	if (!python.api.set_tracer || !python.api.get_tracer || !python.host->python_tracer ||
	    !python.host->python_stacks)
		return;
	now = python.api.get_tracer(&data);
	if (now == (void *)created)
		return;
	traced = first && !now && !python.api.set_tracer(created, NULL);
	first = false;
}

bool may_be_reborn(uintptr_t type)
{
	static const struct {
		const char *name;
		unsigned until; /* minor version */
	} lists[] = {
		{"float", 13},
		{"tuple", 13},
		{"list", 13},
		{"dict", 13},
		{"slice", 13},
		{"Context", 11},
		{"_contextvars.Context", 13},
		{"async_generator_asend", 13},
		{"async_generator_wrapped_value", 13},
		{"_asyncio.FutureIter", 13},
		{"MemoryError", 13},
		{"frame", 10},
		{"method", 8},
		{"builtin_function_or_method", 8},
	};
	const char *name = (const char *)word_at(type, TP_NAME);
	if (traced)
		return false;
	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (python.minor <= lists[i].until && strcmp(name, lists[i].name) == 0)
			return !has_flag(type, TPFLAG_HEAP) || strchr(name, '.');
	}
	return false;
}
