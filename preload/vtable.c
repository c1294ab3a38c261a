/*
 * vtable.c - C++ objects among the bare blocks, by the pointer to the class's vtable that they begin with.
 *
 * In the Itanium C++ ABI (2.5, 2.9) the word before a vtable's address point is the address of the class's std::type_info, and the word
 * before that the offset to the top of the object: 0 in the primary vtable. A type_info has a vtable, too, of one of the classes
 * of namespace __cxxabiv1, which know their own names: whatever passes this test twice is no accident. So the dump gets the
 * class's name from the process itself, also where files are stripped or gone.
 *
 * Without RTTI the first word is 0: then the address is noted as that of a vtable perhaps; its symbol decides, in the analyzer.
 */
#include "walk.h"

#define NAME_MAX_LENGTH 1000u
#define ARRAY_COOKIE 8u

struct known {
	uintptr_t vtable; /* 0: free slot */
	uint32_t type;	  /* 0: none */
};

struct vtables {
	struct {
		uintptr_t low, high;
	} * ranges; /* of modules, ascending */
	size_t count;
	struct known *slots;
	size_t room, used;
	uintptr_t gap_low,
		gap_high; /* the last addresses between modules that were met: a heap's, mostly */
	struct known last;
};

static bool readable(struct walk *w, uintptr_t address, size_t size)
{
	return address > 4096 && memory_readable(&w->map, address, size) == size;
}

static uintptr_t word_at(uintptr_t address)
{
	return *(const uintptr_t *)address;
}

/* The module that holds the address: its place + 1, 0 none. */
static size_t module_range(struct vtables *v, uintptr_t address)
{
	size_t low = 0, high = v->count;

	if (address - v->gap_low < v->gap_high - v->gap_low)
		return 0;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (v->ranges[middle].high <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < v->count && address >= v->ranges[low].low)
		return low + 1;
	v->gap_low = low ? v->ranges[low - 1].high : 0;
	v->gap_high = low < v->count ? v->ranges[low].low : UINTPTR_MAX;
	return 0;
}

/* Length of the type's name at `text`, without its "*" for types that are local to a file; 0 when it is none. */
static size_t name_length(struct walk *w, const char **text)
{
	size_t room = memory_readable(&w->map, (uintptr_t)*text, NAME_MAX_LENGTH), n;

	if ((uintptr_t)*text < 4096 || !room)
		return 0;
	if (**text == '*') {
		++*text;
		room--;
	}
	for (n = 0; n < room && (*text)[n]; n++)
		if ((*text)[n] <= ' ' || (*text)[n] > '~')
			return 0;
	return n < room ? n : 0;
}

/* The mangled name that a std::type_info at this address holds. */
static size_t info_name(struct walk *w, uintptr_t info, const char **name)
{
	if ((info & 7) || !readable(w, info, 16))
		return 0;
	*name = (const char *)word_at(info + 8);
	return name_length(w, name);
}

static bool is_class_info(struct walk *w, uintptr_t info)
{
	static const char abi[] = "N10__cxxabiv1";
	const char *name;
	uintptr_t vtable;

	if ((info & 7) || !readable(w, info, 16))
		return false;
	vtable = word_at(info);
	return !(vtable & 7) && readable(w, vtable - 8, 8) &&
	       info_name(w, word_at(vtable - 8), &name) > sizeof abi &&
	       !memcmp(name, abi, sizeof abi - 1);
}

static uint32_t class_type(struct walk *w, uintptr_t info, bool array)
{
	char text[NAME_MAX_LENGTH + 3];
	struct walk_type type = {
		.name = text, .module = "", .flags = RGD_TYPE_F_RTTI, .object = info + array};
	const char *name;
	size_t n = is_class_info(w, info) ? info_name(w, info, &name) : 0;

	if (!n)
		return 0;
	memcpy(text, "A_", 2);
	memcpy(text + 2 * array, name, n);
	text[n + 2 * array] = 0;
	return intern_type(&w->intern, RGD_RT_NATIVE, &type);
}

