/*
 * engine.c - statics of the engine that no symbol names. They lie in the writable data of the module that has executor_globals, and
 * are told by what they must be: the collector's by the numbers that zend_gc_get_status() gives, the list of autoloaders by the
 * shape of its elements.
 */
#include "php.h"

#include <link.h>

#define SEGMENTS 8u
static struct {
	uintptr_t low, high;
} segments[SEGMENTS];
static unsigned segment_count;

/* ---- where they may lie: asked in PHP's thread, because it takes the loader's lock ------------------------------------------ */

static int note_segments(struct dl_phdr_info *info, size_t size, void *unused)
{
	uintptr_t inside = (uintptr_t)&executor_globals;
	bool ours = false;

	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		ours |= p->p_type == PT_LOAD && inside - info->dlpi_addr - p->p_vaddr < p->p_memsz;
	}
	for (unsigned i = 0; ours && i < info->dlpi_phnum && segment_count < SEGMENTS; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_W))
			continue;
		segments[segment_count].low = (info->dlpi_addr + p->p_vaddr + 7) & ~(uintptr_t)7;
		segments[segment_count++].high = info->dlpi_addr + p->p_vaddr + p->p_memsz;
	}
	return ours;
}

static void startup(bool late)
{
	dl_iterate_phdr(note_segments, NULL);
}

const struct event_handlers engine_events = {.startup = startup};

/* The first word for which fits() is true, searched again only when it does not fit any more. */
static const void *find(struct walk *walk, const void **known, size_t size,
			bool (*fits)(struct walk *, const void *))
{
	if (*known && fits(walk, *known))
		return *known;
	for (unsigned i = 0; i < segment_count; i++) {
		for (uintptr_t at = segments[i].low; at + size <= segments[i].high; at += 8) {
			if (!(at & 4095) && !shim->readable(walk, at, size))
				break;
			if (fits(walk, (const void *)at))
				return *known = (const void *)at;
		}
	}
	return NULL;
}

/* ---- the collector ----------------------------------------------------------------------------------------------------------- */

/* As in zend_gc.c. */
struct gc_globals {
	const uintptr_t *buffer;
	bool enabled, active, protected, full;
	uint32_t unused, first_unused, threshold, size, used, runs, collected;
};
static zend_gc_status status;

static bool is_collector(struct walk *walk, const void *at)
{
	const struct gc_globals *g = at;

	return g->threshold == status.threshold && g->used == status.num_roots &&
	       g->runs == status.runs && g->collected == status.collected && g->buffer &&
	       g->size >= g->first_unused && g->first_unused > g->used &&
	       shim->readable(walk, (uintptr_t)g->buffer, g->first_unused * sizeof(uintptr_t));
}

bool gc_buffer(struct walk *walk, struct gc_buffer *out)
{
	static const void *known;
	const struct gc_globals *g;

	zend_gc_get_status(&status);
	g = find(walk, &known, sizeof(*g), is_collector);
	if (!g)
		return false;
	*out = (struct gc_buffer){g->buffer,	   g->size,    g->used,	  g->threshold,
				  g->first_unused, g->enabled, g->active, g->full};
	return true;
}

/* ---- autoloaders ---------------------------------------------------------------------------------------------------------------- */

/* An element is (function, object, closure, scope): one of ZendMM's blocks of 32 bytes. */
static bool is_autoloader(struct walk *walk, const zval *z)
{
	const uintptr_t *words = Z_PTR_P(z);
	const zend_function *f;
	uint64_t size;

	if (Z_TYPE_P(z) != IS_PTR || !words || !shim->block(walk, (uintptr_t)words, &size) ||
	    size != 32)
		return false;
	f = (const zend_function *)words[0];
	return f && !((uintptr_t)f & 7) && shim->readable(walk, (uintptr_t)f, sizeof(*f)) &&
	       (f->type == ZEND_USER_FUNCTION || f->type == ZEND_INTERNAL_FUNCTION) &&
	       (!words[1] || shim->has(walk, words[1])) && (!words[2] || shim->has(walk, words[2]));
}

static bool is_autoloaders(struct walk *walk, const void *at)
{
	const HashTable *list = *(const HashTable *const *)at;
	uint64_t size;
	zval *z;

	if (!list || (uintptr_t)list & 7 || !shim->has(walk, (uintptr_t)list) ||
	    !shim->block(walk, (uintptr_t)list, &size) || size != sizeof(*list) ||
	    GC_TYPE(list) != IS_ARRAY || !list->pDestructor || !list->nNumUsed ||
	    list->nNumUsed > 1000 ||
	    !shim->readable(walk, (uintptr_t)list->arData, list->nNumUsed * sizeof(Bucket)))
		return false;
	ZEND_HASH_FOREACH_VAL((HashTable *)list, z)
	{
		if (!is_autoloader(walk, z))
			return false;
	}
	ZEND_HASH_FOREACH_END();
	return zend_hash_num_elements(list) > 0;
}

const HashTable *engine_autoloaders(struct walk *walk)
{
	static const void *known;
	static bool asked, none;
	const void *place;

	if (asked && none)
		return NULL;
	place = find(walk, &known, sizeof(void *), is_autoloaders);
	asked = true;
	none = !place;
	return place ? *(const HashTable *const *)place : NULL;
}
