/*
 * annotate_type.c - what types programs say that their blocks have (refgraph_type()).
 *
 * A flag of the live table says that this very block has been named: it goes with the block, so that free() and realloc() need to know
 * nothing. The name is in a table by address, where an old entry may stay for ever: without the flag nobody asks for it.
 */
#include <string.h>

#include "guard.h"

#define NAME_MOST 1000u
#define NAMES_MOST 4096u

struct named {
	uintptr_t address; /* 0: free slot */
	const char *name;
};

static struct named *slots;
static size_t room, used;
static const char *names[NAMES_MOST];
static uint32_t names_used;

static size_t slot_of(const struct named *list, size_t size, uintptr_t address)
{
	size_t at = (size_t)((uint64_t)address * 0x9e3779b97f4a7c15ull >> 20) & (size - 1);

	while (list[at].address && list[at].address != address)
		at = (at + 1) & (size - 1);
	return at;
}

static bool grow(void)
{
	size_t bigger = room ? room * 2 : 4096;
	struct named *more = arena_map(bigger * sizeof *more);

	if (!more)
		return false;
	for (size_t i = 0; i < room; i++)
		if (slots[i].address)
			more[slot_of(more, bigger, slots[i].address)] = slots[i];
	arena_unmap(slots, room * sizeof *slots);
	slots = more;
	room = bigger;
	return true;
}

/* "struct session" and "session" are one; so are equal texts at different places. NULL: no memory, or too many. */
static const char *keep(const char *name)
{
	static const char *const words[] = {"struct ", "class ", "union "};
	static uint32_t last;
	size_t n;
	char *copy;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strncmp(name, words[i], strlen(words[i])))
			name += strlen(words[i]);
	n = strnlen(name, NAME_MOST);
	for (uint32_t i = 0; i < names_used; i++) { /* mostly the one from before */
		uint32_t at = (last + i) % names_used;

		if (!strncmp(names[at], name, n) && !names[at][n])
			return names[last = at];
	}
	copy = names_used < NAMES_MOST && n ? arena_alloc(n + 1) : NULL;
	if (!copy)
		return NULL;
	memcpy(copy, name, n);
	return names[last = names_used++] = copy;
}

static bool note(uintptr_t address, const char *name)
{
	size_t at;

	name = keep(name);
	if (!name || (used >= room / 2 && !grow()))
		return false;
	at = slot_of(slots, room, address);
	used += !slots[at].address;
	slots[at] = (struct named){address, name};
	return true;
}

void annotate_type(uintptr_t address, const char *name)
{
	struct thread *t = hook_enter(FRAME);
	struct live_block block;

	if (name && (live_find(address, &block) || live_find_containing(address, &block)) &&
	    trylock(&annotate_lock)) {
		if (note(block.address, name))
			live_flag(block.address, LIVE_TYPED);
		trylock_release(&annotate_lock);
	}
	if (t)
		hook_leave(t);
}

const char *annotate_type_of(uintptr_t address)
{
	size_t at;

	if (!room)
		return NULL;
	at = slot_of(slots, room, address);
	return slots[at].address ? slots[at].name : NULL;
}
