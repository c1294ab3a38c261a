/*
 * writer.h - the dump file as a stream of chunks. Knows columns, encodings, compression and checksums; does not know
 * objects, memory, runtimes or processes. Runs in the walker: memory comes from mmap, output goes out by raw write(2).
 *
 * After a failed write everything becomes a no-op and `error` keeps the errno: callers need not check each row.
 */
#ifndef REFGRAPH_WRITER_H
#define REFGRAPH_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../include/refgraph_dump.h"

/* ---- pool.c: memory of the walker ------------------------------------------------------------------------------ */

struct pool {
	uint8_t *at, *end;
	uint64_t mapped;
	bool failed; /* the kernel refused once: the walker must give up */
	bool refuse; /* planted fault: pretend that the kernel refuses */
};
/* Zeroed, 16-byte aligned, never freed; NULL when the kernel refuses. */
void *pool_alloc(struct pool *pool, size_t size);
/* Zeroed whole pages that may be given back. */
void *pool_map(struct pool *pool, size_t size);
void pool_unmap(struct pool *pool, void *memory, size_t size);

/* ---- columns ---------------------------------------------------------------------------------------------------- */

struct column {
	uint8_t *buffer;
	uint32_t length;    /* bytes in buffer */
	uint32_t capacity;  /* of buffer */
	uint32_t rows;	    /* in buffer */
	uint16_t number;    /* enum rgd_<section>_column */
	uint8_t encoding;   /* enum rgd_encoding */
	uint64_t previous;  /* last row, for the difference encodings */
	uint64_t first_row; /* of the chunk in the making */
};

#define TABLE_COLUMNS 12
/* One section: columns that are flushed together. */
struct table {
	uint16_t section;
	uint16_t columns;
	uint32_t group; /* rows per chunk */
	uint32_t rows;	/* in the chunk in the making */
	uint64_t total; /* rows so far */
	struct column column[TABLE_COLUMNS];
};

struct column_spec {
	uint8_t number, encoding;
};

struct writer {
	int fd;
	int error;	 /* errno of the first failure, 0 */
	uint64_t offset; /* bytes written */
	struct pool *pool;
	void *zstd;	 /* static compression context */
	uint8_t *packed; /* compressed payload */
	size_t packed_size;
	struct rgd_toc_entry *toc;
	size_t chunks, toc_capacity;
	bool no_space; /* planted fault: the disk is full after the header */
};

/* Also writes the file header. False (with writer->error set) when there is no memory or no room. */
bool writer_open(struct writer *w, struct pool *pool, int fd, struct rgd_file_header *header);
/* `specs` ends with encoding 0. Rows per chunk: RGD_GROUP_ROWS for OBJECTS and EDGES, fewer elsewhere. */
bool table_open(struct writer *w, struct table *t, unsigned section,
		const struct column_spec *specs, uint32_t group);
/* After the values of one row: flushes the columns when the group is full. True when it did. */
bool table_row(struct writer *w, struct table *t);
void table_flush(struct writer *w, struct table *t);
/* Flushes, and gives the buffers back. */
void table_close(struct writer *w, struct table *t);
/* Table of contents and tail. */
bool writer_finish(struct writer *w, uint32_t tail_flags);

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static inline void column_varint(struct column *c, uint64_t value)
{
	uint8_t *p = c->buffer + c->length;
	while (value >= 0x80) {
		*p++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*p++ = (uint8_t)value;
	c->length = (uint32_t)(p - c->buffer);
}

static inline uint64_t zigzag64(int64_t value)
{
	return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline uint32_t zigzag32(int32_t value)
{
	return ((uint32_t)value << 1) ^ (uint32_t)(value >> 31);
}

/* One row in the column's own encoding (all but BYTES and TARGET). The group size guarantees the room. */
static inline void column_put(struct column *c, uint64_t value)
{
	c->rows++;
	switch (c->encoding) {
	case RGD_ENC_U8:
		c->buffer[c->length++] = (uint8_t)value;
		return;
	case RGD_ENC_U32: {
		uint32_t v = (uint32_t)value;
		memcpy(c->buffer + c->length, &v, 4);
		c->length += 4;
		return;
	}
	case RGD_ENC_U64:
		memcpy(c->buffer + c->length, &value, 8);
		c->length += 8;
		return;
	case RGD_ENC_DELTA:
		column_varint(c, zigzag64((int64_t)(value - c->previous)));
		c->previous = value;
		return;
	case RGD_ENC_ASC:
		column_varint(c, value - c->previous);
		c->previous = value;
		return;
	default:
		column_varint(c, value);
	}
}

#define WRITER_STRING_MAX 65536u
/* Longer text is cut at WRITER_STRING_MAX bytes. */
void column_bytes(struct column *c, const char *text, size_t length);

#endif
