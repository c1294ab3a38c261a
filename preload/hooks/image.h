/*
 * image.h - a loaded module as its code and tables lie in memory: what must be known to change a function of it.
 *
 * Read from program headers, so that it works for a module that the loader has mapped and not yet relocated.
 */
#ifndef REFGRAPH_HOOKS_IMAGE_H
#define REFGRAPH_HOOKS_IMAGE_H

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../unwind.h"

#define IMAGE_SEGMENTS 8

struct image {
	uintptr_t base, low, high;
	struct {
		uintptr_t low, high;
		bool writable;
	} code[IMAGE_SEGMENTS]; /* executable segments */
	unsigned ncode;
	struct cfi_module cfi;
	uintptr_t relro_low, relro_high;
	/* .dynamic's; NULL or 0 when absent */
	const ElfW(Sym) * symbols;
	size_t nsymbols; /* by the hash tables; 0 unknown */
	const char *strings;
	const ElfW(Rela) * rela, *plt_rela;
	size_t nrela, nplt_rela;
	const ElfW(Relr) * relr;
	size_t nrelr;
	bool text_relocations;
};

/* False: it cannot be read. */
bool image_read(struct image *ret, const struct dl_phdr_info *info);
/* The module that holds `address`. False: none. Takes the loader's lock for its list. */
bool image_find(struct image *ret, uintptr_t address);
/* It is mapped and not relocated yet: its code cannot have been run. False when that cannot be told. */
bool image_fresh(const struct image *image);
/* The executable segment around address: its index, -1 none. */
int image_code(const struct image *image, uintptr_t address);

#endif
