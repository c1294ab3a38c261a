/*
 * column.c - from a chunk's stored bytes to rows. A chunk is verified whenever it is touched: its
 * header against the table of contents, its payload against the checksum, its rows against their
 * encoding.
 */
#include "dump/reader_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dump/varint.h"
#include "util/big.h"
#include "util/str.h"
#include "util/threads.h"

void payload_free(struct payload *p)
{
	free(p->owned);
	*p = (struct payload){0};
}

/* The frame must state the very size that was promised, before anything is allocated for it. */
static struct error *decompress(const struct dump *d, uint32_t chunk, const uint8_t *stored,
				struct payload *p)
{
	const struct rgd_chunk_header *h = &d->toc[chunk].header;

	if (ZSTD_getFrameContentSize(stored, h->stored_size) != h->raw_size)
		return chunk_error(d, chunk, "the zstd frame is not of %u bytes", h->raw_size);
	p->owned = malloc(h->raw_size + 1);
	if (!p->owned)
		return error_memory();
	if (ZSTD_decompress(p->owned, h->raw_size, stored, h->stored_size) != h->raw_size) {
		payload_free(p);
		return chunk_error(d, chunk, "zstd cannot decompress it");
	}
	p->data = p->owned;
	return NULL;
}

struct error *chunk_payload(const struct dump *d, uint32_t chunk, struct payload *ret)
{
	const struct rgd_toc_entry *t = &d->toc[chunk];
	const struct rgd_chunk_header *h = &t->header;
	const uint8_t *stored = d->map + t->offset + sizeof *h;
	struct payload p = {.data = stored,
			    .rows = h->rows,
			    .first_row = h->first_row,
			    .encoding = h->encoding};

	if (memcmp(d->map + t->offset, h, sizeof *h) != 0)
		return chunk_error(d, chunk,
				   "the chunk differs from its entry in the table of contents");
	if (h->checksum != XXH3_64bits(stored, h->stored_size))
		return chunk_error(d, chunk, "checksum mismatch: the file is damaged");
	if (h->compression == RGD_COMP_ZSTD)
		TRY(decompress(d, chunk, stored, &p));
	else if (h->compression != RGD_COMP_NONE)
		return chunk_error(d, chunk, "compression %u is not known", h->compression);
	p.end = p.data + h->raw_size;
	*ret = p;
	return NULL;
}

/* ---- rows of numbers ------------------------------------------------------------------------- */

/* The payload's row i at *p, *p advanced; false when it is malformed. */
static inline __attribute__((always_inline)) bool number(unsigned encoding, const uint8_t **p,
							 const uint8_t *end, uint64_t *previous,
							 uint64_t *value)
{
	uint64_t v;

	switch (encoding) {
	case RGD_ENC_U8: /* fixed sizes were compared with the rows when the file was opened */
		*value = *(*p)++;
		return true;
	case RGD_ENC_U32: {
		uint32_t word;
		memcpy(&word, *p, sizeof word);
		*p += sizeof word;
		*value = word;
		return true;
	}
	case RGD_ENC_U64:
		memcpy(value, *p, sizeof *value);
		*p += sizeof *value;
		return true;
	default:
		*p = varint_get(*p, end, &v);
		if (!*p)
			return false;
	}
	if (encoding == RGD_ENC_ASC) {
		if (__builtin_add_overflow(*previous, v, previous))
			return false;
		v = *previous;
	} else if (encoding == RGD_ENC_DELTA) {
		v = *previous += zigzag_decode(v);
	}
	*value = v;
	return true;
}

/* Decodes all rows of p into out, whose entries have `width` bytes. Both constants are known
 * where this is inlined. Returns the row that is malformed (or p->rows: bytes are left over);
 * UINT64_MAX = all well. */
static inline __attribute__((always_inline)) uint64_t
decode_rows(const struct payload *p, unsigned encoding, uint64_t most, void *out, unsigned width)
{
	const uint8_t *at = p->data;
	uint64_t previous = 0, value;

	for (uint32_t i = 0; i < p->rows; i++) {
		if (!number(encoding, &at, p->end, &previous, &value) || value > most)
			return i;
		if (width == 1)
			((uint8_t *)out)[i] = value;
		else if (width == 4)
			((uint32_t *)out)[i] = value;
		else if (width == 8)
			((uint64_t *)out)[i] = value;
	}
	return at == p->end ? UINT64_MAX : p->rows;
}

