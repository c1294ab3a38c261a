/* numbers.c - the table behind numbers.h. */
#include "php.h"

#include "numbers.h"

#define CHUNK_SHIFT 21
#define MID_BITS 13 /* 47 - 21 bits of a chunk's number in two levels */
#define SLAB ((size_t)64 << 10)

/* Arrays of numbers begin at a multiple of it: the word of a page has the bin in its low bits. */
#define LINE 64u
#define PAGE_LARGE 63u

struct chunk {
	/* 0 nothing | array + bin + 1 | number << 32 + PAGE_LARGE */
	uint64_t page[ZEND_MM_PAGES];
	struct chunk *next; /* all that are in use */
	uintptr_t base;
};

struct numbers_bin numbers_bins[ZENDMM_BINS];
uint8_t numbers_bin_of[ZEND_MM_MAX_SMALL_SIZE / 8 + 1];
static uint32_t array_size[ZENDMM_BINS]; /* bytes of a page's array */

static struct chunk **top[1u << MID_BITS];
static struct chunk *chunks, *spare_chunks;
static void *spare_arrays[ZENDMM_BINS];
static char *slab, *slab_end;

#define SIZE_OF(number, size, elements, pages, x, y) size,
static const uint32_t bin_size[ZENDMM_BINS] = {ZEND_MM_BINS_INFO(SIZE_OF, x, y)};

void numbers_init(void)
{
	unsigned bin = 0;

	for (size_t i = 0; i < sizeof(numbers_bin_of); i++) {
		while (bin_size[bin] < i * 8)
			bin++;
		numbers_bin_of[i] = (uint8_t)bin;
	}
	for (bin = 0; bin < ZENDMM_BINS; bin++) {
		uint32_t size = bin_size[bin];
		size_t bytes = ((ZEND_MM_PAGE_SIZE - 1) / size + 1) * sizeof(uint32_t);

		numbers_bins[bin].reciprocal = ((1ull << 32) + size - 1) / size;
		numbers_bins[bin].size = size;
		array_size[bin] = (uint32_t)((bytes + LINE - 1) & ~(size_t)(LINE - 1));
	}
}

/* ---- memory of our own: handed back at the end of the request, never to the system ------------------------------------ */

static void *take(size_t size)
{
	void *p;

	if ((size_t)(slab_end - slab) < size) {
		slab = host->memory(SLAB);
		slab_end = slab ? slab + SLAB : slab;
		if (!slab)
			return NULL;
		slab = (char *)(((uintptr_t)slab + LINE - 1) & ~(uintptr_t)(LINE - 1));
	}
	p = slab;
	slab += size;
	return p;
}

static uint32_t *array_take(unsigned bin)
{
	uint32_t *array = spare_arrays[bin];

	if (!array)
		return take(array_size[bin]);
	spare_arrays[bin] = *(void **)array;
	memset(array, 0, array_size[bin]);
	return array;
}

static unsigned page_bin(uint64_t page)
{
	return (unsigned)(page & (LINE - 1)) - 1;
}

static uint32_t *page_array(uint64_t page)
{
	return (uint32_t *)(uintptr_t)(page & ~(uint64_t)(LINE - 1));
}

static void page_drop(uint64_t *page)
{
	uint32_t *array = page_array(*page);
	unsigned bin = page_bin(*page);

	if (*page && bin < ZENDMM_BINS) {
		*(void **)array = spare_arrays[bin];
		spare_arrays[bin] = array;
		if (numbers_bins[bin].array == array)
			numbers_bins[bin].page = 0;
	}
	*page = 0;
}

/* ---- the table ---------------------------------------------------------------------------------------------------------- */

static inline struct chunk *chunk_of(uintptr_t block)
{
	struct chunk **mid = top[(block >> (CHUNK_SHIFT + MID_BITS)) & ((1u << MID_BITS) - 1)];

	return mid ? mid[(block >> CHUNK_SHIFT) & ((1u << MID_BITS) - 1)] : NULL;
}

static struct chunk *chunk_make(uintptr_t block)
{
	struct chunk ***mid = &top[(block >> (CHUNK_SHIFT + MID_BITS)) & ((1u << MID_BITS) - 1)],
		     *c;

