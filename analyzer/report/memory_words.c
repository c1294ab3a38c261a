/* memory_words.c - see memory_words.h. */
#include "report/memory_words.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- places ---------------------------------------------------------------------------------- */

struct pin {
	uint32_t stack; /* + 1 */
	uint64_t objects;
};

static int by_objects(const void *a, const void *b)
{
	const struct pin *x = a, *y = b;

	if (x->objects != y->objects)
		return x->objects < y->objects ? 1 : -1;
	return (x->stack > y->stack) - (x->stack < y->stack);
}

/* False: nothing is known. */
static bool add_place(const struct model *m, uint32_t stack, struct str *out)
{
	uint32_t frame = stack ? model_site_frame(m, stack - 1) : MODEL_NONE;

	if (frame == MODEL_NONE)
		return false;
	model_frame_text(m, frame, out);
	return true;
}

struct error *memory_place_of_arena(const struct model *m, const struct arena *arena,
				    struct str *ret)
{
	uint32_t first = model_object_from(m, arena->address), n = arena->objects;
	struct pin *pins = calloc((size_t)n + 1, sizeof *pins);
	uint32_t used = 0;

	str_clear(ret);
	if (!pins)
		return error_memory();
	/* by stack, then runs of the same stack, then the longest run */
	for (uint32_t i = 0; i < n && first + i < m->nobjects; i++)
		pins[i] = (struct pin){.stack = m->stack[first + i]};
	qsort(pins, n, sizeof *pins, by_objects);
	for (uint32_t i = 0; i < n; i++) {
		if (!used || pins[used - 1].stack != pins[i].stack)
			pins[used++].stack = pins[i].stack;
		pins[used - 1].objects++;
	}
	for (uint32_t i = 1; i < used; i++)
		if (pins[i].objects > pins[0].objects)
			pins[0] = pins[i];
	if (used)
		add_place(m, pins[0].stack, ret);
	free(pins);
	return NULL;
}

/* The places that made most of what lies in nearly empty arenas. */
static struct error *add_pins(const struct model *m, const struct memory *memory, struct str *out)
{
	struct pin *pins = calloc((size_t)m->nstacks + 1, sizeof *pins);

	if (!pins)
		return error_memory();
	for (uint32_t i = 0; i <= m->nstacks; i++)
		pins[i].stack = i;
	for (uint32_t o = 0; o < m->nobjects; o++) {
		const struct arena *a = arenas_at(&memory->arenas, m->address[o]);

		if (a && arena_is_pinned(a))
			pins[m->stack[o]].objects++;
	}
	qsort(pins, (size_t)m->nstacks + 1, sizeof *pins, by_objects);
	for (unsigned i = 0; i < 3 && i <= m->nstacks && pins[i].objects; i++) {
		str_printf(out, "  %9" PRIu64 " of these objects were made by ", pins[i].objects);
		if (!add_place(m, pins[i].stack, out))
			str_add(out, "an unknown place");
		str_char(out, '\n');
	}
	free(pins);
	return NULL;
}

/* ---- malloc ---------------------------------------------------------------------------------- */

static void add_number(struct str *out, uint64_t n, const char *one, const char *many)
{
	str_number(out, n);
	str_printf(out, " %s", n == 1 ? one : many);
}

#define WORTH_TELLING (64u << 10)

struct heaps {
	struct heap sum;	    /* of main and threads' heaps */
	const struct heap *mapped;  /* NULL none */
	const struct heap *largest; /* with most free chunks in front of a live block; NULL none */
	uint64_t number;
	bool end_known; /* how much of the ends is in memory */
};

static void add_heap(struct heaps *all, const struct heap *h)
{
	if (h->kind == RGD_HEAP_MAPPED)
		all->mapped = h;
	if (h->kind != RGD_HEAP_MAIN && h->kind != RGD_HEAP_THREAD)
		return;
	all->number++;
	heap_add(&all->sum, h);
	all->sum.top_resident += h->top_resident ? h->top_resident - 1 : 0;
	all->end_known &= !h->top || h->top_resident;
	if (!all->largest || h->free > all->largest->free)
		all->largest = h;
}

