/*
 * walk_pools.c - see walk_pools.h. As memcheck has it: a block of malloc that holds a pool's block is the pool's, no object, and not
 * scanned for references; else it would hold all that was ever allocated from it.
 */
#include "walk_pools.h"

#include "live.h"

/* ---- lists ---------------------------------------------------------------------------------------------------------------- */

/* One more element of `size` bytes, zeroed; NULL without memory. */
static void *list_more(struct walk *w, void **list, uint32_t *n, uint32_t *room, size_t size)
{
	if (*n == *room) {
		uint32_t larger = *room ? *room * 2 : 512;
		void *bigger = larger > *room ? pool_map(&w->pool, larger * size) : NULL;

		if (!bigger)
			return NULL;
		if (*room) {
			memcpy(bigger, *list, *n * size);
			pool_unmap(&w->pool, *list, *room * size);
		}
		*list = bigger;
		*room = larger;
	}
	return (char *)*list + (*n)++ * size;
}

static bool pools_there(struct walk *w)
{
	if (!w->pools)
		w->pools = pool_map(&w->pool, sizeof *w->pools);
	return w->pools;
}

uint32_t pools_add(struct walk *w, const struct walk_pool *pool)
{
	struct walk_pools *p;
	struct walk_pool *row;

	if (!pools_there(w))
		return UINT32_MAX;
	p = w->pools;
	row = list_more(w, (void **)&p->pools, &p->npools, &p->pools_room, sizeof *row);
	if (!row)
		return UINT32_MAX;
	*row = *pool;
	return p->npools - 1;
}

struct pooled *pools_add_block(struct walk *w, uint32_t pool, const struct mempool_block *block)
{
	struct walk_pools *p = w->pools;
	struct pooled *row;

	if (pool == UINT32_MAX)
		return NULL;
	row = list_more(w, (void **)&p->blocks, &p->nblocks, &p->blocks_room, sizeof *row);
	if (row)
		*row = (struct pooled){.block = *block, .pool = pool, .first_link = p->nlinks};
	else
		w->lost_blocks++;
	return row;
}

void pools_add_link(struct walk *w, uint32_t label, uintptr_t to)
{
	struct walk_pools *p = w->pools;
	struct pool_link *row =
		list_more(w, (void **)&p->links, &p->nlinks, &p->links_room, sizeof *row);

	if (!row)
		return;
	*row = (struct pool_link){label, to};
	p->blocks[p->nblocks - 1].links++;
}

void pools_add_root(struct walk *w, const struct pool_root *root)
{
	struct walk_pools *p = w->pools;
	struct pool_root *row =
		list_more(w, (void **)&p->roots, &p->nroots, &p->roots_room, sizeof *row);

	if (row)
		*row = *root;
}

void pools_roots(struct walk *w)
{
	for (uint32_t i = 0; w->pools && i < w->pools->nroots; i++) {
		const struct pool_root *r = &w->pools->roots[i];

		walk_root(w, RGD_ROOT_GLOBAL, RGD_EDGE_STRONG, r->label, r->module,
			  r->at - modules_get(r->module - 1)->base, r->target, 0);
	}
}

/* ---- for the files that read pools ------------------------------------------------------------------------------------------ */

uint32_t pools_module(const char *part)
{
	for (uint32_t i = 0; i < modules_count(); i++) {
		const struct module *m = modules_get(i);

		if (!m->own && !m->unloaded && m->path && strstr(m->path, part))
			return i + 1;
	}
	return 0;
}

const char *pools_constant(struct walk *w, uintptr_t address, size_t *length)
{
	const char *text = (const char *)address;

	if (!modules_find(address))
		return NULL;
	*length = strnlen(text, memory_readable(&w->map, address, 100));
	return *length ? text : NULL;
}

/* ---- superblocks ------------------------------------------------------------------------------------------------------------ */

bool pools_region(uintptr_t address, struct live_block *ret)
{
	const struct region *list;
	size_t low = 0, high = regions_get(&list);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address - list[middle].address < list[middle].size) {
			*ret = (struct live_block){.address = list[middle].address,
						   .size = list[middle].size,
						   .stack = list[middle].stack,
						   .epoch = list[middle].epoch};
			return true;
		}
		if (list[middle].address > address)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

static bool malloced_at(struct walk *w, uintptr_t address, struct live_block *ret)
{
	uint32_t number;
	uintptr_t start;

	return nodes_before(&w->nodes, address, &number, &start) && live_find(start, ret) &&
	       address - ret->address < (ret->size ? ret->size : 1);
}

struct superblock {
	uintptr_t address;
	uint32_t pool;
	bool malloced;
};
struct superblocks {
	struct superblock *list;
	uint32_t n, room;
	struct hash_index known;
};

static uint32_t superblock_hash(uintptr_t address)
{
	uint64_t h = address * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(h >> 32);
}

static bool index_grow(struct walk *w, struct superblocks *s)
{
	uint32_t slots = s->known.slots ? (s->known.mask + 1) * 2 : 1024;
	struct hash_index bigger = {pool_map(&w->pool, slots * sizeof(uint32_t)), slots - 1, 0};

	if (!bigger.slots)
		return false;
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t at = superblock_hash(s->list[i].address) & bigger.mask;

		while (bigger.slots[at])
			at = (at + 1) & bigger.mask;
		bigger.slots[at] = i + 1;
	}
	pool_unmap(&w->pool, s->known.slots,
		   s->known.slots ? (s->known.mask + 1) * sizeof(uint32_t) : 0);
	s->known = bigger;
	return true;
}

