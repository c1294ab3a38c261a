/* memory.c - see memory.h. */
#include "report/memory.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *about;
} kinds[MEMORY_NUMBER_OF] = {
	[MEMORY_PROGRAM] = {"program", "the executable: code, constants, variables"},
	[MEMORY_LIBRARIES] = {"libraries", "code, constants, variables of what it loaded"},
	[MEMORY_ARENAS] = {"arenas", "CPython's arenas for small objects"},
	[MEMORY_ZENDMM] = {"zendmm", "PHP's chunks and huge blocks"},
	[MEMORY_MALLOC] = {"malloc", "heaps of malloc, and chunks that it mapped"},
	[MEMORY_MAPPED] = {"mapped", "anonymous memory that the program mapped itself"},
	[MEMORY_STACKS] = {"stacks", "of threads"},
	[MEMORY_FILES] = {"files", "mapped files that are no code"},
	[MEMORY_SHIM] = {"refgraph", "refgraph's own, and what nobody is known to have mapped"},
	[MEMORY_KERNEL] = {"kernel", "vdso and the like"},
};

const char *memory_kind_name(unsigned kind)
{
	return kind < MEMORY_NUMBER_OF ? kinds[kind].name : "?";
}

const char *memory_kind_about(unsigned kind)
{
	return kind < MEMORY_NUMBER_OF ? kinds[kind].about : "";
}

/* ---- mappings with a name -------------------------------------------------------------------- */

static uint32_t module_of_path(const struct model *m, const char *path)
{
	for (uint32_t i = 0; i < m->nmodules; i++)
		if (strcmp(model_string(m, m->modules[i].path), path) == 0)
			return i;
	return MODEL_NONE;
}

/* The module whose memory this is: by name, or because its variables reach into this mapping. */
static uint32_t module_of_map(const struct model *m, const struct map *map)
{
	const char *path = model_string(m, map->path);

	if (path[0] && path[0] != '[') {
		uint32_t module = module_of_path(m, path);

		if (module != MODEL_NONE)
			return module;
	}
	for (uint32_t i = 0; i < m->nmodules && path[0] != '['; i++)
		if (!m->modules[i].unloaded && map->start >= m->modules[i].low &&
		    map->start < m->modules[i].high)
			return i;
	return MODEL_NONE;
}

static bool is_own(const char *path)
{
	return strstr(path, "librefgraph.so") || strncmp(path, "/dev/shm/refgraph-", 18) == 0;
}

static unsigned kind_of_module(const struct model *m, uint32_t module)
{
	if (is_own(model_string(m, m->modules[module].path)))
		return MEMORY_SHIM;
	return module == 0 ? MEMORY_PROGRAM : MEMORY_LIBRARIES;
}

/* Where a module's memory ends: its last page is all its own. */
static uint64_t module_end(const struct module *module)
{
	return (module->high + 4095) & ~(uint64_t)4095;
}

/*
 * The kind of a mapping by its name; MEMORY_NUMBER_OF when its contents decide. That is so too where a module's variables
 * without a name are only the mapping's beginning: the kernel makes one of them and what was mapped right behind.
 */
static unsigned kind_of_name(const struct model *m, const struct map *map)
{
	const char *path = model_string(m, map->path);
	uint32_t module = module_of_map(m, map);

	if (is_own(path))
		return MEMORY_SHIM;
	if (module != MODEL_NONE && !path[0] && map->end > module_end(&m->modules[module]))
		return MEMORY_NUMBER_OF;
	if (module != MODEL_NONE)
		return kind_of_module(m, module);
	if (strcmp(path, "[heap]") == 0)
		return MEMORY_MALLOC;
	if (strncmp(path, "[stack", 6) == 0)
		return MEMORY_STACKS;
	if (strncmp(path, "[anon", 5) == 0 || !path[0])
		return MEMORY_NUMBER_OF;
	return path[0] == '[' ? MEMORY_KERNEL : MEMORY_FILES;
}

/* ---- mappings without ------------------------------------------------------------------------ */

/* What lies in one mapping: bytes by kind. */
struct contents {
	uint64_t bytes[MEMORY_NUMBER_OF];
	struct memory_sum live[3]; /* elsewhere, in arenas, in ZendMM's chunks */
};

static uint64_t overlap(const struct map *map, uint64_t start, uint64_t end)
{
	uint64_t low = start > map->start ? start : map->start;
	uint64_t high = end < map->end ? end : map->end;

	return high > low ? high - low : 0;
}

static unsigned kind_of_region(const struct region *r)
{
	static const unsigned char kinds_of[] = {[RGD_REGION_ARENA] = MEMORY_ARENAS,
						 [RGD_REGION_FIBER] = MEMORY_STACKS,
						 [RGD_REGION_ZENDMM] = MEMORY_ZENDMM};

	return r->kind && r->kind < sizeof kinds_of ? kinds_of[r->kind] : MEMORY_MAPPED;
}

