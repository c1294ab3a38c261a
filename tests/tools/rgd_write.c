/* rgd_write.c - see rgd_write.h. */
#include "rgd_write.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SECTIONS 32
#define MAX_RAW (1u << 20) /* a chunk outside groups is closed when it has grown to this */

/* What refgraph_dump.h says in comments, as data. 0 ends a row early: such a column does not exist. */
static const uint8_t encodings[SECTIONS][RGD_MAX_COLUMNS] = {
#define V RGD_ENC_VARINT
#define U8 RGD_ENC_U8
#define U64 RGD_ENC_U64
#define ASC RGD_ENC_ASC
#define BYTES RGD_ENC_BYTES
	[RGD_SEC_META] = {BYTES, BYTES},
	[RGD_SEC_STRINGS] = {BYTES},
	[RGD_SEC_TYPES] = {V, V, U8, V, V, V, V},
	[RGD_SEC_LABELS] = {U8, U8, U8, V},
	[RGD_SEC_OBJECTS] = {ASC, V, V, V, V, V, V, V, V},
	[RGD_SEC_EDGES] = {V, V, RGD_ENC_TARGET, V},
	[RGD_SEC_ROOTS] = {U8, U8, V, V, V, V, V, V},
	[RGD_SEC_FRAMES] = {U8, V, V, V, V, V},
	[RGD_SEC_STACKS] = {V, V},
	[RGD_SEC_MODULES] = {V, V, U64, U64, U64, V, V},
	[RGD_SEC_MAPS] = {U64, U64, V, V, V, V, V, V, V, V},
	[RGD_SEC_THREADS] = {V, V, U64, U64, U64, V},
	[RGD_SEC_RUNTIMES] = {U8, V, U8, V},
	[RGD_SEC_GC] = {U8, V, V, V},
	[RGD_SEC_COUNTERS] = {V, V},
	[RGD_SEC_PROPERTIES] = {ASC, U8, V},
	[RGD_SEC_SUMMARY] = {V, V, U8, V, V},
	[RGD_SEC_EPOCHS] = {ASC, U64, U8, V},
	[RGD_SEC_REGIONS] = {U64, V, V, V, U8},
	[RGD_SEC_HEAPS] = {U8, U64, V, V, V, V, V, V, V, V, V, V},
	[RGD_SEC_PAGES] = {ASC, V, U8},
	[RGD_SEC_CALLS] = {V, V, V, U64, U64, V},
	[RGD_SEC_CALL_REGISTERS] = {V, U8, U64, U64},
	[RGD_SEC_TLS] = {V, V, U64, V},
	[RGD_SEC_POOLS] = {U8, U64, V, V, V, V, V, V, V, V},
	[RGD_SEC_SITES] = {V, V, V, V, V, V, V, V, V, V, V, V},
	[RGD_SEC_HOOKS] = {V, V, V, V, V, U8, U8, V, V},
	[RGD_SEC_COUNTED] = {U8, U64, V, V, V, V, V, V, V, V, V},
	[RGD_SEC_EVENTS] = {U8, U8, V, V, V, V, V, V},
#undef V
#undef U8
#undef U64
#undef ASC
#undef BYTES
};

struct column {
	uint8_t *data;
	size_t size, room;
	uint32_t rows;
	uint64_t first_row;
	uint64_t previous; /* DELTA, ASC */
};

struct label {
	uint8_t kind, class, flags;
	uint32_t string;
};

/* Open addressing; a slot holds number + 1. The caller compares. */
struct table {
	uint32_t *slots;
	size_t size, used;
};

struct sum {
	uint32_t type, stack, tracked;
	uint64_t count, bytes;
};

struct rgd_writer {
	FILE *out;
	struct rgd_options opt;
	uint64_t offset;
	struct column columns[SECTIONS][RGD_MAX_COLUMNS];
	struct rgd_toc_entry *toc;
	size_t ntoc, room_toc;
	ZSTD_CCtx *zstd;

	struct table string_table, label_table, sum_table;
	char **strings;
	uint32_t *string_lengths;
	size_t nstrings;
	struct label *labels;
	size_t nlabels;
	struct sum *sums;
	size_t nsums;

	bool no_summary;
	uint64_t edge_row;
	uint32_t last[RGD_PREDICT_SLOTS];
};

static void *must(void *p)
{
	if (!p)
		err(2, "memory");
	return p;
}

/* Room for one more in an array that doubles. */
#define GROW(array, n) \
	(((n) & ((n) - 1)) == 0 ? (array) = must(realloc((array), ((n) ? (n) * 2 : 1) * sizeof *(array))) : (array))

