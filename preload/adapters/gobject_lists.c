/*
 * gobject_lists.c - GHashTable, GPtrArray, GList, GSList: known by their shape, because nothing else tells what they are.
 *
 * A hash table is sure: its sizes, masks and arrays agree in a dozen ways. So is an array of pointers. A list is a guess where its pieces
 * are of malloc; in slices of its own size it is next to sure. The first node of a list stands for the list: it has an edge for each item,
 * [0], [1], ...; the other nodes are its storage.
 */
#include <string.h>

#include "gobject.h"

enum {
	TABLE_SIZE = 0,
	TABLE_MASK = 12,
	TABLE_NODES = 16,
	TABLE_OCCUPIED = 20,
	TABLE_BIG = 24, /* bit 0: keys are pointers; bit 1: values */
	TABLE_KEYS = 32,
	TABLE_HASHES = 40,
	TABLE_VALUES = 48,
	TABLE_HASH = 56,
	TABLE_REFCOUNT = 72,
	TABLE_KEY_DESTROY = 80,
	TABLE_VALUE_DESTROY = 88,

	ARRAY_DATA = 0,
	ARRAY_LENGTH = 8,
	ARRAY_ROOM = 12,
	ARRAY_REFCOUNT = 16,
	ARRAY_TERMINATED = 20,
	ARRAY_DESTROY = 24,

	LIST_SIZE = 24,
	LIST_NEXT = 8,
	LIST_PREVIOUS = 16,
	SLIST_SIZE = 16,
	LIST_LONGEST = 1 << 24,
};

static struct map nodes;   /* may be a node -> CANDIDATE_* */
static struct map follows; /* later nodes of lists */
static struct map own;	   /* libgobject's own tables: their keys are not references */
static uintptr_t *noted;
static uint32_t noted_count, noted_capacity;
#define CANDIDATE_LIST 1u
#define CANDIDATE_SLIST 2u
#define CANDIDATE_SLICE 4u
#define CANDIDATE_FOLLOWS 8u /* some node's next */

/* ---- hash tables --------------------------------------------------------------------------------------------------------- */

static bool is_block(struct walk *walk, uintptr_t address, uint64_t size)
{
	uint64_t block;
	return address && !(address & 7) && walk_block(walk, address, &block) && block == size;
}

bool is_hash_table(struct walk *walk, uintptr_t table)
{
	uint64_t size, keys, values;
	uint32_t mask, big;

	if (table < 4096 || (table & 7) || !walk_readable(walk, table, HASH_SIZE))
		return false;
	size = word_at(table, TABLE_SIZE);
	mask = half_at(table, TABLE_MASK);
	big = half_at(table, TABLE_BIG) & 3;
	if (size != mask + 1ull || (size & (size - 1)) || size < 8 || size > 1u << 28 ||
	    half_at(table, TABLE_NODES) > half_at(table, TABLE_OCCUPIED) ||
	    half_at(table, TABLE_OCCUPIED) > size || !half_at(table, TABLE_REFCOUNT))
		return false;
	keys = big & 1 ? size * 8 : size * 4;
	values = big & 2 ? size * 8 : size * 4;
	return is_block(walk, word_at(table, TABLE_HASHES), size * 4) &&
	       is_block(walk, word_at(table, TABLE_KEYS), keys) &&
	       (word_at(table, TABLE_VALUES) == word_at(table, TABLE_KEYS) ||
		is_block(walk, word_at(table, TABLE_VALUES), values)) &&
	       walk_readable(walk, word_at(table, TABLE_HASH), 16);
}

static void claim_table(struct walk *walk, uintptr_t table)
{
	if (!claim(walk, table, 0, TAG_HASH))
		return;
	claim(walk, word_at(table, TABLE_KEYS), 0, TAG_STORAGE);
	claim(walk, word_at(table, TABLE_VALUES), 0, TAG_STORAGE);
	claim(walk, word_at(table, TABLE_HASHES), 0, TAG_STORAGE);
}

/* As far as it is a name: a key that is a value is nobody's business. */
static size_t name_length(struct walk *walk, uintptr_t text)
{
	size_t n = 0;

	if (!text)
		return 0;
	for (; n < 64 && walk_readable(walk, text + n, 1); n++) {
		char c = ((const char *)text)[n];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!c)
			return n;
		if (!letter &&
		    (!n || !((c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':')))
			return 0;
	}
	return 0;
}

/* Keys and values are kept as halves of words as long as all of them fit: addresses do in a program that is not relocated. */
static uintptr_t item_at(uintptr_t array, uint32_t i, bool big)
{
	return big ? word_at(array, i * 8l) : half_at(array, i * 4l);
}

bool table_is_set(uintptr_t table)
{
	return word_at(table, TABLE_KEYS) == word_at(table, TABLE_VALUES);
}

bool table_next(uintptr_t table, uint32_t *at, uintptr_t *key)
{
	uintptr_t hashes = word_at(table, TABLE_HASHES);

	while (*at < word_at(table, TABLE_SIZE) &&
	       half_at(hashes, *at * 4l) < 2) /* free, removed */
		++*at;
	if (*at >= word_at(table, TABLE_SIZE))
		return false;
	*key = item_at(word_at(table, TABLE_KEYS), (*at)++, half_at(table, TABLE_BIG) & 1);
	return true;
}

