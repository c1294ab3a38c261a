/* arenas.c - see arenas.h. */
#include "report/arenas.h"

#include <stdlib.h>

bool arena_is_pinned(const struct arena *a)
{
	return a->objects && (a->heap ? a->heap->used : a->live) * 10 < a->size;
}

bool arena_is_chunk(const struct arena *a)
{
	return a->heap && a->heap->kind == RGD_HEAP_CHUNK;
}

struct arena *arenas_at(const struct arenas *arenas, uint64_t address)
{
	size_t low = 0, high = arenas->list.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct arena *a = &arenas->list.data[middle];

		if (address < a->address)
			high = middle;
		else if (address - a->address >= a->size)
			low = middle + 1;
		else
			return a;
	}
	return NULL;
}

void heap_add(struct heap *sum, const struct heap *h)
{
	sum->size += h->size;
	sum->used_blocks += h->used_blocks;
	sum->used += h->used;
	sum->requested += h->requested;
	sum->free_chunks += h->free_chunks;
	sum->free += h->free;
	sum->kept_chunks += h->kept_chunks;
	sum->kept += h->kept;
	sum->top += h->top;
}

static int by_address(const void *a, const void *b)
{
	const struct arena *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static struct error *find_arenas(const struct model *m, struct arenas *ret)
{
	for (uint32_t i = 0; i < m->nheaps; i++) {
		const struct heap *h = &m->heaps[i];

		if (h->kind != RGD_HEAP_ARENA && h->kind != RGD_HEAP_CHUNK)
			continue;
		heap_add(&ret->sum, h);
		if (!VEC_PUSH(&ret->list,
			      ((struct arena){.address = h->address, .size = h->size, .heap = h})))
			return error_memory();
	}
	for (uint32_t i = 0; i < m->nregions && !ret->sum.size; i++) {
		const struct region *r = &m->regions[i];

		if (r->kind == RGD_REGION_ARENA &&
		    !VEC_PUSH(&ret->list, ((struct arena){.address = r->address, .size = r->size})))
			return error_memory();
	}
	if (ret->list.n)
		qsort(ret->list.data, ret->list.n, sizeof *ret->list.data, by_address);
	return NULL;
}

struct error *arenas_compute(const struct model *m, struct arenas *ret)
{
	struct error *e;

	*ret = (struct arenas){0};
	e = find_arenas(m, ret);
	if (e) {
		arenas_deinit(ret);
		return e;
	}
	for (uint32_t o = 0; o < m->nobjects && ret->list.n; o++) {
		struct arena *a = arenas_at(ret, m->address[o]);

		if (a) {
			a->objects++;
			a->live += m->size[o];
		}
	}
	return NULL;
}

void arenas_deinit(struct arenas *arenas)
{
	VEC_FREE(&arenas->list);
}
