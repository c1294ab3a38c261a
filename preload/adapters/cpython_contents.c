/*
 * cpython_contents.c - what objects hold beyond parts at fixed places: containers, types, modules, code, text.
 *
 * The exact list, tuple, dict and set are most of a heap; their edges are written straight from their storage, in the order
 * in which the collector visits them. Everything else goes through candidates (cpython_edges.c).
 */
#include <string.h>

#include "cpython.h"

/* ---- dicts ----------------------------------------------------------------------------------------------------------- */

#define KIND_GENERAL 0
/* Names of the keys of a bigger dict are data, not names: they would swamp the dump's table of labels. */
#define NAMED_KEYS_MAX 65536

static uintptr_t entries_of(uintptr_t keys)
{
	uint64_t index_bytes;
	if (python.minor >= 11) {
		index_bytes = 1ull << (byte_at(keys, python.at->keys_log2_index) & 63);
	} else {
		uint64_t size = word_at(keys, python.at->keys_size);
		index_bytes = size * (size <= 0xff	   ? 1
				      : size <= 0xffff	   ? 2
				      : size <= 0xffffffff ? 4
							   : 8);
	}
	return keys + (uintptr_t)python.at->keys_indices + index_bytes;
}

uint64_t keys_count(uintptr_t keys)
{
	return word_at(keys, python.at->keys_nentries);
}

void keys_walk_init(struct dict_walk *w, uintptr_t keys)
{
	bool general = python.minor < 11 || byte_at(keys, python.at->keys_kind) == KIND_GENERAL;
	*w = (struct dict_walk){
		.entries = entries_of(keys),
		.count = keys_count(keys),
		.stride = general ? 24 : 16,
		.key_offset = general ? 8 : 0, /* the hash is before */
	};
}

void dict_walk_init(struct dict_walk *w, uintptr_t dict)
{
	keys_walk_init(w, word_at(dict, DICT_KEYS));
	uintptr_t values = word_at(dict, DICT_VALUES);
	if (values) /* a bare array until 3.10 */
		w->values = values + (uintptr_t)(python.minor >= 11 ? python.at->values_first : 0);
}

bool dict_walk_next(struct dict_walk *w)
{
	while (w->next < w->count) {
		uint64_t i = w->next++;
		uintptr_t entry = w->entries + i * w->stride + w->key_offset;
		w->value_slot = w->values ? w->values + i * 8 : entry + 8;
		w->value = word_at(w->value_slot, 0);
		w->key = word_at(entry, 0);
		if (w->value && w->key)
			return true;
	}
	return false;
}

bool keys_walk_next(struct dict_walk *w)
{
	while (w->next < w->count) {
		w->key = word_at(w->entries + w->next++ * w->stride + w->key_offset, 0);
		if (w->key)
			return true;
	}
	return false;
}

/*
 * 3.11+ says so in the kind. Before, the table's lookup function does, and the one for general tables has no name outside:
 * object.__subclasses__ is such a table (its keys are numbers), so its function is that one.
 */
static uintptr_t general_lookup(void)
{
	static uintptr_t lookup;
	uintptr_t dict = lookup ? 0 : word_at(python.type_object, TP_SUBCLASSES);
	if (dict && is_dict(dict))
		lookup = word_at(word_at(dict, DICT_KEYS), python.at->keys_size + 8);
	return lookup;
}

bool keys_are_text(uintptr_t keys)
{
	if (python.minor >= 11)
		return byte_at(keys, python.at->keys_kind) != KIND_GENERAL;
	return word_at(keys, python.at->keys_size + 8) != general_lookup();
}

static struct edge_name key_name(uintptr_t key, bool few)
{
	if (few && text_is_name(key))
		return name_str(RGD_LABEL_KEY, key);
	return (struct edge_name){RGD_LABEL_KEY_OBJECT, NAME_NONE, 0};
}

/*
 * A value is visited, then its key where the table is general. Shared keys belong to the type; 3.13 may leave the values in
 * the instance, which then owns and visits them.
 */
static bool values_in_instance(uintptr_t dict)
{
	uintptr_t values = word_at(dict, DICT_VALUES);
	return python.minor >= 13 && values && byte_at(values, 2);
}