/* A table of constants with two words of 0 before and the address of code in the first one. */
static uint32_t bare_vtable_type(struct walk *w, uintptr_t vtable, bool array)
{
	const struct mapping *mapping = memory_mapping(&w->map, vtable);
	uint32_t index = modules_find(vtable), code = modules_find(word_at(vtable));
	struct walk_type type = {.flags = RGD_TYPE_F_VTABLE, .object = vtable + array};
	const struct module *m;
	char text[64];

	if (!mapping || mapping->writable || !index || !code)
		return 0;
	m = modules_get(index - 1);
	log_format(text, sizeof text, "vtable+0x%lx%s", (unsigned long)(vtable - m->base),
		   array ? "[]" : "");
	type.name = text;
	type.module = m->path ? m->path : "";
	type.basic_size = vtable - m->base;
	return intern_type(&w->intern, RGD_RT_NATIVE, &type);
}

static uint32_t vtable_look(struct walk *w, uintptr_t vtable, bool array)
{
	uintptr_t info;

	if (!readable(w, vtable - 16, 24) || word_at(vtable - 16))
		return 0;
	info = word_at(vtable - 8);
	return info ? class_type(w, info, array) : bare_vtable_type(w, vtable, array);
}

static struct known *slot_of(struct known *slots, size_t room, uintptr_t key)
{
	size_t at = (size_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (room - 1);

	while (slots[at].vtable && slots[at].vtable != key)
		at = (at + 1) & (room - 1);
	return &slots[at];
}

static bool slots_grow(struct walk *w, struct vtables *v)
{
	size_t room = v->room ? v->room * 2 : 4096;
	struct known *bigger = pool_map(&w->pool, room * sizeof *bigger);

	if (!bigger)
		return false;
	for (size_t i = 0; i < v->room; i++)
		if (v->slots[i].vtable)
			*slot_of(bigger, room, v->slots[i].vtable) = v->slots[i];
	if (v->slots)
		pool_unmap(&w->pool, v->slots, v->room * sizeof *v->slots);
	v->slots = bigger;
	v->room = room;
	return true;
}

static struct vtables *vtables_create(struct walk *w)
{
	struct vtables *v = pool_map(&w->pool, sizeof *v);
	size_t n = modules_count();

	if (!v)
		return NULL;
	v->ranges = pool_map(&w->pool, (n + 1) * sizeof *v->ranges);
	if (!v->ranges || !slots_grow(w, v))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const struct module *m = modules_get(i);
		size_t at = v->count;

		if (m->own || m->unloaded || m->low >= m->high)
			continue;
		for (; at && v->ranges[at - 1].low > m->low; at--)
			v->ranges[at] = v->ranges[at - 1];
		v->ranges[at].low = m->low;
		v->ranges[at].high = m->high;
		v->count++;
	}
	return v;
}

static uint32_t type_at(struct walk *w, uintptr_t word, bool array)
{
	struct vtables *v = w->vtables;
	struct known *known;

	if ((word & 7) || !module_range(v, word))
		return 0;
	if (v->last.vtable == word + array) /* objects of a class stand together */
		return v->last.type;
	known = slot_of(v->slots, v->room, word + array);
	if (!known->vtable) {
		if (v->used > v->room / 2) {
			if (!slots_grow(w, v))
				return 0;
			known = slot_of(v->slots, v->room, word + array);
		}
		*known = (struct known){word + array, vtable_look(w, word, array)};
		v->used++;
	}
	v->last = *known;
	return known->type;
}

uint32_t vtable_type(struct walk *w, uintptr_t address, uint64_t size)
{
	const uintptr_t *words = (const uintptr_t *)address;
	uint64_t elements;

	if (size < 8 || (address & 7) || !w->map.known || !readable(w, address, size < 16 ? 8 : 16))
		return 0;
	if (!w->vtables && !(w->vtables = vtables_create(w)))
		return 0;
	elements = words[0];
	if (!w->vtables->count || elements >= w->vtables->ranges[0].low)
		return type_at(w, elements, false);
	/* new T[n]: how many there are, then the first of them */
	if (!elements || size < 16 || (words[1] & 7) || !module_range(w->vtables, words[1]) ||
	    (size - ARRAY_COOKIE) % elements || (size - ARRAY_COOKIE) / elements < 8)
		return 0;
	return type_at(w, words[1], true);
}
