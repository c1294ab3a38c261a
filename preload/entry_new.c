/*
 * entry_new.c - every form of C++ operator new and delete.
 *
 * Why they are hooked at all: libstdc++'s call malloc, which would be recorded, but with libstdc++ as the caller of every
 * object. So our operators allocate from the real malloc themselves and record who called them. This is right only where
 * operator new is malloc by another name: libstdc++'s and libc++'s, and those of the allocator whose malloc is in force. Where
 * the program or another library brings its own, ours pass on to it and the malloc calls that it makes are recorded.
 *
 * Nothing is thrown from here: when the real malloc has nothing to give, the next definition is called, outside our bracket.
 * It calls the new_handler and throws as it should.
 */
#include <dlfcn.h>
#include <string.h>

#include "entry.h"

/* index, mangled name */
#define NEW_FORMS(F)                                                                               \
	F(NEW, "_Znwm")                                                                            \
	F(NEW_ARRAY, "_Znam")                                                                      \
	F(NEW_NOTHROW, "_ZnwmRKSt9nothrow_t")                                                      \
	F(NEW_ARRAY_NOTHROW, "_ZnamRKSt9nothrow_t")                                                \
	F(NEW_ALIGNED, "_ZnwmSt11align_val_t")                                                     \
	F(NEW_ARRAY_ALIGNED, "_ZnamSt11align_val_t")                                               \
	F(NEW_ALIGNED_NOTHROW, "_ZnwmSt11align_val_tRKSt9nothrow_t")                               \
	F(NEW_ARRAY_ALIGNED_NOTHROW, "_ZnamSt11align_val_tRKSt9nothrow_t")                         \
	F(DELETE, "_ZdlPv")                                                                        \
	F(DELETE_ARRAY, "_ZdaPv")                                                                  \
	F(DELETE_SIZED, "_ZdlPvm")                                                                 \
	F(DELETE_ARRAY_SIZED, "_ZdaPvm")                                                           \
	F(DELETE_NOTHROW, "_ZdlPvRKSt9nothrow_t")                                                  \
	F(DELETE_ARRAY_NOTHROW, "_ZdaPvRKSt9nothrow_t")                                            \
	F(DELETE_ALIGNED, "_ZdlPvSt11align_val_t")                                                 \
	F(DELETE_ARRAY_ALIGNED, "_ZdaPvSt11align_val_t")                                           \
	F(DELETE_SIZED_ALIGNED, "_ZdlPvmSt11align_val_t")                                          \
	F(DELETE_ARRAY_SIZED_ALIGNED, "_ZdaPvmSt11align_val_t")                                    \
	F(DELETE_ALIGNED_NOTHROW, "_ZdlPvSt11align_val_tRKSt9nothrow_t")                           \
	F(DELETE_ARRAY_ALIGNED_NOTHROW, "_ZdaPvSt11align_val_tRKSt9nothrow_t")

enum form {
#define F(index, name) index,
	NEW_FORMS(F)
#undef F
		FORMS
};

static const char *const form_names[FORMS] = {
#define F(index, name) [index] = name,
	NEW_FORMS(F)
#undef F
};

typedef void *(*any_function)(uintptr_t, uintptr_t, uintptr_t);
static any_function _Atomic next_forms[FORMS];

/* Ours are malloc by another name; decided at the start, or when the first operator runs: then its library is there. */
enum direct { DIRECT_UNKNOWN, DIRECT_YES, DIRECT_NO };
static _Atomic uint32_t direct;

static bool is_standard_library(const char *path)
{
	const char *name = path ? strrchr(path, '/') : NULL;

	name = name ? name + 1 : path;
	return name && (!strncmp(name, "libstdc++.so", 12) || !strncmp(name, "libc++.so", 9) ||
			!strncmp(name, "libc++abi.so", 12));
}

/* A library that came by dlopen with its C++ runtime in a scope of its own: its operators bind to ours all the same. */
static any_function next_of_local(const char *name)
{
	static const char *const libraries[] = {"libstdc++.so.6", "libc++.so.1"};
	void *p = NULL;

	for (unsigned i = 0; !p && i < 2; i++) {
		void *handle = real.dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);

		if (!handle)
			continue;
		p = entry_symbol(handle, name);
		real.dlclose(handle); /* it was and stays loaded: its code calls us */
	}
	return (any_function)p;
}