/* Where the block of a values array begins: 3.11 and 3.12 keep the order of insertion before it, its size in the last byte. */
static uintptr_t values_block(uintptr_t values)
{
	if (python.minor == 11 || python.minor == 12)
		return values - byte_at(values, -1);
	return values;
}

static void dict_storage(struct sink *sink, uintptr_t dict)
{
	uintptr_t values = word_at(dict, DICT_VALUES);
	if (!values)
		know_storage(sink, word_at(dict, DICT_KEYS), TAG_KEYS, "keys");
	else if (!values_in_instance(dict))
		know_storage(sink, values_block(values), TAG_VALUES, "values");
}

static void dict_contents(struct sink *sink, uintptr_t dict)
{
	bool in_instance = values_in_instance(dict);
	bool few = word_at(dict, DICT_USED) <= NAMED_KEYS_MAX;
	struct dict_walk w;
	for (dict_walk_init(&w, dict); dict_walk_next(&w);) {
		know(sink, w.value_slot, w.value, in_instance ? RGD_EDGE_BORROWED : RGD_EDGE_STRONG,
		     key_name(w.key, few), w.key);
		if (!w.values) /* shared keys belong to the type */
			know(sink, w.value_slot - 8, w.key, RGD_EDGE_STRONG,
			     name_c(RGD_LABEL_IS_KEY, ""), 0);
	}
	dict_storage(sink, dict);
}

static void dict_fast(struct sink *sink, uintptr_t dict)
{
	struct walk *walk = sink->walk;
	bool counted = !values_in_instance(dict) && dict != interned_table;
	enum rgd_edge_kind kind = counted ? RGD_EDGE_STRONG : RGD_EDGE_BORROWED;
	unsigned seen = values_in_instance(dict) ? 0 : RGD_LABEL_F_TRAVERSED;
	unsigned key_seen = keys_are_text(word_at(dict, DICT_KEYS)) ? 0 : RGD_LABEL_F_TRAVERSED;
	uint32_t is_key = label_of(walk, kind, name_c(RGD_LABEL_IS_KEY, ""), key_seen);
	bool few = word_at(dict, DICT_USED) <= NAMED_KEYS_MAX, values = walk_values(walk);
	struct dict_walk w;
	for (dict_walk_init(&w, dict); dict_walk_next(&w);) {
		struct edge_name name = key_name(w.key, few);
		uint64_t value = w.key;
		uint32_t label;
		if (name.class == RGD_LABEL_KEY || !values ||
		    !value_key(walk, w.key, kind, seen, &label, &value))
			label = label_of(walk, kind, name, seen);
		walk_edge(walk, label, value, w.value);
		if (!w.values)
			walk_edge(walk, is_key, 0, w.key);
	}
	dict_storage(sink, dict);
}

/* ---- OrderedDict: a dict, and a list of nodes that hold the keys once more ------------------------------------------------ */

/* private to odictobject.c: first and last node and the index of nodes behind the dict; node = {key, hash, next, previous} */
#define ODICT_FIRST 48
#define ODICT_INDEX 64
#define ODICT_NODE_SIZE 32

static void odict_contents(struct sink *sink, uintptr_t dict)
{
	uint64_t size;
	dict_contents(sink, dict);
	know_storage(sink, word_at(dict, ODICT_INDEX), TAG_OTHER_STORAGE, "index of nodes");
	uintptr_t node = word_at(dict, ODICT_FIRST);
	for (uint64_t left = word_at(dict, DICT_USED) + 1; node && left; left--) {
		if (!walk_block(sink->walk, node, &size) || size != ODICT_NODE_SIZE)
			return;
		know_storage(sink, node, TAG_ODICT_NODE, "node");
		know(sink, node, word_at(node, 0), RGD_EDGE_STRONG, name_c(RGD_LABEL_IS_KEY, ""),
		     0);
		node = word_at(node, 16);
	}
}

/* ---- list, tuple, set ------------------------------------------------------------------------------------------------------ */

