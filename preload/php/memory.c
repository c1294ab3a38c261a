/*
 * memory.c - how much of ZendMM's memory is in use, chunk by chunk and bin by bin, and what PHP's own functions would say of it.
 *
 * A chunk goes back to the system when all of its pages are free, and a page of slots is free only when gc_mem_caches(), or an
 * allocation that would exceed the limit, has looked for such pages. So one live block keeps 2 MiB.
 */
#include "php.h"

#define PAGE 4096u
#define MOST_BINS 64u /* of which ZendMM has 30 */

static void add_run(struct walk_heap *to, const struct zendmm_run *run)
{
	to->used_blocks += run->live;
	to->used += (uint64_t)run->live * run->slot;
	to->free_chunks += run->live ? run->slots - run->live : 0;
	to->free += run->live ? (uint64_t)(run->slots - run->live) * run->slot : 0;
	to->kept_chunks += !run->live;
	to->kept += run->live ? 0 : (uint64_t)run->pages * PAGE;
}

/* Ascending by their slots. */
static struct walk_heap *bin_of(struct walk_heap *bins, uint32_t slot)
{
	unsigned i = 0;

	while (i < MOST_BINS - 1 && bins[i].address && bins[i].address < slot)
		i++;
	if (bins[i].address == slot)
		return &bins[i];
	memmove(&bins[i + 1], &bins[i], (MOST_BINS - 1 - i) * sizeof(*bins));
	bins[i] = (struct walk_heap){.kind = RGD_HEAP_BIN, .address = slot};
	return &bins[i];
}

static void chunk_row(struct walk *walk, size_t number, struct walk_heap *bins)
{
	struct walk_heap chunk = {.kind = RGD_HEAP_CHUNK,
				  .address = zendmm_chunk(number),
				  .size = (uint64_t)ZENDMM_PAGES * PAGE};
	struct zendmm_run run;

	/* page 0 is the chunk's head: no block */
	for (uint32_t page = 1; page < ZENDMM_PAGES; page += run.pages) {
		zendmm_run(number, page, &run);
		if (!run.pages)
			break;
		if (!run.slots) {
			chunk.top += PAGE;
			continue;
		}
		add_run(&chunk, &run);
		if (run.slots > 1 || run.slot < PAGE) {
			struct walk_heap *bin = bin_of(bins, run.slot);

			add_run(bin, &run);
			bin->size += (uint64_t)run.pages * PAGE;
		}
	}
	shim->heap(walk, &chunk);
}

static void other_row(struct walk *walk, uint32_t kind, uintptr_t address, size_t size)
{
	struct walk_heap heap = {.kind = kind, .address = address, .size = size};

	if (kind == RGD_HEAP_HUGE) {
		heap.used_blocks = 1;
		heap.used = size;
	} else {
		heap.kept = heap.kept_chunks = 0;
		heap.top = size;
	}
	shim->heap(walk, &heap);
}

static void number(const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	shim->meta(key, text);
}

void memory_rows(struct walk *walk)
{
	struct walk_heap *bins = shim->memory(walk, MOST_BINS * sizeof(*bins));

	for (size_t i = 0; bins && i < zendmm_chunks(); i++)
		chunk_row(walk, i, bins);
	for (unsigned i = 0; bins && i < MOST_BINS && bins[i].address; i++)
		shim->heap(walk, &bins[i]);
	zendmm_others(walk, other_row);
	number("php_memory_usage", zend_memory_usage(false));
	number("php_memory_real", zend_memory_usage(true));
	number("php_memory_peak", zend_memory_peak_usage(false));
	number("php_memory_real_peak", zend_memory_peak_usage(true));
	if (PG(memory_limit) > 0)
		number("php_memory_limit", (uint64_t)PG(memory_limit));
}
