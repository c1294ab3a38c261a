/*
 * image.c - reads program headers and .dynamic of a module in memory.
 */
#include <string.h>

#include "image.h"

/* The loader relocates the pointers of .dynamic in place, later than we may look (and never for the vDSO). */
static const void *pointer(const struct image *image, uintptr_t value)
{
	uintptr_t address =
		value >= image->low && value < image->high ? value : value + image->base;

	return address >= image->low && address < image->high ? (const void *)address : NULL;
}

/* The number of dynamic symbols is not written down: the SysV table has a chain for each, of the GNU table the last chain ends there. */
static size_t gnu_symbols(const struct image *image, const uint32_t *table)
{
	uint32_t nbuckets = table[0], first = table[1], nbloom = table[2], last = 0;
	const uint32_t *buckets = (const uint32_t *)((const uint64_t *)(table + 4) + nbloom);
	const uint32_t *chains = buckets + nbuckets;

	if ((uintptr_t)chains > image->high)
		return 0;
	for (uint32_t i = 0; i < nbuckets; i++)
		if (buckets[i] > last)
			last = buckets[i];
	if (last < first)
		return first;
	while ((uintptr_t)&chains[last - first] + 4 <= image->high && !(chains[last - first] & 1))
		last++;
	return last + 1;
}

static void read_dynamic(struct image *image, const ElfW(Dyn) * d)
{
	const uint32_t *sysv = NULL, *gnu = NULL;

	for (; d->d_tag != DT_NULL; d++) {
		switch (d->d_tag) {
		case DT_SYMTAB:
			image->symbols = pointer(image, d->d_un.d_ptr);
			break;
		case DT_STRTAB:
			image->strings = pointer(image, d->d_un.d_ptr);
			break;
		case DT_HASH:
			sysv = pointer(image, d->d_un.d_ptr);
			break;
		case DT_GNU_HASH:
			gnu = pointer(image, d->d_un.d_ptr);
			break;
		case DT_RELA:
			image->rela = pointer(image, d->d_un.d_ptr);
			break;
		case DT_RELASZ:
			image->nrela = d->d_un.d_val / sizeof(ElfW(Rela));
			break;
		case DT_JMPREL:
			image->plt_rela = pointer(image, d->d_un.d_ptr);
			break;
		case DT_PLTRELSZ:
			image->nplt_rela = d->d_un.d_val / sizeof(ElfW(Rela));
			break;
		case DT_RELR:
			image->relr = pointer(image, d->d_un.d_ptr);
			break;
		case DT_RELRSZ:
			image->nrelr = d->d_un.d_val / sizeof(ElfW(Relr));
			break;
		case DT_TEXTREL:
			image->text_relocations = true;
			break;
		case DT_FLAGS:
			image->text_relocations |= (d->d_un.d_val & DF_TEXTREL) != 0;
			break;
		}
	}
	if (!image->rela)
		image->nrela = 0;
	if (!image->plt_rela)
		image->nplt_rela = 0;
	if (!image->relr)
		image->nrelr = 0;
	if (!image->symbols || !image->strings)
		return;
	image->nsymbols = sysv ? sysv[1] : gnu ? gnu_symbols(image, gnu) : 0;
}

static void read_segment(struct image *image, const ElfW(Phdr) * p)
{
	uintptr_t low = image->base + p->p_vaddr, high = low + p->p_memsz;

	if (low < image->low)
		image->low = low & ~(uintptr_t)4095;
	if (high > image->high)
		image->high = high;
	if (p->p_flags & PF_X && image->ncode < IMAGE_SEGMENTS) {
		image->code[image->ncode].low = low;
		image->code[image->ncode].high = low + p->p_filesz;
		image->code[image->ncode++].writable = p->p_flags & PF_W;
	}
}

bool image_read(struct image *ret, const struct dl_phdr_info *info)
{
	const ElfW(Dyn) *dynamic = NULL;

	memset(ret, 0, sizeof(*ret));
	ret->base = info->dlpi_addr;
	ret->low = UINTPTR_MAX;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = ret->base + p->p_vaddr;

		if (p->p_type == PT_LOAD) {
			read_segment(ret, p);
		} else if (p->p_type == PT_GNU_EH_FRAME) {
			ret->cfi.header = (const uint8_t *)start;
		} else if (p->p_type == PT_DYNAMIC) {
			dynamic = (const ElfW(Dyn) *)start;
		} else if (p->p_type == PT_GNU_RELRO) {
			ret->relro_low = start & ~(uintptr_t)4095;
			ret->relro_high = (start + p->p_memsz) & ~(uintptr_t)4095;
		}
	}
	if (ret->low >= ret->high)
		return false;
	ret->cfi.low = ret->low;
	ret->cfi.high = ret->high;
	if (dynamic)
		read_dynamic(ret, dynamic);
	return true;
}

struct wanted {
	struct image *image;
	uintptr_t address;
};

static int on_object(struct dl_phdr_info *info, size_t size, void *context)
{
	struct wanted *w = context;

	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD &&
		    w->address - (info->dlpi_addr + p->p_vaddr) < p->p_memsz)
			return image_read(w->image, info) ? 1 : -1;
	}
	return 0;
}

bool image_find(struct image *ret, uintptr_t address)
{
	struct wanted w = {ret, address};

	return dl_iterate_phdr(on_object, &w) == 1;
}

int image_code(const struct image *image, uintptr_t address)
{
	for (unsigned i = 0; i < image->ncode; i++)
		if (address >= image->code[i].low && address < image->code[i].high)
			return (int)i;
	return -1;
}

bool image_fresh(const struct image *image)
{
	if (!image->base)
		return false;
	for (size_t i = 0; i < image->nrela; i++) {
		uintptr_t at = image->base + image->rela[i].r_offset;

		/* constants may be relocated and then changed by the program: only what is read-only then tells */
		if (ELF64_R_TYPE(image->rela[i].r_info) == R_X86_64_RELATIVE &&
		    at >= image->relro_low && at + 8 <= image->relro_high)
			return *(const uintptr_t *)at !=
			       image->base + (uintptr_t)image->rela[i].r_addend;
	}
	/* RELR begins with an address; its word holds an offset until it is relocated */
	if (image->nrelr && !(image->relr[0] & 1)) {
		uintptr_t at = image->base + image->relr[0];

		if (at >= image->relro_low && at + 8 <= image->relro_high)
			return *(const uintptr_t *)at < image->low;
	}
	return false;
}