static void items_contents(struct sink *sink, uintptr_t items, uint64_t count,
			   const struct py_class *c)
{
	for (uint64_t i = 0; items && i < count; i++) {
		uintptr_t slot = items + i * 8;
		bool is_part = false; /* a struct sequence names its items by members */
		for (uint32_t p = 0; p < c->part_count && !is_part; p++)
			is_part = sink->object + (uintptr_t)c->parts[p].offset == slot;
		if (!is_part)
			know(sink, slot, word_at(slot, 0), RGD_EDGE_STRONG,
			     name_c(RGD_LABEL_INDEX, ""), i);
	}
}

static void items_fast(struct sink *sink, uintptr_t items, uint64_t count)
{
	for (uint64_t i = 0; items && i < count; i++) {
		uintptr_t target = word_at(items, (long)(i * 8));
		if (target)
			sink_emit(sink, RGD_EDGE_STRONG, name_c(RGD_LABEL_INDEX, ""), i,
				  RGD_LABEL_F_TRAVERSED, target);
	}
}

struct set_walk {
	uintptr_t table;
	uint64_t next, size;
	uintptr_t key;
};

static void set_walk_init(struct set_walk *w, uintptr_t set)
{
	*w = (struct set_walk){.table = word_at(set, SET_TABLE),
			       .size = word_at(set, SET_MASK) + 1};
}

/* Entries are {key, hash}; no hash is -1, so -1 marks the place of a removed key. */
static bool set_walk_next(struct set_walk *w)
{
	while (w->next < w->size) {
		uintptr_t entry = w->table + w->next++ * 16;
		w->key = word_at(entry, 0);
		if (w->key && (intptr_t)word_at(entry, 8) != -1)
			return true;
	}
	return false;
}

static void set_storage(struct sink *sink, uintptr_t set)
{
	uintptr_t table = word_at(set, SET_TABLE);
	if (table != set + SET_SMALLTABLE)
		know_storage(sink, table, TAG_TABLE, "table");
}

static void set_contents(struct sink *sink, uintptr_t set)
{
	struct set_walk w;
	for (set_walk_init(&w, set); set_walk_next(&w);)
		know(sink, w.table + (w.next - 1) * 16, w.key, RGD_EDGE_STRONG,
		     name_c(RGD_LABEL_MEMBER, ""), 0);
	set_storage(sink, set);
}

static void set_fast(struct sink *sink, uintptr_t set)
{
	uint32_t label = label_of(sink->walk, RGD_EDGE_STRONG, name_c(RGD_LABEL_MEMBER, ""),
				  RGD_LABEL_F_TRAVERSED);
	uint32_t weak =
		label_of(sink->walk, RGD_EDGE_BORROWED, name_c(RGD_LABEL_PART, "__weakref__"), 0);
	struct set_walk w;
	for (set_walk_init(&w, set); set_walk_next(&w);)
		walk_edge(sink->walk, label, 0, w.key);
	if (word_at(set, SET_WEAKLIST))
		walk_edge(sink->walk, weak, 0, word_at(set, SET_WEAKLIST));
	set_storage(sink, set);
}

/* ---- closures: the tuple of cells takes the names of its function's free variables ------------------------------------------ */

struct closure_row {
	uintptr_t tuple, code;
};
static struct closure_row *closures;
static uint32_t closure_mask, closure_used;

static struct closure_row *closure_row(struct closure_row *rows, uint32_t mask, uintptr_t tuple)
{
	uint32_t i = (uint32_t)((tuple >> 4) * 0x9e3779b1u) & mask;
	while (rows[i].tuple && rows[i].tuple != tuple)
		i = (i + 1) & mask;
	return &rows[i];
}

void closure_remember(struct walk *walk, uintptr_t tuple, uintptr_t code)
{
	if (closure_used * 2 >= closure_mask) {
		uint32_t size = closures ? (closure_mask + 1) * 2 : 1024;
		struct closure_row *bigger = walk_memory(walk, size * sizeof(*bigger));
		if (!bigger)
			return;
		for (uint32_t i = 0; closures && i <= closure_mask; i++) {
			if (closures[i].tuple)
				*closure_row(bigger, size - 1, closures[i].tuple) = closures[i];
		}
		closures = bigger;
		closure_mask = size - 1;
	}
	struct closure_row *row = closure_row(closures, closure_mask, tuple);
	closure_used += !row->tuple;
	*row = (struct closure_row){tuple, code};
}

