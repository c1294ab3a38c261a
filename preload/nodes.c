#include "nodes.h"

bool nodes_init(struct nodes *n, struct pool *pool)
{
	memset(n, 0, sizeof *n);
	n->pool = pool;
	n->low = UINTPTR_MAX;
	n->top = pool_map(pool, NODES_TOP * sizeof *n->top);
	return n->top != NULL;
}

static bool leaf_note(struct nodes *n, struct nodes_leaf *leaf)
{
	if (n->leaf_count == n->leaf_capacity) {
		size_t capacity = n->leaf_capacity ? n->leaf_capacity * 2 : 512;
		struct nodes_leaf **bigger = pool_map(n->pool, capacity * sizeof *bigger);
		if (!bigger)
			return false;
		if (n->leaves) {
			memcpy(bigger, n->leaves, n->leaf_count * sizeof *bigger);
			pool_unmap(n->pool, n->leaves, n->leaf_capacity * sizeof *bigger);
		}
		n->leaves = bigger;
		n->leaf_capacity = capacity;
	}
	n->leaves[n->leaf_count++] = leaf;
	return true;
}

static struct nodes_leaf *leaf_make(struct nodes *n, uintptr_t address)
{
	uint32_t slot = (uint32_t)(address >> NODES_LEAF_SHIFT);
	struct nodes_leaf *leaf = n->top[slot];
	if (leaf)
		return leaf;
	leaf = pool_map(n->pool, sizeof *leaf);
	if (!leaf || !leaf_note(n, leaf))
		return NULL;
	leaf->slot = slot;
	n->top[slot] = leaf;
	return leaf;
}

bool nodes_add(struct nodes *n, uintptr_t address)
{
	struct nodes_leaf *leaf;
	uint32_t word;

	if ((address & 7) || address >> NODES_ADDRESS_BITS)
		return false;
	leaf = leaf_make(n, address);
	if (!leaf)
		return false;
	word = (uint32_t)(address >> NODES_WORD_SHIFT) & (NODES_LEAF_WORDS - 1);
	leaf->words[word].bits |= nodes_bit(address);
	leaf->some[word / 64] |= 1ull << (word & 63);
	leaf->some_of_some[word / 4096] |= 1ull << (word / 64 & 63);
	return true;
}

static uint64_t *claimed_word(const struct nodes *n, uintptr_t address)
{
	struct nodes_leaf *leaf =
		address >> NODES_ADDRESS_BITS ? NULL : n->top[address >> NODES_LEAF_SHIFT];
	return leaf ? &leaf->claimed[(address >> NODES_WORD_SHIFT) & (NODES_LEAF_WORDS - 1)] : NULL;
}

bool nodes_claim(struct nodes *n, uintptr_t address)
{
	uint64_t *word;
	if (!nodes_add(n, address))
		return false;
	word = claimed_word(n, address);
	if (*word & nodes_bit(address))
		return false;
	*word |= nodes_bit(address);
	return true;
}

bool nodes_claimed(const struct nodes *n, uintptr_t address)
{
	uint64_t *word = claimed_word(n, address);
	return word && !(address & 7) && (*word & nodes_bit(address));
}

/* The summary bits stay: nodes_number() makes them exact. */
void nodes_remove(struct nodes *n, uintptr_t address)
{
	struct nodes_word *word = nodes_word(n, address);
	if (word && !(address & 7))
		word->bits &= ~nodes_bit(address);
}

static void leaf_number(struct nodes *n, struct nodes_leaf *leaf)
{
	for (uint32_t top = 0; top < NODES_LEAF_WORDS / 4096; top++) {
		for (uint64_t m = leaf->some_of_some[top]; m; m &= m - 1) {
			uint32_t middle = top * 64 + (uint32_t)__builtin_ctzll(m);
			for (uint64_t s = leaf->some[middle]; s; s &= s - 1) {
				struct nodes_word *word =
					&leaf->words[middle * 64 + (uint32_t)__builtin_ctzll(s)];
				word->rank = n->count;
				n->count += (uint32_t)__builtin_popcountll(word->bits);
				if (!word->bits)
					leaf->some[middle] &= ~(s & -s);
			}
			if (!leaf->some[middle])
				leaf->some_of_some[top] &= ~(m & -m);
		}
	}
}

/* Few leaves, nearly in order: insertion sort. */
void nodes_order(struct nodes *n)
{
	for (size_t i = 1; i < n->leaf_count; i++) {
		struct nodes_leaf *leaf = n->leaves[i];
		size_t j = i;
		for (; j && n->leaves[j - 1]->slot > leaf->slot; j--)
			n->leaves[j] = n->leaves[j - 1];
		n->leaves[j] = leaf;
	}
}

static bool note_bounds(uint32_t number, uintptr_t address, void *context)
{
	struct nodes *n = context;
	n->low = address;
	return false;
}

