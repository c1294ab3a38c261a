/*
 * heuristics.c - pointers into blocks that memcheck takes for pointers to their starts (its manual, "--leak-check-heuristics"): what
 * its rules say is noted in the label of the reference while the block's memory can be looked at; which of the rules count is decided
 * when the question is asked.
 */
#include "walk.h"

/* length, capacity, reference count, characters, a NUL: the old std::string */
static bool is_string(const uint64_t *words, uint64_t size, uint64_t interior)
{
	return interior == 24 && size > 24 && words[0] <= words[1] && 24 + words[1] + 1 == size;
}

/* the number of bytes that follow */
static bool is_length(const uint64_t *words, uint64_t size, uint64_t interior)
{
	return interior == 8 && size > 8 && words[0] == size - 8;
}

/* new T[n] of a class with a destructor: n, then the array */
static bool is_array(const uint64_t *words, uint64_t size, uint64_t interior)
{
	return interior == 8 && size > 8 && words[0] && (size - 8) % words[0] == 0;
}

/* The part of an object that a base class other than the first one describes: its own vtable, made for this distance from the top. */
static bool is_base(struct walk *w, uintptr_t address, uint64_t size, uint64_t interior)
{
	uintptr_t vtable;

	if ((interior & 7) || interior + 8 > size || !vtable_type(w, address, size))
		return false;
	vtable = *(const uintptr_t *)(address + interior);
	return !(vtable & 7) && modules_find(vtable) &&
	       memory_readable(&w->map, vtable - 16, 16) == 16 &&
	       *(const int64_t *)(vtable - 16) == -(int64_t)interior;
}

/*
 * CPython's objects that its collector tracks begin behind two words of it, since 3.12 some behind two more: so do those that are
 * freed and kept in lists for the next request. Only memory of its own allocator has such heads.
 */
static bool is_collected(uintptr_t address, uint64_t interior)
{
	const struct region *list;
	size_t low = 0, high;

	if (interior != 16 && interior != 32)
		return false;
	high = regions_get(&list);
	while (low < high) { /* ascending */
		size_t middle = (low + high) / 2;

		if (address - list[middle].address < list[middle].size)
			return list[middle].kind == 1; /* an arena of pymalloc */
		if (list[middle].address > address)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* As zend_hash.c lays them out: places of the first element for each value of the hash, then elements of 32 bytes, half as many. */
#define NO_PLACE UINT32_MAX
struct php_element {
	uint64_t value[2];
	uint64_t hash, key;
};

/* Each place is that of an element whose hash leads there. */
static bool is_hashed(uintptr_t address, uint64_t interior)
{
	const uint32_t *places = (const uint32_t *)address;
	uint32_t count = (uint32_t)(interior / sizeof(*places));
	const struct php_element *elements = (const struct php_element *)(address + interior);

	for (uint32_t i = 0; i < count; i++)
		if (places[i] != NO_PLACE &&
		    (places[i] >= count / 2 || (elements[places[i]].hash & (count - 1)) != i))
			return false;
	return true;
}

static bool is_type(uint32_t word)
{
	return word && !(word & ~0x30fu);
}

/*
 * An array without keys: two places for none, then values of 16 bytes with a type each. What is not used yet is not set; resources
 * are counted from 1, and so is the first value of some tables.
 */
static bool is_packed(uintptr_t address, uint64_t size)
{
	const uint32_t *words = (const uint32_t *)address;

	return size >= 8 + 2 * 16 && words[0] == NO_PLACE && words[1] == NO_PLACE &&
	       (is_type(words[4]) || (!words[4] && is_type(words[8])));
}

/* Memory of a table of PHP's: whoever has the table points to its elements. */
static bool is_php_table(uintptr_t address, uint64_t size, uint64_t interior)
{
	if (interior == 8)
		return is_packed(address, size);
	return interior >= 64 && !(interior & (interior - 1)) && interior <= size / 5 &&
	       is_hashed(address, interior);
}

unsigned heuristics_of(struct walk *w, uint32_t number, uintptr_t address, uint64_t interior)
{
	const uint64_t *words = (const uint64_t *)address;
	struct live_block block;
	unsigned flags = 0;

	if (w->kind[number] || !walk_object_block(w, number, address, &block) || (address & 7) ||
	    interior >= block.size || block.size < 16 ||
	    memory_readable(&w->map, address, block.size) != block.size)
		return 0;
	if (is_string(words, block.size, interior))
		flags |= RGD_LABEL_F_STDSTRING;
	if (is_length(words, block.size, interior))
		flags |= RGD_LABEL_F_LENGTH64;
	if (is_array(words, block.size, interior))
		flags |= RGD_LABEL_F_NEWARRAY;
	if (is_collected(address, interior))
		flags |= RGD_LABEL_F_GCHEAD;
	if (is_php_table(address, block.size, interior))
		flags |= RGD_LABEL_F_PHPTABLE;
	if (is_base(w, address, block.size, interior))
		flags |= RGD_LABEL_F_INHERITANCE;
	return flags;
}