uintptr_t closure_code(uintptr_t tuple)
{
	return closures ? closure_row(closures, closure_mask, tuple)->code : 0;
}

static void closure_cells(struct sink *sink, uintptr_t tuple, uintptr_t code)
{
	for (uint64_t i = 0; i < size_of(tuple); i++) {
		uintptr_t cell = word_at(tuple, (long)(TUPLE_ITEMS + i * 8));
		uintptr_t name = code_free_name(code, i);
		if (!cell)
			continue;
		sink_emit(sink, RGD_EDGE_STRONG,
			  name ? name_str(RGD_LABEL_CELL, name) : name_c(RGD_LABEL_INDEX, ""), i,
			  RGD_LABEL_F_TRAVERSED, cell);
	}
}

static void tuple_fast(struct sink *sink, uintptr_t tuple)
{
	uintptr_t code = closure_code(tuple);
	if (code)
		closure_cells(sink, tuple, code);
	else
		items_fast(sink, tuple + TUPLE_ITEMS, size_of(tuple));
}

/* ---- types, functions, modules, code ------------------------------------------------------------------------------------------ */

static void type_contents(struct sink *sink, uintptr_t type)
{
	know(sink, 0, type_dict(type), RGD_EDGE_STRONG, name_c(RGD_LABEL_PART, "__dict__"), 0);
	know_part(sink, type, TP_CACHE, RGD_EDGE_STRONG, "tp_cache");
	know_part(sink, type, TP_MRO, RGD_EDGE_STRONG, "__mro__");
	know_part(sink, type, TP_BASES, RGD_EDGE_STRONG, "__bases__");
	know_part(sink, type, TP_BASE, RGD_EDGE_STRONG, "__base__");
	know(sink, 0, type_subclasses(type), RGD_EDGE_STRONG,
	     name_c(RGD_LABEL_PART, "__subclasses__"), 0);
	know_part(sink, type, TP_WEAKLIST, RGD_EDGE_BORROWED, "__weakref__");
	if (!has_flag(type, TPFLAG_HEAP))
		return;
	know_part(sink, type, python.at->ht_module, RGD_EDGE_STRONG, "ht_module");
	know_part(sink, type, python.at->ht_name, RGD_EDGE_STRONG, "__name__");
	know_part(sink, type, python.at->ht_qualname, RGD_EDGE_STRONG, "__qualname__");
	know_part(sink, type, python.at->ht_slots, RGD_EDGE_STRONG, "__slots__");
	know_storage(sink, word_at(type, TP_DOC), TAG_TEXT, "doc");
	if (python.at->ht_tpname >= 0)
		know_storage(sink, word_at(type, python.at->ht_tpname), TAG_TEXT, "name");
	uintptr_t keys = word_at(type, python.at->ht_cached_keys);
	if (keys) {
		struct dict_walk w;
		for (keys_walk_init(&w, keys); keys_walk_next(&w);)
			know(sink, 0, w.key, RGD_EDGE_STRONG, name_c(RGD_LABEL_IS_KEY, ""), 0);
		know_storage(sink, keys, TAG_KEYS, "shared keys");
	}
}

static void function_contents(struct sink *sink, uintptr_t function)
{
	uintptr_t closure = word_at(function, python.at->function_closure);
	uintptr_t code = word_at(function, python.at->function_code);
	if (sink->discovering && closure && code)
		closure_remember(sink->walk, closure, code);
}

/* The state of a module is a C struct: what the module's traverse function visits is named by it, the rest is scanned. */
static void module_contents(struct sink *sink, uintptr_t module)
{
	uint64_t size;
	uintptr_t state = word_at(module, MODULE_STATE);
	if (!state || !walk_block(sink->walk, state, &size))
		return;
	know_opaque(sink, state, "state");
	if (sink->discovering)
		return;
	for (uint64_t at = 0; at + 8 <= size; at += 8) {
		uintptr_t word = word_at(state, (long)at);
		if (word && walk_has(sink->walk, word))
			know_hint(sink, state + at, word, name_c(RGD_LABEL_PART, "state"), 0);
	}
}

