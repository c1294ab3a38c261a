/*
 * elf_symbols.h - functions of a loaded module by name: in its table of exported symbols where the loader mapped it, or in the .symtab of its
 * file or of its separate debug file. Knows nothing of rules or hooks.
 */
#ifndef REFGRAPH_ELF_SYMBOLS_H
#define REFGRAPH_ELF_SYMBOLS_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct module;

/* What a module's PT_DYNAMIC says; in the module's own memory. */
struct exports {
	uintptr_t base;
	const char *soname; /* "" none */
	const Elf64_Sym *symbols;
	const char *strings;
	size_t strings_size;
	const uint32_t *gnu_hash, *sysv_hash;
	const uint16_t *versions;
	const Elf64_Verdef *definitions;
	size_t ndefinitions;
};

struct symbol_found {
	const char *name; /* in the module or the mapped file: copy it */
	uintptr_t address;
	size_t size;
	bool indirect; /* IFUNC: `address` is the resolver's */
};
typedef void (*on_symbol)(const struct symbol_found *found, void *context);

/* False: nothing to look in. */
bool exports_open(const struct module *m, struct exports *ret);
/* Each definition of the name, of any version. `version` "" for any. */
void exports_find(const struct exports *e, const char *name, const char *version, on_symbol each,
		  void *context);
/* Each function that is exported. */
void exports_each(const struct exports *e, on_symbol each, void *context);
/* The default definition's address; 0 none. */
uintptr_t exports_address(const struct exports *e, const char *name);
/*
 * Does any loaded module define a function or variable of this name? To be asked ahead of dlsym(), which allocates its message
 * when there is none: from a program with an allocator of its own, that is the program's code, ahead of its time.
 */
bool exports_anywhere(const char *name);

/* Each function of .symtab: of the file, else of its debug file by build-id or .gnu_debuglink. False: neither has one (`why` says it). Opens
 * files: not for a thread of the program in a hot path. */
bool file_symbols_each(const struct module *m, on_symbol each, void *context, const char **why);

uint32_t gnu_hash_of(const char *name);

#endif
