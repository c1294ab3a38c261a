/* hash.c - see hash.h. */
#include "util/hash.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a: the names are short and few. */
static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
	return h ^ h >> 29;
}

static size_t slot_of(const struct names *t, const char *name)
{
	size_t i = hash(name) & (t->nslots - 1);

	while (t->slots[i] && strcmp(t->names[t->slots[i] - 1], name) != 0)
		i = (i + 1) & (t->nslots - 1);
	return i;
}

static bool grow(struct names *t)
{
	struct names bigger = {.names = t->names, .nslots = t->nslots ? t->nslots * 2 : 64};

	bigger.slots = calloc(bigger.nslots, sizeof *bigger.slots);
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < t->n; i++)
		bigger.slots[slot_of(&bigger, t->names[i])] = i + 1;
	free(t->slots);
	t->slots = bigger.slots;
	t->nslots = bigger.nslots;
	return true;
}

uint32_t names_add(struct names *t, const char *name)
{
	size_t i;

	if (2 * (t->n + 1) > t->nslots && !grow(t))
		return NAMES_NONE;
	i = slot_of(t, name);
	if (t->slots[i])
		return t->slots[i] - 1;
	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 64;
		const char **p = realloc(t->names, room * sizeof *p);

		if (!p)
			return NAMES_NONE;
		t->names = p;
		t->room = room;
	}
	t->names[t->n] = name;
	t->slots[i] = ++t->n;
	return t->n - 1;
}

uint32_t names_find(const struct names *t, const char *name)
{
	size_t i;

	if (!t->n)
		return NAMES_NONE;
	i = slot_of(t, name);
	return t->slots[i] ? t->slots[i] - 1 : NAMES_NONE;
}

uint32_t names_keep(struct names *t, const char *name)
{
	uint32_t number = names_find(t, name);
	char *copy;

	if (number != NAMES_NONE)
		return number;
	copy = strdup(name);
	if (!copy)
		return NAMES_NONE;
	number = names_add(t, copy);
	if (number == NAMES_NONE)
		free(copy);
	return number; // NOLINT(clang-analyzer-unix.Malloc): names_free_kept() frees the copy
}

void names_free_kept(struct names *t)
{
	for (size_t i = 0; i < t->n; i++)
		free((char *)t->names[i]);
	names_free(t);
}

void names_free(struct names *t)
{
	free(t->names);
	free(t->slots);
	*t = (struct names){0};
}
