/* index_internal.h - the layout of the file, for those who read and write it. Host byte order: it never leaves the machine's kind. */
#ifndef REFGRAPH_INDEX_INTERNAL_H
#define REFGRAPH_INDEX_INTERNAL_H

#include "dump/index.h"

#define INDEX_MAGIC "\x89RGX\r\n\x1a\n"
#define INDEX_VERSION 1u
#define INDEX_PAGE 4096u
#define INDEX_BLOCK (1u << 20) /* bytes that are summed at a time */

struct index_entry {
	uint64_t offset; /* of INDEX_PAGE; 0 absent */
	uint64_t n;
	uint64_t checksum; /* of the checksums of its blocks */
};

struct index_header {
	char magic[8];
	uint32_t version, nsections;
	uint64_t maker[2]; /* who made it: another build may judge otherwise */
	uint64_t dump[2];
	uint64_t file_size;
	uint64_t nobjects, nedges;
	uint64_t reached_objects, reached_bytes;
	struct index_entry sections[INDEX_SECTIONS];
	uint64_t checksum; /* of everything before */
};

struct index {
	struct model *model;
	char *path;
	int fd;
	struct index_header header;
	uint32_t verified, bad; /* sections, by bit */
};

/* Bytes of an entry. */
extern const uint8_t index_width[INDEX_SECTIONS];

void index_maker(uint64_t ret[2]);
uint64_t index_header_sum(const struct index_header *header);
uint64_t index_blocks(uint64_t bytes);

/*
 * index_check.c: whether the entries of a mapped section, or of the dominator tree, are what they must be. `sums` gets the checksum of
 * each block.
 */
bool index_check(const struct index *index, enum index_section section, const void *data);
bool index_check_tree(const struct index *index, const uint32_t *immediate,
		      const uint32_t *preorder);
/* How many entries a section must have; UINT64_MAX: any number. */
uint64_t index_expected(const struct index_header *header, enum index_section section);

#endif
