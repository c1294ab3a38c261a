/* slices.c - see slices.h. The hook is a bracket as those of rules are (record.c); what the function is called with is the hook's to change. */
#include "slices.h"

#include "../glue.h"
#include "../guard.h"
#include "elf_symbols.h"
#include "hook.h"
#include "quarantine.h"
#include "rules.h"

#define ARGUMENT_SIZE 0
#define ARGUMENT_SLICE 1

static void on_free(struct hook_call *call);
static struct hook hook = {.enter = on_free, .wants = ARGUMENT_SLICE + 1};

/* g_slice_free1(size, slice); nothing happens to a slice that is NULL. */
static void on_free(struct hook_call *call)
{
	void *slice = (void *)call->argument[ARGUMENT_SLICE], *due = NULL;
	size_t size = call->argument[ARGUMENT_SIZE];
	struct thread *t = hook_enter(call->frame - 2 * sizeof(uintptr_t));
	enum quarantine_slice what;

	if (!t)
		return;
	what = quarantine_slice(slice, size);
	if (what == SLICE_KEPT)
		due = quarantine_slice_due(&size);
	hook_leave(t);
	if (what == SLICE_TWICE)
		((void (*)(size_t, void *))hook.trampoline)(size, slice);
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
