#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#define XXH_INLINE_ALL
#define XXH_NO_STDLIB 1
#include <xxhash.h>

#include <errno.h>

#include "sys.h"
#include "writer.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "the writer stores integers as they lie in memory");

/* Level 1: the walker's time is the program's copy-on-write cost; what level 3 saves is not worth its time. */
#define LEVEL 1
/* Strings end a chunk early at this size, so that buffers stay small. */
#define BYTES_SOFT (256u << 10)

static void writer_fail(struct writer *w, long status)
{
	if (!w->error)
		w->error = (int)-status;
}

static void writer_write(struct writer *w, const void *data, size_t size)
{
	long status;
	if (w->error)
		return;
	status = w->no_space && w->offset >= sizeof(struct rgd_file_header)
			 ? -ENOSPC
			 : sys_write_all(w->fd, data, size);
	if (status < 0)
		writer_fail(w, status);
	else
		w->offset += size;
}

static bool toc_grow(struct writer *w)
{
	size_t capacity = w->toc_capacity ? w->toc_capacity * 2 : 512;
	struct rgd_toc_entry *bigger = pool_map(w->pool, capacity * sizeof *bigger);
	if (!bigger)
		return false;
	if (w->toc) {
		memcpy(bigger, w->toc, w->chunks * sizeof *bigger);
		pool_unmap(w->pool, w->toc, w->toc_capacity * sizeof *bigger);
	}
	w->toc = bigger;
	w->toc_capacity = capacity;
	return true;
}

static void chunk_write(struct writer *w, struct rgd_chunk_header *h, const void *payload)
{
	uint64_t offset = w->offset;
	h->magic = RGD_CHUNK_MAGIC;
	h->checksum = XXH3_64bits(payload, h->stored_size);
	h->header_checksum = XXH3_64bits(h, offsetof(struct rgd_chunk_header, header_checksum));
	writer_write(w, h, sizeof *h);
	writer_write(w, payload, h->stored_size);
	if (h->section == RGD_SEC_TOC || w->error)
		return;
	if (w->chunks == w->toc_capacity && !toc_grow(w)) {
		writer_fail(w, -ENOMEM);
		return;
	}
	w->toc[w->chunks].offset = offset;
	w->toc[w->chunks++].header = *h;
}

static void column_flush(struct writer *w, unsigned section, struct column *c)
{
	struct rgd_chunk_header h = {.section = (uint16_t)section,
				     .column = c->number,
				     .encoding = c->encoding,
				     .rows = c->rows,
				     .raw_size = c->length,
				     .first_row = c->first_row};
	const void *payload = c->buffer;
	size_t packed = 0;

	if (!c->rows)
		return;
	if (!w->error && c->length >= 64)
		packed = ZSTD_compressCCtx(w->zstd, w->packed, w->packed_size, c->buffer, c->length,
					   LEVEL);
	if (packed && !ZSTD_isError(packed) && packed < c->length) {
		h.compression = RGD_COMP_ZSTD;
		h.stored_size = (uint32_t)packed;
		payload = w->packed;
	} else {
		h.compression = RGD_COMP_NONE;
		h.stored_size = c->length;
	}
	chunk_write(w, &h, payload);
	c->first_row += c->rows;
	c->rows = 0;
	c->length = 0;
	c->previous = 0;
}

bool writer_open(struct writer *w, struct pool *pool, int fd, struct rgd_file_header *header)
{
	size_t zstd_size = ZSTD_estimateCCtxSize(LEVEL);
	void *memory;

	w->fd = fd;
	w->pool = pool;
	w->packed_size = ZSTD_compressBound(RGD_GROUP_ROWS * 10 + WRITER_STRING_MAX);
	w->packed = pool_map(pool, w->packed_size);
	memory = pool_map(pool, zstd_size);
	if (!w->packed || !memory || !(w->zstd = ZSTD_initStaticCCtx(memory, zstd_size))) {
		writer_fail(w, -ENOMEM);
		return false;
	}
	memcpy(header->magic, RGD_MAGIC, sizeof header->magic);
	header->major = RGD_MAJOR;
	header->minor = RGD_MINOR;
	header->header_size = sizeof *header;
	header->checksum = XXH3_64bits(header, offsetof(struct rgd_file_header, checksum));
	writer_write(w, header, sizeof *header);
	return !w->error;
}

static size_t column_capacity(unsigned encoding, uint32_t group)
{
	switch (encoding) {
	case RGD_ENC_U8:
		return group;
	case RGD_ENC_U32:
		return (size_t)group * 4;
	case RGD_ENC_U64:
		return (size_t)group * 8;
	case RGD_ENC_BYTES:
		return BYTES_SOFT + WRITER_STRING_MAX + 16;
	case RGD_ENC_TARGET:
		return (size_t)group * 5;
	default:
		return (size_t)group * 10;
	}
}

bool table_open(struct writer *w, struct table *t, unsigned section,
		const struct column_spec *specs, uint32_t group)
{
	memset(t, 0, sizeof *t);
	t->section = (uint16_t)section;
	t->group = group;
	for (; specs->encoding; specs++) {
		struct column *c = &t->column[t->columns++];
		c->number = specs->number;
		c->encoding = specs->encoding;
		c->capacity = (uint32_t)column_capacity(specs->encoding, group);
		c->buffer = pool_map(w->pool, c->capacity);
		if (!c->buffer) {
			t->columns--;
			writer_fail(w, -ENOMEM);
			return false;
		}
	}
	return true;
}

void table_flush(struct writer *w, struct table *t)
{
	for (unsigned i = 0; i < t->columns; i++)
		column_flush(w, t->section, &t->column[i]);
	t->rows = 0;
}

bool table_row(struct writer *w, struct table *t)
{
	bool full;
	t->total++;
	full = ++t->rows >= t->group;
	for (unsigned i = 0; i < t->columns && !full; i++)
		full = t->column[i].encoding == RGD_ENC_BYTES && t->column[i].length >= BYTES_SOFT;
	if (full)
		table_flush(w, t);
	return full;
}

void table_close(struct writer *w, struct table *t)
{
	table_flush(w, t);
	for (unsigned i = 0; i < t->columns; i++)
		pool_unmap(w->pool, t->column[i].buffer, t->column[i].capacity);
	t->columns = 0;
}

void column_bytes(struct column *c, const char *text, size_t length)
{
	if (length > WRITER_STRING_MAX - 16)
		length = WRITER_STRING_MAX - 16;
	c->rows++;
	column_varint(c, length);
	memcpy(c->buffer + c->length, text, length);
	c->length += (uint32_t)length;
}

/* The table of contents is stored as it is: most of it is checksums. */
bool writer_finish(struct writer *w, uint32_t tail_flags)
{
	struct rgd_chunk_header h = {.section = RGD_SEC_TOC};
	struct rgd_tail tail = {.toc_offset = w->offset, .flags = tail_flags};

	h.rows = (uint32_t)w->chunks;
	h.raw_size = h.stored_size = (uint32_t)(w->chunks * sizeof *w->toc);
	if (w->chunks * sizeof *w->toc > RGD_MAX_TOC_RAW)
		writer_fail(w, -EFBIG);
	chunk_write(w, &h, w->toc);
	memcpy(tail.magic, RGD_TAIL_MAGIC, sizeof tail.magic);
	tail.file_size = w->offset + sizeof tail;
	tail.checksum = XXH3_64bits(&tail, offsetof(struct rgd_tail, checksum));
	writer_write(w, &tail, sizeof tail);
	return !w->error;
}
