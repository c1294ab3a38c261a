/*
 * reader.h - a dump as sections, columns and rows: numbers and bytes, checked but without meaning
 * (model.h has that).
 *
 * dump_open() maps the file and validates everything that later calls rely on: header, tail, table
 * of contents, the bounds of every chunk, contiguous rows, equal row counts. Nothing is allocated
 * from a number of the file before that. A chunk's checksum is verified each time it is decoded.
 * Decoding is safe from several threads at a time. Unknown sections and columns are passed over.
 */
#ifndef REFGRAPH_READER_H
#define REFGRAPH_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../include/refgraph_dump.h"
#include "util/err.h"

struct dump;

struct error *dump_open(const char *path, struct dump **ret);
void dump_close(struct dump *dump); /* NULL is fine */

const char *dump_path(const struct dump *dump);
uint64_t dump_file_size(const struct dump *dump);
const struct rgd_file_header *dump_header(const struct dump *dump);
/* RGD_TAIL_* */
uint32_t dump_flags(const struct dump *dump);

/* What tells this dump from any other: it covers the checksums of all chunks. */
void dump_key(const struct dump *dump, uint64_t ret[2]);

/* Rows of a section; 0 when it is absent. EDGES' VALUE and INTERIOR have their own number. */
uint64_t dump_rows(const struct dump *dump, unsigned section);
uint64_t dump_column_rows(const struct dump *dump, unsigned section, unsigned column);
const char *dump_section_name(unsigned section); /* "OBJECTS", or "section 37" */

/* An error about a row of a column: names file, section and the chunk's offset. */
struct error *dump_error(const struct dump *dump, unsigned section, unsigned column, uint64_t row,
			 const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * A whole column into `out`, which has room for dump_rows() values. A column that the dump lacks is
 * all zeros. A value that is not < limit (limit 0: any that fits) is an error. Chunks are decoded
 * in parallel.
 */
struct error *dump_read_u8(const struct dump *dump, unsigned section, unsigned column,
			   uint64_t limit, uint8_t *out);
struct error *dump_read_u32(const struct dump *dump, unsigned section, unsigned column,
			    uint64_t limit, uint32_t *out);
struct error *dump_read_u64(const struct dump *dump, unsigned section, unsigned column,
			    uint64_t limit, uint64_t *out);

/*
 * Parts of a column, for who needs few rows of many. A column is a run of chunks, numbered from 0;
 * dump_read_chunk() decodes one (`width` 1, 4 or 8 bytes a row) to `out`, dump_pick() of one the
 * given rows (ascending, of the section) only. Errors as above.
 */
size_t dump_column_chunks(const struct dump *dump, unsigned section, unsigned column);
void dump_chunk_rows(const struct dump *dump, unsigned section, unsigned column, size_t k,
		     uint64_t *first, uint32_t *rows);
struct error *dump_read_chunk(const struct dump *dump, unsigned section, unsigned column, size_t k,
			      uint64_t limit, void *out, unsigned width);
struct error *dump_pick(const struct dump *dump, unsigned section, unsigned column, size_t k,
			uint64_t limit, const uint64_t *rows, size_t n, uint64_t *out);

/*
 * A column of byte strings: all texts one after the other, each ended by a NUL, and where each
 * begins. A text that is no UTF-8 or holds a NUL is an error. Both arrays are big_alloc()ed:
 * `*text` with *text_size bytes, `*starts` with rows entries.
 */
struct error *dump_read_texts(const struct dump *dump, unsigned section, unsigned column,
			      char **text, size_t *text_size, uint64_t **starts);

/* The decompressed payload of one chunk. */
struct payload {
	const uint8_t *data, *end;
	void *owned; /* or NULL: data lies in the mapping */
	uint32_t rows;
	uint64_t first_row;
	unsigned encoding;
};
void payload_free(struct payload *payload);

/* One group of EDGES: rows [k * RGD_GROUP_ROWS, ...). value and interior have rows 0 where the
 * group has none. */
struct edge_group {
	struct payload label, value, target, interior;
};
size_t dump_edge_groups(const struct dump *dump);
struct error *dump_edge_group(const struct dump *dump, size_t k, struct edge_group *ret);
void edge_group_free(struct edge_group *group);

/* Verifies the checksum and the decodability of every chunk, also of unknown sections. Calls
 * `bad` (which owns the error) for each that fails. */
void dump_verify(const struct dump *dump, void (*bad)(void *context, struct error *error),
		 void *context);
size_t dump_chunks(const struct dump *dump);

#endif
