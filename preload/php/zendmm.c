/*
 * zendmm.c - which blocks of ZendMM live, read from its own book-keeping, in the walker. No hook is needed for that.
 *
 * ZendMM takes chunks of 2 MiB. The first page of each is its head: a bitmap of used pages, and one word for each of the 512
 * pages: free, first page of a run of pages (one large block), or first or later page of a run that is cut into slots of one bin.
 * Free slots of a bin hang on one list per bin. So the live slots are all slots less those on the lists. Blocks of almost a
 * chunk and more have mappings of their own, on a list.
 *
 * The structures are private to zend_alloc.c, and distributions add fields in their middle. So only their beginning is taken as
 * given; the rest is found by what it must be, and all of it is checked (sums, the ring of chunks, each page's word against
 * the bitmap) before anything is believed.
 */
#include "php.h"

#include "alloc.h"
#include "numbers.h"

#define CHUNK ((uintptr_t)2 << 20)
#define PAGE ((uintptr_t)4096)
#define PAGES 512u
#define BINS ZENDMM_BINS
#define LARGE_RUN ZENDMM_LARGE_RUN
#define SMALL_RUN ZENDMM_SMALL_RUN
#define LARGE_PAGES(info) zendmm_pages(info)
#define SMALL_BIN(info) zendmm_bin(info)
#define LATER_OFFSET(info) ((info) >> 16 & 0x1ffu)

struct huge {
	uintptr_t address;
	size_t size;
	struct huge *next;
};
enum { HUGE_BLOCKS = -1, MAIN_CHUNK, CACHED_CHUNKS, COUNTS };

struct chunk {
	struct zendmm_heap *heap;
	struct chunk *next, *previous;
	uint32_t free_pages, free_tail, number;
	char reserved[64 - 3 * sizeof(void *) - 3 * sizeof(uint32_t)];
	struct zendmm_heap heap_slot; /* in the first one */
};
/* Behind that: a bit for each page that is used, a word for each page. */
static size_t map_offset;
#define USED_BYTES (PAGES / 8)

static const uint64_t *used_of(uintptr_t chunk)
{
	return (const uint64_t *)(chunk + map_offset - USED_BYTES);
}

static const uint32_t *map_of(uintptr_t chunk)
{
	return (const uint32_t *)(chunk + map_offset);
}

static bool page_used(uintptr_t chunk, uint32_t page)
{
	return used_of(chunk)[page / 64] >> (page & 63) & 1;
}

static const uint32_t bin_size[BINS] = {
#define SIZE(number, size, elements, pages, x, y) size,
	ZEND_MM_BINS_INFO(SIZE, x, y)
#undef SIZE
};
/* Multiplied by it, an offset in a run (less than 2^15) has its slot above bit 32: faster than to divide. */
static const uint64_t bin_inverse[BINS] = {
#define INVERSE(number, size, elements, pages, x, y) ((1ull << 32) + size - 1) / size,
	ZEND_MM_BINS_INFO(INVERSE, x, y)
#undef INVERSE
};
static const uint32_t bin_elements[BINS] = {
#define ELEMENTS(number, size, elements, pages, x, y) elements,
	ZEND_MM_BINS_INFO(ELEMENTS, x, y)
#undef ELEMENTS
};

/* One bit for each 8 bytes of the chunk: a free slot starts there. */
struct chunk_state {
	uintptr_t address;
	uint64_t *free;
};
static struct chunk_state *chunks; /* ascending */
static size_t chunk_count;
static const struct zendmm_heap *heap;
static const struct huge *huge_blocks;
static const struct chunk *cached_chunks;
static int chunks_stated;
static uintptr_t lowest, highest;

static struct chunk_state *chunk_of(uintptr_t address)
{
	size_t low = 0, high = chunk_count;
	static size_t last;

