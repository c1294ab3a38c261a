/*
 * cpython_walk.c - finding every Python object, and saying what each one is.
 *
 * The collector's lists give the tracked ones with their generation. Everything else (str, int, code, untracked tuples and
 * dicts, types of C modules, ...) is found by following references from there. Storage of containers (items of a list, keys of
 * a dict) becomes an object of its own, owned by its container, so that every block of the runtime has an owner.
 */
#include <string.h>

#include "cpython.h"

/* ---- interpreters ---------------------------------------------------------------------------------------------------------- */

uintptr_t interpreter_after(uintptr_t interpreter)
{
	uintptr_t i = interpreter ? python.api.interpreter_next(interpreter)
				  : python.api.interpreter_head();
	while (i && has_own_gil(i))
		i = python.api.interpreter_next(i);
	return i;
}

/* ---- what is still to be expanded: a stack of addresses in chunks that are kept and used again ------------------------------------ */

#define CHUNK_WORDS (128u * 1024 / 8 - 3)
struct chunk {
	struct chunk *below, *above;
	uint64_t count;
	uintptr_t objects[CHUNK_WORDS];
};
static struct chunk *pending;
static bool out_of_memory;

static void push(struct walk *walk, uintptr_t object)
{
	if (!pending || pending->count == CHUNK_WORDS) {
		struct chunk *next = pending ? pending->above : NULL;
		if (!next) {
			next = walk_memory(walk, sizeof(*next));
			if (!next) {
				out_of_memory = true;
				return;
			}
			next->below = pending;
			if (pending)
				pending->above = next;
		}
		next->count = 0;
		pending = next;
	}
	pending->objects[pending->count++] = object;
}

static uintptr_t pop(void)
{
	while (pending && !pending->count) {
		if (!pending->below)
			return 0;
		pending = pending->below;
	}
	return pending ? pending->objects[--pending->count] : 0;
}

/* ---- finding ------------------------------------------------------------------------------------------------------------------------- */

/* The object may lie in no block (static types): the walker looks when it needs to know. */
static bool claim(struct walk *walk, uintptr_t object, unsigned tag)
{
	const struct py_class *c = class_of_type(walk, type_of(object));
	if (!c->type)
		return false; /* what has no type is no object */
	return walk_add(walk, RGD_RT_CPYTHON, object, object - c->prefix, tag);
}

void discovered(struct walk *walk, uintptr_t object)
{
	if (!walk_claimed(walk, object) && claim(walk, object, TAG_UNTRACKED))
		push(walk, object);
}

void discovered_storage(struct walk *walk, uintptr_t address, enum tag tag)
{
	uint64_t size;
	if (!walk_claimed(walk, address) && walk_block(walk, address, &size))
		walk_add(walk, RGD_RT_CPYTHON, address, address, tag);
}

static void expand(struct walk *walk, uintptr_t object)
{
	struct py_class *c = class_of_type(walk, type_of(object));
	if (!walk_claimed(walk, c->type) && c->type && c->basic_size)
		discovered(walk, c->type);
	references_of(walk, object, c);
}

static void expand_pending(struct walk *walk)
{
	for (uintptr_t object = pop(); object; object = pop())
		expand(walk, object);
}

/* ---- the collector's lists -------------------------------------------------------------------------------------------------- */

#define GENERATIONS 4 /* 0, 1, 2, permanent */

/* The two low bits of the links are flags. */
static uintptr_t gc_next(uintptr_t head)
{
	return word_at(head, 0) & ~(uintptr_t)3;
}

static uintptr_t generation_head(uintptr_t heads, unsigned generation)
{
	return generation == TAG_PERMANENT ? heads + (GC_PERMANENT - GC_GENERATIONS)
					   : heads + generation * 24u;
}

static void each_tracked(struct walk *walk, uintptr_t heads,
			 void (*visit)(struct walk *, uintptr_t, unsigned))
{
	for (unsigned g = 0; g < GENERATIONS; g++) {
		uintptr_t head = generation_head(heads, g);
		for (uintptr_t at = gc_next(head); at && at != head; at = gc_next(at))
			visit(walk, at + GC_HEAD, g);
	}
}

static void claim_tracked(struct walk *walk, uintptr_t object, unsigned generation)
{
	claim(walk, object, generation);
}

/* Depth first from each tracked object: what hangs on it is near in memory. */
static void expand_tracked(struct walk *walk, uintptr_t object, unsigned generation)
{
	expand(walk, object);
	expand_pending(walk);
}

/* 3.8 has one set of lists for the process. */
static bool last_heads(uintptr_t interpreter)
{
	return python.minor == 8 || !interpreter_after(interpreter);
}

