/*
 * reader.c - opening a dump: everything that can be known to be wrong without decoding rows is
 * found here, before any number of the file is used as a size.
 */
#include "dump/reader_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "headers are read in place");

static const char *const section_names[KNOWN_SECTIONS] = {
	"TOC",	   "META",	     "STRINGS",	   "TYPES",   "LABELS", "OBJECTS", "EDGES",
	"ROOTS",   "FRAMES",	     "STACKS",	   "MODULES", "MAPS",	"THREADS", "RUNTIMES",
	"GC",	   "COUNTERS",	     "PROPERTIES", "SUMMARY", "EPOCHS", "REGIONS", "EVENTS",
	"HEAPS",   "PAGES",	     "HOOKS",	   "POOLS",   "SITES",	"CALLS",   "TRACES",
	"COUNTED", "CALL_REGISTERS", "TLS",
};

/*
 * Columns of version 1.0. What a later minor adds must not say how many rows a section has: its
 * rows may be coded in a way that we cannot hold against the size of their chunk.
 */
static const uint8_t known_columns[KNOWN_SECTIONS] = {
	[RGD_SEC_META] = 2,	      [RGD_SEC_STRINGS] = 1,
	[RGD_SEC_TYPES] = 7,	      [RGD_SEC_LABELS] = 4,
	[RGD_SEC_OBJECTS] = 9,	      [RGD_SEC_EDGES] = 4,
	[RGD_SEC_ROOTS] = 9,	      [RGD_SEC_FRAMES] = 7,
	[RGD_SEC_STACKS] = 2,	      [RGD_SEC_MODULES] = 7,
	[RGD_SEC_MAPS] = 10,	      [RGD_SEC_THREADS] = 6,
	[RGD_SEC_RUNTIMES] = 4,	      [RGD_SEC_GC] = 4,
	[RGD_SEC_COUNTERS] = 2,	      [RGD_SEC_PROPERTIES] = 3,
	[RGD_SEC_SUMMARY] = 5,	      [RGD_SEC_EPOCHS] = 4,
	[RGD_SEC_REGIONS] = 5,	      [RGD_SEC_HEAPS] = 12,
	[RGD_SEC_PAGES] = 3,	      [RGD_SEC_CALLS] = 6,
	[RGD_SEC_CALL_REGISTERS] = 4, [RGD_SEC_TLS] = 4,
	[RGD_SEC_POOLS] = 10,	      [RGD_SEC_SITES] = 12,
	[RGD_SEC_HOOKS] = 9,	      [RGD_SEC_COUNTED] = 11,
	[RGD_SEC_EVENTS] = 8,
};

static bool is_known(const struct rgd_chunk_header *h)
{
	return h->section < KNOWN_SECTIONS && h->column < known_columns[h->section];
}

const char *dump_section_name(unsigned section)
{
	return section < KNOWN_SECTIONS ? section_names[section] : "unknown section";
}

const char *dump_path(const struct dump *dump)
{
	return dump->path;
}

uint64_t dump_file_size(const struct dump *dump)
{
	return dump->size;
}

const struct rgd_file_header *dump_header(const struct dump *dump)
{
	return &dump->header;
}

uint32_t dump_flags(const struct dump *dump)
{
	return dump->tail.flags;
}

uint64_t dump_column_rows(const struct dump *dump, unsigned section, unsigned column)
{
	return dump->columns[section][column].rows;
}

uint64_t dump_rows(const struct dump *dump, unsigned section)
{
	uint64_t rows = 0;

	/* The columns agree; a column may be absent. */
	for (unsigned c = 0; c < KNOWN_COLUMNS && !rows; c++)
		rows = dump->columns[section][c].rows;
	return rows;
}

size_t dump_chunks(const struct dump *dump)
{
	return dump->nchunks;
}

size_t dump_edge_groups(const struct dump *dump)
{
	return dump->ngroups;
}

static struct error *error_at(const char *path, const char *section, uint64_t offset,
			      const char *format, va_list arguments)
{
	char *message;
	struct error *e;

	if (vasprintf(&message, format, arguments) < 0)
		return error_memory();
	e = error_input(path, section, offset, "%s", message);
	free(message);
	return e;
}

