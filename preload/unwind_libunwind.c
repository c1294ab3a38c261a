/*
 * unwind_libunwind.c - the reference unwinder: libunwind, opened at run time. REFGRAPH_UNWINDER=libunwind chooses it.
 *
 * The built-in unwinder must agree with it; it is for tests and for doubt, not for production: libunwind 1.6 calls
 * dl_iterate_phdr at the first sight of a code address and so takes the loader's lock inside malloc. A program that
 * allocates with a lock of its own in a dl_iterate_phdr callback can deadlock with it; ours cannot.
 *
 * No link dependency: its functions are looked up by their mangled names (unw_step is _ULx86_64_step), and it is opened
 * once, outside hooks.
 */
#include <dlfcn.h>

#include "shim.h"

#if defined(__x86_64__) && __has_include(<libunwind.h>)
#define UNW_LOCAL_ONLY
#include <libunwind.h>

static struct {
	int (*init_local)(unw_cursor_t *, unw_context_t *);
	int (*step)(unw_cursor_t *);
	int (*get_reg)(unw_cursor_t *, int, unw_word_t *);
	int (*getcontext)(unw_context_t *);
	void (*flush_cache)(unw_addr_space_t, unw_word_t, unw_word_t);
	unw_addr_space_t *local_space;
} lib;

static __thread bool inside TLS_FAST;

static size_t reference_walk(uintptr_t return_address, uintptr_t cfa, uintptr_t frame_pointer,
			     uintptr_t *pcs, size_t max)
{
	unw_context_t context;
	unw_cursor_t cursor;
	unw_word_t pc, sp;
	bool begun = false;
	size_t n = 0;
	if (!max)
		return 0;
	pcs[0] = return_address;
	if (inside) /* libunwind allocates: one frame for that */
		return 1;
	inside = true;
	lib.getcontext(&context);
	if (lib.init_local(&cursor, &context) == 0) {
		while (n < max && lib.step(&cursor) > 0) {
			if (lib.get_reg(&cursor, UNW_REG_IP, &pc) ||
			    lib.get_reg(&cursor, UNW_REG_SP, &sp) || !pc)
				break;
			begun |= pc == return_address && sp == cfa; /* our own frames are below */
			if (begun)
				pcs[n++] = pc;
		}
	}
	inside = false;
	return n ? n : 1;
}

static bool reference_init(void)
{
	void *handle = dlopen("libunwind.so.8", RTLD_LAZY | RTLD_LOCAL);
	if (!handle)
		return false;
	*(void **)&lib.init_local = dlsym(handle, "_ULx86_64_init_local");
	*(void **)&lib.step = dlsym(handle, "_ULx86_64_step");
	*(void **)&lib.get_reg = dlsym(handle, "_ULx86_64_get_reg");
	*(void **)&lib.getcontext = dlsym(handle, "_Ux86_64_getcontext");
	*(void **)&lib.flush_cache = dlsym(handle, "_Ux86_64_flush_cache");
	*(void **)&lib.local_space = dlsym(handle, "_ULx86_64_local_addr_space");
	return lib.init_local && lib.step && lib.get_reg && lib.getcontext;
}

/* libunwind 1.6 alone does not notice that another library came to the same addresses. */
static void reference_forget(uintptr_t low, uintptr_t high)
{
	if (lib.flush_cache && lib.local_space)
		lib.flush_cache(*lib.local_space, low, high);
}
#else
static size_t reference_walk(uintptr_t return_address, uintptr_t cfa, uintptr_t frame_pointer,
			     uintptr_t *pcs, size_t max)
{
	if (max)
		pcs[0] = return_address;
	return max != 0;
}

static bool reference_init(void)
{
	return false;
}

static void reference_forget(uintptr_t low, uintptr_t high)
{
}
#endif

const struct unwinder unwinder_libunwind = {
	.name = "libunwind",
	.init = reference_init,
	.walk = reference_walk,
	.forget = reference_forget,
};
