/* gobject_map.c - a hash table from addresses to numbers, in the walker's memory. */
#include "gobject.h"

static uint32_t slot_of(const struct map *map, uintptr_t key)
{
	uint32_t slot = (uint32_t)((key >> 3) * 0x9e3779b97f4a7c15ull >> 32) & map->mask;

	while (map->slots[slot].key && map->slots[slot].key != key)
		slot = (slot + 1) & map->mask;
	return slot;
}

static bool grow(struct walk *walk, struct map *map)
{
	struct map old = *map;
	uint32_t size = old.slots ? (old.mask + 1) * 2 : 256;

	map->slots = walk_memory(walk, size * sizeof(*map->slots));
	if (!map->slots) {
		*map = old;
		return false;
	}
	map->mask = size - 1;
	for (uint32_t i = 0; old.slots && i <= old.mask; i++)
		if (old.slots[i].key)
			map->slots[slot_of(map, old.slots[i].key)] = old.slots[i];
	return true;
}

bool map_set(struct walk *walk, struct map *map, uintptr_t key, uintptr_t value)
{
	uint32_t slot;

	if (!key || ((!map->slots || map->count > map->mask / 2) && !grow(walk, map)))
		return false;
	slot = slot_of(map, key);
	map->count += !map->slots[slot].key;
	map->slots[slot].key = key;
	map->slots[slot].value = value;
	return true;
}

uintptr_t *map_get(const struct map *map, uintptr_t key)
{
	uint32_t slot;

	if (!map->count || !key)
		return NULL;
	slot = slot_of(map, key);
	return map->slots[slot].key ? &map->slots[slot].value : NULL;
}
