/*
 * shim_hooks_test.c - the hook engine on functions of libraries that nobody here wrote.
 *
 * LIBS: see below
 */
// LIBS: -lglib-2.0 -lgobject-2.0
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../../preload/hooks/decode.c"
#include "../../preload/hooks/image.c"
#include "../../preload/hooks/patch.c"
#include "../../preload/hooks/prove.c"
#include "../../preload/hooks/relocate.c"
#include "../../preload/hooks/thunk.c"
#include "../../preload/unwind_cfi.c"

_Atomic bool shim_sandboxed;

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

static int failed;

static void check(const char *name, unsigned long got, unsigned long want)
{
	if (got == want) {
		printf("ok hooks: %s\n", name);
		return;
	}
	printf("not ok hooks: %s: got %#lx, want %#lx\n", name, got, want);
	failed = 1;
}

static unsigned long calls;
static struct hook_call last;
static void on_enter(struct hook_call *call)
{
	calls++;
	last = *call;
}

static struct hook *hook_on(void *library, const char *name)
{
	struct hook *hook = calloc(1, sizeof(*hook));

	hook->function = (uintptr_t)dlsym(library, name);
	hook->enter = on_enter;
	return hook;
}

int main(void)
{
	void *glib = dlopen("libglib-2.0.so.0", RTLD_NOW);
	char *(*dup)(const char *) = dlsym(glib, "g_strdup");
	struct hook *hook = hook_on(glib, "g_strdup");
	char *copy;

	printf("# installed %zu\n", hook_install(&hook, 1));
	printf("# way %d why %s\n", hook->way, hook->why);
	copy = dup("hello");
	check("seen", calls, 1);
	check("works", copy && !strcmp(copy, "hello"), 1);
	check("argument", !strcmp((char *)last.argument[0], "hello"), 1);
	hook_remove(&hook, 1);
	dup("x");
	check("removed", calls, 1);
	return failed;
}
