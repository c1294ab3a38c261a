/*
 * intern.c - strings, types, labels, stacks and the summary: what is written once and referred to by number. All of it
 * lives in the walker's own memory and is written after the objects.
 */
#include "walk.h"

/* FNV-1a, finished by a multiply so that the low bits are good. */
static uint32_t hash_bytes(const void *data, size_t size)
{
	const uint8_t *p = data;
	uint64_t h = 14695981039346656037ull;
	while (size--)
		h = (h ^ *p++) * 1099511628211ull;
	return (uint32_t)(h ^ h >> 32);
}

static uint32_t hash_words(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t h = (a * 0x9e3779b97f4a7c15ull) ^ (b + 0x7f4a7c15u) * 0xc2b2ae3d27d4eb4full;
	h ^= (c + 0x165667b1u) * 0x9e3779b185ebca87ull;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9ull;
	return (uint32_t)(h ^ h >> 32);
}

static void *grow(struct intern *in, void *rows, uint32_t *capacity, size_t row_size,
		  uint32_t first)
{
	uint32_t bigger = *capacity ? *capacity * 2 : first;
	void *fresh = pool_map(in->pool, (size_t)bigger * row_size);
	if (!fresh) {
		in->failed = true;
		return NULL;
	}
	if (rows) {
		memcpy(fresh, rows, (size_t)*capacity * row_size);
		pool_unmap(in->pool, rows, (size_t)*capacity * row_size);
	}
	*capacity = bigger;
	return fresh;
}

static bool index_reserve(struct intern *in, struct hash_index *index,
			  uint32_t (*hash_of)(const struct intern *, uint32_t))
{
	uint32_t size, *slots;
	if (index->slots && index->used < index->mask / 4 * 3)
		return true;
	size = index->slots ? (index->mask + 1) * 2 : 1024;
	slots = pool_map(in->pool, (size_t)size * sizeof *slots);
	if (!slots) {
		in->failed = true;
		return false;
	}
	for (uint32_t row = 0; row < index->used; row++) {
		uint32_t at = hash_of(in, row) & (size - 1);
		while (slots[at])
			at = (at + 1) & (size - 1);
		slots[at] = row + 1;
	}
	if (index->slots)
		pool_unmap(in->pool, index->slots, (size_t)(index->mask + 1) * sizeof *slots);
	index->slots = slots;
	index->mask = size - 1;
	return true;
}

/* ---- strings ---------------------------------------------------------------------------------------------------------- */

static uint32_t string_hash_of(const struct intern *in, uint32_t row)
{
	return in->strings[row].hash;
}

/* Length of the valid UTF-8 sequence at p, 0 when it is none (or NUL). */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
	size_t n;
	uint32_t c;
	if (p[0] < 0x80)
		return p[0] ? 1 : 0;
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	c = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (n == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	return n;
}

/* Valid UTF-8 without NUL; what is not becomes U+FFFD. Returns the length written to out (3 * length at most). */
static size_t utf8_clean(char *out, const char *text, size_t length)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t n = 0;
	for (size_t i = 0; i < length;) {
		size_t step = utf8_sequence(p + i, length - i);
		if (step) {
			memcpy(out + n, text + i, step);
			n += step;
			i += step;
		} else {
			memcpy(out + n, "\xef\xbf\xbd", 3);
			n += 3;
			i++;
		}
	}
	return n;
}

static bool utf8_valid(const char *text, size_t length)
{
	const uint8_t *p = (const uint8_t *)text;
	for (size_t i = 0; i < length;) {
		size_t step = utf8_sequence(p + i, length - i);
		if (!step)
			return false;
		i += step;
	}
	return true;
}

static uint32_t string_add(struct intern *in, const char *text, uint32_t length, uint32_t hash,
			   uint32_t slot)
{
	char *copy;
	uint32_t row = in->string_count;
	if (row == in->string_capacity) {
		void *rows = grow(in, in->strings, &in->string_capacity, sizeof *in->strings, 4096);
		if (!rows)
			return 0;
		in->strings = rows;
	}
	copy = pool_alloc(in->pool, length ? length : 1);
	if (!copy) {
		in->failed = true;
		return 0;
	}
	memcpy(copy, text, length);
	in->strings[row] = (struct interned_string){.text = copy, .length = length, .hash = hash};
	in->string_index.slots[slot] = row + 1;
	in->string_index.used = ++in->string_count;
	return row;
}

