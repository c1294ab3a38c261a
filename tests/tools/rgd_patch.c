/* rgd_patch.c - see rgd_patch.h. */
#include "rgd_patch.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum kind { HEADER, TAIL, BOTH, IN_FILE, IN_TOC, DROP, TWICE, POKE, BOMB, JUNK, GARBLE, CUT, COLUMN, SECTION };

static const struct option {
	const char *name;
	enum kind kind;
	bool place, field, number; /* which arguments follow */
} options[] = {
	{"--header", HEADER, .field = true},
	{"--tail", TAIL, .field = true},
	{"--chunk", BOTH, .place = true, .field = true},
	{"--in-file", IN_FILE, .place = true, .field = true},
	{"--in-toc", IN_TOC, .place = true, .field = true},
	{"--drop", DROP, .place = true},
	{"--twice", TWICE, .place = true},
	{"--poke", POKE, .place = true, .number = true},
	{"--bomb", BOMB, .place = true, .number = true},
	{"--junk", JUNK, .place = true},
	{"--garble", GARBLE, .place = true, .number = true},
	{"--cut", CUT, .place = true, .number = true},
	{"--extra-column", COLUMN, .number = true},
	{"--extra-section", SECTION},
};

struct patch {
	enum kind kind;
	unsigned section, column;
	uint64_t index, value;
	const char *field;
	bool met;
};

static struct patch patches[64];
static size_t npatches;

/* ---- fields by name ------------------------------------------------------------------------------------------ */

struct field {
	const char *name;
	size_t offset, size;
};
#define FIELD(type, name) {#name, offsetof(struct type, name), sizeof(((struct type *)0)->name)}

static const struct field header_fields[] = {
	FIELD(rgd_file_header, magic), FIELD(rgd_file_header, major),
	FIELD(rgd_file_header, minor), FIELD(rgd_file_header, header_size),
	FIELD(rgd_file_header, time_ns), FIELD(rgd_file_header, pid),
	FIELD(rgd_file_header, serial), FIELD(rgd_file_header, pointer_size),
	FIELD(rgd_file_header, byte_order), FIELD(rgd_file_header, machine),
	FIELD(rgd_file_header, page_size), FIELD(rgd_file_header, process_key), {0},
};
static const struct field chunk_fields[] = {
	FIELD(rgd_chunk_header, magic), FIELD(rgd_chunk_header, section),
	FIELD(rgd_chunk_header, column), FIELD(rgd_chunk_header, encoding),
	FIELD(rgd_chunk_header, compression), FIELD(rgd_chunk_header, reserved),
	FIELD(rgd_chunk_header, rows), FIELD(rgd_chunk_header, raw_size),
	FIELD(rgd_chunk_header, stored_size), FIELD(rgd_chunk_header, first_row), {0},
};
static const struct field entry_fields[] = {FIELD(rgd_toc_entry, offset), {0}};
static const struct field tail_fields[] = {
	FIELD(rgd_tail, magic), FIELD(rgd_tail, toc_offset), FIELD(rgd_tail, file_size),
	FIELD(rgd_tail, flags), FIELD(rgd_tail, reserved), {0},
};

static bool set_field(const struct field *f, void *where, const char *name, uint64_t value)
{
	for (; f->name; f++)
		if (!strcmp(f->name, name)) {
			memcpy((char *)where + f->offset, &value, f->size < 8 ? f->size : 8);
			return true;
		}
	return false;
}

static void set_or_die(const struct field *f, void *where, struct patch *p)
{
	if (!set_field(f, where, p->field, p->value))
		errx(2, "no field %s there", p->field);
	p->met = true;
}

/* ---- the hooks -------------------------------------------------------------------------------------------------- */

static uint64_t on_value(void *context, unsigned section, unsigned column, uint64_t row, uint64_t value)
{
	for (struct patch *p = patches; p < patches + npatches; p++)
		if (p->kind == POKE && p->section == section && p->column == column && p->index == row) {
			p->met = true;
			return p->value;
		}
	return value;
}

static void on_header(void *context, struct rgd_file_header *header)
{
	for (struct patch *p = patches; p < patches + npatches; p++)
		if (p->kind == HEADER)
			set_or_die(header_fields, header, p);
}

static void on_tail(void *context, struct rgd_tail *tail)
{
	for (struct patch *p = patches; p < patches + npatches; p++)
		if (p->kind == TAIL)
			set_or_die(tail_fields, tail, p);
}

static void bomb(uint64_t size, uint8_t **payload, size_t *n)
{
	size_t bound = ZSTD_compressBound(size);
	void *zeros = calloc(1, size ? size : 1);

	free(*payload);
	*payload = malloc(bound);
	if (!zeros || !*payload)
		err(2, "bomb");
	*n = ZSTD_compress(*payload, bound, zeros, size, 1);
	free(zeros);
}

/* The payload as it was before compression. */
static void unpack(const struct rgd_chunk_header *h, uint8_t **payload, size_t *n)
{
	uint8_t *raw = malloc(h->raw_size + 1);

	if (h->compression == RGD_COMP_ZSTD) {
		if (ZSTD_decompress(raw, h->raw_size, *payload, *n) != h->raw_size)
			errx(2, "own frame is bad");
	} else {
		memcpy(raw, *payload, *n);
	}
	free(*payload);
	*payload = raw;
	*n = h->raw_size;
}