static void emit(struct rgd_writer *w, const void *p, size_t n)
{
	if (fwrite(p, 1, n, w->out) != n)
		err(2, "write");
	w->offset += n;
}

/* ---- tables ------------------------------------------------------------------------------------------------ */

static void table_insert(struct table *t, uint64_t hash, uint32_t number)
{
	size_t i = hash & (t->size - 1);

	while (t->slots[i])
		i = (i + 1) & (t->size - 1);
	t->slots[i] = number + 1;
	t->used++;
}

/* Makes room for one more; `rehash` gives the hash of a number. */
static void table_reserve(struct table *t, struct rgd_writer *w, uint64_t (*rehash)(struct rgd_writer *, uint32_t))
{
	if ((t->used + 1) * 2 <= t->size)
		return;
	struct table bigger = {.size = t->size ? t->size * 2 : 64};

	bigger.slots = must(calloc(bigger.size, sizeof *bigger.slots));
	for (size_t i = 0; i < t->size; i++)
		if (t->slots[i])
			table_insert(&bigger, rehash(w, t->slots[i] - 1), t->slots[i] - 1);
	free(t->slots);
	*t = bigger;
}

static uint64_t hash_string(struct rgd_writer *w, uint32_t n)
{
	return XXH3_64bits(w->strings[n], w->string_lengths[n]);
}

static uint64_t hash_of_label(const struct label *l)
{
	uint32_t key[2] = {l->kind | l->class << 8 | (uint32_t)l->flags << 16, l->string};
	return XXH3_64bits(key, sizeof key);
}

static uint64_t hash_label(struct rgd_writer *w, uint32_t n)
{
	return hash_of_label(&w->labels[n]);
}

static uint64_t hash_of_sum(const struct sum *s)
{
	uint32_t key[3] = {s->type, s->stack, s->tracked};
	return XXH3_64bits(key, sizeof key);
}

static uint64_t hash_sum(struct rgd_writer *w, uint32_t n)
{
	return hash_of_sum(&w->sums[n]);
}

/* ---- chunks ------------------------------------------------------------------------------------------------- */

static void seal(struct rgd_chunk_header *h)
{
	h->header_checksum = XXH3_64bits(h, offsetof(struct rgd_chunk_header, header_checksum));
}

/* Writes header and payload, and their line in the table of contents. */
static void write_chunk(struct rgd_writer *w, struct rgd_chunk_header h, uint8_t *payload, size_t n)
{
	struct rgd_chunk_header entry;
	int times = 1;

	h.magic = RGD_CHUNK_MAGIC;
	entry = h;
	if (w->opt.hooks && w->opt.hooks->chunk)
		times = w->opt.hooks->chunk(w->opt.hooks->context, &h, &entry, &payload, &n);
	h.checksum = entry.checksum = XXH3_64bits(payload, n);
	seal(&h);
	seal(&entry);
	for (; times > 0; times--) {
		GROW(w->toc, w->ntoc);
		w->toc[w->ntoc++] = (struct rgd_toc_entry){.offset = w->offset, .header = entry};
		emit(w, &h, sizeof h);
		emit(w, payload, n);
	}
	free(payload);
}

/* Compresses if that makes it smaller. The result is malloc'ed. */
static uint8_t *pack(struct rgd_writer *w, const void *raw, size_t n, struct rgd_chunk_header *h)
{
	uint8_t *out;
	size_t bound = ZSTD_compressBound(n);

	h->raw_size = n;
	h->compression = RGD_COMP_NONE;
	h->stored_size = n;
	out = must(malloc(bound));
	if (w->opt.level && n) {
		size_t packed = ZSTD_compressCCtx(w->zstd, out, bound, raw, n, w->opt.level);

		if (ZSTD_isError(packed))
			errx(2, "zstd: %s", ZSTD_getErrorName(packed));
		if (packed < n) {
			h->compression = RGD_COMP_ZSTD;
			h->stored_size = packed;
			return out;
		}
	}
	memcpy(out, raw, n);
	return out;
}

static void flush_column(struct rgd_writer *w, unsigned section, unsigned column)
{
	struct column *c = &w->columns[section][column];
	struct rgd_chunk_header h = {
		.section = section,
		.column = column,
		.encoding = encodings[section][column],
		.rows = c->rows,
		.first_row = c->first_row,
	};
	uint8_t *payload;

	if (!c->rows)
		return;
	payload = pack(w, c->data, c->size, &h);
	write_chunk(w, h, payload, h.stored_size);
	c->first_row += c->rows;
	c->rows = 0;
	c->size = 0;
	c->previous = 0;
}