static void look_into(const struct model *m, const struct map *map, struct contents *c)
{
	uint32_t module = module_of_map(m, map);
	uint64_t known = 0;

	if (module != MODEL_NONE)
		c->bytes[kind_of_module(m, module)] +=
			overlap(map, map->start, module_end(&m->modules[module]));
	for (uint32_t i = 0; i < m->nregions; i++) {
		const struct region *r = &m->regions[i];

		c->bytes[kind_of_region(r)] += overlap(map, r->address, r->address + r->size);
	}
	for (uint32_t i = 0; i < m->nthreads; i++)
		c->bytes[MEMORY_STACKS] +=
			overlap(map, m->threads[i].stack_low, m->threads[i].stack_high);
	for (unsigned k = 0; k < MEMORY_NUMBER_OF; k++)
		known += c->bytes[k];
	if (known < map->end - map->start)
		c->bytes[c->live[0].objects ? MEMORY_MALLOC : MEMORY_SHIM] +=
			map->end - map->start - known;
}

static void add_live(struct memory_sum *sum, const struct memory_sum *live)
{
	sum->objects += live->objects;
	sum->live += live->live;
}

/* Divides a mapping's resident bytes by the sizes of its parts; the last part takes the rest. */
static void divide(struct memory *ret, const struct map *map, const struct contents *c)
{
	uint64_t size = 0, rss = map->rss;
	unsigned largest = 0;

	for (unsigned k = 0; k < MEMORY_NUMBER_OF; k++) {
		size += c->bytes[k];
		if (c->bytes[k] > c->bytes[largest])
			largest = k;
	}
	for (unsigned k = 0; k < MEMORY_NUMBER_OF; k++) {
		struct memory_sum *sum = &ret->kinds[k];
		uint64_t part =
			!size || k == largest
				? 0
				: (uint64_t)((double)map->rss * (double)c->bytes[k] / (double)size);

		if (part > rss)
			part = rss;
		sum->rss += part;
		rss -= part;
		sum->size += k == largest ? 0 : c->bytes[k];
		sum->maps += c->bytes[k] || k == largest;
	}
	ret->kinds[largest].rss += rss;
	ret->kinds[largest].size += c->bytes[largest];
	if (c->live[1].objects)
		add_live(&ret->kinds[MEMORY_ARENAS], &c->live[1]);
	if (c->live[2].objects)
		add_live(&ret->kinds[MEMORY_ZENDMM], &c->live[2]);
	if (c->live[0].objects)
		add_live(&ret->kinds[c->bytes[MEMORY_MALLOC] ? MEMORY_MALLOC : largest],
			 &c->live[0]);
}

/* ---- live objects ---------------------------------------------------------------------------- */

static uint32_t map_at(const struct model *m, uint64_t address)
{
	uint32_t low = 0, high = m->nmaps;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (address < m->maps[middle].start)
			high = middle;
		else if (address >= m->maps[middle].end)
			low = middle + 1;
		else
			return middle;
	}
	return MODEL_NONE;
}

static void place_objects(const struct model *m, struct memory *ret, struct contents *contents)
{
	for (uint32_t o = 0; o < m->nobjects; o++) {
		struct arena *arena = arenas_at(&ret->arenas, m->address[o]);
		uint32_t map = map_at(m, m->address[o]);
		unsigned where;

		if (map == MODEL_NONE)
			continue;
		where = !arena ? 0 : arena_is_chunk(arena) ? 2 : 1;
		contents[map].live[where].objects++;
		contents[map].live[where].live += m->size[o];
	}
}

struct error *memory_compute(struct model *m, struct memory *ret)
{
	struct contents *contents;
	struct error *e;

	*ret = (struct memory){0};
	TRY(model_load(m, MODEL_MAPS | MODEL_REGIONS | MODEL_THREADS | MODEL_MODULES |
				  MODEL_STRINGS | MODEL_ADDRESS | MODEL_SIZE | MODEL_HEAPS |
				  MODEL_META));
	contents = calloc((size_t)m->nmaps + 1, sizeof *contents);
	e = contents ? arenas_compute(m, &ret->arenas) : error_memory();
	if (!e)
		place_objects(m, ret, contents);
	for (uint32_t i = 0; i < m->nmaps && !e; i++) {
		const struct map *map = &m->maps[i];
		unsigned kind = kind_of_name(m, map);

		if (kind == MEMORY_NUMBER_OF)
			look_into(m, map, &contents[i]);
		else
			contents[i].bytes[kind] = map->end - map->start;
		divide(ret, map, &contents[i]);
	}
	free(contents);
	for (unsigned k = 0; k < MEMORY_NUMBER_OF; k++) {
		ret->total.maps += ret->kinds[k].maps;
		ret->total.size += ret->kinds[k].size;
		ret->total.rss += ret->kinds[k].rss;
		add_live(&ret->total, &ret->kinds[k]);
	}
	if (e)
		memory_deinit(ret);
	return e;
}

void memory_deinit(struct memory *memory)
{
	arenas_deinit(&memory->arenas);
}
