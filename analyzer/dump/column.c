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

/* Stores what lies at a row; `width` is known where this is inlined. */
static inline __attribute__((always_inline)) void store_row(void *out, unsigned width, uint32_t i,
							    uint64_t value)
{
	if (width == 1)
		((uint8_t *)out)[i] = value;
	else if (width == 4)
		((uint32_t *)out)[i] = value;
	else if (width == 8)
		((uint64_t *)out)[i] = value;
}

/*
 * Most numbers are small: rows of one byte each, from row `from` on, as far as eight of them come together and none is above `most`.
 * Returns the first row that is left, *p advanced.
 */
static inline __attribute__((always_inline)) uint32_t small_rows(const struct payload *in,
								 const uint8_t **p, uint64_t most,
								 uint32_t from, void *out,
								 unsigned width)
{
	const uint64_t ones = 0x0101010101010101ull, above = ones * (most < 127 ? 127 - most : 0);
	const uint8_t *at = *p;
	uint32_t i = from;
	uint64_t word;

	for (; in->rows - i >= 8 && in->end - at >= 8; i += 8, at += 8) {
		memcpy(&word, at, sizeof word);
		if ((word | ((word & ~VARINT_HIGH) + above)) & VARINT_HIGH)
			break;
		for (unsigned k = 0; k < 8; k++)
			store_row(out, width, i + k, word >> 8 * k & 0xff);
	}
	*p = at;
	return i;
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
		if (encoding == RGD_ENC_VARINT && i % 8 == 0) {
			i = small_rows(p, &at, most, i, out, width);
			if (i == p->rows)
				break;
		}
		if (!number(encoding, &at, p->end, &previous, &value) || value > most)
			return i;
		store_row(out, width, i, value);
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

static struct error *row_error(const struct dump *d, uint32_t chunk, uint64_t row, uint64_t most)
{
	return chunk_error(d, chunk, "column %u, row %" PRIu64 ": malformed, or above %" PRIu64,
			   d->toc[chunk].header.column, row, most);
}

/* Decodes a chunk into out, where its first row goes. */
static struct error *decode_into(const struct dump *d, uint32_t chunk, uint64_t most, void *out,
				 unsigned width)
{
	const struct rgd_chunk_header *h = &d->toc[chunk].header;
	struct payload p;
	uint64_t bad;

	TRY(chunk_payload(d, chunk, &p));
	if (width == 1)
		bad = decode_width(&p, most, out, 1);
	else if (width == 4)
		bad = decode_width(&p, most, out, 4);
	else
		bad = decode_width(&p, most, out, 8);
	payload_free(&p);
	return bad == UINT64_MAX ? NULL : row_error(d, chunk, h->first_row + bad, most);
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
	uint64_t first = job->dump->toc[chunk].header.first_row;

	return decode_into(job->dump, chunk, job->most, job->out + first * job->width, job->width);
}

/* The largest value that is below the limit and fits. */
static uint64_t at_most(uint64_t limit, unsigned width)
{
	uint64_t most = width == 8 ? UINT64_MAX : (1ull << (8 * width)) - 1;

	return limit && limit - 1 < most ? limit - 1 : most;
}

static struct error *read_column(const struct dump *d, unsigned section, unsigned column,
				 uint64_t limit, void *out, unsigned width)
{
	struct column_job job = {d, &d->columns[section][column], at_most(limit, width), width,
				 out};

	if (!job.chunks->n) {
		memset(out, 0, dump_rows(d, section) * width);
		return NULL;
	}
	return parallel_for(job.chunks->n, decode_chunk, &job);
}

struct error *dump_read_u8(const struct dump *d, unsigned section, unsigned column, uint64_t limit,
			   uint8_t *out)
{
	return read_column(d, section, column, limit, out, 1);
}

struct error *dump_read_u32(const struct dump *d, unsigned section, unsigned column, uint64_t limit,
			    uint32_t *out)
{
	return read_column(d, section, column, limit, out, 4);
}

struct error *dump_read_u64(const struct dump *d, unsigned section, unsigned column, uint64_t limit,
			    uint64_t *out)
{
	return read_column(d, section, column, limit, out, 8);
}

/* ---- some rows of numbers -------------------------------------------------------------------- */

size_t dump_column_chunks(const struct dump *d, unsigned section, unsigned column)
{
	return d->columns[section][column].n;
}

void dump_chunk_rows(const struct dump *d, unsigned section, unsigned column, size_t k,
		     uint64_t *first, uint32_t *rows)
{
	const struct rgd_chunk_header *h = &d->toc[d->columns[section][column].chunks[k]].header;

	*first = h->first_row;
	*rows = h->rows;
}

struct error *dump_read_chunk(const struct dump *d, unsigned section, unsigned column, size_t k,
			      uint64_t limit, void *out, unsigned width)
{
	return decode_into(d, d->columns[section][column].chunks[k], at_most(limit, width), out,
			   width);
}

/* Passes over `rows` numbers of which nobody wants to know the value; NULL: malformed. Eight bytes
 * at a time while no more than eight numbers can end in them. */
static const uint8_t *skip_varints(const uint8_t *p, const uint8_t *end, uint64_t rows)
{
	uint64_t word;

	while (rows >= 8 && end - p >= 8) {
		memcpy(&word, p, sizeof word);
		/* sums up the ends, one a byte */
		rows -= (~word & VARINT_HIGH) / 128 * 0x0101010101010101ull >> 56;
		p += 8;
	}
	for (; rows && p < end; p++)
		rows -= *p < 0x80;
	return rows ? NULL : p;
}

/* out[i] = row rows[i] of p, counted from its first. Returns as decode_rows() does. */
static inline __attribute__((always_inline)) uint64_t pick_rows(const struct payload *p,
								unsigned encoding, uint64_t most,
								const uint64_t *rows, size_t n,
								uint64_t *out)
{
	const uint8_t *at = p->data;
	uint64_t previous = 0, row = p->first_row;

	for (size_t i = 0; i < n; i++) {
		if (encoding == RGD_ENC_VARINT) {
			at = skip_varints(at, p->end, rows[i] - row);
			if (!at)
				return row - p->first_row;
			row = rows[i];
		} else if (encoding <= RGD_ENC_U64) {
			at = p->data + (rows[i] - p->first_row) * (encoding == RGD_ENC_U8    ? 1
								   : encoding == RGD_ENC_U32 ? 4
											     : 8);
			row = rows[i];
		}
		for (; row <= rows[i]; row++)
			if (!number(encoding, &at, p->end, &previous, &out[i]))
				return row - p->first_row;
		if (out[i] > most)
			return rows[i] - p->first_row;
	}
	return UINT64_MAX;
}

static uint64_t pick(const struct payload *p, uint64_t most, const uint64_t *rows, size_t n,
		     uint64_t *out)
{
	switch (p->encoding) {
	case RGD_ENC_U8:
		return pick_rows(p, RGD_ENC_U8, most, rows, n, out);
	case RGD_ENC_U32:
		return pick_rows(p, RGD_ENC_U32, most, rows, n, out);
	case RGD_ENC_U64:
		return pick_rows(p, RGD_ENC_U64, most, rows, n, out);
	case RGD_ENC_VARINT:
		return pick_rows(p, RGD_ENC_VARINT, most, rows, n, out);
	case RGD_ENC_DELTA:
		return pick_rows(p, RGD_ENC_DELTA, most, rows, n, out);
	case RGD_ENC_ASC:
		return pick_rows(p, RGD_ENC_ASC, most, rows, n, out);
	default:
		return 0;
	}
}

struct error *dump_pick(const struct dump *d, unsigned section, unsigned column, size_t k,
			uint64_t limit, const uint64_t *rows, size_t n, uint64_t *out)
{
	uint32_t chunk = d->columns[section][column].chunks[k];
	uint64_t most = at_most(limit, 8), bad;
	struct payload p;

	TRY(chunk_payload(d, chunk, &p));
	bad = pick(&p, most, rows, n, out);
	payload_free(&p);
	return bad == UINT64_MAX ? NULL
				 : row_error(d, chunk, d->toc[chunk].header.first_row + bad, most);
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
