/*
 * numbers.c - see numbers.h. Words of 32 bits, as XIDs are in the structures of their owners; of 64 bits the lower half is one of these.
 */
#include "numbers.h"

struct hunt {
	struct walk *w;
	struct number *numbers;
	size_t n;
	uint32_t least, most;
	uint32_t modules[8]; /* +1: whose memory does not count */
	unsigned nmodules;
};

static bool is_of_library(const struct hunt *h, uint32_t module)
{
	for (unsigned i = 0; i < h->nmodules; i++)
		if (h->modules[i] == module)
			return true;
	return false;
}

static void note_module(struct hunt *h, uint32_t module)
{
	if (module && !is_of_library(h, module) &&
	    h->nmodules < sizeof(h->modules) / sizeof(*h->modules))
		h->modules[h->nmodules++] = module;
}

static void note(const struct hunt *h, uint32_t value)
{
	size_t low = 0, high = h->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (h->numbers[middle].value < value)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < h->n && h->numbers[low].value == value; low++)
		h->numbers[low].found = true;
}

static void scan(const struct hunt *h, uintptr_t low, uintptr_t high)
{
	low = (low + 3) & ~(uintptr_t)3;
	while (low + 4 <= high) {
		uintptr_t end = low + memory_readable(&h->w->map, low, high - low);

		for (; low + 4 <= end; low += 4) {
			uint32_t value = *(const uint32_t *)low;

			if (value - h->least <= h->most - h->least)
				note(h, value);
		}
		if (end >= high)
			return;
		low = memory_next(&h->w->map, end, high);
	}
}

static bool on_block(const struct live_block *block, void *context)
{
	const struct hunt *h = context;
	uint32_t stack = block->stack & LIVE_STACK_NUMBER;

	if (!stack || !is_of_library(h, modules_find(frame_get(stack_frame_of(stack))->pc)))
		scan(h, block->address, block->address + block->size);
	return true;
}

static void scan_modules(const struct hunt *h)
{
	for (size_t i = 0; i < modules_count(); i++) {
		const struct module *m = modules_get(i);

		if (m->own || m->unloaded || is_of_library(h, (uint32_t)i + 1))
			continue;
		for (unsigned k = 0; k < m->nwritable; k++)
			scan(h, m->writable[k].low, m->writable[k].high);
	}
}

/* Above the frames of ours in the thread that waits for this dump. */
static void scan_stacks(const struct hunt *h)
{
	const struct frozen_thread *threads;
	size_t n = frozen_threads(&threads);

	for (size_t i = 0; i < n; i++) {
		const struct frozen_thread *t = &threads[i];
		uintptr_t from = t->record ? t->record->called_at : 0;

		if (t->state == RGD_THREAD_HELPER || !t->sp || t->stack_top < t->sp)
			continue;
		scan(h, from > t->sp && from < t->stack_top ? from : t->sp, t->stack_top);
	}
}

void numbers_find(struct walk *w, struct number *numbers, size_t n)
{
	struct hunt h = {.w = w, .numbers = numbers, .n = n};

	if (!n)
		return;
	h.least = numbers[0].value;
	h.most = numbers[n - 1].value;
	for (size_t i = 0; i < n; i++)
		note_module(&h, numbers[i].module);
	live_each(on_block, &h);
	scan_modules(&h);
	scan_stacks(&h);
}