struct error *chunk_error(const struct dump *dump, uint32_t chunk, const char *format, ...)
{
	const struct rgd_toc_entry *t = &dump->toc[chunk];
	va_list arguments;
	struct error *e;

	va_start(arguments, format);
	e = error_at(dump->path, dump_section_name(t->header.section), t->offset, format,
		     arguments);
	va_end(arguments);
	return e;
}

struct error *dump_error(const struct dump *dump, unsigned section, unsigned column, uint64_t row,
			 const char *format, ...)
{
	const struct column_chunks *list = &dump->columns[section][column];
	uint64_t offset = ERROR_NO_OFFSET;
	va_list arguments;
	struct error *e;

	for (uint32_t i = 0; i < list->n; i++)
		if (dump->toc[list->chunks[i]].header.first_row <= row)
			offset = dump->toc[list->chunks[i]].offset;
	va_start(arguments, format);
	e = error_at(dump->path, section_names[section], offset, format, arguments);
	va_end(arguments);
	return e;
}

/* ---- the file -------------------------------------------------------------------------------- */

static const char *file_kind(mode_t mode)
{
	if (S_ISDIR(mode))
		return "a directory";
	if (S_ISFIFO(mode))
		return "a pipe";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

static struct error *not_regular(const struct dump *d, mode_t mode)
{
	return error_input(d->path, NULL, ERROR_NO_OFFSET, "is %s: a dump is a regular file",
			   file_kind(mode));
}

/* ENXIO: a socket, or a device that is not there, as /dev/tty without a terminal. */
static struct error *cannot_open(const struct dump *d, int reason)
{
	struct stat st;

	if (reason == ENXIO && stat(d->path, &st) == 0 && !S_ISREG(st.st_mode))
		return not_regular(d, st.st_mode);
	return error_system(reason, d->path, "cannot open");
}

/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
static struct error *map_file(struct dump *d)
{
	int fd = open(d->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct error *e = NULL;
	struct stat st;
	void *map;

	if (fd < 0)
		return cannot_open(d, errno);
	if (fstat(fd, &st) < 0) {
		e = error_system(errno, d->path, "cannot stat");
	} else if (!S_ISREG(st.st_mode)) {
		e = not_regular(d, st.st_mode);
	} else if (st.st_size == 0) {
		e = error_input(d->path, NULL, ERROR_NO_OFFSET, "is empty");
	} else if ((map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED) {
		e = error_system(errno, d->path, "cannot map");
	} else {
		d->map = map;
		d->size = st.st_size;
	}
	close(fd);
	return e;
}

/* A file that begins with our magic as far as it goes, or with what a text-mode copy makes of
 * it. */
static struct error *check_magic(const struct dump *d)
{
	size_t n = d->size < 8 ? d->size : 8;

	if (memcmp(d->map, RGD_MAGIC, n) == 0)
		return NULL;
	if (d->size >= 5 &&
	    (memcmp(d->map, "\x89RGD\n", 5) == 0 || memcmp(d->map, "\tRGD", 4) == 0))
		return error_input(d->path, NULL, ERROR_NO_OFFSET,
				   "was a refgraph dump before a text-mode copy damaged it");
	return error_input(d->path, NULL, ERROR_NO_OFFSET, "not a refgraph dump");
}

static struct error *check_header(struct dump *d)
{
	struct rgd_file_header *h = &d->header;

	TRY(check_magic(d));
	if (d->size < sizeof *h)
		return error_input(d->path, NULL, ERROR_NO_OFFSET,
				   "cut short after %" PRIu64 " bytes, within its header", d->size);
	memcpy(h, d->map, sizeof *h);
	if (h->major > RGD_MAJOR)
		return error_input(d->path, NULL, ERROR_NO_OFFSET,
				   "made by a newer refgraph (format %u.%u): this one reads %u.x",
				   h->major, h->minor, RGD_MAJOR);
	if (h->checksum != XXH3_64bits(h, offsetof(struct rgd_file_header, checksum)))
		return error_input(d->path, "header", 0, "checksum mismatch: the file is damaged");
	if (h->major < 1)
		return error_input(d->path, "header", 8, "no format %u.%u ever was", h->major,
				   h->minor);
	if (h->header_size < sizeof *h || h->header_size > d->size)
		return error_input(d->path, "header", 12, "a header of %u bytes cannot be",
				   h->header_size);
	return NULL;
}

static struct error *check_tail(struct dump *d)
{
	struct rgd_tail *t = &d->tail;
	uint64_t at = d->size - sizeof *t;

	if (d->size < d->header.header_size + sizeof *t ||
	    (memcpy(t, d->map + at, sizeof *t),
	     memcmp(t->magic, RGD_TAIL_MAGIC, sizeof t->magic) != 0))
		return error_input(d->path, NULL, ERROR_NO_OFFSET,
				   "has no tail: cut short after %" PRIu64
				   " bytes; the snapshot did not end, or a copy "
				   "of the file did not",
				   d->size);
	if (t->checksum != XXH3_64bits(t, offsetof(struct rgd_tail, checksum)))
		return error_input(d->path, "tail", at, "checksum mismatch: the file is damaged");
	if (t->file_size != d->size)
		return error_input(d->path, "tail", at,
				   "the file had %" PRIu64
				   " bytes when it was written and has %" PRIu64 " now",
				   t->file_size, d->size);
	if (t->toc_offset < d->header.header_size || t->toc_offset > at ||
	    at - t->toc_offset < sizeof(struct rgd_chunk_header))
		return error_input(d->path, "tail", at,
				   "the table of contents cannot begin at 0x%" PRIx64,
				   t->toc_offset);
	return NULL;
}

/* ---- the table of contents ------------------------------------------------------------------- */

/* What is wrong with a chunk header by itself; NULL nothing. */
static const char *header_fault(const struct rgd_chunk_header *h)
{
	uint64_t least, most;

	if (h->magic != RGD_CHUNK_MAGIC)
		return "no chunk begins here";
	if (h->header_checksum !=
	    XXH3_64bits(h, offsetof(struct rgd_chunk_header, header_checksum)))
		return "checksum mismatch in the header of a chunk: the file is damaged";
	if (h->compression == RGD_COMP_NONE && h->stored_size != h->raw_size)
		return "a chunk without compression has two sizes";
	if (h->section == RGD_SEC_TOC)
		return NULL;
	if (h->raw_size > RGD_MAX_CHUNK_RAW)
		return "a chunk is larger than the format allows";
	least = h->rows;
	most = UINT64_MAX;
	switch (h->encoding) {
	case RGD_ENC_U8:
		most = h->rows;
		break;
	case RGD_ENC_U32:
		least = most = 4ull * h->rows;
		break;
	case RGD_ENC_U64:
		least = most = 8ull * h->rows;
		break;
	case RGD_ENC_VARINT:
	case RGD_ENC_DELTA:
	case RGD_ENC_ASC:
	case RGD_ENC_TARGET:
		most = 10ull * h->rows;
		break;
	case RGD_ENC_BYTES:
		break;
	default:
		if (is_known(h))
			return "a column is coded in a way that this refgraph does not know";
		least = 0;
	}
	return h->raw_size < least || h->raw_size > most
		       ? "a chunk's size does not fit its number of rows"
		       : NULL;
}

/* Decompresses the table of contents into d->toc. */
static struct error *read_toc(struct dump *d)
{
	uint64_t at = d->tail.toc_offset, limit = d->size - sizeof(struct rgd_tail);
	struct rgd_chunk_header h;
	const uint8_t *stored = d->map + at + sizeof h;
	const char *fault;

	memcpy(&h, d->map + at, sizeof h);
	fault = header_fault(&h);
	if (!fault && (h.section != RGD_SEC_TOC || at + sizeof h + h.stored_size != limit))
		fault = "this is not where the table of contents is";
	/* Each chunk has a header of its own in the file, so the file's size bounds their
	 * number. */
	if (!fault && (h.rows > d->size / sizeof h || h.raw_size > RGD_MAX_TOC_RAW ||
		       h.raw_size != (uint64_t)h.rows * sizeof *d->toc))
		fault = "an absurd number of chunks";
	if (!fault && h.checksum != XXH3_64bits(stored, h.stored_size))
		fault = "checksum mismatch: the file is damaged";
	if (!fault && h.compression > RGD_COMP_ZSTD)
		fault = "compressed in a way that this refgraph does not know";
	if (fault)
		return error_input(d->path, "TOC", at, "%s", fault);
	d->toc = malloc(h.raw_size + 1);
	if (!d->toc)
		return error_memory();
	d->nchunks = h.rows;
	if (h.compression == RGD_COMP_NONE)
		memcpy(d->toc, stored, h.raw_size);
	else if (ZSTD_decompress(d->toc, h.raw_size, stored, h.stored_size) != h.raw_size)
		return error_input(d->path, "TOC", at, "zstd cannot decompress it");
	return NULL;
}

static struct error *check_entries(const struct dump *d)
{
	uint64_t end = d->header.header_size;

	for (uint32_t i = 0; i < d->nchunks; i++) {
		const struct rgd_toc_entry *t = &d->toc[i];
		const char *fault = header_fault(&t->header);

		if (!fault && t->header.section == RGD_SEC_TOC)
			fault = "the table of contents lists itself";
		if (!fault && (t->offset < end || t->offset > d->tail.toc_offset ||
			       d->tail.toc_offset - t->offset <
				       sizeof t->header + (uint64_t)t->header.stored_size))
			fault = "a chunk does not lie within the file, behind the one before it";
		if (fault)
			return chunk_error(d, i, "%s", fault);
		end = t->offset + sizeof t->header + t->header.stored_size;
	}
	return NULL;
}

static struct column_chunks *column_of(struct dump *d, const struct rgd_chunk_header *h)
{
	return is_known(h) ? &d->columns[h->section][h->column] : NULL;
}

/* Sorts the chunks by column and checks that each column's rows are without gaps. */
static struct error *collect_columns(struct dump *d)
{
	uint32_t used = 0;

	d->chunk_lists = calloc(d->nchunks + 1, sizeof *d->chunk_lists);
	if (!d->chunk_lists)
		return error_memory();
	for (uint32_t i = 0; i < d->nchunks; i++) {
		struct column_chunks *c = column_of(d, &d->toc[i].header);
		if (c)
			c->n++;
	}
	for (unsigned s = 0; s < KNOWN_SECTIONS; s++) {
		for (unsigned k = 0; k < KNOWN_COLUMNS; k++) {
			struct column_chunks *c = &d->columns[s][k];
			c->chunks = d->chunk_lists + used;
			used += c->n;
			c->n = 0;
		}
	}
	for (uint32_t i = 0; i < d->nchunks; i++) {
		const struct rgd_chunk_header *h = &d->toc[i].header;
		struct column_chunks *c = column_of(d, h);

		if (!c)
			continue;
		if (h->first_row != c->rows)
			return chunk_error(d, i,
					   "column %u goes on at row %" PRIu64 " where row %" PRIu64
					   " was to come",
					   h->column, h->first_row, c->rows);
		c->chunks[c->n++] = i;
		c->rows += h->rows;
		if (c->rows > RGD_MAX_ROWS)
			return chunk_error(d, i, "column %u has more rows than the format allows",
					   h->column);
	}
	return NULL;
}

/* VALUE and INTERIOR of EDGES have rows for some edges only. */
static bool is_sparse(unsigned section, unsigned column)
{
	return section == RGD_SEC_EDGES &&
	       (column == RGD_EDGE_VALUE || column == RGD_EDGE_INTERIOR);
}

static struct error *check_rows(const struct dump *d)
{
	for (unsigned s = 0; s < KNOWN_SECTIONS; s++) {
		uint64_t rows = dump_rows(d, s);

		for (unsigned k = 0; k < KNOWN_COLUMNS; k++) {
			const struct column_chunks *c = &d->columns[s][k];

			if (c->n && !is_sparse(s, k) && c->rows != rows)
				return chunk_error(d, c->chunks[0],
						   "column %u has %" PRIu64
						   " rows, others have %" PRIu64,
						   k, c->rows, rows);
		}
	}
	return NULL;
}

/* Every chunk of the column holds exactly one group. */
static struct error *check_grouped(const struct dump *d, unsigned section, unsigned column)
{
	const struct column_chunks *c = &d->columns[section][column];

	for (uint32_t i = 0; i < c->n; i++) {
		uint64_t left = c->rows - (uint64_t)i * RGD_GROUP_ROWS;

		if (d->toc[c->chunks[i]].header.rows !=
		    (left < RGD_GROUP_ROWS ? left : RGD_GROUP_ROWS))
			return chunk_error(d, c->chunks[i],
					   "a chunk of column %u is not one group of rows", column);
	}
	return NULL;
}

static struct error *collect_groups(struct dump *d)
{
	const struct column_chunks *labels = &d->columns[RGD_SEC_EDGES][RGD_EDGE_LABEL];
	const struct column_chunks *targets = &d->columns[RGD_SEC_EDGES][RGD_EDGE_TARGET];
	uint32_t group = 0; /* + 1 */

	if (labels->n != targets->n)
		return dump_error(d, RGD_SEC_EDGES, RGD_EDGE_LABEL, 0,
				  "the columns LABEL and TARGET do not pair");
	d->groups = calloc(labels->n + 1, sizeof *d->groups);
	if (!d->groups)
		return error_memory();
	d->ngroups = labels->n;
	for (uint32_t i = 0; i < d->nchunks; i++) {
		const struct rgd_chunk_header *h = &d->toc[i].header;
		uint32_t *place;

		if (h->section != RGD_SEC_EDGES || h->column > RGD_EDGE_INTERIOR)
			continue;
		group += h->column == RGD_EDGE_LABEL;
		if (!group ||
		    (h->column == RGD_EDGE_TARGET && h->first_row / RGD_GROUP_ROWS != group - 1))
			return chunk_error(d, i, "a group's chunks do not follow one another");
		place = &d->groups[group - 1].chunk[h->column];
		if (*place || (is_sparse(h->section, h->column) && h->rows > RGD_GROUP_ROWS))
			return chunk_error(d, i, "a group has two chunks of column %u", h->column);
		*place = i + 1;
	}
	for (uint32_t g = 0; g < d->ngroups; g++)
		if (!d->groups[g].chunk[RGD_EDGE_TARGET])
			return chunk_error(d, d->groups[g].chunk[RGD_EDGE_LABEL] - 1,
					   "a group has no targets");
	return NULL;
}

static struct error *check_groups(struct dump *d)
{
	for (unsigned c = 0; c < KNOWN_COLUMNS; c++)
		TRY(check_grouped(d, RGD_SEC_OBJECTS, c));
	TRY(check_grouped(d, RGD_SEC_EDGES, RGD_EDGE_LABEL));
	TRY(check_grouped(d, RGD_SEC_EDGES, RGD_EDGE_TARGET));
	return collect_groups(d);
}

static struct error *validate(struct dump *d)
{
	TRY(map_file(d));
	TRY(check_header(d));
	TRY(check_tail(d));
	TRY(read_toc(d));
	TRY(check_entries(d));
	TRY(collect_columns(d));
	TRY(check_rows(d));
	return check_groups(d);
}

struct error *dump_open(const char *path, struct dump **ret)
{
	struct dump *d = calloc(1, sizeof *d);
	struct error *e;

	if (!d || !(d->path = strdup(path))) {
		free(d);
		return error_memory();
	}
	e = validate(d);
	if (e)
		dump_close(d);
	else
		*ret = d;
	return e;
}

void dump_key(const struct dump *d, uint64_t ret[2])
{
	XXH3_state_t state;
	XXH128_hash_t sum;

	XXH3_128bits_reset(&state);
	XXH3_128bits_update(&state, &d->header, sizeof d->header);
	XXH3_128bits_update(&state, d->toc, d->nchunks * sizeof *d->toc);
	XXH3_128bits_update(&state, &d->tail, sizeof d->tail);
	sum = XXH3_128bits_digest(&state);
	ret[0] = sum.low64;
	ret[1] = sum.high64;
}

void dump_close(struct dump *d)
{
	if (!d)
		return;
	if (d->map)
		munmap((void *)d->map, d->size);
	free(d->toc);
	free(d->chunk_lists);
	free(d->groups);
	free(d->path);
	free(d);
}