static void code_contents(struct sink *sink, uintptr_t code)
{
	static const char *const cached[] = {"co_code", "co_varnames", "co_cellvars",
					     "co_freevars"};
	const struct layout *at = python.at;
	if (at->code_cached >= 0 && word_at(code, at->code_cached)) {
		uintptr_t cache = word_at(code, at->code_cached);
		for (unsigned i = 0; i < 4; i++)
			know_part(sink, cache, (long)i * 8, RGD_EDGE_STRONG, cached[i]);
		know_storage(sink, cache, TAG_CODE_CACHE, "cache");
	}
	if (at->code_zombieframe >= 0 && word_at(code, at->code_zombieframe))
		know_storage(sink, word_at(code, at->code_zombieframe) - GC_HEAD, TAG_OTHER_STORAGE,
			     "zombie frame");
	static const struct {
		size_t field;
		enum tag tag;
		const char *name;
	} blocks[] = {
		{offsetof(struct layout, code_cell2arg), TAG_OTHER_STORAGE, "cell2arg"},
		{offsetof(struct layout, code_opcache_map), TAG_CODE_CACHE, "opcache map"},
		{offsetof(struct layout, code_opcache), TAG_CODE_CACHE, "opcache"},
		{offsetof(struct layout, code_linearray), TAG_OTHER_STORAGE, "lines"},
	};
	for (unsigned i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		int32_t offset = *(const int32_t *)((const char *)at + blocks[i].field);
		if (offset >= 0)
			know_storage(sink, word_at(code, offset), blocks[i].tag, blocks[i].name);
	}
	know_opaque(sink, word_at(code, at->code_extra), "co_extra");
	if (at->code_executors >= 0)
		know_opaque(sink, word_at(code, at->code_executors), "co_executors");
	if (at->code_monitoring >= 0)
		know_opaque(sink, word_at(code, at->code_monitoring), "co_monitoring");
}

/* ---- contexts ------------------------------------------------------------------------------------------------------------------ */

/* private to hamt.c: {head, length, bits or hash, pairs of a variable and its value, or of nothing and another node} */
#define HAMT_PAIRS 32

static void hamt_contents(struct sink *sink, uintptr_t node)
{
	uint64_t length = size_of(node), size;
	if (!walk_block(sink->walk, node - GC_HEAD, &size) || size < GC_HEAD + HAMT_PAIRS ||
	    length > (size - GC_HEAD - HAMT_PAIRS) / 8)
		return;
	for (uint64_t i = 0; i + 1 < length; i += 2) {
		uintptr_t slot = node + HAMT_PAIRS + i * 8, variable = word_at(slot, 0);
		if (!variable)
			continue;
		know_hint(sink, slot, variable, name_c(RGD_LABEL_IS_KEY, ""), 0);
		know_hint(sink, slot + 8, word_at(slot, 8),
			  key_name(word_at(variable, CONTEXT_VAR_NAME), true), variable);
	}
}

/* ---- deque, bytearray, array, str ----------------------------------------------------------------------------------------------- */

/* private to _collectionsmodule.c: block = {left, 64 items, right} */
#define DEQUE_LEFT_BLOCK 24
#define DEQUE_RIGHT_BLOCK 32
#define DEQUE_LEFT_INDEX 40
#define DEQUE_ITEMS 64
#define DEQUE_BLOCK_SIZE ((DEQUE_ITEMS + 2) * 8)

static void deque_contents(struct sink *sink, uintptr_t deque)
{
	uintptr_t block = word_at(deque, DEQUE_LEFT_BLOCK);
	uint64_t at = word_at(deque, DEQUE_LEFT_INDEX), size, left = size_of(deque), index = 0;
	while (block && at <= DEQUE_ITEMS && walk_block(sink->walk, block, &size) &&
	       size == DEQUE_BLOCK_SIZE) {
		know_storage(sink, block, TAG_DEQUE_BLOCK, "block");
		for (; at < DEQUE_ITEMS && left; at++, left--) {
			uintptr_t slot = block + 8 + at * 8;
			know_hint(sink, slot, word_at(slot, 0), name_c(RGD_LABEL_INDEX, ""),
				  index++);
		}
		if (!left || block == word_at(deque, DEQUE_RIGHT_BLOCK))
			return;
		block = word_at(block, DEQUE_BLOCK_SIZE - 8);
		at = 0;
	}
}

