/*
 * entry_mmap.c - memory that the program maps itself. Only calls of the program and its libraries come here: libc's and ld.so's own
 * do not go through the symbol, and an allocator's own arrive inside a malloc hook and pass through.
 */
#include <stdarg.h>
#include <sys/mman.h>

#include "entry.h"

/* An anonymous mapping of this size may be the first arena of a runtime's allocator that dropped our hooks at its start. */
#define ARENA_LEAST (256u << 10)

static void *map_hook(void *address, size_t size, int protection, int flags, int fd, off_t offset,
		      uintptr_t caller, uintptr_t frame)
{
	struct thread *t = hook_enter(frame);
	void *p;

	if (unlikely(!t))
		return real.mmap(address, size, protection, flags, fd, offset);
	p = real.mmap(address, size, protection, flags, fd, offset);
	if (p != MAP_FAILED && native_followed)
		region_mapped((uintptr_t)p, size, entry_stack_rare(t, caller, frame));
	hook_leave(t);
	if (p != MAP_FAILED && flags & MAP_ANONYMOUS && size >= ARENA_LEAST)
		ERRNO_KEPT(adapters_recheck());
	return p;
}

EXPORT void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	return map_hook(address, size, protection, flags, fd, offset, CALLER, FRAME);
}

EXPORT void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset)
{
	return map_hook(address, size, protection, flags, fd, offset, CALLER, FRAME);
}

/* Forgotten before it goes: afterwards another thread may map the same addresses. */
EXPORT int munmap(void *address, size_t size)
{
	struct thread *t = hook_enter(FRAME);
	int result;

	if (likely(t) && native_followed && !((uintptr_t)address & 4095) && size)
		region_unmapped((uintptr_t)address, size);
	result = real.munmap(address, size);
	if (likely(t))
		hook_leave(t);
	return result;
}

EXPORT void *mremap(void *address, size_t old_size, size_t new_size, int flags, ...)
{
	struct thread *t = hook_enter(FRAME);
	void *target = NULL, *p;

	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		va_list args;
		va_start(args, flags);
		target = va_arg(args, void *);
		va_end(args);
	}
	if (unlikely(!real.mremap))
		shim_start();
	p = real.mremap(address, old_size, new_size, flags, target);
	if (unlikely(!t))
		return p;
	if (p != MAP_FAILED && native_followed) {
		if (!(flags & MREMAP_DONTUNMAP) && old_size)
			region_unmapped((uintptr_t)address, old_size);
		region_mapped((uintptr_t)p, new_size, entry_stack_rare(t, CALLER, FRAME));
	}
	hook_leave(t);
	return p;
}