static void entry_edges(struct walk *walk, uintptr_t table, uint32_t i)
{
	uint32_t big = half_at(table, TABLE_BIG);
	uintptr_t keys = word_at(table, TABLE_KEYS), values = word_at(table, TABLE_VALUES);
	uintptr_t key = item_at(keys, i, big & 1),
		  value = item_at(values, i, (big & 2) || (keys == values && big & 1));
	uintptr_t key_destroy = word_at(table, TABLE_KEY_DESTROY);
	uintptr_t value_destroy = word_at(table, TABLE_VALUE_DESTROY);
	enum rgd_edge_kind key_kind = owned_kind(key_destroy, key);
	size_t length = word_at(table, TABLE_HASH) == gobject.str_hash ? name_length(walk, key) : 0;

	if (map_get(&own, table) && is_instance(key) &&
	    type_of_instance(key)->fundamental == TYPE_OBJECT)
		key = 0; /* it does not hold it, and knows when it goes */
	if (keys == values) {
		if (is_instance(key) && type_of_instance(key)->fundamental == TYPE_PARAM)
			key_kind = RGD_EDGE_STRONG; /* the pool of all properties */
		named_edge(walk, key_kind, RGD_LABEL_MEMBER, "", 0, 0, key);
		return;
	}
	named_edge(walk, key_kind, RGD_LABEL_IS_KEY, "", 0, 0, key);
	if (length)
		named_edge(walk, owned_kind(value_destroy, value), RGD_LABEL_KEY, (const char *)key,
			   length, 0, value);
	else if (walk_refers(walk, key))
		named_edge(walk, owned_kind(value_destroy, value), RGD_LABEL_KEY_OBJECT, "", 0, key,
			   value);
	else
		named_edge(walk, owned_kind(value_destroy, value), RGD_LABEL_PART, "(value)", 7, 0,
			   value);
}

static void table_edges(struct walk *walk, uintptr_t table)
{
	uint32_t size = (uint32_t)word_at(table, TABLE_SIZE);
	uintptr_t hashes = word_at(table, TABLE_HASHES);

	named_edge(walk, RGD_EDGE_INTERNAL, RGD_LABEL_PART, "keys", 4, 0,
		   word_at(table, TABLE_KEYS));
	if (word_at(table, TABLE_VALUES) != word_at(table, TABLE_KEYS))
		named_edge(walk, RGD_EDGE_INTERNAL, RGD_LABEL_PART, "values", 6, 0,
			   word_at(table, TABLE_VALUES));
	named_edge(walk, RGD_EDGE_INTERNAL, RGD_LABEL_PART, "hashes", 6, 0, hashes);
	for (uint32_t i = 0; i < size; i++)
		if (half_at(hashes, i * 4l) >= 2) /* 0 free, 1 removed */
			entry_edges(walk, table, i);
}

/* ---- arrays of pointers ----------------------------------------------------------------------------------------------------- */

bool is_ptr_array(struct walk *walk, uintptr_t array, uint64_t size)
{
	uint32_t length = half_at(array, ARRAY_LENGTH), room = half_at(array, ARRAY_ROOM);
	uintptr_t destroy;

	if (size != 32 || !room || length > room || (room & (room - 1)) ||
	    half_at(array, ARRAY_REFCOUNT) - 1 > 1u << 20 || half_at(array, ARRAY_TERMINATED) > 1)
		return false;
	destroy = word_at(array, ARRAY_DESTROY);
	return is_block(walk, word_at(array, ARRAY_DATA), room * 8ull) &&
	       (!destroy || (destroy > 4096 && walk_readable(walk, destroy, 16)));
}

static void array_edges(struct walk *walk, uintptr_t array)
{
	uintptr_t data = word_at(array, ARRAY_DATA), destroy = word_at(array, ARRAY_DESTROY);

	named_edge(walk, RGD_EDGE_INTERNAL, RGD_LABEL_PART, "pdata", 5, 0, data);
	for (uint32_t i = 0; i < half_at(array, ARRAY_LENGTH); i++) {
		uintptr_t item = word_at(data, i * 8l);
		named_edge(walk, owned_kind(destroy, item), RGD_LABEL_INDEX, "", 0, i, item);
	}
}

/* ---- lists ------------------------------------------------------------------------------------------------------------------- */

static void note(struct walk *walk, uintptr_t piece, uintptr_t what)
{
	if (noted_count == noted_capacity) {
		uint32_t bigger = noted_capacity ? noted_capacity * 2 : 1024;
		uintptr_t *p = walk_memory(walk, bigger * sizeof(*p));
		if (!p)
			return;
		if (noted_count)
			memcpy(p, noted, noted_count * sizeof(*p));
		noted = p;
		noted_capacity = bigger;
	}
	if (map_set(walk, &nodes, piece, what))
		noted[noted_count++] = piece;
}

