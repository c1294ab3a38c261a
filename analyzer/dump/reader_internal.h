/* reader_internal.h - what reader.c (opening, validating) and column.c (decoding) share. */
#ifndef REFGRAPH_READER_INTERNAL_H
#define REFGRAPH_READER_INTERNAL_H

#include "dump/reader.h"

#define KNOWN_SECTIONS 31u
#define KNOWN_COLUMNS 16u

/* Chunks of a column: numbers in dump.toc, in the order of their rows. */
struct column_chunks {
	uint32_t *chunks;
	uint32_t n;
	uint64_t rows;
};

/* Chunks of a group of EDGES: number in dump.toc + 1, 0 none. By enum rgd_edges_column. */
struct group_chunks {
	uint32_t chunk[4];
};

struct dump {
	char *path;
	const uint8_t *map;
	uint64_t size;
	struct rgd_file_header header;
	struct rgd_tail tail;
	struct rgd_toc_entry *toc;
	uint32_t nchunks;
	struct column_chunks columns[KNOWN_SECTIONS][KNOWN_COLUMNS];
	uint32_t *chunk_lists; /* one allocation for all columns[][].chunks */
	struct group_chunks *groups;
	uint32_t ngroups;
};

/* Verifies and decompresses chunk number `chunk` of the table of contents. */
struct error *chunk_payload(const struct dump *dump, uint32_t chunk, struct payload *ret);
/* An error that names the chunk. */
struct error *chunk_error(const struct dump *dump, uint32_t chunk, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
