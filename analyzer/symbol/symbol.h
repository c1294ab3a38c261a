/*
 * symbol.h - from (module, offset) to a name: "handler+0x12 (server.c:31)", "g_cache+0x10", or "libfoo.so+0x1234"
 * where the file is missing or of another build. Offline: only files of this machine are read, and only those whose
 * build-id is the one that the dump recorded. Knows nothing of dumps.
 *
 * Not thread-safe. Everything is read when first asked for. Without memory names degrade to module+offset.
 */
#ifndef REFGRAPH_SYMBOL_H
#define REFGRAPH_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct symbols;

struct symbol {
	const char *name; /* demangled; NULL: not known. Lives as long as the symbols */
	uint64_t offset;  /* of the address from the start of `name` */
	const char *file; /* source file as the compiler wrote it; NULL: not known */
	unsigned line;
	const char *module;  /* file name of the module without folders, "" unknown */
	const char *section; /* data without a name: ".bss"; else NULL */
};

/* `search`: folders separated by colons, before the usual places (REFGRAPH_SYMBOL_PATH); NULL none. NULL without
 * memory. */
struct symbols *symbols_create(const char *search);
void symbols_destroy(struct symbols *symbols); /* NULL is fine */
/* Hands `data` over: released when the symbols are destroyed. Once per symbols. */
void symbols_keep(struct symbols *symbols, void *data, void (*release)(void *data));
void *symbols_kept(const struct symbols *symbols);

/* A module as the dump names it; both strings are copied. Numbers count from 0; -1 without memory. */
long symbols_add_module(struct symbols *symbols, const char *path, const char *build_id);

/* `offset` = return address - load bias. The call lies before the return address: that is what gets looked up. */
void symbols_code(struct symbols *symbols, long number, uint64_t offset, struct symbol *symbol);
/* Adds file and line, which take longer: DWARF has to be read. */
void symbols_line(struct symbols *symbols, long number, uint64_t offset, struct symbol *symbol);
/* `offset` = address - load bias, of writable or constant data. */
void symbols_data(struct symbols *symbols, long number, uint64_t offset, struct symbol *symbol);

/*
 * "handler+0x12 (server.c:31)", "g_cache+0x10", "libfoo.so+0x1234", "libfoo.so .bss+0x20". `offset` is what the symbol
 * was asked for. Cut off at `size`; returns the length that the whole text has, as snprintf does.
 */
int symbol_format(const struct symbol *symbol, uint64_t offset, char *text, size_t size);

/* Files of a module: the one with its debug information, and the one with its code; NULL where there is none. */
struct image *symbols_debug_image(struct symbols *symbols, long number);
struct image *symbols_code_image(struct symbols *symbols, long number);

/* The .dwp file that lies beside one of them; NULL: none. */
struct package *symbols_package(struct symbols *symbols, long number);

/* A line to `out` for each module (the first few) whose addresses were asked for and that has no names here, and why. */
void symbols_print_notes(const struct symbols *symbols, FILE *out);

#endif
