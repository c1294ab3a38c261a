/*
 * cpython_class.c - what is known of a type, worked out once: where its instances keep pointers and what they are called.
 *
 * Parts come from the table of known types, from tp_members (which describe __slots__ and the members of C types) and from
 * the offsets of __dict__ and the list of weak references, for the type and all its bases along tp_base.
 */
#include <string.h>

#include "cpython.h"

/* PyMemberDef */
struct member {
	const char *name;
	int type;
	intptr_t offset;
	int flags;
	const char *doc;
};
#define MEMBER_OBJECT 6
#define MEMBER_OBJECT_EX 16

#define MAX_PARTS 512
#define MAX_BASES 256

/* ---- dicts and types ------------------------------------------------------------------------------------------------ */

uintptr_t dict_get(uintptr_t dict, const char *name)
{
	struct dict_walk w;
	if (!dict)
		return 0;
	for (dict_walk_init(&w, dict); dict_walk_next(&w);) {
		if (text_equals(w.key, name))
			return w.value;
	}
	return 0;
}

/*
 * 3.12+ keeps tp_dict, tp_subclasses and tp_weaklist of static builtin types in the interpreter: an array of records that
 * begin with the type and end with those three. tp_subclasses of the type holds the record's number + 1.
 */
static uintptr_t static_records(void)
{
	static uintptr_t found; /* +1 */
	if (found)
		return found - 1;
	uintptr_t a = python.type_type, b = python.type_int;
	uintptr_t interpreter = python.api.interpreter_main();
	found = 1;
	if (!a || !b || !interpreter)
		return 0;
	intptr_t record = python.at->static_type_size;
	intptr_t distance =
		((intptr_t)word_at(b, TP_SUBCLASSES) - (intptr_t)word_at(a, TP_SUBCLASSES)) *
		record;
	intptr_t size = python.at->interp_size;
	for (intptr_t at = 0; at + 8 <= size; at += 8) {
		intptr_t other = at + distance;
		if (other >= 0 && other + 8 <= size && word_at(interpreter, at) == a &&
		    word_at(interpreter, other) == b) {
			found = interpreter + (uintptr_t)at -
				(word_at(a, TP_SUBCLASSES) - 1) * (uintptr_t)record + 1;
			break;
		}
	}
	return found - 1;
}

/* The record of a static type, 0 none. */
static uintptr_t static_record(uintptr_t type)
{
	if (python.minor < 12 || !has_flag(type, TPFLAG_STATIC_BUILTIN))
		return 0;
	uintptr_t records = static_records();
	if (!records)
		return 0;
	uintptr_t record = (uintptr_t)python.at->static_type_size;
	uintptr_t number = word_at(type, TP_SUBCLASSES);
	if (number && number < 4096 && word_at(records, (long)((number - 1) * record)) == type)
		return records + (number - 1) * record;
	/* 3.13: static types of extension modules have an array of their own, just behind */
	for (uintptr_t at = 0; at < 256 * record; at += 8) {
		if (word_at(records, (long)at) == type)
			return records + at;
	}
	return 0;
}

uintptr_t type_dict(uintptr_t type)
{
	uintptr_t record = static_record(type);
	return record ? word_at(record, python.at->static_type_size - 24) : word_at(type, TP_DICT);
}

uintptr_t type_subclasses(uintptr_t type)
{
	uintptr_t record = static_record(type);
	if (record)
		return word_at(record, python.at->static_type_size - 16);
	uintptr_t p = word_at(type, TP_SUBCLASSES);
	return p > 0xffff ? p : 0; /* a number, not a pointer, in static types of 3.12+ */
}

/* ---- building --------------------------------------------------------------------------------------------------------- */

struct builder {
	struct py_class *c;
	struct part parts[MAX_PARTS];
	uint32_t count;
};

static bool has_part_at(const struct builder *b, long offset)
{
	for (uint32_t i = 0; i < b->count; i++) {
		if (b->parts[i].offset == offset)
			return true;
	}
	return false;
}

static void add_part(struct builder *b, long offset, struct edge_name name, uint8_t kind, bool hint)
{
	if (b->count == MAX_PARTS || has_part_at(b, offset))
		return;
	b->parts[b->count++] =
		(struct part){.name = name, .kind = kind, .hint = hint, .offset = (int32_t)offset};
	words_add(&b->c->accounted, offset);
}

static void add_members(struct builder *b, uintptr_t type)
{
	const struct member *m = (const struct member *)word_at(type, TP_MEMBERS);
	long end = (long)word_at(type, TP_BASICSIZE) +
		   4096; /* struct sequences describe items in the variable part */
	for (; m && m->name; m++) {
		bool object = m->type == MEMBER_OBJECT || m->type == MEMBER_OBJECT_EX;
		if (object && m->offset >= 16 && m->offset % 8 == 0 && m->offset < end)
			add_part(b, m->offset, name_c(RGD_LABEL_ATTRIBUTE, m->name),
				 RGD_EDGE_STRONG, false);
	}
}