static bool each_heap(struct walk *walk, void (*visit)(struct walk *, uintptr_t, unsigned))
{
	for (uintptr_t i = interpreter_after(0); i; i = interpreter_after(i)) {
		uintptr_t heads = gc_state_of(i);
		if (!heads)
			return false;
		each_tracked(walk, heads, visit);
		if (last_heads(i))
			break;
	}
	return true;
}

bool python_discover(struct walk *walk)
{
	gil_adopt();
	/* All of the tracked first, so that nothing that is found as a target takes another tag. */
	bool complete = each_heap(walk, claim_tracked) && each_heap(walk, expand_tracked);
	roots_discover(walk);
	expand_pending(walk);
	return complete && !out_of_memory;
}

/* ---- describing ---------------------------------------------------------------------------------------------------------------- */

static const char *const storage_names[TAG_MAX] = {
	[TAG_ITEMS] = "list items",
	[TAG_KEYS] = "dict keys",
	[TAG_VALUES] = "dict values",
	[TAG_TABLE] = "set table",
	[TAG_BUFFER] = "buffer",
	[TAG_DEQUE_BLOCK] = "deque block",
	[TAG_ODICT_NODE] = "OrderedDict node",
	[TAG_CODE_CACHE] = "code cache",
	[TAG_TEXT] = "text",
	[TAG_OTHER_STORAGE] = "storage",
};

static void describe_storage(struct walk *walk, uintptr_t address, unsigned tag,
			     struct walk_object *out)
{
	static uint32_t numbers[TAG_MAX]; /* +1 */
	if (!numbers[tag]) {
		struct walk_type type = {
			.name = storage_names[tag], .module = "", .flags = RGD_TYPE_F_INTERNAL};
		numbers[tag] = walk_type(walk, RGD_RT_CPYTHON, &type) + 1;
	}
	out->type = numbers[tag] - 1;
	out->flags = RGD_OBJ_F_INTERNAL;
	if (tag == TAG_KEYS)
		out->refcount = word_at(address, 0);
}

/* 3.12+: a refcount whose low half is negative never changes. */
uint64_t refcount_of(uintptr_t object, bool *immortal)
{
	uint64_t count = word_at(object, OB_REFCNT);
	*immortal = python.minor >= 12 && (int32_t)(uint32_t)count < 0;
	return count;
}

/* Bytes of an object outside of any block: a static one. */
static uint64_t static_size(uintptr_t object, const struct py_class *c)
{
	if (c->shape == SHAPE_TYPE && !has_flag(object, TPFLAG_HEAP))
		return TP_FINALIZE + 16;
	uint64_t item = word_at(c->type, TP_ITEMSIZE);
	uint64_t items = c->shape == SHAPE_TUPLE || c->shape == SHAPE_BYTES ? size_of(object) : 1;
	return c->basic_size + (item ? item * items : 0);
}

static void string_property(struct walk *walk, enum rgd_property key, uintptr_t str)
{
	uint32_t string = text_string(walk, str);
	if (string)
		walk_property(walk, key, string);
}

static void names(struct walk *walk, uintptr_t name, uintptr_t qualified)
{
	string_property(walk, RGD_PROP_NAME, name);
	if (qualified && qualified != name)
		string_property(walk, RGD_PROP_QUALNAME, qualified);
}

static void place_of_code(struct walk *walk, uintptr_t code)
{
	if (!code)
		return;
	string_property(walk, RGD_PROP_FILE, word_at(code, python.at->code_filename));
	walk_property(walk, RGD_PROP_LINE, half_at(code, python.at->code_firstlineno));
}

static void describe_frame(struct walk *walk, uintptr_t frame)
{
	uintptr_t record = python.minor <= 10 ? frame : word_at(frame, python.at->frame_frame);
	uintptr_t code = record && walk_readable(walk, record, 80) ? frame_code(record) : 0;
	if (!code)
		return;
	string_property(walk, RGD_PROP_NAME, word_at(code, python.at->code_name));
	string_property(walk, RGD_PROP_FILE, word_at(code, python.at->code_filename));
	walk_property(walk, RGD_PROP_LINE, (uint64_t)code_line(code, record));
}

static void describe_generator(struct walk *walk, uintptr_t generator)
{
	const struct layout *at = python.at;
	const char *state = generator_state(generator);
	uintptr_t code = at->gen_code >= 0 ? word_at(generator, at->gen_code) : 0;
	if (python.minor >= 12 && strcmp(state, "closed") != 0)
		code = frame_code(generator + (uintptr_t)at->gen_iframe);
	names(walk, word_at(generator, at->gen_name), word_at(generator, at->gen_qualname));
	place_of_code(walk, code);
	walk_property(walk, RGD_PROP_STATE, walk_string(walk, state, strlen(state)));
}

