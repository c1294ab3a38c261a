/* slices.c - see slices.h. The hook is a bracket as those of rules are (record.c); what the function is called with is the hook's to change. */
#include "slices.h"

#include "outside.h"
#define HOOK_THREAD_SELF() (struct thread *)OUTSIDE(thread_self, 0)
#define HOOK_PARK_HERE(t) OUTSIDE(freeze_park_here, (uint64_t)(t))
#include "../guard.h"
#include "elf_symbols.h"
#include "quarantine.h"
#include "rules.h"

#define ARGUMENT_SIZE 0
#define ARGUMENT_SLICE 1

static void on_free(struct hook_call *call);
static struct hook hook = {.enter = on_free, .wants = ARGUMENT_SLICE + 1, .light = true};

/* With the hook's bracket. */
static __attribute__((noinline)) enum quarantine_slice keep(void *slice, size_t *size, void **due)
{
	enum quarantine_slice what =
		(enum quarantine_slice)(uint32_t)OUTSIDE(quarantine_slice, (uint64_t)slice, *size);

	if (what == SLICE_KEPT)
		*due = (void *)OUTSIDE(quarantine_slice_due, (uint64_t)size);
	return what;
}

/* g_slice_free1(size, slice); nothing happens to a slice that is NULL. */
static void on_free(struct hook_call *call)
{
	void *slice = (void *)call->argument[ARGUMENT_SLICE], *due = NULL;
	size_t size = call->argument[ARGUMENT_SIZE];
	enum quarantine_slice what;
	struct thread *t;

	if (likely(!quarantine_near((uintptr_t)slice, size)))
		return;
	t = hook_enter(call->frame - 2 * sizeof(uintptr_t));
	if (!t)
		return;
	what = keep(slice, &size, &due);
	hook_leave(t);
	if (what == SLICE_TWICE)
		OUTSIDE(hook.trampoline, size, (uint64_t)slice);
	if (what == SLICE_KEPT) {
		call->argument[ARGUMENT_SLICE] = (uintptr_t)due;
		call->argument[ARGUMENT_SIZE] = size;
	}
}

struct hook *slices_came(const struct exports *exports)
{
	uintptr_t function;

	if (!config.tombstones || hook.function || !rule_glob("libglib-2.0.so.*", exports->soname))
		return NULL;
	function = exports_address(exports, "g_slice_free1");
	if (!function)
		return NULL;
	hook.function = function;
	hook.why = "";
	return &hook;
}

void slices_went(uintptr_t low, uintptr_t high)
{
	if (hook.function < low || hook.function >= high)
		return;
	hook.function = 0;
	quarantine_slices_gone();
}
