/*
 * elf_exports.c - exported functions of a loaded module, through the hash table that the loader itself uses.
 */
#include <link.h>
#include <string.h>

#include "../shim.h"
#include "elf_symbols.h"

#define HIDDEN_VERSION 0x8000u

uint32_t gnu_hash_of(const char *name)
{
	uint32_t h = 5381;

	for (const uint8_t *p = (const uint8_t *)name; *p; p++)
		h = h * 33 + *p;
	return h;
}

/* The loader has added the base to the pointers of most modules; not to those of the vDSO. */
static uintptr_t pointer(const struct module *m, uintptr_t value)
{
	return value < m->base ? value + m->base : value;
}

bool exports_open(const struct module *m, struct exports *e)
{
	size_t soname = 0;

	memset(e, 0, sizeof(*e));
	e->base = m->base;
	e->soname = "";
	if (!m->dynamic)
		return false;
	for (const Elf64_Dyn *d = (const void *)m->dynamic; d->d_tag != DT_NULL; d++) {
		uintptr_t at = pointer(m, d->d_un.d_ptr);

		switch (d->d_tag) {
		case DT_SYMTAB:
			e->symbols = (const void *)at;
			break;
		case DT_STRTAB:
			e->strings = (const void *)at;
			break;
		case DT_STRSZ:
			e->strings_size = d->d_un.d_val;
			break;
		case DT_GNU_HASH:
			e->gnu_hash = (const void *)at;
			break;
		case DT_HASH:
			e->sysv_hash = (const void *)at;
			break;
		case DT_VERSYM:
			e->versions = (const void *)at;
			break;
		case DT_VERDEF:
			e->definitions = (const void *)at;
			break;
		case DT_VERDEFNUM:
			e->ndefinitions = d->d_un.d_val;
			break;
		case DT_SONAME:
			soname = d->d_un.d_val;
			break;
		default:
			break;
		}
	}
	if (!e->symbols || !e->strings || !(e->gnu_hash || e->sysv_hash))
		return false;
	if (soname < e->strings_size)
		e->soname = e->strings + soname;
	return true;
}

static const char *symbol_name(const struct exports *e, const Elf64_Sym *s)
{
	return s->st_name < e->strings_size ? e->strings + s->st_name : "";
}

static bool is_function(const Elf64_Sym *s)
{
	unsigned type = ELF64_ST_TYPE(s->st_info);

	return (type == STT_FUNC || type == STT_GNU_IFUNC) && s->st_shndx != SHN_UNDEF &&
	       s->st_value;
}

/* The name of version `number` of the module. */
static bool version_is(const struct exports *e, uint16_t number, const char *name)
{
	const Elf64_Verdef *d = e->definitions;

	for (size_t i = 0; d && i < e->ndefinitions; i++) {
		const Elf64_Verdaux *first = (const void *)((const char *)d + d->vd_aux);

		if (d->vd_ndx == (number & ~HIDDEN_VERSION))
			return first->vda_name < e->strings_size &&
			       !strcmp(e->strings + first->vda_name, name);
		if (!d->vd_next)
			break;
		d = (const void *)((const char *)d + d->vd_next);
	}
	return false;
}

static void report(const struct exports *e, uint32_t i, on_symbol each, void *context)
{
	const Elf64_Sym *s = &e->symbols[i];
	struct symbol_found found = {symbol_name(e, s), e->base + s->st_value, s->st_size,
				     ELF64_ST_TYPE(s->st_info) == STT_GNU_IFUNC};

	each(&found, context);
}

/* Whom a search is for, and who hears of it. */
struct search {
	const char *name, *version;
	bool variables; /* too, not functions only */
	on_symbol each;
	void *context;
};

static void consider(const struct exports *e, uint32_t i, const struct search *f)
{
	const Elf64_Sym *s = &e->symbols[i];

	if (!(f->variables ? s->st_shndx != SHN_UNDEF : is_function(s)) ||
	    strcmp(symbol_name(e, s), f->name) != 0)
		return;
	if (*f->version && !(e->versions && version_is(e, e->versions[i], f->version)))
		return;
	report(e, i, f->each, f->context);
}