static uint32_t string_find(struct intern *in, const char *text, uint32_t length)
{
	uint32_t hash = hash_bytes(text, length), at, row;
	if (!index_reserve(in, &in->string_index, string_hash_of))
		return 0;
	for (at = hash & in->string_index.mask; (row = in->string_index.slots[at]);
	     at = (at + 1) & in->string_index.mask) {
		const struct interned_string *s = &in->strings[row - 1];
		if (s->hash == hash && s->length == length && !memcmp(s->text, text, length))
			return row - 1;
	}
	return string_add(in, text, length, hash, at);
}

uint32_t intern_string(struct intern *in, const char *text, size_t length)
{
	char clean[3 * 1024];
	if (length > WRITER_STRING_MAX - 16)
		length = WRITER_STRING_MAX - 16;
	if (utf8_valid(text, length))
		return string_find(in, text, (uint32_t)length);
	if (length > sizeof clean / 3)
		length = sizeof clean / 3;
	return string_find(in, clean, (uint32_t)utf8_clean(clean, text, length));
}

uint32_t intern_text(struct intern *in, const char *text)
{
	return text ? intern_string(in, text, strlen(text)) : 0;
}

/* ---- types ------------------------------------------------------------------------------------------------------------ */

static uint32_t type_hash_of(const struct intern *in, uint32_t row)
{
	return in->types[row].hash;
}

/* A type that is an object is that object; others are their name and module. */
uint32_t intern_type(struct intern *in, uint32_t runtime, const struct walk_type *type)
{
	uint32_t name = intern_text(in, type->name), module = intern_text(in, type->module), hash,
		 at, row;
	hash = type->object ? hash_words(runtime, type->object, 1)
			    : hash_words(runtime, name, (uint64_t)module << 1);
	if (!index_reserve(in, &in->type_index, type_hash_of))
		return 0;
	for (at = hash & in->type_index.mask; (row = in->type_index.slots[at]);
	     at = (at + 1) & in->type_index.mask) {
		const struct interned_type *t = &in->types[row - 1];
		if (t->hash == hash && t->runtime == runtime && t->object == type->object &&
		    (type->object || (t->name == name && t->module == module)))
			return row - 1;
	}
	row = in->type_count;
	if (row == in->type_capacity) {
		void *rows = grow(in, in->types, &in->type_capacity, sizeof *in->types, 1024);
		if (!rows)
			return 0;
		in->types = rows;
	}
	in->types[row] = (struct interned_type){.runtime = runtime,
						.name = name,
						.module = module,
						.flags = type->flags,
						.base = type->base,
						.hash = hash,
						.basic_size = type->basic_size,
						.object = type->object};
	in->type_index.slots[at] = row + 1;
	in->type_index.used = ++in->type_count;
	return row;
}

/* ---- labels ----------------------------------------------------------------------------------------------------------- */

static uint32_t label_hash(unsigned kind, unsigned class, unsigned flags, uint32_t string)
{
	return hash_words(kind, (uint64_t) class << 8 | flags, string);
}

static uint32_t label_hash_of(const struct intern *in, uint32_t row)
{
	const struct interned_label *l = &in->labels[row];
	return label_hash(l->kind, l->class, l->flags, l->string);
}

uint32_t intern_label(struct intern *in, unsigned kind, unsigned class, unsigned flags,
		      uint32_t string)
{
	uint32_t hash = label_hash(kind, class, flags, string), at, row;
	if (!index_reserve(in, &in->label_index, label_hash_of))
		return 0;
	for (at = hash & in->label_index.mask; (row = in->label_index.slots[at]);
	     at = (at + 1) & in->label_index.mask) {
		const struct interned_label *l = &in->labels[row - 1];
		if (l->kind == kind && l->class == class && l->flags == flags &&
		    l->string == string)
			return row - 1;
	}
	row = in->label_count;
	if (row == in->label_capacity) {
		void *rows = grow(in, in->labels, &in->label_capacity, sizeof *in->labels, 1024);
		if (!rows)
			return 0;
		in->labels = rows;
	}
	in->labels[row] = (struct interned_label){.kind = (uint8_t)kind,
						  .class = (uint8_t) class,
						  .flags = (uint8_t)flags,
						  .string = string};
	in->label_index.slots[at] = row + 1;
	in->label_index.used = ++in->label_count;
	return row;
}