void rgd_raw_chunk(struct rgd_writer *w, const struct rgd_chunk_header *header, const void *payload)
{
	uint8_t *copy = must(malloc(header->stored_size + 1));

	memcpy(copy, payload, header->stored_size);
	write_chunk(w, *header, copy, header->stored_size);
}

/* ---- values ------------------------------------------------------------------------------------------------- */

static inline uint8_t *column_room(struct column *c, size_t n)
{
	if (c->size + n > c->room) {
		c->room = (c->size + n) * 2 < 4096 ? 4096 : (c->size + n) * 2;
		c->data = must(realloc(c->data, c->room));
	}
	return c->data + c->size;
}

static inline void column_leb(struct column *c, uint64_t v)
{
	uint8_t *p = column_room(c, 10), *start = p;

	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)v | 0x80;
	*p++ = (uint8_t)v;
	c->size += p - start;
}

static void column_fixed(struct column *c, uint64_t v, size_t n)
{
	uint8_t *p = column_room(c, n);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
	c->size += n;
}

static inline uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

/* Appends; closes no chunk. */
static inline void append(struct rgd_writer *w, unsigned section, unsigned column, uint64_t v)
{
	struct column *c = &w->columns[section][column];

	if (w->opt.hooks && w->opt.hooks->value)
		v = w->opt.hooks->value(w->opt.hooks->context, section, column, c->first_row + c->rows, v);
	switch (encodings[section][column]) {
	case RGD_ENC_U8:
		column_fixed(c, v, 1);
		break;
	case RGD_ENC_U32:
		column_fixed(c, v, 4);
		break;
	case RGD_ENC_U64:
		column_fixed(c, v, 8);
		break;
	case RGD_ENC_VARINT:
	case RGD_ENC_TARGET: /* the caller predicted */
		column_leb(c, v);
		break;
	case RGD_ENC_DELTA:
		column_leb(c, zigzag((int64_t)(v - c->previous)));
		break;
	case RGD_ENC_ASC:
		column_leb(c, v - c->previous);
		break;
	default:
		errx(2, "section %u column %u takes no numbers", section, column);
	}
	c->previous = v;
	c->rows++;
}

static void close_when_full(struct rgd_writer *w, unsigned section, unsigned column)
{
	struct column *c = &w->columns[section][column];

	if (c->rows >= w->opt.chunk_rows || c->size >= MAX_RAW)
		flush_column(w, section, column);
}

void rgd_put(struct rgd_writer *w, unsigned section, unsigned column, uint64_t value)
{
	append(w, section, column, value);
	close_when_full(w, section, column);
}

void rgd_put_bytes(struct rgd_writer *w, unsigned section, unsigned column, const void *p, size_t n)
{
	struct column *c = &w->columns[section][column];

	if (encodings[section][column] != RGD_ENC_BYTES)
		errx(2, "section %u column %u takes no bytes", section, column);
	column_leb(c, n);
	if (n)
		memcpy(column_room(c, n), p, n);
	c->size += n;
	c->rows++;
	close_when_full(w, section, column);
}

void rgd_row(struct rgd_writer *w, unsigned section, size_t n, const uint64_t *values)
{
	for (size_t i = 0; i < n; i++)
		rgd_put(w, section, i, values[i]);
}

uint32_t rgd_string(struct rgd_writer *w, const char *text, size_t length)
{
	struct table *t = &w->string_table;
	uint64_t hash = XXH3_64bits(text, length);

	table_reserve(t, w, hash_string);
	for (size_t i = hash & (t->size - 1); t->slots[i]; i = (i + 1) & (t->size - 1)) {
		uint32_t n = t->slots[i] - 1;
		if (w->string_lengths[n] == length && !memcmp(w->strings[n], text, length))
			return n;
	}
	GROW(w->strings, w->nstrings);
	GROW(w->string_lengths, w->nstrings);
	w->strings[w->nstrings] = must(malloc(length + 1));
	memcpy(w->strings[w->nstrings], text, length);
	w->strings[w->nstrings][length] = 0;
	w->string_lengths[w->nstrings] = length;
	table_insert(t, hash, w->nstrings);
	rgd_put_bytes(w, RGD_SEC_STRINGS, RGD_STRINGS_TEXT, text, length);
	return w->nstrings++;
}

uint32_t rgd_text(struct rgd_writer *w, const char *text)
{
	return rgd_string(w, text ? text : "", text ? strlen(text) : 0);
}