static void describe_type(struct walk *walk, uintptr_t type)
{
	const char *name = (const char *)word_at(type, TP_NAME);
	if (has_flag(type, TPFLAG_HEAP)) {
		names(walk, word_at(type, python.at->ht_name),
		      word_at(type, python.at->ht_qualname));
	} else if (name) {
		const char *dot = strrchr(name, '.');
		name = dot ? dot + 1 : name;
		walk_property(walk, RGD_PROP_NAME, walk_string(walk, name, strlen(name)));
	}
}

/* What __name__ says: a module may rename itself, as _collections_abc does. */
static uintptr_t name_of_module(uintptr_t module)
{
	uintptr_t dict = word_at(module, MODULE_DICT);
	uintptr_t name = dict ? dict_get(dict, "__name__") : 0;
	return name ? name : word_at(module, MODULE_NAME);
}

static void describe_properties(struct walk *walk, uintptr_t object, const struct py_class *c)
{
	const struct layout *at = python.at;
	const char *name;
	switch (c->shape) {
	case SHAPE_LIST:
	case SHAPE_TUPLE:
	case SHAPE_BYTES:
	case SHAPE_BYTEARRAY:
	case SHAPE_DEQUE:
		walk_property(walk, RGD_PROP_LENGTH, size_of(object));
		break;
	case SHAPE_DICT:
	case SHAPE_ODICT:
		walk_property(walk, RGD_PROP_LENGTH, word_at(object, DICT_USED));
		break;
	case SHAPE_SET:
		walk_property(walk, RGD_PROP_LENGTH, word_at(object, SET_USED));
		break;
	case SHAPE_STR:
		walk_property(walk, RGD_PROP_LENGTH, word_at(object, UNICODE_LENGTH));
		break;
	case SHAPE_FUNCTION:
		names(walk, word_at(object, at->function_name),
		      word_at(object, at->function_qualname));
		place_of_code(walk, word_at(object, at->function_code));
		break;
	case SHAPE_BUILTIN:
		name = *(const char *const *)word_at(object, CFUNCTION_ML);
		if (name)
			walk_property(walk, RGD_PROP_NAME, walk_string(walk, name, strlen(name)));
		break;
	case SHAPE_MODULE:
		string_property(walk, RGD_PROP_NAME, name_of_module(object));
		break;
	case SHAPE_CODE:
		names(walk, word_at(object, at->code_name),
		      at->code_qualname >= 0 ? word_at(object, at->code_qualname) : 0);
		place_of_code(walk, object);
		break;
	case SHAPE_CONTEXT_VAR:
		if (c->exact && text_is_name(word_at(object, CONTEXT_VAR_NAME)))
			string_property(walk, RGD_PROP_NAME, word_at(object, CONTEXT_VAR_NAME));
		break;
	case SHAPE_FRAME:
		describe_frame(walk, object);
		break;
	case SHAPE_GENERATOR:
		describe_generator(walk, object);
		break;
	case SHAPE_TYPE:
		describe_type(walk, object);
		break;
	default:
		break;
	}
	if (walk_values(walk))
		describe_value(walk, object, c);
}

/*
 * The size is that of the block, as requested: with the collector's header, without the allocator's rounding, and without
 * the storage that is an object of its own.
 */
bool python_describe(struct walk *walk, uintptr_t object, unsigned tag, struct walk_object *out)
{
	uint64_t size;
	bool immortal;
	if (tag > TAG_UNTRACKED) {
		if (tag >= TAG_MAX)
			return false;
		describe_storage(walk, object, tag, out);
		return true;
	}
	struct py_class *c = class_of_type(walk, type_of(object));
	out->type = class_number(walk, c);
	out->refcount = refcount_of(object, &immortal);
	out->flags = immortal ? RGD_OBJ_F_IMMORTAL : 0;
	if (tag <= TAG_PERMANENT)
		out->flags |= RGD_OBJ_F_TRACKED | tag << RGD_OBJ_F_GENERATION_SHIFT;
	if (object_is_gc(c, object) && gc_finalized(object))
		out->flags |= RGD_OBJ_F_FINALIZED;
	if (!walk_block(walk, object - c->prefix, &size)) {
		out->size = static_size(object, c);
		out->flags |= RGD_OBJ_F_STATIC;
	}
	if (out->flags & (RGD_OBJ_F_STATIC | RGD_OBJ_F_IMMORTAL))
		roots_pin(walk, object);
	describe_properties(walk, object, c);
	return true;
}