	address &= ~(CHUNK - 1);
	if (last < chunk_count && chunks[last].address == address)
		return &chunks[last];
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (chunks[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == chunk_count || chunks[low].address != address)
		return NULL;
	last = low;
	return &chunks[low];
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

/* The pages of one run, whose word is `info`; 0: nothing of the kind. */
static uint32_t run_pages(uint32_t info)
{
	uint32_t bytes;

	if (info & SMALL_RUN && !(info & LARGE_RUN) && SMALL_BIN(info) < BINS) {
		bytes = bin_size[SMALL_BIN(info)] * bin_elements[SMALL_BIN(info)];
		return (bytes + (uint32_t)PAGE - 1) / (uint32_t)PAGE;
	}
	return !(info & SMALL_RUN) && info & LARGE_RUN ? LARGE_PAGES(info) : 0;
}

/* True when the words and the bits at map_offset agree with each other and with the number of free pages. */
static bool map_agrees(uintptr_t chunk)
{
	uint32_t free = 0, pages;

	for (uint32_t page = 0; page < PAGES; page += pages) {
		pages = 1;
		if (!page_used(chunk, page)) {
			free++;
			continue;
		}
		pages = run_pages(map_of(chunk)[page]);
		if (!pages || page + pages > PAGES)
			return false;
		for (uint32_t i = 0; i < pages; i++)
			if (!page_used(chunk, page + i))
				return false;
	}
	return free == ((const struct chunk *)chunk)->free_pages;
}

/* The first page of each chunk is a run of one page: its head. */
static bool find_map(uintptr_t chunk)
{
	for (map_offset = offsetof(struct chunk, heap_slot.more) + USED_BYTES;
	     map_offset + PAGES * 4 <= PAGE; map_offset += 8)
		if (*map_of(chunk) == (LARGE_RUN | 1) && map_agrees(chunk))
			return true;
	return false;
}

unsigned zendmm_map_offset(uintptr_t chunk)
{
	return find_map(chunk) ? (unsigned)map_offset : 0;
}

static bool find_fields(const struct zendmm_heap *h, uintptr_t chunk)
{
	const uintptr_t *at = h->more + 1, *end = h->more + sizeof(h->more) / sizeof(*h->more) - 3;

	while (at < end && *at != chunk)
		at++;
	if (at == end)
		return false;
	huge_blocks = (const struct huge *)at[HUGE_BLOCKS];
	cached_chunks = (const struct chunk *)at[CACHED_CHUNKS];
	chunks_stated = (int)(uint32_t)at[COUNTS];
	return chunks_stated > 0 && chunks_stated < 1 << 22;
}

static bool believable(struct walk *walk, const struct zendmm_heap *h)
{
	uintptr_t chunk = (uintptr_t)h & ~(CHUNK - 1);
	const struct chunk *c = (const struct chunk *)chunk;

	return h && shim->readable(walk, chunk, PAGE) && &c->heap_slot == h && c->heap == h &&
	       h->size == zend_memory_usage(false) && h->real_size == zend_memory_usage(true) &&
	       find_fields(h, chunk) && h->real_size >= (size_t)chunks_stated * CHUNK &&
	       find_map(chunk);
}

static void sort_chunks(void)
{
	for (size_t gap = chunk_count / 2; gap; gap /= 2)
		for (size_t i = gap; i < chunk_count; i++)
			for (size_t j = i; j >= gap && chunks[j - gap].address > chunks[j].address;
			     j -= gap) {
				struct chunk_state swap = chunks[j];

				chunks[j] = chunks[j - gap];
				chunks[j - gap] = swap;
			}
}

static bool read_chunks(struct walk *walk)
{
	const struct chunk *first = (const struct chunk *)((uintptr_t)heap & ~(CHUNK - 1)),
			   *c = first;
	size_t n = (size_t)chunks_stated;

	chunks = shim->memory(walk, n * sizeof(*chunks));
	if (!chunks)
		return false;
	for (chunk_count = 0; chunk_count < n; chunk_count++) {
		if ((uintptr_t)c & (CHUNK - 1) || !shim->readable(walk, (uintptr_t)c, PAGE) ||
		    c->heap != heap || !map_agrees((uintptr_t)c))
			return false;
		chunks[chunk_count].address = (uintptr_t)c;
		chunks[chunk_count].free = shim->memory(walk, CHUNK / 8 / 8);
		if (!chunks[chunk_count].free)
			return false;
		c = c->next;
	}
	sort_chunks();
	lowest = chunks[0].address;
	highest = chunks[n - 1].address + CHUNK;
	return c == first;
}

/* Lists may be long and far flung; each slot must be in a known chunk. */
static bool read_free(struct walk *walk)
{
	for (unsigned bin = 0; bin < BINS; bin++) {
		for (const struct zendmm_slot *s = heap->free_slot[bin]; s; s = s->next) {
			struct chunk_state *c = chunk_of((uintptr_t)s);
			size_t bit = ((uintptr_t)s & (CHUNK - 1)) / 8;

			if (!c || (uintptr_t)s & 7 || c->free[bit / 64] >> (bit & 63) & 1)
				return false;
			c->free[bit / 64] |= 1ull << (bit & 63);
		}
	}
	return true;
}

static bool read_heap(struct walk *walk)
{
	chunk_count = 0;
	lowest = highest = 0;
	heap = (const struct zendmm_heap *)zend_mm_get_heap();
	if (!believable(walk, heap) || !read_chunks(walk) || !read_free(walk)) {
		chunk_count = 0;
		heap = NULL;
		return false;
	}
	return true;
}

/* ---- asking ------------------------------------------------------------------------------------------------------------ */

static bool slot_is_free(const struct chunk_state *c, uintptr_t address)
{
	size_t bit = (address & (CHUNK - 1)) / 8;

	return c->free[bit / 64] >> (bit & 63) & 1;
}

static bool in_small_run(const struct chunk_state *c, uint32_t page, uint32_t info,
			 uintptr_t address, uintptr_t *start, uint64_t *size)
{
	uint32_t bin = SMALL_BIN(info), first = page;
	uintptr_t run;
	uint64_t slot;

	if (info & LARGE_RUN) /* a later page */
		first = page - LATER_OFFSET(info);
	if (bin >= BINS || first >= PAGES)
		return false;
	run = c->address + first * PAGE;
	slot = (address - run) * bin_inverse[bin] >> 32;
	if (slot >= bin_elements[bin])
		return false;
	*start = run + slot * bin_size[bin];
	*size = bin_size[bin];
	return !slot_is_free(c, *start);
}

static bool in_large_run(const struct chunk_state *c, uint32_t page, uintptr_t *start,
			 uint64_t *size)
{
	/* only the first page of a large run says so; the others hold what was there before */
	for (uint32_t first = page + 1; first-- > 1;) {
		uint32_t info = map_of(c->address)[first];

		if ((info & (LARGE_RUN | SMALL_RUN)) == LARGE_RUN &&
		    first + LARGE_PAGES(info) > page) {
			*start = c->address + first * PAGE;
			*size = LARGE_PAGES(info) * PAGE;
			return true;
		}
	}
	return false;
}

static bool in_huge(uintptr_t address, uintptr_t *start, uint64_t *size)
{
	for (const struct huge *h = huge_blocks; h; h = h->next)
		if (address - h->address < h->size) {
			*start = h->address;
			*size = h->size;
			return true;
		}
	return false;
}

bool zendmm_block(uintptr_t address, uintptr_t *start, uint64_t *size)
{
	const struct chunk_state *c;
	uint32_t page, info;

	if (!heap)
		return false;
	c = address - lowest < highest - lowest ? chunk_of(address) : NULL;
	if (!c)
		return in_huge(address, start, size);
	page = (uint32_t)((address & (CHUNK - 1)) / PAGE);
	if (!page || !page_used(c->address, page))
		return false;
	info = map_of(c->address)[page];
	if (info & SMALL_RUN)
		return in_small_run(c, page, info, address, start, size);
	return in_large_run(c, page, start, size);
}

bool zendmm_find(struct walk *walk, uintptr_t address, bool inside, struct walk_block *out)
{
	*out = (struct walk_block){0};
	if (!zendmm_block(address, &out->address, &out->size) ||
	    (!inside && out->address != address))
		return false;
	alloc_birth(out->address, out->size, &out->stack, &out->epoch);
	return true;
}

/* ---- all ----------------------------------------------------------------------------------------------------------------- */

static void report(struct walk *walk, uintptr_t address, uint64_t size)
{
	struct walk_block block = {.address = address, .size = size};

	shim->block_add(walk, &block);
}

static void each_small(struct walk *walk, const struct chunk_state *c, uint32_t page, uint32_t bin)
{
	uintptr_t at = c->address + page * PAGE;

	for (uint32_t i = 0; i < bin_elements[bin]; i++, at += bin_size[bin])
		if (!slot_is_free(c, at))
			report(walk, at, bin_size[bin]);
}

static void each_in_chunk(struct walk *walk, const struct chunk_state *c)
{
	uint32_t step;

	for (uint32_t page = 1; page < PAGES; page += step) {
		uint32_t info = map_of(c->address)[page];

		step = 1;
		if (!page_used(c->address, page))
			continue;
		step = run_pages(info);
		if (info & SMALL_RUN)
			each_small(walk, c, page, SMALL_BIN(info));
		else
			report(walk, c->address + page * PAGE, step * PAGE);
	}
}

/* ---- runs, for memory.c ---------------------------------------------------------------------------------------------------- */

size_t zendmm_chunks(void)
{
	return chunk_count;
}

uintptr_t zendmm_chunk(size_t chunk)
{
	return chunks[chunk].address;
}

uint32_t zendmm_run(size_t chunk, uint32_t page, struct zendmm_run *ret)
{
	const struct chunk_state *c = &chunks[chunk];
	uintptr_t at = c->address + page * PAGE;
	uint32_t info = map_of(c->address)[page], bin = SMALL_BIN(info);

	*ret = (struct zendmm_run){.pages = 1, .slot = 0};
	if (!page_used(c->address, page))
		return 1;
	ret->pages = run_pages(info);
	ret->slots = ret->live = 1;
	ret->slot = (uint32_t)(ret->pages * PAGE);
	if (!(info & SMALL_RUN))
		return ret->pages;
	ret->slot = bin_size[bin];
	ret->slots = bin_elements[bin];
	ret->live = 0;
	for (uint32_t i = 0; i < ret->slots; i++, at += ret->slot)
		ret->live += !slot_is_free(c, at);
	return ret->pages;
}

void zendmm_others(struct walk *walk,
		   void (*visit)(struct walk *walk, uint32_t kind, uintptr_t address, size_t size))
{
	const struct chunk *c = heap ? cached_chunks : NULL;

	for (const struct huge *h = heap ? huge_blocks : NULL; h; h = h->next)
		visit(walk, RGD_HEAP_HUGE, h->address, h->size);
	for (; c && !((uintptr_t)c & (CHUNK - 1)) && shim->readable(walk, (uintptr_t)c, PAGE);
	     c = c->next)
		visit(walk, RGD_HEAP_CACHED, (uintptr_t)c, CHUNK);
}

static void mark(struct walk *walk, uint32_t kind, uintptr_t address, size_t size)
{
	host->region(address, size, RGD_REGION_ZENDMM);
}

bool zendmm_blocks(struct walk *walk)
{
	if (!read_heap(walk))
		return true;
	for (size_t i = 0; i < chunk_count; i++)
		each_in_chunk(walk, &chunks[i]);
	for (const struct huge *h = huge_blocks; h; h = h->next)
		report(walk, h->address, h->size);
	/* in the walker's own copy of what it knows of mappings: nobody takes the words of a free slot for roots */
	for (size_t i = 0; i < chunk_count; i++)
		mark(walk, RGD_HEAP_CHUNK, chunks[i].address, CHUNK);
	zendmm_others(walk, mark);
	return true;
}
