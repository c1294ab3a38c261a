/*
 * index_check.c - nothing of an index is believed: each section has the checksum that its maker gave it, and numbers that whoever
 * uses it may index with. One pass by blocks, in the cache and in parallel; only the dominator tree needs looks at random.
 */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dump/index_internal.h"
#include "util/big.h"
#include "util/bits.h"
#include "util/threads.h"

struct check {
	const struct index *index;
	enum index_section section;
	const void *data;
	uint64_t *sums; /* by block */
	bool *bad;	/* by block */
};

static bool all_below(const uint32_t *v, size_t n, uint32_t limit)
{
	uint32_t bad = 0;

	for (size_t i = 0; i < n; i++)
		bad |= v[i] >= limit;
	return !bad;
}

/* Numbers of objects, or one of the two numbers that are none. */
static bool all_dominators(const uint32_t *v, size_t n, uint32_t limit)
{
	uint32_t bad = 0;

	for (size_t i = 0; i < n; i++)
		bad |= (v[i] >= limit) & (v[i] < UINT32_MAX - 1);
	return !bad;
}

/* Against the entry behind the last one, too, unless the block is the last. */
static bool ascends(const uint32_t *v, size_t n, bool last)
{
	uint32_t bad = 0;

	for (size_t i = 0; i + last < n; i++)
		bad |= v[i] > v[i + 1];
	return !bad;
}

static bool are_classes(const uint8_t *v, size_t n)
{
	uint8_t bad = 0;

	for (size_t i = 0; i < n; i++)
		bad |= v[i] & ~31;
	return !bad;
}

/* The edge's own class, or none. */
static bool are_judged(const uint8_t *v, const uint8_t *class, size_t n)
{
	uint8_t bad = 0;

	for (size_t i = 0; i < n; i++)
		bad |= (v[i] != class[i]) & (v[i] != 255);
	return !bad;
}

/* No object retains more than there is, or it is out of reach. */
static bool are_sizes(const uint64_t *v, size_t n, uint64_t all)
{
	uint64_t bad = 0;

	for (size_t i = 0; i < n; i++)
		bad |= (v[i] > all) & (v[i] != UINT64_MAX);
	return !bad;
}

/* Entries [first, first + n) of the section, of `total`. */
static bool numbers_fit(const struct check *c, const void *data, size_t first, size_t n,
			size_t total)
{
	const struct model *m = c->index->model;

	switch (c->section) {
	case INDEX_OUT_FIRST:
	case INDEX_IN_FIRST:
	case INDEX_KEPT_FIRST:
		return ascends(data, n, first + n == total);
	case INDEX_OUT_TARGET:
	case INDEX_IN_SOURCE:
	case INDEX_KEPT_SOURCE:
	case INDEX_PREORDER:
		return all_below(data, n, m->nobjects);
	case INDEX_IMMEDIATE:
		return all_dominators(data, n, m->nobjects);
	case INDEX_ROOTS:
		return all_below(data, n, m->nroots);
	case INDEX_EDGE_CLASS:
		return are_classes(data, n);
	case INDEX_RETAINED:
		return are_sizes(data, n, c->index->header.reached_bytes);
	case INDEX_KEEPS:
		return are_judged(data, m->graph.edge_class + first, n);
	default:
		return true;
	}
}

static struct error *check_block(void *context, size_t block)
{
	struct check *c = context;
	unsigned width = index_width[c->section];
	uint64_t total = c->index->header.sections[c->section].n, begin = block * INDEX_BLOCK,
		 left = total * width - begin, bytes = left < INDEX_BLOCK ? left : INDEX_BLOCK;
	const uint8_t *data = (const uint8_t *)c->data + begin;

	c->sums[block] = XXH3_64bits(data, bytes);
	c->bad[block] = !numbers_fit(c, data, begin / width, bytes / width, total);
	return NULL;
}

/* A run of edges begins with 0 and ends with their number. */
static bool ends_fit(const struct index *ix, enum index_section s, const uint32_t *first)
{
	static const uint8_t list_of[INDEX_SECTIONS] = {[INDEX_OUT_FIRST] = INDEX_OUT_TARGET,
							[INDEX_IN_FIRST] = INDEX_IN_SOURCE,
							[INDEX_KEPT_FIRST] = INDEX_KEPT_SOURCE};

	return !list_of[s] ||
	       (first[0] == 0 && first[ix->header.nobjects] == index_entries(ix, list_of[s]));
}

/* No bit stands for an object that is not there. */
static bool bits_fit(const struct index *ix, const uint64_t *bits)
{
	uint64_t n = ix->header.nobjects;

	return n % 64 == 0 || !(bits[n / 64] >> n % 64);
}

bool index_check(const struct index *ix, enum index_section s, const void *data)
{
	const struct index_entry *e = &ix->header.sections[s];
	uint64_t blocks = index_blocks(e->n * index_width[s]);
	struct check c = {ix, s, data, malloc((blocks + 1) * sizeof *c.sums),
			  calloc(blocks + 1, 1)};
	bool good = c.sums && c.bad;
	struct error *error = NULL;

	if (good)
		error = parallel_for(blocks, check_block, &c);
	error_destroy(error);
	good = good && !error && e->checksum == XXH3_64bits(c.sums, blocks * sizeof *c.sums) &&
	       ends_fit(ix, s, data);
	for (uint64_t i = 0; good && i < blocks; i++)
		good = !c.bad[i];
	if (good && s == INDEX_REACHED)
		good = bits_fit(ix, data);
	free(c.sums);
	free(c.bad);
	return good;
}

#define AHEAD 16u

/* Every node that has a dominator once, and after it: so the tree has no cycles either. */
static bool in_order(const uint32_t *immediate, const uint32_t *preorder, size_t reached,
		     uint32_t n, uint64_t *seen)
{
	size_t with = 0;

	for (uint32_t v = 0; v < n; v++)
		with += immediate[v] != UINT32_MAX;
	for (size_t i = 0; i < reached; i++) {
		uint32_t v = preorder[i], up = immediate[v];

		if (i + AHEAD < reached)
			__builtin_prefetch(&immediate[preorder[i + AHEAD]]);
		if (up == UINT32_MAX || bits_get(seen, v) || (up < n && !bits_get(seen, up)))
			return false;
		bits_set(seen, v);
	}
	return with == reached;
}

bool index_check_tree(const struct index *ix, const uint32_t *immediate, const uint32_t *preorder)
{
	uint32_t n = ix->model->nobjects;
	uint64_t *seen;
	struct error *error = big_alloc(bits_words(n), sizeof *seen, &seen);
	bool good;

	if (error)
		return error_destroy(error), false;
	good = in_order(immediate, preorder, index_entries(ix, INDEX_PREORDER), n, seen);
	big_free(seen, bits_words(n), sizeof *seen);
	return good;
}