	if (!*mid && !(*mid = host->memory(sizeof(struct chunk *) << MID_BITS)))
		return NULL;
	c = spare_chunks;
	if (c)
		spare_chunks = c->next;
	else
		c = host->memory(sizeof *c);
	if (!c)
		return NULL;
	c->base = block & ~(ZEND_MM_CHUNK_SIZE - 1);
	c->next = chunks;
	chunks = c;
	(*mid)[(block >> CHUNK_SHIFT) & ((1u << MID_BITS) - 1)] = c;
	return c;
}

void numbers_drop(void)
{
	while (chunks) {
		struct chunk *c = chunks;

		for (unsigned i = 0; i < ZEND_MM_PAGES; i++)
			page_drop(&c->page[i]);
		top[(c->base >> (CHUNK_SHIFT + MID_BITS)) & ((1u << MID_BITS) - 1)]
		   [(c->base >> CHUNK_SHIFT) & ((1u << MID_BITS) - 1)] = NULL;
		chunks = c->next;
		c->next = spare_chunks;
		spare_chunks = c;
	}
}

static inline uint64_t *page_of(struct chunk *c, uintptr_t block)
{
	return &c->page[(block / ZEND_MM_PAGE_SIZE) & (ZEND_MM_PAGES - 1)];
}

/* A block of this page will have numbers next. */
static void stay_near(uintptr_t block, unsigned bin, uint64_t page)
{
	numbers_bins[bin].page = block & ~((uintptr_t)ZEND_MM_PAGE_SIZE - 1);
	numbers_bins[bin].array = page_array(page);
}

/* The first block of a page, a larger block, or the first of a chunk. */
static __attribute__((noinline)) void put_first(uintptr_t block, size_t size, uint32_t number)
{
	struct chunk *c = chunk_of(block);
	unsigned bin;
	uint64_t *page;
	uint32_t *array;

	if (!c)
		c = chunk_make(block);
	if (!c)
		return;
	page = page_of(c, block);
	if (size > ZEND_MM_MAX_SMALL_SIZE) {
		page_drop(page);
		*page = (uint64_t)number << 32 | PAGE_LARGE;
		return;
	}
	bin = numbers_bin(size);
	page_drop(page);
	array = array_take(bin);
	if (!array)
		return;
	*page = (uintptr_t)array | (bin + 1);
	array[numbers_index(block, &numbers_bins[bin])] = number;
	stay_near(block, bin, *page);
}

void number_put(uintptr_t block, size_t size, uint32_t number)
{
	struct chunk *c = chunk_of(block);
	unsigned bin;
	uint64_t page;

	if (EXPECTED(size <= ZEND_MM_MAX_SMALL_SIZE) && EXPECTED(c != NULL)) {
		bin = numbers_bin(size);
		page = *page_of(c, block);
		if (EXPECTED(page_bin(page) == bin)) {
			page_array(page)[numbers_index(block, &numbers_bins[bin])] = number;
			stay_near(block, bin, page);
			return;
		}
	}
	put_first(block, size, number);
}

bool number_change(uintptr_t block, uint32_t number)
{
	struct chunk *c = chunk_of(block);
	uint64_t *page = c ? page_of(c, block) : NULL;

	if (!page || !*page)
		return false;
	if (page_bin(*page) < ZENDMM_BINS)
		page_array(*page)[numbers_index(block, &numbers_bins[page_bin(*page)])] = number;
	else
		*page = (uint64_t)number << 32 | PAGE_LARGE;
	return true;
}

uint32_t number_of(uintptr_t block, size_t size)
{
	struct chunk *c = chunk_of(block);
	uint64_t page = c ? *page_of(c, block) : 0;

	if (size > ZEND_MM_MAX_SMALL_SIZE)
		return page_bin(page) == PAGE_LARGE - 1 ? (uint32_t)(page >> 32) : 0;
	if (!page || page_bin(page) >= ZENDMM_BINS || bin_size[page_bin(page)] != size)
		return 0;
	return page_array(page)[numbers_index(block, &numbers_bins[page_bin(page)])];
}