static any_function next_form(enum form form)
{
	any_function next = atomic_load_explicit(&next_forms[form], memory_order_acquire);

	if (likely(next))
		return next;
	next = (any_function)entry_next(form_names[form]);
	if (!next)
		next = next_of_local(form_names[form]);
	atomic_store_explicit(&next_forms[form], next, memory_order_release);
	return next;
}

/* Does every operator that the program can call mean malloc? */
static bool judge(void)
{
	Dl_info own, there;
	any_function next;

	if (!dladdr((void *)next_form, &own))
		return false;
	for (unsigned form = 0; form < FORMS; form++) {
		void *first = entry_definition(form_names[form]);

		if (first && dladdr(first, &there) && there.dli_fbase != own.dli_fbase)
			return false; /* the program's own stands before ours */
	}
	next = next_form(NEW);
	if (!next || !dladdr((void *)next, &there))
		return false;
	if (is_standard_library(there.dli_fname))
		return true;
	/* jemalloc, tcmalloc, mimalloc; a debugging allocator tells new from malloc */
	if (strstr(there.dli_fname, "debug"))
		return false;
	next = (any_function)(void *)real.malloc;
	return dladdr((void *)next, &own) && own.dli_fbase == there.dli_fbase;
}

static __attribute__((noinline)) bool direct_decide(void)
{
	bool yes;

	if (!native_followed)
		return false;
	ERRNO_KEPT(yes = judge());
	atomic_store_explicit(&direct, yes ? DIRECT_YES : DIRECT_NO, memory_order_release);
	return yes;
}

static inline bool is_direct(void)
{
	uint32_t known = atomic_load_explicit(&direct, memory_order_relaxed);

	return likely(known == DIRECT_YES) || (known == DIRECT_UNKNOWN && direct_decide());
}

void entry_new_init(void)
{
	if (entry_next(form_names[NEW]))
		direct_decide();
}

/* NULL: the next definition must do it. The alignment is 0 for the plain forms. */
static inline __attribute__((always_inline)) void *new_hook(size_t size, size_t alignment,
							    uintptr_t caller, uintptr_t frame)
{
	struct thread *t;
	void *block;

	if (unlikely(!is_direct()) || unlikely(size > PTRDIFF_MAX))
		return NULL;
	t = hook_enter(frame);
	if (unlikely(!t))
		return NULL;
	/* as libstdc++: at least one byte; aligned_alloc wants a multiple of the alignment */
	if (alignment)
		block = real.aligned_alloc(alignment,
					   request((size + alignment - 1) & ~(alignment - 1)));
	else
		block = real.malloc(request(size ? size : 1));
	return entry_made(t, block, size, caller, frame);
}

static __attribute__((noinline)) void *new_next(enum form form, uintptr_t a, uintptr_t b,
						uintptr_t c)
{
	any_function next = next_form(form);

	if (!next) { /* nobody can have bound to us then */
		log_line2("no definition behind ours", form_names[form]);
		__builtin_trap();
	}
	return next(a, b, c);
}

/* The size that the next definition hears is the one that its allocator was asked for. */
#define NEW_PLAIN(name, form)                                                                      \
	EXPORT void *name(size_t size);                                                            \
	EXPORT void *name(size_t size)                                                             \
	{                                                                                          \
		void *block = new_hook(size, 0, CALLER, FRAME);                                    \
		return likely(block) ? block : new_next(form, request(size), 0, 0);                \
	}
#define NEW_NOTHROW_FORM(name, form)                                                               \
	EXPORT void *name(size_t size, const void *tag);                                           \
	EXPORT void *name(size_t size, const void *tag)                                            \
	{                                                                                          \
		void *block = new_hook(size, 0, CALLER, FRAME);                                    \
		return likely(block) ? block : new_next(form, request(size), (uintptr_t)tag, 0);   \
	}
#define NEW_ALIGNED_FORM(name, form)                                                               \
	EXPORT void *name(size_t size, size_t alignment);                                          \
	EXPORT void *name(size_t size, size_t alignment)                                           \
	{                                                                                          \
		void *block = new_hook(size, alignment, CALLER, FRAME);                            \
		return likely(block) ? block : new_next(form, request(size), alignment, 0);        \
	}