/* ---- stacks ------------------------------------------------------------------------------------------------------------ */

uint32_t intern_frame(struct intern *in, uint32_t frame)
{
	if (frame >= in->frame_limit)
		frame = 0;
	if (!in->frame_rows[frame]) {
		in->frame_list[in->frame_count] = frame;
		in->frame_rows[frame] = ++in->frame_count;
	}
	return in->frame_rows[frame] - 1;
}

uint32_t intern_stack(struct intern *in, uint32_t stack)
{
	uint32_t path[STACK_MAX_DEPTH + 2];
	uint32_t n = 0;

	if (!stack || stack >= in->stack_limit)
		return 0;
	if (likely(in->stack_rows[stack]))
		return in->stack_rows[stack];
	while (stack && stack < in->stack_limit && !in->stack_rows[stack] &&
	       n < STACK_MAX_DEPTH + 2) {
		path[n++] = stack;
		stack = stack_parent(stack);
	}
	while (n) {
		stack = path[--n];
		intern_frame(in, stack_frame_of(stack));
		in->stack_list[in->stack_count] = stack;
		in->stack_rows[stack] = ++in->stack_count;
	}
	return in->stack_rows[stack];
}

/* ---- summary ----------------------------------------------------------------------------------------------------------- */

static uint32_t summary_hash_of(const struct intern *in, uint32_t row)
{
	const struct summary_row *s = &in->summary[row];
	return hash_words(s->type, s->stack, s->tracked);
}

void intern_summary(struct intern *in, uint32_t type, uint32_t stack, uint32_t tracked,
		    uint64_t bytes)
{
	uint32_t at, row;
	struct summary_row *s;

	if (!index_reserve(in, &in->summary_index, summary_hash_of))
		return;
	if (in->summary_count) {
		s = &in->summary[in->summary_last];
		if (s->type == type && s->stack == stack && s->tracked == tracked)
			goto found;
	}
	at = hash_words(type, stack, tracked) & in->summary_index.mask;
	for (; (row = in->summary_index.slots[at]); at = (at + 1) & in->summary_index.mask) {
		s = &in->summary[row - 1];
		if (s->type == type && s->stack == stack && s->tracked == tracked)
			goto found;
	}
	row = in->summary_count;
	if (row == in->summary_capacity) {
		void *rows =
			grow(in, in->summary, &in->summary_capacity, sizeof *in->summary, 4096);
		if (!rows)
			return;
		in->summary = rows;
	}
	s = &in->summary[row];
	*s = (struct summary_row){.type = type, .stack = stack, .tracked = tracked};
	in->summary_index.slots[at] = row + 1;
	in->summary_index.used = ++in->summary_count;
found:
	in->summary_last = (uint32_t)(s - in->summary);
	s->count++;
	s->bytes += bytes;
}

/* ---- all ---------------------------------------------------------------------------------------------------------------- */

bool intern_init(struct intern *in, struct pool *pool)
{
	memset(in, 0, sizeof *in);
	in->pool = pool;
	in->stack_limit = stack_count() + 1;
	in->frame_limit = frame_count() + 1;
	in->stack_rows = pool_map(pool, in->stack_limit * sizeof(uint32_t));
	in->stack_list = pool_map(pool, in->stack_limit * sizeof(uint32_t));
	in->frame_rows = pool_map(pool, in->frame_limit * sizeof(uint32_t));
	in->frame_list = pool_map(pool, in->frame_limit * sizeof(uint32_t));
	if (!in->stack_rows || !in->stack_list || !in->frame_rows || !in->frame_list)
		return false;
	intern_string(in, "", 0);
	intern_type(in, RGD_RT_NATIVE, &(struct walk_type){.name = "block", .module = ""});
	return !in->failed;
}
