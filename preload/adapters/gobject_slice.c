/*
 * gobject_slice.c - what GSlice handed out, in GLib before 2.76.
 *
 * Small structs of GLib and most instances lie in slices of a page: of malloc the whole page is one block, so without this nobody would know
 * what is in it. (After J. Bonwick, "The Slab Allocator", 1994, and J. Bonwick and J. Adams, "Magazines and Vmem", 2001.) The allocator's
 * private struct is found in libglib's data by what must be in it. Its rings name every page and the size of its slices; a slice is free
 * when it is in the page's own list, in a magazine of the depot, in one of a thread, or kept by us (hooks/slices.h).
 */
#include <string.h>

#include "gobject.h"

enum {
	SLICE_UNIT = 16, /* sizes of slices are multiples */
	/* struct Allocator */
	ALLOCATOR_PAGE_MIN = 0,
	ALLOCATOR_PAGE_MAX = 8,
	ALLOCATOR_ALWAYS_MALLOC = 16,
	ALLOCATOR_BYPASS = 20,
	ALLOCATOR_DEBUG = 24,
	ALLOCATOR_MAGAZINES = 64,
	ALLOCATOR_COUNTERS = 72,
	ALLOCATOR_SLABS = 104,
	ALLOCATOR_SIZE = 120,
	/* the head of a page, at its end */
	SLAB_FREE = 0,
	SLAB_USED = 8,
	SLAB_NEXT = 16,
	SLAB_PREVIOUS = 24,
	SLAB_INFO = 48,
	LIST_MOST = 1 << 20, /* no list is longer: it would be a circle */
};

struct page {
	uintptr_t start, info;
	size_t slice;
	uint32_t color;	 /* where the first slice begins */
	bool decided;	 /* it is known */
	uint16_t *votes; /* for each place where it may */
};
static struct page *pages;
static uint32_t page_count, page_capacity;
static uintptr_t low_page, high_page;
static struct map by_start; /* page -> number + 1 */
static struct map is_free;  /* slice */
static struct map free_run; /* first slice of a run -> bytes */
static unsigned indexes;
static bool used;

bool slices_used(void)
{
	return used;
}

/* ---- finding the allocator ----------------------------------------------------------------------------------------- */

static unsigned index_count(uintptr_t page_max)
{
	return (unsigned)(((page_max - SLAB_INFO) / 8) / SLICE_UNIT);
}

static bool is_array(struct walk *walk, uintptr_t array, size_t size)
{
	uint64_t block;
	return array && walk_readable(walk, array, size) &&
	       (!walk_block(walk, array, &block) || block >= size);
}

static bool is_allocator(struct walk *walk, uintptr_t at)
{
	uintptr_t least = word_at(at, ALLOCATOR_PAGE_MIN), most = word_at(at, ALLOCATOR_PAGE_MAX);

	if (least != 128 || most < 8192 || most > 65536 || (most & (most - 1)))
		return false;
	if (half_at(at, ALLOCATOR_ALWAYS_MALLOC) > 1 || half_at(at, ALLOCATOR_BYPASS) > 1 ||
	    half_at(at, ALLOCATOR_DEBUG) > 1)
		return false;
	if (half_at(at, ALLOCATOR_ALWAYS_MALLOC))
		return true;
	indexes = index_count(most);
	return is_array(walk, word_at(at, ALLOCATOR_SLABS), indexes * 8) &&
	       is_array(walk, word_at(at, ALLOCATOR_COUNTERS), indexes * 4);
}

static uintptr_t find_allocator(struct walk *walk)
{
	for (unsigned i = 0; i < gobject.glib_count; i++) {
		uintptr_t high = gobject.glib[i].high;

		for (uintptr_t at = gobject.glib[i].low; at + ALLOCATOR_SIZE <= high; at += 8)
			if (walk_readable(walk, at, ALLOCATOR_SIZE) && is_allocator(walk, at))
				return at;
	}
	return 0;
}

/* ---- pages ---------------------------------------------------------------------------------------------------------- */

static size_t page_size_of(size_t slice)
{
	size_t size = 128;
	while (size < 8 * slice + SLAB_INFO)
		size *= 2;
	return size;
}

