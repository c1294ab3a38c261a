/*
 * pools_apr.c - pools of the Apache Portable Runtime (httpd, Subversion) in the walker. libapr allocates from nodes that it gets from
 * malloc() or mmap(); what lies in a node has no heads, so a node's used part is what can be known: one object, without its stale end.
 *
 * The layout is that of 1.x without pool debugging (memory/unix/apr_pools.c), told from others by what must hold of it: a pool lies
 * right behind the head of its own node, its nodes form a ring, and whoever refers to a pool is named in it.
 *	pool	0 parent   8 child   16 sibling   24 who refers to it   48 allocator   80 tag   88 active node   96 its own node
 *	node	0 next	   8 who refers to it   16 size in pages - 1   24 first free byte   32 end
 * All pools but unmanaged ones hang on one that a variable of libapr holds.
 */
#include "live.h"
#include "walk_pools.h"

#define NODE_HEAD 40u
#define POOL_SIZE 112u
#define FREE_LISTS 40u /* of an allocator, to its end */
#define ALLOCATOR_SIZE 200u

enum {
	PARENT = 0,
	CHILD = 8,
	SIBLING = 16,
	REF = 24,
	ALLOCATOR = 48,
	TAG = 80,
	ACTIVE = 88,
	SELF = 96
};
enum { NEXT = 0, NODE_INDEX = 16, FIRST_FREE = 24, NODE_END = 32 };

struct apr {
	struct walk *w;
	uint32_t part, child; /* labels */
	uint32_t pool, node;  /* types */
	uint64_t left;	      /* steps, so that what is torn does not last for ever */
};

/* What malloc() or, as Debian builds it, mmap() gave for a node. */
static bool memory_of(uintptr_t node, struct live_block *block)
{
	return live_find(node, block) || pools_region(node, block);
}

static bool is_node(struct walk *w, uintptr_t node, struct live_block *block)
{
	uintptr_t free_from, end;

	if (!memory_of(node, block) || block->size < NODE_HEAD ||
	    !pools_readable(w, node, NODE_HEAD))
		return false;
	free_from = pools_word(node + FIRST_FREE);
	end = pools_word(node + NODE_END);
	return free_from >= node + NODE_HEAD && free_from <= end && end > node &&
	       end <= block->address + block->size;
}

static bool is_pool(struct apr *a, uintptr_t pool, uintptr_t parent)
{
	struct live_block block;
	uintptr_t ref;

	if (!pool || !a->left || !pools_readable(a->w, pool, POOL_SIZE) ||
	    pools_word(pool + PARENT) != parent || pools_word(pool + SELF) != pool - NODE_HEAD)
		return false;
	a->left--;
	ref = pools_word(pool + REF);
	return is_node(a->w, pool - NODE_HEAD, &block) &&
	       is_node(a->w, pools_word(pool + ACTIVE), &block) &&
	       (ref ? pools_readable(a->w, ref, 8) && pools_word(ref) == pool : !parent);
}

static void add_node(struct apr *a, uint32_t number, uintptr_t node, uint32_t type)
{
	struct live_block block;
	struct pooled *row;

	if (!is_node(a->w, node, &block))
		return;
	row = pools_add_block(a->w, number,
			      &(struct mempool_block){node, pools_word(node + FIRST_FREE) - node,
						      block.stack, block.epoch});
	if (!row)
		return;
	row->held = pools_word(node + NODE_END) - node;
	row->type = type;
}

/* The other nodes, then the one with the pool in it, which holds them and the pools that are part of it. */
static void add_nodes(struct apr *a, uint32_t number, uintptr_t pool)
{
	uintptr_t self = pools_word(pool + SELF), active = pools_word(pool + ACTIVE), node = active;
	struct live_block block;

	do {
		if (node != self)
			add_node(a, number, node, a->node);
		node = pools_word(node + NEXT);
	} while (node != active && a->left-- > 1 && is_node(a->w, node, &block));
	add_node(a, number, self, a->pool);
	if (self != active)
		pools_add_link(a->w, a->part, active);
	for (uintptr_t child = pools_word(pool + CHILD); is_pool(a, child, pool);
	     child = pools_word(child + SIBLING))
		pools_add_link(a->w, a->child, pools_word(child + SELF));
}