/* The block that keeps what is free below it from going back: the last one that lives. */
static void add_last_block(const struct model *m, const struct heap *h, struct str *out)
{
	uint32_t o = model_object_from(m, h->address + h->size - h->top);

	if (!o-- || m->address[o] < h->address)
		return;
	str_add(out, " The last one there, ");
	str_size_words(out, m->size[o], false);
	str_printf(out, " at 0x%" PRIx64, m->address[o]);
	if (m->stack[o]) {
		str_add(out, " made by ");
		if (!add_place(m, m->stack[o], out))
			str_add(out, "an unknown place");
	}
	str_add(out, ", keeps ");
	str_size_words(out, h->free, false);
	str_add(out, " free below it; malloc_trim(0) returns the whole pages of that.");
}

static void add_malloc(const struct model *m, struct str *out)
{
	struct heaps all = {.end_known = true};

	for (uint32_t i = 0; i < m->nheaps; i++)
		add_heap(&all, &m->heaps[i]);
	if (all.number) {
		str_add(out, "malloc has ");
		str_size_words(out, all.sum.size, false);
		str_add(out, " in ");
		add_number(out, all.number, "heap", "heaps");
		str_add(out, ": ");
		str_size_words(out, all.sum.used, false);
		str_add(out, " in use by ");
		add_number(out, all.sum.used_blocks, "block", "blocks");
		str_add(out, ", ");
		str_size_words(out, all.sum.free, false);
		str_add(out, " free between them, ");
		str_size_words(out, all.sum.kept, false);
		str_add(out, " kept for the next request of its size, ");
		str_size_words(out, all.sum.top, false);
		str_add(out, " free at the end");
		if (all.end_known && all.sum.top) {
			str_add(out, " (");
			str_size_words(out, all.sum.top_resident, false);
			str_add(out, " of it in memory)");
		}
		str_add(out, ". Only the end of a heap goes back to the system by itself: one "
			     "block that lives keeps all that is free before it.");
		if (all.largest->free > WORTH_TELLING && all.largest->free > all.largest->size / 10)
			add_last_block(m, all.largest, out);
		str_char(out, '\n');
	}
	if (all.mapped) {
		str_add(out, "Of malloc's blocks ");
		add_number(out, all.mapped->used_blocks, "is a mapping of its own",
			   "are mappings of their own");
		str_add(out, " (");
		str_size_words(out, all.mapped->size, false);
		str_add(out, "): such memory goes back at once.\n");
	}
}

/* ---- arenas of CPython, chunks of PHP ---------------------------------------------------------- */

struct pinned {
	uint64_t arenas, bytes;
};

static struct pinned find_pinned(const struct arenas *p)
{
	struct pinned pinned = {0};

	for (size_t i = 0; i < p->list.n; i++)
		if (arena_is_pinned(&p->list.data[i])) {
			pinned.arenas++;
			pinned.bytes += p->list.data[i].size;
		}
	return pinned;
}

static void add_arenas(const struct arenas *p, struct str *out)
{
	uint64_t size = 0;

	for (size_t i = 0; i < p->list.n; i++)
		size += p->list.data[i].size;
	str_add(out, "CPython has ");
	str_size_words(out, size, false);
	str_add(out, " in ");
	add_number(out, p->list.n, "arena", "arenas");
	if (p->sum.size) {
		str_add(out, ": ");
		str_size_words(out, p->sum.used, false);
		str_add(out, " used by ");
		add_number(out, p->sum.used_blocks, "block", "blocks");
		str_add(out, ", ");
		str_size_words(out, p->sum.free, false);
		str_add(out, " of free blocks in partly used pools, ");
		str_size_words(out, p->sum.kept, false);
		str_add(out, " in ");
		add_number(out, p->sum.kept_chunks, "free pool", "free pools");
		str_add(out, ", ");
		str_size_words(out, p->sum.top, false);
		str_add(out, " never used");
	}
	str_char(out, '.');
}

/* All heaps of ZendMM of one kind. */
static struct heap sum_of(const struct model *m, unsigned kind, uint64_t *number)
{
	struct heap sum = {0};

