/* suspects_memory.c - see suspects_more.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "report/memory.h"
#include "report/suspect_words.h"
#include "report/suspects_more.h"

/* Freed memory must be a tenth of the arenas, and half of malloc's heaps, to be told. */
#define ARENAS_PART 10u
#define HEAP_PART 2u
#define HEAP_LEAST (4u << 20)
#define BLOCK_HEADER 16u /* malloc's own, and what rounding up takes */

/* Nearly empty arenas: an arena goes back when nothing lives in it any more. */
struct sparse {
	uint64_t arenas, live, objects;
	uint64_t
		waste; /* free bytes of all but the emptiest: that one may just be being filled, as in every program */
};

static struct sparse add_up(const struct memory *memory)
{
	struct sparse s = {0};
	uint64_t most = 0;

	for (size_t i = 0; i < memory->arenas.list.n; i++) {
		const struct arena *a = &memory->arenas.list.data[i];

		if (!arena_is_pinned(a))
			continue;
		s.arenas++;
		s.live += a->live;
		s.objects += a->objects;
		s.waste += a->size - a->live;
		if (a->size - a->live > most)
			most = a->size - a->live;
	}
	s.waste -= most;
	return s;
}

/* The place that made most of what lives in them: an object of it. */
static struct error *find_pin(const struct suspects *suspects, const struct memory *memory,
			      uint64_t *count, uint32_t *ret)
{
	const struct model *m = suspects->q.alive->model;
	uint32_t *pins = calloc((size_t)m->nstacks + 1, sizeof *pins), most = 0;

	if (!pins)
		return error_memory();
	*ret = MODEL_NONE;
	for (uint32_t o = 0; o < m->nobjects; o++) {
		const struct arena *a = arenas_at(&memory->arenas, m->address[o]);

		if (a && arena_is_pinned(a) && m->stack[o] <= m->nstacks)
			pins[m->stack[o]]++;
	}
	for (uint32_t i = 0; i <= m->nstacks; i++)
		if (pins[i] > pins[most])
			most = i;
	*count = pins[most];
	for (uint32_t o = 0; o < m->nobjects && *ret == MODEL_NONE; o++) {
		const struct arena *a = arenas_at(&memory->arenas, m->address[o]);

		if (a && arena_is_pinned(a) && m->stack[o] == most)
			*ret = o;
	}
	free(pins);
	return NULL;
}

static struct error *add_arenas(struct suspects *s, const struct memory *memory)
{
	struct sparse sparse = add_up(memory);
	uint64_t all = 0, made = 0;
	struct finding f = {.kind = "pinned", .bytes = sparse.waste, .count = sparse.arenas};
	char *bytes, *live, *site;
	struct error *e;

	for (size_t i = 0; i < memory->arenas.list.n; i++)
		all += memory->arenas.list.data[i].size;
	if (sparse.waste < s->small || sparse.waste * ARENAS_PART < all)
		return NULL;
	e = find_pin(s, memory, &made, &f.object);
	bytes = suspect_size(s, sparse.waste);
	live = suspect_size(s, sparse.live);
	site = f.object == MODEL_NONE ? NULL : suspect_site(s, f.object);
	f.what = suspect_text("%" PRIu64 " nearly empty arenas cannot go back to the system: "
			      "%s are free in all but one of them",
			      sparse.arenas, bytes);
	f.evidence = suspect_text("%" PRIu64 " objects of %s live in them; %" PRIu64
				  " of these were made by %s",
				  sparse.objects, live, made, site ? site : "an unknown place");
	f.next = suspect_text("refgraph memory %s", s->q.dump);
	free(bytes);
	free(live);
	free(site);
	return suspect_add_unless(s, f, e);
}

static struct error *add_heap(struct suspects *s, const struct memory *memory)
{
	const struct memory_sum *heap = &memory->kinds[MEMORY_MALLOC];
	uint64_t used = heap->live + heap->objects * BLOCK_HEADER,
		 waste = heap->rss > used ? heap->rss - used : 0;
	struct finding f = {
		.kind = "pinned", .bytes = waste, .count = heap->objects, .object = MODEL_NONE};
	char *bytes, *live, *rss;

	if (waste < HEAP_LEAST || waste < s->small || waste * HEAP_PART < heap->rss)
		return NULL;
	bytes = suspect_size(s, waste);
	live = suspect_size(s, heap->live);
	rss = suspect_size(s, heap->rss);
	f.what = suspect_text("malloc keeps %s that no block uses", bytes);
	f.evidence = suspect_text("%s in memory for %" PRIu64
				  " blocks of %s, between which the free memory lies",
				  rss, heap->objects, live);
	f.next = suspect_text("refgraph memory %s", s->q.dump);
	free(bytes);
	free(live);
	free(rss);
	return suspect_add(s, f);
}

struct error *find_pinned(struct suspects *s)
{
	struct memory memory;
	struct error *e;

	TRY(memory_compute(s->q.alive->model, &memory));
	e = add_arenas(s, &memory);
	if (!e)
		e = add_heap(s, &memory);
	memory_deinit(&memory);
	return e;
}