/* The parts of DT_GNU_HASH. */
struct gnu_table {
	uint32_t nbuckets, first, nwords, shift;
	const uint64_t *bloom;
	const uint32_t *buckets, *chain;
};

static struct gnu_table gnu_table(const struct exports *e)
{
	const uint32_t *t = e->gnu_hash;
	struct gnu_table g = {t[0], t[1], t[2], t[3], (const void *)(t + 4), NULL, NULL};

	g.buckets = (const uint32_t *)(g.bloom + g.nwords);
	g.chain = g.buckets + g.nbuckets;
	return g;
}

static void find_gnu(const struct exports *e, const struct search *f)
{
	struct gnu_table g = gnu_table(e);
	uint32_t h = gnu_hash_of(f->name), i;
	uint64_t word;

	if (!g.nbuckets || !g.nwords)
		return;
	word = g.bloom[(h / 64) & (g.nwords - 1)];
	if (!(word >> (h & 63) & 1) || !(word >> ((h >> g.shift) & 63) & 1))
		return;
	i = g.buckets[h % g.nbuckets];
	if (i < g.first)
		return;
	for (;; i++) {
		uint32_t other = g.chain[i - g.first];

		if ((other | 1) == (h | 1))
			consider(e, i, f);
		if (other & 1)
			break;
	}
}

static uint32_t sysv_hash_of(const char *name)
{
	uint32_t h = 0, high;

	for (const uint8_t *p = (const uint8_t *)name; *p; p++) {
		h = (h << 4) + *p;
		high = h & 0xf0000000;
		h = (h ^ high >> 24) & ~high;
	}
	return h;
}

static void find_sysv(const struct exports *e, const struct search *f)
{
	const uint32_t *t = e->sysv_hash, *buckets = t + 2, *chain = buckets + t[0];

	if (!t[0])
		return;
	for (uint32_t i = buckets[sysv_hash_of(f->name) % t[0]]; i && i < t[1]; i = chain[i])
		consider(e, i, f);
}

static void find(const struct exports *e, const struct search *f)
{
	if (e->gnu_hash)
		find_gnu(e, f);
	else
		find_sysv(e, f);
}

void exports_find(const struct exports *e, const char *name, const char *version, on_symbol each,
		  void *context)
{
	find(e, &(struct search){name, version, false, each, context});
}

/* How many symbols there are: DT_HASH says it, in DT_GNU_HASH the last chain ends with the last symbol. */
static uint32_t symbol_count(const struct exports *e)
{
	struct gnu_table g;
	uint32_t last = 0;

	if (e->sysv_hash)
		return e->sysv_hash[1];
	g = gnu_table(e);
	for (uint32_t i = 0; i < g.nbuckets; i++)
		last = g.buckets[i] > last ? g.buckets[i] : last;
	if (last < g.first)
		return 0;
	while (!(g.chain[last - g.first] & 1))
		last++;
	return last + 1;
}

void exports_each(const struct exports *e, on_symbol each, void *context)
{
	uint32_t n = symbol_count(e);

	for (uint32_t i = 1; i < n; i++) {
		if (is_function(&e->symbols[i]))
			report(e, i, each, context);
	}
}

static void take_address(const struct symbol_found *found, void *context)
{
	uintptr_t *address = context;

	if (!*address && !found->indirect)
		*address = found->address;
}

uintptr_t exports_address(const struct exports *e, const char *name)
{
	uintptr_t address = 0;

	exports_find(e, name, "", take_address, &address);
	return address;
}

struct anywhere {
	struct search search;
	bool found;
};

static void take_note(const struct symbol_found *found, void *context)
{
	bool *ret = context;

	(void)found;
	*ret = true;
}

static int search_object(struct dl_phdr_info *info, size_t size, void *context)
{
	struct anywhere *a = context;
	struct module m = {.base = info->dlpi_addr};
	struct exports exports;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			m.dynamic = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
	}
	if (exports_open(&m, &exports))
		find(&exports, &a->search);
	return a->found;
}

bool exports_anywhere(const char *name)
{
	struct anywhere a = {.search = {name, "", true, take_note, NULL}};

	a.search.context = &a.found;
	dl_iterate_phdr(search_object, &a);
	return a.found;
}