/* Counted once, for the pool that comes first. */
static void superblock_note(struct walk *w, struct superblocks *s, const struct live_block *block,
			    bool malloced, uint32_t pool, bool held)
{
	struct superblock *row;
	uint32_t at;

	if (s->n * 2 >= s->known.mask && !index_grow(w, s))
		return;
	at = superblock_hash(block->address) & s->known.mask;
	for (; s->known.slots[at]; at = (at + 1) & s->known.mask)
		if (s->list[s->known.slots[at] - 1].address == block->address)
			return;
	row = list_more(w, (void **)&s->list, &s->n, &s->room, sizeof *row);
	if (!row)
		return;
	*row = (struct superblock){block->address, pool, malloced};
	s->known.slots[at] = s->n;
	if (held)
		return;
	w->pools->pools[pool].pieces++;
	w->pools->pools[pool].held += block->size;
}

static void find_superblocks(struct walk *w, struct superblocks *s)
{
	struct live_block last = {0};

	for (uint32_t i = 0; i < w->pools->nblocks; i++) {
		const struct pooled *b = &w->pools->blocks[i];
		bool malloced;

		w->pools->pools[b->pool].pieces += b->held != 0;
		w->pools->pools[b->pool].held += b->held;
		if (b->block.address - last.address < last.size)
			continue;
		malloced = malloced_at(w, b->block.address, &last);
		if (malloced || pools_region(b->block.address, &last))
			superblock_note(w, s, &last, malloced, b->pool, b->held);
		else
			last.size = 0;
	}
}

/* ---- the index --------------------------------------------------------------------------------------------------------------- */

static void add_pool(const struct mempool *pool, void *context)
{
	struct walk *w = context;
	struct walk_pool row = {.kind = RGD_POOL_ANNOTATED,
				.name = intern_text(&w->intern, pool->name),
				.stack = pool->stack,
				.epoch = pool->epoch,
				.address = pool->anchor};
	uint32_t number = pools_add(w, &row);

	for (uint32_t i = 0; i < pool->room; i++)
		if (pool->slots[i].address)
			pools_add_block(w, number, &pool->slots[i]);
}

/* In the index a block stands at a multiple of 8. */
static uintptr_t index_address(const struct pooled *b)
{
	return b->block.address & ~(uintptr_t)7;
}

void pools_index(struct walk *w)
{
	struct superblocks s = {0};

	mempool_each(add_pool, w);
	pools_apr(w);
	pools_talloc(w);
	pools_obstack(w);
	if (!w->pools || w->pool.failed)
		return;
	nodes_order(&w->nodes);
	find_superblocks(w, &s);
	for (uint32_t i = 0; i < s.n; i++)
		if (s.list[i].malloced)
			nodes_remove(&w->nodes, s.list[i].address);
	for (uint32_t i = 0; i < w->pools->nblocks; i++) {
		struct pooled *b = &w->pools->blocks[i];

		if (nodes_has(&w->nodes, index_address(b)) ||
		    !nodes_add(&w->nodes, index_address(b))) {
			b->block.address = 0; /* too near to another one */
			w->lost_blocks++;
			continue;
		}
		w->pools->pools[b->pool].blocks++;
		w->pools->pools[b->pool].bytes += b->block.size;
	}
}

void pools_number(struct walk *w)
{
	struct walk_pools *p = w->pools;
	uint32_t number;

	if (!p || !p->nblocks)
		return;
	p->by_number = pool_map(&w->pool, (w->nodes.count + 1u) * sizeof *p->by_number);
	for (uint32_t i = 0; p->by_number && i < p->nblocks; i++)
		if (p->blocks[i].block.address &&
		    nodes_find(&w->nodes, index_address(&p->blocks[i]), &number) &&
		    !w->kind[number])
			p->by_number[number] = i + 1;
}

/* ---- the section ------------------------------------------------------------------------------------------------------------- */

void pools_write(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_POOL_KIND, RGD_ENC_U8},
		{RGD_POOL_ADDRESS, RGD_ENC_U64},
		{RGD_POOL_NAME, RGD_ENC_VARINT},
		{RGD_POOL_PARENT, RGD_ENC_VARINT},
		{RGD_POOL_STACK, RGD_ENC_VARINT},
		{RGD_POOL_EPOCH, RGD_ENC_VARINT},
		{RGD_POOL_BLOCKS, RGD_ENC_VARINT},
		{RGD_POOL_BYTES, RGD_ENC_VARINT},
		{RGD_POOL_PIECES, RGD_ENC_VARINT},
		{RGD_POOL_HELD, RGD_ENC_VARINT},
		{0, 0},
	};
	struct table *t = w->pools ? pool_alloc(&w->pool, sizeof *t) : NULL;

	if (!t || !table_open(&w->writer, t, RGD_SEC_POOLS, specs, 4096))
		return;
	for (uint32_t i = 0; i < w->pools->npools; i++) {
		const struct walk_pool *p = &w->pools->pools[i];
		const uint64_t row[] = {p->kind,
					p->address,
					p->name,
					p->parent,
					intern_stack(&w->intern, p->stack & LIVE_STACK_NUMBER),
					p->epoch,
					p->blocks,
					p->bytes,
					p->pieces,
					p->held};

		for (unsigned c = 0; c < t->columns; c++)
			column_put(&t->column[c], row[c]);
		table_row(&w->writer, t);
	}
	table_close(&w->writer, t);
}