static inline __attribute__((always_inline)) uint64_t
decode_width(const struct payload *p, uint64_t most, void *out, unsigned width)
{
	switch (p->encoding) {
	case RGD_ENC_U8:
		return decode_rows(p, RGD_ENC_U8, most, out, width);
	case RGD_ENC_U32:
		return decode_rows(p, RGD_ENC_U32, most, out, width);
	case RGD_ENC_U64:
		return decode_rows(p, RGD_ENC_U64, most, out, width);
	case RGD_ENC_VARINT:
		return decode_rows(p, RGD_ENC_VARINT, most, out, width);
	case RGD_ENC_DELTA:
		return decode_rows(p, RGD_ENC_DELTA, most, out, width);
	case RGD_ENC_ASC:
		return decode_rows(p, RGD_ENC_ASC, most, out, width);
	default:
		return 0;
	}
}

struct column_job {
	const struct dump *dump;
	const struct column_chunks *chunks;
	uint64_t most;
	unsigned width;
	uint8_t *out;
};

static struct error *decode_chunk(void *context, size_t i)
{
	struct column_job *job = context;
	uint32_t chunk = job->chunks->chunks[i];
	const struct rgd_chunk_header *h;
	struct payload p;
	uint64_t bad;
	void *out;

	TRY(chunk_payload(job->dump, chunk, &p));
	out = job->out + p.first_row * job->width;
	if (job->width == 1)
		bad = decode_width(&p, job->most, out, 1);
	else if (job->width == 4)
		bad = decode_width(&p, job->most, out, 4);
	else
		bad = decode_width(&p, job->most, out, 8);
	payload_free(&p);
	if (bad == UINT64_MAX)
		return NULL;
	h = &job->dump->toc[chunk].header;
	return chunk_error(job->dump, chunk,
			   "column %u, row %" PRIu64 ": malformed, or above %" PRIu64, h->column,
			   h->first_row + bad, job->most);
}

static struct error *read_column(const struct dump *d, unsigned section, unsigned column,
				 uint64_t limit, uint64_t most, void *out, unsigned width)
{
	struct column_job job = {d, &d->columns[section][column], most, width, out};

	if (limit && limit - 1 < most)
		job.most = limit - 1;
	if (!job.chunks->n) {
		memset(out, 0, dump_rows(d, section) * width);
		return NULL;
	}
	return parallel_for(job.chunks->n, decode_chunk, &job);
}

struct error *dump_read_u8(const struct dump *d, unsigned section, unsigned column, uint64_t limit,
			   uint8_t *out)
{
	return read_column(d, section, column, limit, UINT8_MAX, out, 1);
}

struct error *dump_read_u32(const struct dump *d, unsigned section, unsigned column, uint64_t limit,
			    uint32_t *out)
{
	return read_column(d, section, column, limit, UINT32_MAX, out, 4);
}

struct error *dump_read_u64(const struct dump *d, unsigned section, unsigned column, uint64_t limit,
			    uint64_t *out)
{
	return read_column(d, section, column, limit, UINT64_MAX, out, 8);
}

/* ---- rows of text ---------------------------------------------------------------------------- */

/* Copies the rows of p to `text` with a NUL after each; *used advances. NULL text: only measures
 * and checks. */
static struct error *split_texts(const struct dump *d, uint32_t chunk, const struct payload *p,
				 char *text, size_t *used, uint64_t *starts)
{
	const uint8_t *at = p->data;
	uint64_t n;

	if (p->encoding != RGD_ENC_BYTES)
		return chunk_error(d, chunk, "texts in encoding %u", p->encoding);
	for (uint32_t i = 0; i < p->rows; i++) {
		at = varint_get(at, p->end, &n);
		if (!at || n > (uint64_t)(p->end - at))
			return chunk_error(d, chunk, "row %" PRIu64 ": a text is cut off",
					   p->first_row + i);
		if (text) {
			memcpy(text + *used, at, n);
			text[*used + n] = 0;
			starts[p->first_row + i] = *used;
		} else if (!text_is_utf8((const char *)at, n)) {
			return chunk_error(d, chunk, "row %" PRIu64 ": no UTF-8", p->first_row + i);
		}
		*used += n + 1;
		at += n;
	}
	return at == p->end ? NULL
			    : chunk_error(d, chunk, "bytes are left over behind the last row");
}