uint32_t rgd_label(struct rgd_writer *w, unsigned kind, unsigned class, unsigned flags, uint32_t string)
{
	struct label l = {.kind = kind, .class = class, .flags = flags, .string = string};
	struct table *t = &w->label_table;
	uint64_t hash = hash_of_label(&l), row[4] = {kind, class, flags, string};

	table_reserve(t, w, hash_label);
	for (size_t i = hash & (t->size - 1); t->slots[i]; i = (i + 1) & (t->size - 1)) {
		const struct label *o = &w->labels[t->slots[i] - 1];
		if (o->kind == kind && o->class == class && o->flags == flags && o->string == string)
			return t->slots[i] - 1;
	}
	GROW(w->labels, w->nlabels);
	w->labels[w->nlabels] = l;
	table_insert(t, hash, w->nlabels);
	rgd_row(w, RGD_SEC_LABELS, 4, row);
	return w->nlabels++;
}

/* ---- objects, edges, summary --------------------------------------------------------------------------------- */

static void sum_add(struct rgd_writer *w, const struct rgd_object *o)
{
	struct sum s = {.type = o->type, .stack = o->stack};
	struct table *t = &w->sum_table;
	uint64_t hash;

	if (o->flags & RGD_OBJ_F_TRACKED)
		s.tracked = (o->flags & RGD_OBJ_F_GENERATION_MASK) == RGD_OBJ_F_GENERATION_MASK ? 3 : 1;
	else if (o->flags & RGD_OBJ_F_INTERNAL)
		s.tracked = 2;
	hash = hash_of_sum(&s);
	table_reserve(t, w, hash_sum);
	for (size_t i = hash & (t->size - 1); t->slots[i]; i = (i + 1) & (t->size - 1)) {
		struct sum *have = &w->sums[t->slots[i] - 1];
		if (have->type == s.type && have->stack == s.stack && have->tracked == s.tracked) {
			have->count++;
			have->bytes += o->size;
			return;
		}
	}
	GROW(w->sums, w->nsums);
	s.count = 1;
	s.bytes = o->size;
	w->sums[w->nsums] = s;
	table_insert(t, hash, w->nsums++);
}

static void flush_section(struct rgd_writer *w, unsigned section)
{
	for (unsigned c = 0; c < RGD_MAX_COLUMNS; c++)
		flush_column(w, section, c);
}

void rgd_object(struct rgd_writer *w, const struct rgd_object *o)
{
	append(w, RGD_SEC_OBJECTS, RGD_OBJ_ADDRESS, o->address);
	append(w, RGD_SEC_OBJECTS, RGD_OBJ_TYPE, o->type);
	append(w, RGD_SEC_OBJECTS, RGD_OBJ_SIZE, o->size);
	append(w, RGD_SEC_OBJECTS, RGD_OBJ_REFCOUNT, o->refcount);
	append(w, RGD_SEC_OBJECTS, RGD_OBJ_FLAGS, o->flags);
	append(w, RGD_SEC_OBJECTS, RGD_OBJ_EPOCH, o->epoch);
	append(w, RGD_SEC_OBJECTS, RGD_OBJ_STACK, o->stack);
	append(w, RGD_SEC_OBJECTS, RGD_OBJ_DEGREE, o->degree);
	append(w, RGD_SEC_OBJECTS, RGD_OBJ_BASE, o->base);
	if (!w->no_summary)
		sum_add(w, o);
	if (w->columns[RGD_SEC_OBJECTS][RGD_OBJ_ADDRESS].rows == w->opt.group_rows)
		flush_section(w, RGD_SEC_OBJECTS);
}

void rgd_edge(struct rgd_writer *w, uint32_t label, uint64_t value, uint32_t target, uint64_t interior)
{
	const struct label *l = &w->labels[label];
	uint32_t slot = label, difference;

	if (w->opt.hooks && w->opt.hooks->value) /* the prediction must see what a reader will see */
		target = w->opt.hooks->value(w->opt.hooks->context, RGD_SEC_EDGES, 100, w->edge_row, target);
	if (l->class == RGD_LABEL_OFFSET)
		slot = (label + value) % RGD_PREDICT_SLOTS;
	slot %= RGD_PREDICT_SLOTS;
	difference = target - w->last[slot];
	w->last[slot] = target;
	append(w, RGD_SEC_EDGES, RGD_EDGE_LABEL, label);
	if (RGD_LABEL_HAS_VALUE(l->class))
		append(w, RGD_SEC_EDGES, RGD_EDGE_VALUE, value);
	append(w, RGD_SEC_EDGES, RGD_EDGE_TARGET, (difference << 1) ^ (uint32_t)((int32_t)difference >> 31));
	if (l->flags & RGD_LABEL_F_INTERIOR)
		append(w, RGD_SEC_EDGES, RGD_EDGE_INTERIOR, interior);
	w->edge_row++;
	if (w->columns[RGD_SEC_EDGES][RGD_EDGE_LABEL].rows == w->opt.group_rows) {
		flush_section(w, RGD_SEC_EDGES);
		memset(w->last, 0, sizeof w->last);
	}
}