static void patch_payload(struct patch *p, struct rgd_chunk_header *h, uint8_t **payload, size_t *n)
{
	if (p->kind == BOMB) {
		bomb(p->value, payload, n);
		h->compression = RGD_COMP_ZSTD;
	} else if (p->kind == JUNK) {
		memset(*payload, 0x5a, *n);
		h->compression = RGD_COMP_ZSTD;
	} else {
		unpack(h, payload, n);
		if (p->kind == GARBLE)
			memset(*payload, (int)p->value, *n);
		else
			*n -= p->value < *n ? p->value : *n;
		h->compression = RGD_COMP_NONE;
		h->raw_size = *n;
	}
	h->stored_size = *n;
}

static int on_chunk(void *context, struct rgd_chunk_header *header, struct rgd_chunk_header *entry,
		    uint8_t **payload, size_t *size)
{
	static unsigned seen[256][256];
	unsigned section = header->section & 255, column = header->column & 255;
	unsigned index = seen[section][column]++;
	int times = 1;

	for (struct patch *p = patches; p < patches + npatches; p++) {
		if (p->kind < BOTH || p->kind == POKE || p->kind >= COLUMN || p->section != section ||
		    p->column != column || p->index != index)
			continue;
		p->met = true;
		if (p->kind == DROP)
			times = 0;
		else if (p->kind == TWICE)
			times = 2;
		else if (p->kind >= BOMB) {
			patch_payload(p, header, payload, size);
			*entry = *header;
		} else {
			if (p->kind != IN_TOC)
				set_or_die(chunk_fields, header, p);
			if (p->kind != IN_FILE && strcmp(p->field, "offset"))
				set_or_die(chunk_fields, entry, p);
		}
	}
	return times;
}

static void on_entry(void *context, size_t index, struct rgd_toc_entry *entry)
{
	for (struct patch *p = patches; p < patches + npatches; p++)
		if (p->kind == IN_TOC && !strcmp(p->field, "offset") && p->section == entry->header.section &&
		    p->column == entry->header.column && p->index-- == 0)
			set_or_die(entry_fields, entry, p);
}

static void unknown_column(struct rgd_writer *w, unsigned section, unsigned column)
{
	static const uint8_t zigzag[] = {2, 4, 1};
	struct rgd_chunk_header h = {
		.section = section,
		.column = column,
		.encoding = RGD_ENC_DELTA,
		.rows = sizeof zigzag,
		.raw_size = sizeof zigzag,
		.stored_size = sizeof zigzag,
	};

	rgd_raw_chunk(w, &h, zigzag);
}

static void on_before_toc(void *context, struct rgd_writer *w)
{
	for (struct patch *p = patches; p < patches + npatches; p++) {
		if (p->kind == COLUMN)
			unknown_column(w, p->value, 200);
		else if (p->kind == SECTION)
			unknown_column(w, 77, 0);
		else
			continue;
		p->met = true;
	}
	for (struct patch *p = patches; p < patches + npatches; p++)
		if (!p->met && p->kind != TAIL && p->section != RGD_SEC_TOC &&
		    !(p->kind == IN_TOC && !strcmp(p->field, "offset")))
			errx(2, "a patch of section %u column %u met nothing", p->section, p->column);
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = *text == '-' ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);

	if (*end || end == text)
		errx(2, "no number: %s", text);
	return n;
}

static void place(struct patch *p, const char *text)
{
	unsigned long index;

	if (sscanf(text, "%u.%u.%lu", &p->section, &p->column, &index) != 3)
		errx(2, "want SEC.COL.N: %s", text);
	p->index = index;
}

int patch_option(int argc, char **argv, int at)
{
	const struct option *o = options, *end = options + sizeof options / sizeof *options;
	struct patch *p = &patches[npatches];
	int used = 1;

	while (o < end && strcmp(o->name, argv[at]))
		o++;
	if (o == end)
		return 0;
	if (at + o->place + o->field + o->number >= argc || npatches == sizeof patches / sizeof *patches)
		errx(2, "%s: arguments", o->name);
	*p = (struct patch){.kind = o->kind};
	if (o->place)
		place(p, argv[at + used++]);
	if (o->field) {
		char *equals = strchr(argv[at + used], '=');

		if (!equals)
			errx(2, "%s: want FIELD=VALUE", o->name);
		p->field = strndup(argv[at + used], equals - argv[at + used]);
		p->value = number(equals + 1);
		used++;
	}
	if (o->number)
		p->value = number(argv[at + used++]);
	npatches++;
	return used;
}

const struct rgd_hooks *patch_hooks(void)
{
	static const struct rgd_hooks hooks = {
		.value = on_value,
		.chunk = on_chunk,
		.file_header = on_header,
		.entry = on_entry,
		.tail = on_tail,
		.before_toc = on_before_toc,
	};

	return npatches ? &hooks : NULL;
}
