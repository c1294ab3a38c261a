/*
 * got.c - the second way: the tables through which modules call functions of others.
 *
 * An import (JUMP_SLOT, GLOB_DAT) that holds the function's address is led to our stub. One that is bound lazily still leads into its own module's
 * PLT: it is taken when its symbol has one of the function's names and the first definition of that name is this function; binding never comes
 * to it then. What is not seen: calls inside the function's own module that do not use the table, pointers in data, what dlsym gives.
 */
#include <string.h>
#include <sys/mman.h>

#include "../entry.h"
#include "got.h"

#define PAGE 4096ul

#define NAMES_MAX 8u

struct search {
	const struct got *got;
	uintptr_t from, to;
	const char *names
		[NAMES_MAX]; /* that the function is exported by, and whose first definition it is */
	unsigned nnames;
	size_t n;
};

static void find_names(struct search *s)
{
	struct image owner = {0};

	if (!image_find(&owner, s->got->function) || !owner.strings)
		return;
	for (size_t i = 1; i < owner.nsymbols && s->nnames < NAMES_MAX; i++) {
		const ElfW(Sym) *symbol = &owner.symbols[i];
		const char *name = owner.strings + symbol->st_name;

		if (symbol->st_shndx != SHN_UNDEF &&
		    owner.base + symbol->st_value == s->got->function &&
		    (uintptr_t)entry_symbol(NULL, name) == s->got->function)
			s->names[s->nnames++] = name;
	}
}

/* Not bound yet: it leads to the module's own PLT. */
static bool is_lazy(const struct search *s, const struct image *image, const ElfW(Rela) * r,
		    uintptr_t value)
{
	const char *name = image->strings + image->symbols[ELF64_R_SYM(r->r_info)].st_name;

	if (ELF64_R_TYPE(r->r_info) != R_X86_64_JUMP_SLOT || image_code(image, value) < 0)
		return false;
	for (unsigned i = 0; i < s->nnames; i++)
		if (!strcmp(s->names[i], name))
			return true;
	return false;
}

bool got_store(const struct image *image, uintptr_t slot, uintptr_t value)
{
	uintptr_t page = slot & ~(PAGE - 1);
	bool closed = slot >= image->relro_low && slot < image->relro_high;

	if (closed && sys(SYS_mprotect, page, PAGE, PROT_READ | PROT_WRITE) != 0)
		return false;
	__atomic_store_n((uintptr_t *)slot, value, __ATOMIC_RELEASE);
	if (closed)
		sys(SYS_mprotect, page, PAGE, PROT_READ);
	return true;
}

static void redirect_table(struct search *s, const struct image *image, const ElfW(Rela) * rela,
			   size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uintptr_t slot = image->base + rela[i].r_offset, value;
		unsigned type = ELF64_R_TYPE(rela[i].r_info);

		if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) || slot % 8 ||
		    slot < image->low || slot + 8 > image->high)
			continue;
		value = *(const uintptr_t *)slot;
		if (value == s->to)
			s->n++;
		else if (value && (value == s->from || is_lazy(s, image, &rela[i], value)))
			s->n += got_store(image, slot, s->to);
	}
}

static int redirect_object(struct dl_phdr_info *info, size_t size, void *context)
{
	struct search *s = context;
	struct image image;

	if (!image_read(&image, info) || !image.symbols || !image.strings || image_fresh(&image))
		return 0;
	if ((uintptr_t)redirect_object >= image.low && (uintptr_t)redirect_object < image.high)
		return 0; /* ourselves */
	redirect_table(s, &image, image.rela, image.nrela);
	redirect_table(s, &image, image.plt_rela, image.nplt_rela);
	return 0;
}

size_t got_redirect(const struct got *g)
{
	struct search s = {.got = g, .from = g->function, .to = g->stub};

	find_names(&s);
	dl_iterate_phdr(redirect_object, &s);
	return s.n;
}

size_t got_restore(const struct got *g)
{
	struct search s = {.got = g, .from = g->stub, .to = g->function};

	dl_iterate_phdr(redirect_object, &s);
	return s.n;
}