void rgd_no_summary(struct rgd_writer *w)
{
	w->no_summary = true;
}

static void write_summary(struct rgd_writer *w)
{
	for (size_t i = 0; i < w->nsums && !w->no_summary; i++) {
		const struct sum *s = &w->sums[i];
		uint64_t row[5] = {s->type, s->stack, s->tracked, s->count, s->bytes};
		rgd_row(w, RGD_SEC_SUMMARY, 5, row);
	}
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

struct rgd_writer *rgd_create(FILE *out, const struct rgd_file_header *header, const struct rgd_options *options)
{
	struct rgd_writer *w = must(calloc(1, sizeof *w));
	struct rgd_file_header h = *header;

	w->out = out;
	w->opt = *options;
	if (!w->opt.chunk_rows)
		w->opt.chunk_rows = 65536;
	if (!w->opt.group_rows)
		w->opt.group_rows = RGD_GROUP_ROWS;
	w->zstd = must(ZSTD_createCCtx());
	memcpy(h.magic, RGD_MAGIC, sizeof h.magic);
	h.major = h.major ? h.major : RGD_MAJOR;
	h.header_size = sizeof h + w->opt.header_growth;
	h.pointer_size = h.pointer_size ? h.pointer_size : 8;
	h.byte_order = h.byte_order ? h.byte_order : 1;
	h.machine = h.machine ? h.machine : 62;
	h.page_size = h.page_size ? h.page_size : 4096;
	if (w->opt.hooks && w->opt.hooks->file_header)
		w->opt.hooks->file_header(w->opt.hooks->context, &h);
	h.checksum = XXH3_64bits(&h, offsetof(struct rgd_file_header, checksum));
	emit(w, &h, sizeof h);
	for (uint32_t i = 0; i < w->opt.header_growth; i++)
		emit(w, "\x5a", 1);
	rgd_text(w, "");
	return w;
}

static void write_toc(struct rgd_writer *w, struct rgd_tail *tail)
{
	struct rgd_chunk_header h = {.magic = RGD_CHUNK_MAGIC, .section = RGD_SEC_TOC, .rows = w->ntoc};
	uint8_t *payload;

	for (size_t i = 0; i < w->ntoc && w->opt.hooks && w->opt.hooks->entry; i++)
		w->opt.hooks->entry(w->opt.hooks->context, i, &w->toc[i]);
	payload = pack(w, w->toc, w->ntoc * sizeof *w->toc, &h);
	tail->toc_offset = w->offset;
	write_chunk(w, h, payload, h.stored_size);
}

static void destroy(struct rgd_writer *w)
{
	for (size_t s = 0; s < SECTIONS; s++)
		for (size_t c = 0; c < RGD_MAX_COLUMNS; c++)
			free(w->columns[s][c].data);
	for (size_t i = 0; i < w->nstrings; i++)
		free(w->strings[i]);
	free(w->strings);
	free(w->string_lengths);
	free(w->labels);
	free(w->sums);
	free(w->toc);
	free(w->string_table.slots);
	free(w->label_table.slots);
	free(w->sum_table.slots);
	ZSTD_freeCCtx(w->zstd);
	free(w);
}

void rgd_finish(struct rgd_writer *w)
{
	struct rgd_tail tail = {.flags = w->opt.tail_flags};

	write_summary(w);
	for (unsigned s = 0; s < SECTIONS; s++)
		flush_section(w, s);
	if (w->opt.hooks && w->opt.hooks->before_toc)
		w->opt.hooks->before_toc(w->opt.hooks->context, w);
	write_toc(w, &tail);
	memcpy(tail.magic, RGD_TAIL_MAGIC, sizeof tail.magic);
	tail.file_size = w->offset + sizeof tail;
	if (w->opt.hooks && w->opt.hooks->tail)
		w->opt.hooks->tail(w->opt.hooks->context, &tail);
	tail.checksum = XXH3_64bits(&tail, offsetof(struct rgd_tail, checksum));
	emit(w, &tail, sizeof tail);
	if (fflush(w->out))
		err(2, "write");
	destroy(w);
}