void lists_note(struct walk *walk, uintptr_t piece, uint64_t size, bool slice)
{
	uintptr_t from = slice ? CANDIDATE_SLICE : 0;

	if (size == HASH_SIZE && is_hash_table(walk, piece))
		claim_table(walk, piece);
	else if (size == 32 && is_ptr_array(walk, piece, size)) {
		claim(walk, piece, 0, TAG_PTR_ARRAY);
		claim(walk, word_at(piece, ARRAY_DATA), 0, TAG_STORAGE);
	} else if (size == LIST_SIZE || (slice && size == 32))
		note(walk, piece, CANDIDATE_LIST | from);
	else if (size == SLIST_SIZE)
		note(walk, piece, CANDIDATE_SLIST | from);
}

static uintptr_t candidate(uintptr_t node, uintptr_t what)
{
	uintptr_t *known = node && !(node & 7) ? map_get(&nodes, node) : NULL;
	return known && *known & what ? *known : 0;
}

static bool is_list_node(struct walk *walk, uintptr_t node)
{
	uintptr_t next = word_at(node, LIST_NEXT), previous = word_at(node, LIST_PREVIOUS);

	if (!next && !previous) /* a list of one: only in a slice, and only of something known */
		return candidate(node, CANDIDATE_SLICE) && walk_has(walk, word_at(node, 0));
	return (!next ||
		(candidate(next, CANDIDATE_LIST) && word_at(next, LIST_PREVIOUS) == node)) &&
	       (!previous ||
		(candidate(previous, CANDIDATE_LIST) && word_at(previous, LIST_NEXT) == node));
}

static void claim_list(struct walk *walk, uintptr_t head, enum tag tag)
{
	if (walk_claimed(walk, head) || !claim(walk, head, 0, tag))
		return;
	uintptr_t node = word_at(head, LIST_NEXT);
	for (uint32_t n = 0; node && n < LIST_LONGEST && !walk_claimed(walk, node); n++) {
		if (!claim(walk, node, 0, TAG_NODE))
			return;
		map_set(walk, &follows, node, 1);
		node = word_at(node, LIST_NEXT);
	}
}

/* Outside of slices many a struct is {something, pointer}: there, and in a list of one, each item must be something known. */
static bool is_slist_node(struct walk *walk, uintptr_t node)
{
	bool sure = candidate(node, CANDIDATE_SLICE) && word_at(node, LIST_NEXT);

	for (uint32_t n = 0; node && n < LIST_LONGEST; n++) {
		if (!candidate(node, CANDIDATE_SLIST) ||
		    (!sure && !walk_has(walk, word_at(node, 0))))
			return false;
		node = word_at(node, LIST_NEXT);
	}
	return !node;
}

/* Which instances have handlers, which handlers there are. */
static void note_own(struct walk *walk)
{
	for (unsigned i = 0; i < gobject.gobject_count; i++)
		for (uintptr_t at = gobject.gobject[i].low; at < gobject.gobject[i].high; at += 8)
			if (walk_readable(walk, at, 8) && is_hash_table(walk, word_at(at, 0)))
				map_set(walk, &own, word_at(at, 0), 1);
}

void lists_read(struct walk *walk)
{
	note_own(walk);
	for (uint32_t i = 0; i < noted_count; i++) {
		uintptr_t next = word_at(noted[i], LIST_NEXT);
		if (candidate(noted[i], CANDIDATE_SLIST) && candidate(next, CANDIDATE_SLIST))
			*map_get(&nodes, next) |= CANDIDATE_FOLLOWS;
	}
	for (uint32_t i = 0; i < noted_count; i++) {
		uintptr_t node = noted[i];
		if (walk_claimed(walk, node))
			continue;
		if (candidate(node, CANDIDATE_LIST)) {
			if (!word_at(node, LIST_PREVIOUS) && is_list_node(walk, node))
				claim_list(walk, node, TAG_LIST);
		} else if (candidate(node, CANDIDATE_SLIST) &&
			   !candidate(node, CANDIDATE_FOLLOWS) && is_slist_node(walk, node)) {
			claim_list(walk, node, TAG_SLIST);
		}
	}
}

static void list_edges(struct walk *walk, uintptr_t head)
{
	uintptr_t node = head;

	for (uint32_t i = 0; node && i < LIST_LONGEST; i++) {
		uintptr_t item = word_at(node, 0);
		if (node != head)
			named_edge(walk, RGD_EDGE_INTERNAL, RGD_LABEL_PART, "node", 4, 0, node);
		named_edge(walk, RGD_EDGE_CONSERVATIVE, RGD_LABEL_INDEX, "", 0, i, item);
		node = word_at(node, LIST_NEXT);
		if (node && !map_get(&follows, node))
			return;
	}
}

void lists_edges(struct walk *walk, uintptr_t object, unsigned tag)
{
	switch (tag) {
	case TAG_HASH:
		table_edges(walk, object);
		break;
	case TAG_PTR_ARRAY:
		array_edges(walk, object);
		break;
	case TAG_LIST:
	case TAG_SLIST:
		list_edges(walk, object);
		break;
	}
}