static void add_known_parts(struct builder *b, const struct known_type *k)
{
	for (unsigned i = 0; i < k->part_count; i++) {
		const struct known_part *p = &k->parts[i];
		long offset = p->fixed >= 0
				      ? p->fixed
				      : *(const int32_t *)((const char *)python.at + p->field);
		bool fits = offset + 8 <= (long)b->c->basic_size;
		if (offset >= 0 && fits)
			add_part(b, offset, name_c(p->class, p->name), p->kind & ~KNOWN_PART_HINT,
				 (p->kind & KNOWN_PART_HINT) != 0);
	}
}

/* One type of the chain from the class to object. */
static void add_base(struct builder *b, uintptr_t type, bool first)
{
	struct py_class *c = b->c;
	const struct known_type *k = known_type_of(type);
	if (k && first && k->shape == SHAPE_TYPE)
		c->exact = true;
	if (k && k->shape != SHAPE_PLAIN && c->shape == SHAPE_PLAIN) {
		c->shape = k->shape;
		c->exact = first;
	}
	if (k)
		add_known_parts(b, k);
	if (k && k->known) {
		for (long at = 0; at < (long)word_at(type, TP_BASICSIZE); at += 8)
			words_add(&c->accounted, at);
	}
	if (c->shape != SHAPE_TYPE &&
	    c->shape != SHAPE_FRAME) /* cpython_contents.c knows all of them */
		add_members(b, type);
}

/* Only the type's own offset counts: some C types put it elsewhere than the base that they call theirs (TextIOWrapper). */
static void add_weak_list(struct builder *b)
{
	uintptr_t type = b->c->type;
	long weak = (long)word_at(type, TP_WEAKLISTOFFSET);
	bool managed = weak < 0 && python.minor >= 12 && has_flag(type, TPFLAG_MANAGED_WEAKREF);
	if (b->c->shape != SHAPE_TYPE && (weak > 0 || managed))
		add_part(b, weak, name_c(RGD_LABEL_PART, "__weakref__"), RGD_EDGE_BORROWED, false);
}

static void read_type(struct py_class *c)
{
	uintptr_t type = c->type;
	uintptr_t flags = word_at(type, TP_FLAGS);
	c->number = UINT32_MAX;
	c->gc = (flags & TPFLAG_GC) != 0;
	c->heap = (flags & TPFLAG_HEAP) != 0;
	/* functools' lru_cache visits the types of its links for them */
	const char *name = (const char *)word_at(type, TP_NAME);
	c->counts_type = c->heap && !(name && strcmp(name, "functools._lru_list_elem") == 0);
	c->is_gc = (int (*)(uintptr_t))word_at(type, TP_IS_GC);
	c->traverse = (traverse_function)word_at(type, TP_TRAVERSE);
	c->basic_size = (uint32_t)word_at(type, TP_BASICSIZE);
	c->dict_offset = (long)word_at(type, TP_DICTOFFSET);
	c->managed_dict = python.minor >= 11 && (flags & TPFLAG_MANAGED_DICT);
	c->inline_values = python.minor >= 13 && (flags & TPFLAG_INLINE_VALUES);
	if (c->managed_dict)
		c->dict_offset = 0;
	if (c->heap && python.minor >= 11)
		c->keys = word_at(type, python.at->ht_cached_keys);
	bool weak = python.minor >= 12 && (flags & TPFLAG_MANAGED_WEAKREF);
	c->prefix = (uint8_t)((c->gc ? GC_HEAD : 0) + (c->managed_dict || weak ? 16 : 0));
}

static struct py_class *build(struct walk *walk, uintptr_t type)
{
	static struct builder b;
	struct py_class *c = walk_memory(walk, sizeof(*c));
	if (!c)
		return NULL;
	memset(&b, 0, sizeof(b));
	b.c = c;
	c->type = type;
	if (!walk_readable(walk, type, TP_FINALIZE + 8)) {
		c->number = UINT32_MAX;
		c->shape = SHAPE_LEAF;
		c->known = c->exact = true;
		return c;
	}
	read_type(c);
	if (has_flag(type, TPFLAG_TYPE))
		c->shape = SHAPE_TYPE;
	words_add(&c->accounted, OB_REFCNT);
	words_add(&c->accounted, OB_TYPE);
	uintptr_t at = type;
	for (unsigned i = 0; at && i < MAX_BASES; i++) {
		add_base(&b, at, i == 0);
		at = word_at(at, TP_BASE);
	}
	if (c->dict_offset > 0 && c->shape != SHAPE_TYPE)
		add_part(&b, c->dict_offset, name_c(RGD_LABEL_PART, "__dict__"), RGD_EDGE_STRONG,
			 false);
	add_weak_list(&b);
	c->known = true;
	for (long w = 0; w < (long)c->basic_size; w += 8)
		c->known = c->known && words_has(&c->accounted, w);
	c->part_count = b.count;
	struct part *parts = walk_memory(walk, b.count * sizeof(struct part) + 1);
	if (parts)
		memcpy(parts, b.parts, b.count * sizeof(struct part));
	else
		c->part_count = 0;
	c->parts = parts;
	return c;
}