struct error *dump_read_texts(const struct dump *d, unsigned section, unsigned column, char **text,
			      size_t *text_size, uint64_t **starts)
{
	const struct column_chunks *c = &d->columns[section][column];
	struct payload *payloads = calloc(c->n + 1, sizeof *payloads);
	size_t total = 0, used = 0;
	uint64_t *first = NULL;
	char *all = NULL;
	struct error *e = NULL;

	if (!payloads)
		return error_memory();
	for (uint32_t i = 0; i < c->n && !e; i++) {
		e = chunk_payload(d, c->chunks[i], &payloads[i]);
		if (!e)
			e = split_texts(d, c->chunks[i], &payloads[i], NULL, &total, NULL);
	}
	if (!e)
		e = big_alloc(total + 1, 1, &all);
	if (!e)
		e = big_alloc(c->rows, sizeof *first, &first);
	for (uint32_t i = 0; i < c->n && !e; i++)
		e = split_texts(d, c->chunks[i], &payloads[i], all, &used, first);
	for (uint32_t i = 0; i < c->n; i++)
		payload_free(&payloads[i]);
	free(payloads);
	if (e) {
		big_free(all, total + 1, 1);
		big_free(first, c->rows, sizeof *first);
		return e;
	}
	*text = all;
	*text_size = total + 1;
	*starts = first;
	return NULL;
}

/* ---- groups of edges ------------------------------------------------------------------------- */

struct error *dump_edge_group(const struct dump *d, size_t k, struct edge_group *ret)
{
	struct edge_group g = {0};
	struct payload *parts[] = {&g.label, &g.value, &g.target, &g.interior};
	struct error *e = NULL;

	for (unsigned c = 0; c < 4 && !e; c++) {
		uint32_t chunk = d->groups[k].chunk[c];

		if (!chunk)
			continue;
		e = chunk_payload(d, chunk - 1, parts[c]);
		if (!e &&
		    parts[c]->encoding != (c == RGD_EDGE_TARGET ? RGD_ENC_TARGET : RGD_ENC_VARINT))
			e = chunk_error(d, chunk - 1, "column %u in encoding %u", c,
					parts[c]->encoding);
	}
	if (e)
		edge_group_free(&g);
	else
		*ret = g;
	return e;
}

void edge_group_free(struct edge_group *g)
{
	payload_free(&g->label);
	payload_free(&g->value);
	payload_free(&g->target);
	payload_free(&g->interior);
}

/* ---- everything ------------------------------------------------------------------------------ */

static struct error *verify_chunk(const struct dump *d, uint32_t chunk)
{
	const struct rgd_chunk_header *h = &d->toc[chunk].header;
	struct error *e = NULL;
	struct payload p = {0};
	size_t used = 0;
	uint64_t bad = UINT64_MAX;

	TRY(chunk_payload(d, chunk, &p));
	if (p.encoding == RGD_ENC_BYTES) {
		/* META's values may be any bytes but are texts today; unknown sections are only
		 * split */
		e = split_texts(d, chunk, &p, NULL, &used, NULL);
	} else {
		if (p.encoding == RGD_ENC_TARGET)
			p.encoding = RGD_ENC_VARINT;
		if (p.encoding >= RGD_ENC_U8 && p.encoding <= RGD_ENC_ASC)
			bad = decode_width(&p, UINT64_MAX, NULL, 0);
		else if (h->section < KNOWN_SECTIONS)
			e = chunk_error(d, chunk, "encoding %u is not known", p.encoding);
	}
	payload_free(&p);
	if (bad != UINT64_MAX)
		e = chunk_error(d, chunk, "column %u, row %" PRIu64 ": malformed", h->column,
				h->first_row + bad);
	return e;
}

void dump_verify(const struct dump *d, void (*bad)(void *context, struct error *error),
		 void *context)
{
	for (uint32_t i = 0; i < d->nchunks; i++) {
		struct error *e = verify_chunk(d, i);

		if (e)
			bad(context, e);
	}
}