static bool add_page(struct walk *walk, uintptr_t info, size_t slice)
{
	uintptr_t size = page_size_of(slice), start = info & ~(size - 1);

	if (info - start != size - SLAB_INFO || !walk_readable(walk, start, size) ||
	    map_get(&by_start, start))
		return false;
	if (page_count == page_capacity) {
		uint32_t bigger = page_capacity ? page_capacity * 2 : 1024;
		struct page *p = walk_memory(walk, bigger * sizeof(*p));
		if (!p)
			return false;
		if (page_count)
			memcpy(p, pages, page_count * sizeof(*p));
		pages = p;
		page_capacity = bigger;
	}
	pages[page_count++] = (struct page){start, info, slice, 0, false, NULL};
	low_page = low_page && low_page < start ? low_page : start;
	high_page = high_page > start + size ? high_page : start + size;
	return map_set(walk, &by_start, start, page_count);
}

static bool read_ring(struct walk *walk, uintptr_t first, size_t slice)
{
	uintptr_t info = first;

	do {
		uintptr_t next;
		if ((info & 15) || !walk_readable(walk, info, SLAB_INFO) ||
		    !add_page(walk, info, slice))
			return false;
		next = word_at(info, SLAB_NEXT);
		if (!next || !walk_readable(walk, next, SLAB_INFO) ||
		    word_at(next, SLAB_PREVIOUS) != info)
			return false;
		info = next;
	} while (info != first);
	return true;
}

static struct page *page_at(uintptr_t address)
{
	if (address - low_page >= high_page - low_page)
		return NULL;
	for (uintptr_t size = 256; size <= 8192; size *= 2) {
		uintptr_t *number = map_get(&by_start, address & ~(size - 1));
		struct page *p = number ? &pages[*number - 1] : NULL;
		if (p && address < p->info)
			return p;
	}
	return NULL;
}

uintptr_t slice_page(uintptr_t address, size_t *size)
{
	const struct page *p = page_at(address);

	if (p)
		*size = p->slice;
	return p ? p->start : 0;
}

/* ---- what is free ------------------------------------------------------------------------------------------------------ */

static bool mark_free(struct walk *walk, uintptr_t slice)
{
	struct page *p = page_at(slice);

	if (!p || (slice & 15))
		return false;
	p->color = (uint32_t)((slice - p->start) % p->slice);
	p->decided = true;
	map_set(walk, &is_free, slice, 1);
	return true;
}

static void mark_kept(struct walk *walk, uintptr_t slice)
{
	mark_free(walk, slice);
}

static bool mark_list(struct walk *walk, uintptr_t slice)
{
	for (unsigned n = 0; slice; n++) {
		if (n == LIST_MOST || !mark_free(walk, slice))
			return false;
		slice = word_at(slice, 0);
	}
	return true;
}

/* The magazines of the depot are chained through the second words of their first slices. */
static bool mark_depot(struct walk *walk, uintptr_t first)
{
	uintptr_t magazine = first;
	unsigned n = 0;

	if (!first)
		return true;
	do {
		uintptr_t second;
		if (n++ == LIST_MOST || !mark_list(walk, magazine))
			return false;
		second = word_at(magazine, 0);
		magazine = second && word_at(second, 0) ? word_at(word_at(second, 0), 8) : 0;
	} while (magazine && magazine != first);
	return true;
}

struct magazines {
	bool good;
	uint64_t size;
};

/* A thread's: two pointers to the two arrays of magazines that follow them, each {slices, how many}. */
static bool mark_thread(struct walk *walk, uintptr_t block, uint64_t size, void *context)
{
	struct magazines *m = context;

	if (size != m->size || !walk_readable(walk, block, size) ||
	    word_at(block, 0) != block + 16 || word_at(block, 8) != block + 16 + indexes * 16)
		return true;
	for (unsigned i = 0; i < 2 * indexes; i++)
		m->good &= mark_list(walk, word_at(block, 16 + (long)i * 16));
	return true;
}

/* ---- where the slices of a page begin ----------------------------------------------------------------------------------
 * Pages are colored: what does not divide is left before the first slice, in units, so that pages do not compete for the same lines of the
 * cache. A free slice tells where the grid lies. On a full page instances do, else what points into it.
 */

static uint32_t slices_on(const struct page *p)
{
	return (uint32_t)((p->info - p->start) / p->slice);
}

static uint32_t colors_of(const struct page *p)
{
	uint32_t colors = (uint32_t)((p->info - p->start) % p->slice / SLICE_UNIT);
	return colors ? colors : 1;
}

static uint32_t instances_at(const struct page *p, uint32_t color)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < slices_on(p); i++)
		n += instance_in(p->start + color + i * p->slice, p->slice, true) != 0;
	return n;
}

static void ask_instances(struct page *p)
{
	uint32_t best = 0;
	for (uint32_t i = 0; i < colors_of(p); i++) {
		uint32_t n = instances_at(p, i * SLICE_UNIT);
		if (n <= best)
			continue;
		best = n;
		p->color = i * SLICE_UNIT;
		p->decided = true;
	}
}