	*number = 0;
	for (uint32_t i = 0; i < m->nheaps; i++)
		if (m->heaps[i].kind == kind) {
			heap_add(&sum, &m->heaps[i]);
			++*number;
		}
	return sum;
}

/* Bytes that PHP's functions would have told; false: the dump does not. */
static bool told(const struct model *m, const char *key, uint64_t *ret)
{
	const char *text = model_meta(m, key);
	char *end = NULL;

	*ret = text ? strtoull(text, &end, 10) : 0;
	return text && end != text && !*end;
}

static void add_usage(const struct model *m, struct str *out)
{
	uint64_t usage, real, limit;

	if (!told(m, "php_memory_usage", &usage) || !told(m, "php_memory_real", &real))
		return;
	str_add(out, " memory_get_usage() is ");
	str_size_words(out, usage, false);
	str_add(out, ", memory_get_usage(true) ");
	str_size_words(out, real, false);
	if (told(m, "php_memory_limit", &limit)) {
		str_add(out, " of a memory_limit of ");
		str_size_words(out, limit, false);
	}
	str_char(out, '.');
}

static void add_chunks(const struct model *m, const struct arenas *p, struct str *out)
{
	uint64_t huge_blocks, cached_chunks;
	struct heap huge = sum_of(m, RGD_HEAP_HUGE, &huge_blocks);
	struct heap cached = sum_of(m, RGD_HEAP_CACHED, &cached_chunks);

	str_add(out, "ZendMM has ");
	str_size_words(out, p->sum.size, false);
	str_add(out, " in ");
	add_number(out, p->list.n, "chunk", "chunks");
	str_add(out, ": ");
	str_size_words(out, p->sum.used, false);
	str_add(out, " used by ");
	add_number(out, p->sum.used_blocks, "block", "blocks");
	str_add(out, ", ");
	str_size_words(out, p->sum.free, false);
	str_add(out, " of free slots between them, ");
	str_size_words(out, p->sum.kept, false);
	str_add(out, " of pages whose slots are all free (gc_mem_caches() makes free pages of "
		     "them), ");
	str_size_words(out, p->sum.top, false);
	str_add(out, " of free pages.");
	if (huge_blocks) {
		str_char(out, ' ');
		add_number(out, huge_blocks, "block is a mapping of its own",
			   "blocks are mappings of their own");
		str_add(out, " (");
		str_size_words(out, huge.size, false);
		str_add(out, "): such memory goes back at once.");
	}
	if (cached_chunks) {
		str_char(out, ' ');
		add_number(out, cached_chunks, "chunk is empty and kept",
			   "chunks are empty and kept");
		str_add(out, " (");
		str_size_words(out, cached.size, false);
		str_add(out, ").");
	}
	add_usage(m, out);
}

static struct error *add_runtime(const struct model *m, const struct memory *memory,
				 struct str *out)
{
	const struct arenas *p = &memory->arenas;
	struct pinned pinned = find_pinned(p);
	bool zend = p->list.n && arena_is_chunk(&p->list.data[0]);

	if (!p->list.n)
		return NULL;
	if (zend)
		add_chunks(m, p, out);
	else
		add_arenas(p, out);
	if (pinned.arenas) {
		str_char(out, ' ');
		str_number(out, pinned.arenas);
		str_add(out, zend ? " of the chunks, " : " of them, ");
		str_size_words(out, pinned.bytes, false);
		str_add(out, zend ? ", are less than a tenth full: one block keeps its chunk."
				  : ", are less than a tenth full: one live object keeps its "
				    "arena.");
	}
	str_char(out, '\n');
	return pinned.arenas ? add_pins(m, memory, out) : NULL;
}

struct error *memory_words(const struct model *m, const struct memory *memory, struct str *ret)
{
	str_size_words(ret, memory->total.rss, false);
	str_add(ret, " are in memory; live objects and blocks are ");
	str_size_words(ret, memory->total.live, false);
	str_add(ret, " of it.\n");
	add_malloc(m, ret);
	return add_runtime(m, memory, ret);
}