#define CLASS_BUCKETS 4096
static struct py_class *buckets[CLASS_BUCKETS];

bool class_met(uintptr_t type)
{
	const struct py_class *c = buckets[(type >> 5 ^ type >> 16) % CLASS_BUCKETS];
	while (c && c->type != type)
		c = c->next;
	return c && c->basic_size;
}

struct py_class *class_of_type(struct walk *walk, uintptr_t type)
{
	static struct py_class *last;
	static struct py_class nothing = {
		.number = UINT32_MAX, .shape = SHAPE_LEAF, .known = true, .exact = true};
	if (last && last->type == type)
		return last;
	struct py_class **bucket = &buckets[(type >> 5 ^ type >> 16) % CLASS_BUCKETS];
	struct py_class *c = *bucket;
	while (c && c->type != type)
		c = c->next;
	if (!c) {
		c = build(walk, type);
		if (!c)
			return &nothing;
		c->next = *bucket;
		*bucket = c;
	}
	last = c;
	return c;
}

/* ---- the row in TYPES --------------------------------------------------------------------------------------------------- */

struct type_text {
	char name[512];
	char module[512];
};

static void name_static_type(uintptr_t type, struct type_text *out)
{
	const char *full = (const char *)word_at(type, TP_NAME);
	const char *dot = full ? strrchr(full, '.') : NULL;
	const char *name = dot ? dot + 1 : full ? full : "?";
	size_t module = dot ? (size_t)(dot - full) : 0;
	if (!dot)
		memcpy(out->module, "builtins", sizeof("builtins"));
	else
		memcpy(out->module, full,
		       module < sizeof(out->module) ? module : sizeof(out->module) - 1);
	size_t n = strlen(name);
	memcpy(out->name, name, n < sizeof(out->name) ? n : sizeof(out->name) - 1);
}

/* As type.__name__ and type.__module__ say. */
static void name_type(uintptr_t type, struct type_text *out)
{
	memset(out, 0, sizeof(*out));
	if (!has_flag(type, TPFLAG_HEAP)) {
		name_static_type(type, out);
		return;
	}
	text_of(word_at(type, python.at->ht_name), out->name, sizeof(out->name));
	text_of(dict_get(word_at(type, TP_DICT), "__module__"), out->module, sizeof(out->module));
}

static bool derives_from(uintptr_t type, const char *name)
{
	for (unsigned i = 0; type && i < MAX_BASES; i++, type = word_at(type, TP_BASE)) {
		const struct known_type *k = known_type_of(type);
		if (k && strcmp(k->name, name) == 0)
			return true;
	}
	return false;
}

static uint32_t flags_of(const struct py_class *c)
{
	uint32_t flags = 0;
	flags |= c->heap ? RGD_TYPE_F_HEAP : 0;
	flags |= c->gc ? RGD_TYPE_F_GC : 0;
	flags |= word_at(c->type, TP_FINALIZE) || word_at(c->type, TP_DEL) ? RGD_TYPE_F_FINALIZER
									   : 0;
	flags |= word_at(c->type, TP_DEL) ? RGD_TYPE_F_LEGACY_DEL : 0;
	flags |= has_flag(c->type, TPFLAG_TYPE) ? RGD_TYPE_F_IS_TYPE : 0;
	flags |= derives_from(c->type, "module") ? RGD_TYPE_F_IS_MODULE : 0;
	flags |= may_be_reborn(c->type) ? RGD_TYPE_F_REUSED : 0;
	return flags;
}

uint32_t class_number(struct walk *walk, struct py_class *c)
{
	if (c->number != UINT32_MAX)
		return c->number;
	struct walk_type row = {0};
	if (!c->type || !c->basic_size) {
		row.name = "?";
		row.module = "";
		row.flags = RGD_TYPE_F_GUESS;
		return c->number = walk_type(walk, RGD_RT_CPYTHON, &row);
	}
	uintptr_t base = word_at(c->type, TP_BASE);
	if (base)
		row.base = class_number(walk, class_of_type(walk, base)) + 1;
	struct type_text text;
	name_type(c->type, &text);
	row.name = text.name;
	row.module = text.module;
	row.flags = flags_of(c);
	row.basic_size = c->basic_size;
	row.object = c->type;
	return c->number = walk_type(walk, RGD_RT_CPYTHON, &row);
}