/* A str keeps its characters elsewhere when it is of a subclass, and may keep a copy in UTF-8 or wchar_t. */
static void str_contents(struct sink *sink, uintptr_t str)
{
	uint32_t state = half_at(str, UNICODE_STATE);
	bool compact = (state >> 5) & 1, ascii = (state >> 6) & 1;
	uintptr_t data = compact ? 0 : word_at(str, python.at->unicode_compact);
	if (python.at->unicode_wstr >= 0 && word_at(str, python.at->unicode_wstr) != data)
		know_storage(sink, word_at(str, python.at->unicode_wstr), TAG_TEXT, "wchar_t");
	if (compact && ascii)
		return;
	uintptr_t utf8 = word_at(str, python.at->unicode_utf8);
	if (utf8 != data)
		know_storage(sink, utf8, TAG_TEXT, "utf-8");
	if (data)
		know_storage(sink, data, TAG_TEXT, "characters");
}

void contents_of(struct sink *sink, uintptr_t object, struct py_class *c)
{
	switch (c->shape) {
	case SHAPE_LIST:
		items_contents(sink, word_at(object, LIST_ITEMS), size_of(object), c);
		know_storage(sink, word_at(object, LIST_ITEMS), TAG_ITEMS, "items");
		break;
	case SHAPE_TUPLE:
		items_contents(sink, object + TUPLE_ITEMS, size_of(object), c);
		break;
	case SHAPE_DICT:
		dict_contents(sink, object);
		break;
	case SHAPE_ODICT:
		odict_contents(sink, object);
		break;
	case SHAPE_SET:
		set_contents(sink, object);
		break;
	case SHAPE_TYPE:
		type_contents(sink, object);
		break;
	case SHAPE_FUNCTION:
		function_contents(sink, object);
		break;
	case SHAPE_MODULE:
		module_contents(sink, object);
		break;
	case SHAPE_CODE:
		code_contents(sink, object);
		break;
	case SHAPE_FRAME:
		frame_object(sink, object);
		break;
	case SHAPE_GENERATOR:
		generator_frame(sink, object);
		break;
	case SHAPE_WEAKREF:
		if (word_at(object, WEAKREF_OBJECT) != python.none)
			know_part(sink, object, WEAKREF_OBJECT, RGD_EDGE_WEAK, "referent");
		break;
	case SHAPE_DEQUE:
		deque_contents(sink, object);
		break;
	case SHAPE_HAMT_PAIRS:
		hamt_contents(sink, object);
		break;
	case SHAPE_BYTEARRAY:
		know_storage(sink, word_at(object, BYTEARRAY_BYTES), TAG_BUFFER, "buffer");
		break;
	case SHAPE_ARRAY:
		know_storage(sink, word_at(object, 24), TAG_BUFFER, "buffer");
		break;
	case SHAPE_STR:
		str_contents(sink, object);
		break;
	default:
		break;
	}
}

bool contents_fast(struct sink *sink, uintptr_t object, struct py_class *c)
{
	if (!c->exact)
		return false;
	switch (c->shape) {
	case SHAPE_LEAF:
	case SHAPE_INT:
	case SHAPE_FLOAT:
	case SHAPE_BYTES:
		return true;
	case SHAPE_STR:
		str_contents(sink, object);
		return true;
	case SHAPE_LIST:
		items_fast(sink, word_at(object, LIST_ITEMS), size_of(object));
		know_storage(sink, word_at(object, LIST_ITEMS), TAG_ITEMS, "items");
		return true;
	case SHAPE_TUPLE:
		tuple_fast(sink, object);
		return true;
	case SHAPE_DICT:
		dict_fast(sink, object);
		return true;
	case SHAPE_SET:
		set_fast(sink, object);
		return true;
	default:
		return false;
	}
}