uint32_t nodes_number(struct nodes *n)
{
	uint32_t number;
	nodes_order(n);
	n->count = 0;
	for (size_t i = 0; i < n->leaf_count; i++)
		leaf_number(n, n->leaves[i]);
	n->low = UINTPTR_MAX;
	n->high = 0;
	nodes_each(n, note_bounds, n);
	if (n->count)
		nodes_before(n, ((uintptr_t)1 << NODES_ADDRESS_BITS) - 1, &number, &n->high);
	return n->count;
}

static void word_last(const struct nodes_leaf *leaf, uint32_t index, uint64_t bits,
		      uint32_t *number, uintptr_t *start)
{
	unsigned bit = 63 - (unsigned)__builtin_clzll(bits);
	*number = leaf->words[index].rank +
		  (uint32_t)__builtin_popcountll(leaf->words[index].bits & ((1ull << bit) - 1));
	*start = ((uintptr_t)leaf->slot << NODES_LEAF_SHIFT) +
		 ((uintptr_t)index << NODES_WORD_SHIFT) + bit * 8;
}

/* The last word below `index` that has a bit; -1 none. index may be NODES_LEAF_WORDS. */
static int64_t leaf_word_below(const struct nodes_leaf *leaf, uint32_t index)
{
	uint32_t middle = index / 64;
	uint64_t m = index & 63 ? leaf->some[middle] & ((1ull << (index & 63)) - 1) : 0;
	if (!m) {
		int32_t top = (int32_t)(middle / 64);
		uint64_t t =
			middle & 63 ? leaf->some_of_some[top] & ((1ull << (middle & 63)) - 1) : 0;
		while (!t) {
			if (--top < 0)
				return -1;
			t = leaf->some_of_some[top];
		}
		middle = (uint32_t)top * 64 + 63 - (uint32_t)__builtin_clzll(t);
		m = leaf->some[middle];
	}
	return (int64_t)middle * 64 + 63 - __builtin_clzll(m);
}

/* The last leaf whose slot is below `slot`. */
static const struct nodes_leaf *leaf_below(const struct nodes *n, uint32_t slot)
{
	size_t low = 0, high = n->leaf_count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (n->leaves[middle]->slot < slot)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? n->leaves[low - 1] : NULL;
}

bool nodes_before(const struct nodes *n, uintptr_t address, uint32_t *number, uintptr_t *start)
{
	const struct nodes_leaf *leaf;
	uint32_t index;
	uint64_t bits;
	int64_t below;

	if (address >> NODES_ADDRESS_BITS)
		return false;
	leaf = n->top[address >> NODES_LEAF_SHIFT];
	index = (uint32_t)(address >> NODES_WORD_SHIFT) & (NODES_LEAF_WORDS - 1);
	if (leaf) {
		/* all bits up to and with the one of the address; the shift by 64 is the overflow to 0 - 1 */
		bits = leaf->words[index].bits & ((nodes_bit(address) << 1) - 1);
		if (bits) {
			word_last(leaf, index, bits, number, start);
			return true;
		}
	} else {
		index = NODES_LEAF_WORDS;
		leaf = leaf_below(n, (uint32_t)(address >> NODES_LEAF_SHIFT));
	}
	for (; leaf; leaf = leaf_below(n, leaf->slot), index = NODES_LEAF_WORDS) {
		below = leaf_word_below(leaf, index);
		if (below < 0)
			continue;
		word_last(leaf, (uint32_t)below, leaf->words[below].bits, number, start);
		return true;
	}
	return false;
}

static bool word_each(const struct nodes_leaf *leaf, uint32_t index,
		      bool (*visit)(uint32_t, uintptr_t, void *), void *context)
{
	uint32_t number = leaf->words[index].rank;
	uintptr_t base = ((uintptr_t)leaf->slot << NODES_LEAF_SHIFT) +
			 ((uintptr_t)index << NODES_WORD_SHIFT);
	for (uint64_t bits = leaf->words[index].bits; bits; bits &= bits - 1)
		if (!visit(number++, base + (uintptr_t)__builtin_ctzll(bits) * 8, context))
			return false;
	return true;
}

bool nodes_each(const struct nodes *n, bool (*visit)(uint32_t, uintptr_t, void *), void *context)
{
	for (size_t i = 0; i < n->leaf_count; i++) {
		const struct nodes_leaf *leaf = n->leaves[i];
		for (uint32_t top = 0; top < NODES_LEAF_WORDS / 4096; top++)
			for (uint64_t m = leaf->some_of_some[top]; m; m &= m - 1) {
				uint32_t middle = top * 64 + (uint32_t)__builtin_ctzll(m);
				for (uint64_t s = leaf->some[middle]; s; s &= s - 1)
					if (!word_each(leaf,
						       middle * 64 + (uint32_t)__builtin_ctzll(s),
						       visit, context))
						return false;
			}
	}
	return true;
}
