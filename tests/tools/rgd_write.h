/*
 * rgd_write.h - a second writer of the dump format, for tests: written from refgraph_dump.h alone, it shares no code
 * with the shim's writer nor with the analyzer's reader, so that neither can be wrong in the same way unnoticed.
 *
 * It knows rows and columns, not processes. Errors end the program: it is a test tool.
 */
#ifndef REFGRAPH_TESTS_RGD_WRITE_H
#define REFGRAPH_TESTS_RGD_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../../include/refgraph_dump.h"

#define RGD_MAX_COLUMNS 16

struct rgd_writer;

/* Where a test puts its damage. Each may be NULL. */
struct rgd_hooks {
	/* The value that is written instead of `value`. */
	uint64_t (*value)(void *context, unsigned section, unsigned column, uint64_t row, uint64_t value);
	/* Sees a chunk before it is written and may change header (in the file), entry (in the table of contents) and
	 * payload (malloc'ed, `size` bytes; it may be replaced). Returns how often it is written: 1, or 0, or 2.
	 * Checksums are computed afterwards, so that a reader meets the damage and not the checksum. */
	int (*chunk)(void *context, struct rgd_chunk_header *header, struct rgd_chunk_header *entry,
		     uint8_t **payload, size_t *size);
	/* Other structures, before their checksum is computed. */
	void (*file_header)(void *context, struct rgd_file_header *header);
	void (*entry)(void *context, size_t index, struct rgd_toc_entry *entry);
	void (*tail)(void *context, struct rgd_tail *tail);
	/* After the last section, before the table of contents. */
	void (*before_toc)(void *context, struct rgd_writer *w);
	void *context;
};

struct rgd_options {
	int level;            /* of zstd; 0 = no compression */
	uint32_t chunk_rows;  /* rows of a chunk outside OBJECTS and EDGES; 0 = 65536 */
	uint32_t group_rows;  /* 0 = RGD_GROUP_ROWS, the only valid number */
	uint32_t tail_flags;
	uint32_t header_growth; /* bytes that a later minor might append to the file header */
	const struct rgd_hooks *hooks;
};

/* `header` needs no magic, size or checksum; what is 0 gets a default. */
struct rgd_writer *rgd_create(FILE *out, const struct rgd_file_header *header,
			      const struct rgd_options *options);
/* Writes what is left, the table of contents and the tail, and frees the writer. */
void rgd_finish(struct rgd_writer *w);

/* Numbers of interned strings and labels; both are written as they come. */
uint32_t rgd_string(struct rgd_writer *w, const char *text, size_t length);
uint32_t rgd_text(struct rgd_writer *w, const char *text);
uint32_t rgd_label(struct rgd_writer *w, unsigned kind, unsigned class, unsigned flags, uint32_t string);

/* One value of one column; the rows of a section's columns are the caller's to keep in step. */
void rgd_put(struct rgd_writer *w, unsigned section, unsigned column, uint64_t value);
void rgd_put_bytes(struct rgd_writer *w, unsigned section, unsigned column, const void *p, size_t n);
/* Columns 0..n-1 at once. */
void rgd_row(struct rgd_writer *w, unsigned section, size_t n, const uint64_t *values);

struct rgd_object {
	uint64_t address, size, refcount, base;
	uint32_t type, flags, epoch, stack; /* stack: +1 */
	uint32_t degree;
};
/* Also counts it in SUMMARY. */
void rgd_object(struct rgd_writer *w, const struct rgd_object *o);
/* value and interior are used when the label says so. */
void rgd_edge(struct rgd_writer *w, uint32_t label, uint64_t value, uint32_t target, uint64_t interior);

/* The caller writes SUMMARY's rows itself. */
void rgd_no_summary(struct rgd_writer *w);

/* For planted damage: a chunk as it is, with correct checksums; payload is stored as given. */
void rgd_raw_chunk(struct rgd_writer *w, const struct rgd_chunk_header *header, const void *payload);

#endif