#define NEW_ALIGNED_NOTHROW_FORM(name, form)                                                       \
	EXPORT void *name(size_t size, size_t alignment, const void *tag);                         \
	EXPORT void *name(size_t size, size_t alignment, const void *tag)                          \
	{                                                                                          \
		void *block = new_hook(size, alignment, CALLER, FRAME);                            \
		return likely(block) ? block                                                       \
				     : new_next(form, request(size), alignment, (uintptr_t)tag);   \
	}

NEW_PLAIN(_Znwm, NEW)
NEW_PLAIN(_Znam, NEW_ARRAY)
NEW_NOTHROW_FORM(_ZnwmRKSt9nothrow_t, NEW_NOTHROW)
NEW_NOTHROW_FORM(_ZnamRKSt9nothrow_t, NEW_ARRAY_NOTHROW)
NEW_ALIGNED_FORM(_ZnwmSt11align_val_t, NEW_ALIGNED)
NEW_ALIGNED_FORM(_ZnamSt11align_val_t, NEW_ARRAY_ALIGNED)
NEW_ALIGNED_NOTHROW_FORM(_ZnwmSt11align_val_tRKSt9nothrow_t, NEW_ALIGNED_NOTHROW)
NEW_ALIGNED_NOTHROW_FORM(_ZnamSt11align_val_tRKSt9nothrow_t, NEW_ARRAY_ALIGNED_NOTHROW)

/* False: the operators are not malloc's, the next definition must do it. */
static inline __attribute__((always_inline)) bool delete_hook(void *block, uintptr_t frame)
{
	if (unlikely(!is_direct()))
		return boot_owns(block);
	entry_free(block, frame);
	return true;
}

#define DELETE_0(name, form)                                                                       \
	EXPORT void name(void *block);                                                             \
	EXPORT void name(void *block)                                                              \
	{                                                                                          \
		if (unlikely(!delete_hook(block, FRAME_PLACE)))                                    \
			new_next(form, (uintptr_t)block, 0, 0);                                    \
	}
#define DELETE_1(name, form, value)                                                                \
	EXPORT void name(void *block, uintptr_t a);                                                \
	EXPORT void name(void *block, uintptr_t a)                                                 \
	{                                                                                          \
		if (unlikely(!delete_hook(block, FRAME_PLACE)))                                    \
			new_next(form, (uintptr_t)block, value, 0);                                \
	}
#define DELETE_2(name, form, value)                                                                \
	EXPORT void name(void *block, uintptr_t a, uintptr_t b);                                   \
	EXPORT void name(void *block, uintptr_t a, uintptr_t b)                                    \
	{                                                                                          \
		if (unlikely(!delete_hook(block, FRAME_PLACE)))                                    \
			new_next(form, (uintptr_t)block, value, b);                                \
	}

DELETE_0(_ZdlPv, DELETE)
DELETE_0(_ZdaPv, DELETE_ARRAY)
DELETE_1(_ZdlPvm, DELETE_SIZED, request(a))
DELETE_1(_ZdaPvm, DELETE_ARRAY_SIZED, request(a))
DELETE_1(_ZdlPvRKSt9nothrow_t, DELETE_NOTHROW, a)
DELETE_1(_ZdaPvRKSt9nothrow_t, DELETE_ARRAY_NOTHROW, a)
DELETE_1(_ZdlPvSt11align_val_t, DELETE_ALIGNED, a)
DELETE_1(_ZdaPvSt11align_val_t, DELETE_ARRAY_ALIGNED, a)
DELETE_2(_ZdlPvmSt11align_val_t, DELETE_SIZED_ALIGNED, request(a))
DELETE_2(_ZdaPvmSt11align_val_t, DELETE_ARRAY_SIZED_ALIGNED, request(a))
DELETE_2(_ZdlPvSt11align_val_tRKSt9nothrow_t, DELETE_ALIGNED_NOTHROW, a)
DELETE_2(_ZdaPvSt11align_val_tRKSt9nothrow_t, DELETE_ARRAY_ALIGNED_NOTHROW, a)