static bool vote(struct walk *walk, uintptr_t block, uint64_t size, void *context)
{
	for (uint64_t at = 0; at + 8 <= size && walk_readable(walk, block + at, 8); at += 8) {
		uintptr_t word = word_at(block, (long)at);
		struct page *p = word & 15 ? NULL : page_at(word);
		size_t color = p ? (word - p->start) % p->slice : 0;

		if (p && p->votes && color / SLICE_UNIT < colors_of(p) &&
		    p->votes[color / SLICE_UNIT] < UINT16_MAX)
			p->votes[color / SLICE_UNIT]++;
	}
	return true;
}

static void count_votes(struct page *p)
{
	for (uint32_t i = 0, best = 0; i < colors_of(p); i++)
		if (p->votes[i] > best) {
			best = p->votes[i];
			p->color = i * SLICE_UNIT;
		}
	p->votes = NULL;
}

static void find_grids(struct walk *walk)
{
	bool open = false;

	for (uint32_t i = 0; i < page_count; i++) {
		struct page *p = &pages[i];
		if (!p->decided && colors_of(p) > 1)
			ask_instances(p);
		if (p->decided || colors_of(p) == 1)
			continue;
		p->votes = walk_memory(walk, colors_of(p) * sizeof(*p->votes));
		open |= p->votes != NULL;
	}
	if (open)
		walk_each_block(walk, vote, NULL);
	for (uint32_t i = 0; i < page_count; i++)
		if (pages[i].votes)
			count_votes(&pages[i]);
}

/* ---- all ------------------------------------------------------------------------------------------------------------------ */

/* A list that cannot be followed, because a thread was about to change it, leaves free slices that are taken for live ones. */
static bool read_slabs(struct walk *walk, uintptr_t allocator)
{
	uintptr_t slabs = word_at(allocator, ALLOCATOR_SLABS);
	uintptr_t depots = word_at(allocator, ALLOCATOR_MAGAZINES);
	struct magazines threads = {true, 16 + 2ul * indexes * 16};

	for (unsigned i = 0; i < indexes; i++)
		if (word_at(slabs, i * 8l) &&
		    !read_ring(walk, word_at(slabs, i * 8l), (i + 1) * SLICE_UNIT))
			return false;
	for (uint32_t i = 0; i < page_count; i++)
		threads.good &= mark_list(walk, word_at(pages[i].info, SLAB_FREE));
	for (unsigned i = 0; depots && i < indexes; i++)
		threads.good &= mark_depot(walk, word_at(depots, i * 8l));
	walk_each_block(walk, mark_thread, &threads);
	walk_each_kept_slice(walk, mark_kept);
	if (!threads.good)
		gobject.note = "some lists of free slices were about to change: slices that "
			       "are free may seem live";
	return true;
}

bool slices_read(struct walk *walk)
{
	uintptr_t allocator;

	if (gobject.minor >= 76)
		return true;
	allocator = find_allocator(walk);
	if (!allocator)
		return false;
	if (half_at(allocator, ALLOCATOR_ALWAYS_MALLOC))
		return true;
	used = true;
	if (read_slabs(walk, allocator)) {
		find_grids(walk);
		return true;
	}
	page_count = 0;
	return false;
}

static void visit_page(struct walk *walk, const struct page *p,
		       void (*visit)(struct walk *, uintptr_t, size_t))
{
	uintptr_t at = p->start + p->color, run = 0;

	for (uint32_t n = slices_on(p); n && at + p->slice <= p->info; n--, at += p->slice) {
		if (!map_get(&is_free, at)) {
			run = 0;
			visit(walk, at, p->slice);
			continue;
		}
		if (!run && walk_add(walk, RGD_RT_GOBJECT, at, p->start, TAG_FREE))
			run = at;
		if (run)
			map_set(walk, &free_run, run, at + p->slice - run);
	}
	walk_add(walk, RGD_RT_GOBJECT, p->info, p->start, TAG_SLAB);
}

void slices_each(struct walk *walk, void (*visit)(struct walk *, uintptr_t, size_t))
{
	for (uint32_t i = 0; i < page_count; i++)
		visit_page(walk, &pages[i], visit);
}

size_t slice_size(uintptr_t address)
{
	const struct page *p = page_at(address);

	if (!p || (address - p->start) % p->slice != p->color || map_get(&is_free, address))
		return 0;
	return p->slice;
}

size_t slice_free_run(uintptr_t address)
{
	uintptr_t *size = map_get(&free_run, address);
	return size ? *size : 0;
}