static uint32_t add_pool(struct apr *a, uintptr_t pool, uint32_t parent)
{
	struct walk_pool row = {.kind = RGD_POOL_APR, .address = pool, .parent = parent};
	size_t length;
	const char *tag = pools_constant(a->w, pools_word(pool + TAG), &length);
	struct live_block block;
	uint32_t number;

	if (tag)
		row.name = walk_string(a->w, tag, length);
	if (memory_of(pools_word(pool + SELF), &block)) {
		row.stack = block.stack;
		row.epoch = block.epoch;
	}
	number = pools_add(a->w, &row);
	if (number != UINT32_MAX)
		add_nodes(a, number, pool);
	return number;
}

/* The index of a node's size tells: (index + 1) pages. */
static uint64_t size_of_free(struct walk *w, uintptr_t node)
{
	struct live_block block;
	uint64_t size;

	if (!is_node(w, node, &block))
		return 0;
	size = pools_word(node + NODE_END) - node;
	return size == (*(const uint32_t *)(node + NODE_INDEX) + 1ull) * 4096 ? size : 0;
}

/* What an allocator keeps in its lists of free nodes; it may belong to many pools. */
static void add_kept(struct apr *a, uintptr_t allocator, uint32_t parent)
{
	struct walk_pool row = {.kind = RGD_POOL_APR, .address = allocator, .parent = parent};
	struct live_block block;

	if (!live_find(allocator, &block) || block.size != ALLOCATOR_SIZE)
		return;
	for (uintptr_t list = allocator + FREE_LISTS; list < allocator + ALLOCATOR_SIZE;
	     list += 8) {
		uint64_t size;

		for (uintptr_t node = pools_word(list); (size = size_of_free(a->w, node));
		     node = pools_word(node + NEXT)) {
			if (!a->left--)
				return;
			row.pieces++;
			row.held += size;
		}
	}
	row.name = walk_string(a->w, "(kept for later)", 16);
	if (row.pieces)
		pools_add(a->w, &row);
}

/* The tree, parents first: what is found is its own list of what to do. */
static void add_tree(struct apr *a, uintptr_t top)
{
	uint32_t first = add_pool(a, top, 0), number = first, end;

	for (; number != UINT32_MAX && number < a->w->pools->npools; number++) {
		uintptr_t pool = a->w->pools->pools[number].address;

		for (uintptr_t child = pools_word(pool + CHILD); is_pool(a, child, pool);
		     child = pools_word(child + SIBLING))
			add_pool(a, child, number + 1);
	}
	end = first == UINT32_MAX ? first : a->w->pools->npools;
	for (number = first; number < end; number++) {
		const struct walk_pool *row = &a->w->pools->pools[number];
		uintptr_t own = pools_word(row->address + ALLOCATOR);

		/* each allocator where it begins */
		if (!row->parent ||
		    own != pools_word(a->w->pools->pools[row->parent - 1].address + ALLOCATOR))
			add_kept(a, own, number + 1);
	}
}

/* A mapping of free nodes alone: what was in them is no root. */
bool pools_kept_region(struct walk *w, const struct region *r)
{
	uintptr_t at = r->address, end = r->address + r->size;
	uint64_t size;

	if (!w->pools || !w->pools->nroots)
		return false;
	while (at < end && (size = size_of_free(w, at)))
		at += size;
	return at >= end;
}

static void look_at(struct apr *a, uint32_t module, uintptr_t low, uintptr_t high)
{
	for (uintptr_t at = (low + 7) & ~(uintptr_t)7; at + 8 <= high; at += 8) {
		uintptr_t pool = pools_word(at);

		if (!is_pool(a, pool, 0))
			continue;
		add_tree(a, pool);
		pools_add_root(a->w, &(struct pool_root){module, 0, at, pools_word(pool + SELF)});
	}
}

void pools_apr(struct walk *w)
{
	uint32_t module = pools_module("/libapr-1.so");
	struct apr a = {.w = w, .left = 100u << 20};
	const struct module *m;

	if (!module)
		return;
	m = modules_get(module - 1);
	a.part = walk_label(w, RGD_EDGE_STRONG, RGD_LABEL_PART, 0, walk_string(w, "nodes", 5));
	a.child = walk_label(w, RGD_EDGE_STRONG, RGD_LABEL_PART, 0, walk_string(w, "pools", 5));
	a.pool = walk_type(w, RGD_RT_NATIVE,
			   &(struct walk_type){.name = "apr_pool_t", .module = ""});
	a.node = walk_type(w, RGD_RT_NATIVE,
			   &(struct walk_type){.name = "apr_memnode_t", .module = ""});
	for (unsigned i = 0; i < m->nwritable; i++)
		if (walk_readable(w, m->writable[i].low, m->writable[i].high - m->writable[i].low))
			look_at(&a, module, m->writable[i].low, m->writable[i].high);
}
