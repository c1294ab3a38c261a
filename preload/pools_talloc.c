/*
 * pools_talloc.c - talloc's hierarchy (Samba, sssd) in the walker. Each chunk has a head in front of the user's memory, with its name, mostly
 * that of its type, and its place in the tree: an object is what the program sees, typed by its name, held by its parent. A top of the
 * tree is a pool.
 *
 * The layout is that of 2.x (talloc.c, struct talloc_chunk; 96 bytes):
 *	0 flags   8 next   16 prev   24 parent (of the first of siblings)   32 first child   56 name   64 size
 * The upper bits of `flags` are the same in all chunks of a process, made up at its start: the value that most blocks have whose size fits.
 * A pool of talloc's (talloc_pool) is a chunk behind 32 more bytes, the first word of which is the end of the chunks that lie in it.
 */
#include "live.h"
#include "walk_pools.h"

#define HEAD 96u
#define POOL_HEAD 32u
#define SLACK 1024u /* talloc_realloc() leaves a chunk where it is that gets smaller by less */

enum { FLAGS = 0, FOLLOWING = 8, PREVIOUS = 16, PARENT = 24, CHILD = 32, NAME = 56, SIZE = 64 };
enum { FLAG_FREE = 1, FLAG_POOL = 4, FLAG_BITS = 15 };

struct talloc {
	struct walk *w;
	uint32_t magic, votes;
	uint32_t child; /* label */
	uint64_t left;
	uintptr_t *todo; /* chunks */
	uint32_t n, room;
};

static uint32_t flags_of(uintptr_t chunk)
{
	return *(const uint32_t *)(chunk + FLAGS);
}

/* The majority, if there is one (Boyer and Moore, "MJRTY", 1981). */
static bool vote(const struct live_block *block, void *context)
{
	struct talloc *t = context;
	uint32_t magic;

	if (block->size < HEAD || block->address & 15 ||
	    !pools_readable(t->w, block->address, HEAD) ||
	    pools_word(block->address + SIZE) != block->size - HEAD)
		return true;
	magic = flags_of(block->address) & ~(uint32_t)FLAG_BITS;
	if (!t->votes)
		t->magic = magic;
	t->votes += t->magic == magic ? 1 : -1u;
	return true;
}

static bool is_chunk(struct talloc *t, uintptr_t chunk)
{
	uint32_t flags;

	if (!chunk || chunk & 15 || !t->left || !pools_readable(t->w, chunk, HEAD))
		return false;
	t->left--;
	flags = flags_of(chunk);
	return (flags & ~(uint32_t)FLAG_BITS) == t->magic && !(flags & FLAG_FREE);
}

/* A name that the program has as a constant and that is no place of it ("../file.c:31") is its type's. */
static uint32_t type_of(struct talloc *t, uintptr_t chunk)
{
	uintptr_t name = pools_word(chunk + NAME);
	struct walk_type type = {.module = "", .name = NULL};
	const char *text;
	char copy[101];
	size_t n;

	if (name == chunk + HEAD) /* talloc_strdup(): it is its own name */
		type.name = "char";
	else if ((text = pools_constant(t->w, name, &n)) && !memchr(text, ':', n)) {
		if (n > 7 && memcmp(text, "struct ", 7) == 0) {
			text += 7;
			n -= 7;
		}
		memcpy(copy, text, n);
		copy[n] = 0;
		type.name = copy;
	}
	return type.name ? walk_type(t->w, RGD_RT_NATIVE, &type) : 0;
}

static bool push(struct talloc *t, uintptr_t chunk)
{
	if (t->n == t->room) {
		uint32_t room = t->room ? t->room * 2 : 1024;
		uintptr_t *bigger = pool_map(&t->w->pool, room * sizeof *bigger);

		if (!bigger)
			return false;
		if (t->n) {
			memcpy(bigger, t->todo, t->n * sizeof *bigger);
			pool_unmap(&t->w->pool, t->todo, t->room * sizeof *bigger);
		}
		t->todo = bigger;
		t->room = room;
	}
	t->todo[t->n++] = chunk;
	return true;
}

/* Chunks inside of a talloc pool are found as children, as all others; their stack is that of the pool's block. */
static void add_chunk(struct talloc *t, uint32_t pool, uintptr_t chunk, struct live_block *around)
{
	uint32_t type = type_of(t, chunk);
	struct live_block block;
	struct pooled *row;

	if (live_find(chunk, &block) || live_find(chunk - POOL_HEAD, &block))
		*around = block;
	else
		block = *around;
	row = pools_add_block(t->w, pool,
			      &(struct mempool_block){chunk + HEAD, pools_word(chunk + SIZE),
						      block.stack, block.epoch});
	if (!row)
		return;
	row->type = type;
	for (uintptr_t child = pools_word(chunk + CHILD); is_chunk(t, child);
	     child = pools_word(child + FOLLOWING)) {
		pools_add_link(t->w, t->child, child + HEAD);
		if (!push(t, child))
			return;
	}
}

static void add_top(struct talloc *t, uintptr_t chunk, const struct live_block *block)
{
	struct walk_pool row = {.kind = RGD_POOL_TALLOC,
				.address = chunk + HEAD,
				.stack = block->stack,
				.epoch = block->epoch};
	struct live_block around = *block;
	const char *name;
	uint32_t pool;
	size_t n;

	if ((name = pools_constant(t->w, pools_word(chunk + NAME), &n)))
		row.name = walk_string(t->w, name, n);
	pool = pools_add(t->w, &row);
	if (pool == UINT32_MAX || !push(t, chunk))
		return;
	while (t->n)
		add_chunk(t, pool, t->todo[--t->n], &around);
}

static bool look_at(const struct live_block *block, void *context)
{
	struct talloc *t = context;
	uintptr_t chunk = block->address;
	uint64_t size = block->size;

	if (size >= HEAD + POOL_HEAD && is_chunk(t, chunk + POOL_HEAD) &&
	    flags_of(chunk + POOL_HEAD) & FLAG_POOL) {
		chunk += POOL_HEAD;
	} else if (size < HEAD || !is_chunk(t, chunk) ||
		   size - HEAD - pools_word(chunk + SIZE) >= SLACK) {
		return true;
	}
	if (!pools_word(chunk + PARENT) && !pools_word(chunk + PREVIOUS))
		add_top(t, chunk, block);
	return true;
}

void pools_talloc(struct walk *w)
{
	struct talloc t = {.w = w, .left = 400u << 20};

	if (!pools_module("/libtalloc."))
		return;
	live_each(vote, &t);
	if (!t.votes)
		return;
	t.child = walk_label(w, RGD_EDGE_STRONG, RGD_LABEL_PART, 0, walk_string(w, "child", 5));
	live_each(look_at, &t);
}
