/*
 * image.h - one ELF file on disk, opened to name addresses in it: its symbol tables and its line table. Knows
 * nothing of dumps, processes or load addresses: addresses here are the file's own (p_vaddr), which is what
 * "address - load bias" gives for shared objects, PIE and fixed programs alike.
 *
 * Not thread-safe. A damaged file is ordinary: what cannot be read has no name.
 */
#ifndef REFGRAPH_SYMBOL_IMAGE_H
#define REFGRAPH_SYMBOL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image;

enum image_kind { IMAGE_CODE, IMAGE_DATA };

struct image_symbol {
	const char *name; /* as in the file (mangled); lives as long as the image */
	uint64_t start;
	uint64_t size;
};

/* For reading, -1 when it is no regular file: a path from a dump may name anything, and O_NONBLOCK keeps a FIFO or a device from
 * holding us. */
int image_open_regular(const char *path);
/*
 * NULL when `path` is no regular ELF file, or its build-id (lower-case hex) is not `build_id`. "" matches only a file
 * without a build-id; NULL matches any file.
 */
struct image *image_open(const char *path, const char *build_id);
void image_close(struct image *image);
/* The file that was opened; NULL without memory. */
const char *image_path(const struct image *image);

/* True when the file has a full symbol table (.symtab), not only the exported names. */
bool image_has_symtab(const struct image *image);
bool image_has_lines(struct image *image);

/* The symbol that covers `address`. Never a neighbour that ends before it: no name is better than a wrong one. */
bool image_find(struct image *image, enum image_kind kind, uint64_t address,
		struct image_symbol *symbol);

/* Source file and line of the instruction at `address`; `file` lives as long as the image. Untouched when false. */
bool image_line(struct image *image, uint64_t address, const char **file, unsigned *line);

/* Name of the section that covers `address` (".bss"), NULL when there is none. */
const char *image_section(struct image *image, uint64_t address);

/* .gnu_debuglink: the file name and CRC-32 of the separate debug file. */
bool image_debuglink(struct image *image, const char **name, uint32_t *crc);

/* CRC-32 of the whole file as .gnu_debuglink counts it. */
bool image_file_crc(struct image *image, uint32_t *crc);

/* The file's debug information (libdw's), NULL when it has none. Lives as long as the image. */
struct Dwarf *image_dwarf(struct image *image);

/* Bytes of code at `address`, as many as the section has, at most `size`; 0 when the file does not hold them. */
size_t image_code(struct image *image, uint64_t address, uint8_t *bytes, size_t size);

/* How the frame of the function at `address` is found: its CFA is *offset from register number *reg (DWARF's) there. False where the
 * file does not tell, or not so simply. */
bool image_frame(struct image *image, uint64_t address, unsigned *reg, int64_t *offset);

#endif
