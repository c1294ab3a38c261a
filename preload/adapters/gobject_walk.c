/* gobject_walk.c - finding every instance and what belongs to it, and saying what each one is. */
#include <string.h>

#include "gobject.h"

struct found found;
static struct map closures;

/* ---- claiming ------------------------------------------------------------------------------------------------------------ */

uint64_t piece_at(struct walk *walk, uintptr_t address)
{
	uint64_t size;
	size_t slice = slice_size(address);

	if (slice)
		return slice;
	return !(address & 7) && walk_block(walk, address, &size) ? size : 0;
}

bool claim(struct walk *walk, uintptr_t object, size_t back, enum tag tag)
{
	size_t slice;
	uintptr_t page = slice_page(object, &slice);

	if ((object & 7) || !piece_at(walk, object - back))
		return false;
	return walk_add(walk, RGD_RT_GOBJECT, object, page ? page : object - back, tag);
}

bool is_instance(uintptr_t address)
{
	uint32_t low = 0, high = found.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (found.instances[middle] < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < found.count && found.instances[low] == address;
}

bool is_closure(uintptr_t address)
{
	return map_get(&closures, address) != NULL;
}

/* ---- instances --------------------------------------------------------------------------------------------------------------- */

static void keep_instance(struct walk *walk, uintptr_t instance)
{
	if (found.count == found.capacity) {
		uint32_t bigger = found.capacity ? found.capacity * 2 : 1024;
		uintptr_t *p = walk_memory(walk, bigger * sizeof(*p));
		if (!p)
			return;
		if (found.count)
			memcpy(p, found.instances, found.count * sizeof(*p));
		found.instances = p;
		found.capacity = bigger;
	}
	found.instances[found.count++] = instance;
}

/* A count of zero: in the middle of being freed, or remains of one in memory that is handed out again. */
static bool lives(uintptr_t instance)
{
	const struct gtype *t = type_of_instance(instance);

	if (t->fundamental == TYPE_OBJECT)
		return half_at(instance, OBJECT_REFCOUNT) - 1 < 1u << 30;
	if (t->fundamental == TYPE_PARAM && t->instance_size >= PARAM_REFCOUNT + 4)
		return half_at(instance, PARAM_REFCOUNT) - 1 < 1u << 30;
	return true;
}

static bool is_mini_object(struct walk *walk, uintptr_t piece, uint64_t size)
{
	const struct gtype *t;

	if (size < MINI_SIZE || !walk_readable(walk, piece, MINI_SIZE))
		return false;
	t = type_by_id(word_at(piece, 0));
	return t && t->fundamental == TYPE_BOXED && strncmp(t->name, "Gst", 3) == 0 &&
	       half_at(piece, MINI_REFCOUNT) - 1 < 1u << 30 &&
	       walk_readable(walk, word_at(piece, MINI_FREE), 16) && word_at(piece, MINI_FREE);
}

static void look_at_piece(struct walk *walk, uintptr_t piece, uint64_t size, bool slice)
{
	uintptr_t instance;

	if (!walk_readable(walk, piece, size))
		return;
	instance = instance_in(piece, size, slice);
	if (instance && lives(instance)) {
		if (claim(walk, instance, instance - piece, TAG_INSTANCE))
			keep_instance(walk, instance);
		if (instance != piece)
			claim(walk, piece, 0, TAG_PRIVATE);
	} else if (!walk_claimed(walk, piece)) {
		if (is_mini_object(walk, piece, size))
			claim(walk, piece, 0, TAG_MINI);
		else
			lists_note(walk, piece, size, slice);
	}
}

static void visit_slice(struct walk *walk, uintptr_t slice, size_t size)
{
	look_at_piece(walk, slice, size, true);
}

static bool visit_block(struct walk *walk, uintptr_t block, uint64_t size, void *context)
{
	size_t slice;

	if (size >= 16 && !slice_page(block, &slice) && !walk_claimed(walk, block))
		look_at_piece(walk, block, size, false);
	return true;
}

/* Whatever of the slices is left over. */
static void claim_slice(struct walk *walk, uintptr_t slice, size_t size)
{
	uintptr_t instance = instance_in(slice, size, true);

	if (!walk_claimed(walk, slice) && !(instance && walk_claimed(walk, instance)))
		claim(walk, slice, 0, TAG_SLICE);
}

static void sift(uintptr_t *a, uint32_t at, uint32_t n)
{
	for (uint32_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
		uintptr_t other = a[at];
		child += child + 1 < n && a[child + 1] > a[child];
		if (other >= a[child])
			return;
		a[at] = a[child];
		a[child] = other;
		at = child;
	}
}

static void sort_instances(void)
{
	for (uint32_t i = found.count / 2; i-- > 0;)
		sift(found.instances, i, found.count);
	for (uint32_t i = found.count; i-- > 1;) {
		uintptr_t other = found.instances[0];
		found.instances[0] = found.instances[i];
		found.instances[i] = other;
		sift(found.instances, 0, i);
	}
}

/* ---- what belongs to an instance ---------------------------------------------------------------------------------------------------- */

static bool is_object(uintptr_t instance)
{
	return type_of_instance(instance)->fundamental == TYPE_OBJECT;
}

uintptr_t qdata_of(struct walk *walk, uintptr_t instance, uint32_t *count)
{
	uintptr_t data;
	uint32_t n;

	if (!is_object(instance))
		return 0;
	data = word_at(instance, OBJECT_DATA) & ~(uintptr_t)OBJECT_FLAGS;
	if (!data || !walk_readable(walk, data, QDATA_FIRST))
		return 0;
	n = half_at(data, QDATA_COUNT);
	if (n > 1u << 20 || n > half_at(data, QDATA_COUNT + 4) ||
	    !walk_readable(walk, data, QDATA_FIRST + n * (size_t)QDATA_ITEM))
		return 0;
	*count = n;
	return data + QDATA_FIRST;
}

void claim_closure(struct walk *walk, uintptr_t closure)
{
	if (closure > 4096 && !(closure & 7) && piece_at(walk, closure - CLOSURE_HIDDEN) &&
	    claim(walk, closure, CLOSURE_HIDDEN, TAG_CLOSURE)) {
		map_set(walk, &closures, closure, 1);
		claim(walk, word_at(closure, CLOSURE_NOTIFIERS), 0, TAG_STORAGE);
	}
}

/* {object, count, items}: the stacks of weak references, toggle references and closures. */
static uint32_t stack_count(struct walk *walk, uintptr_t stack, unsigned item)
{
	uint32_t n;

	if (!walk_readable(walk, stack, 16))
		return 0;
	n = half_at(stack, 8);
	return n < 1u << 20 && walk_readable(walk, stack + 16, n * (size_t)item) ? n : 0;
}

static void weak_word(struct walk *walk, uintptr_t location)
{
	walk_word(walk, location, walk_label(walk, RGD_EDGE_WEAK, RGD_LABEL_OFFSET, 0, 0));
}

static void weak_locations(struct walk *walk, uintptr_t holder)
{
	uintptr_t node = holder && walk_readable(walk, holder, 8) ? word_at(holder, 0) : 0;

	claim(walk, holder, 0, TAG_STORAGE);
	for (unsigned i = 0; node && i < 1u << 20 && walk_readable(walk, node, 16); i++) {
		weak_word(walk, word_at(node, 0));
		claim(walk, node, 0, TAG_STORAGE);
		node = word_at(node, 8);
	}
}

static void weak_pointers(struct walk *walk, uintptr_t stack)
{
	uint32_t n = stack_count(walk, stack, 16);

	for (uint32_t i = 0; i < n; i++)
		if (word_at(stack, 16 + i * 16l) == gobject.nullify)
			weak_word(walk, word_at(stack, 24 + i * 16l));
	claim(walk, stack, 0, TAG_STORAGE);
}

/* ---- PyGObject ----------------------------------------------------------------------------------------------------------------
 * A wrapper is a Python object whose third word is the instance, which it holds; the instance knows its wrapper by qdata, and by other
 * data {type, list} the closures of Python functions that are connected to it. Such a closure holds a function, its arguments and data,
 * behind what all closures have.
 */
enum { WRAPPER_INSTANCE = 16, PY_CALLBACK = 32, PY_ARGUMENTS = 40, PY_DATA = 48, PY_SIZE = 56 };

static void strong_word(struct walk *walk, uintptr_t location, enum rgd_edge_kind kind,
			const char *name)
{
	walk_word(walk, location,
		  walk_label(walk, kind, RGD_LABEL_PART, 0, walk_string(walk, name, strlen(name))));
}

static void wrapper_words(struct walk *walk, uintptr_t instance, uintptr_t wrapper)
{
	if (!(wrapper & 7) && walk_readable(walk, wrapper, WRAPPER_INSTANCE + 8) &&
	    word_at(wrapper, WRAPPER_INSTANCE) == instance)
		strong_word(walk, wrapper + WRAPPER_INSTANCE, RGD_EDGE_STRONG, "GObject");
}

/* Where nobody but the wrapper holds the instance, the wrapper shows these references to the collector as its own. */
static void python_closures(struct walk *walk, uintptr_t instance, uintptr_t data)
{
	static const char *const names[] = {"callback", "arguments", "swap_data"};
	enum rgd_edge_kind kind =
		half_at(instance, OBJECT_REFCOUNT) == 1 ? RGD_EDGE_CONSERVATIVE : RGD_EDGE_STRONG;
	uintptr_t node = walk_readable(walk, data, 16) ? word_at(data, 8) : 0;

	claim(walk, data, 0, TAG_DATA);
	strong_word(walk, data, RGD_EDGE_STRONG, "type");
	for (unsigned n = 0; node && n < 1u << 20 && walk_readable(walk, node, 16); n++) {
		uintptr_t closure = word_at(node, 0);
		if (piece_at(walk, closure - CLOSURE_HIDDEN) >= CLOSURE_HIDDEN + PY_SIZE)
			for (unsigned i = 0; i < 3; i++)
				strong_word(walk, closure + PY_CALLBACK + i * 8, kind, names[i]);
		node = word_at(node, 8);
	}
}

static void own_item(struct walk *walk, uintptr_t instance, const char *name, uintptr_t data)
{
	if (strcmp(name, "PyGObject::wrapper") == 0)
		wrapper_words(walk, instance, data);
	if (strcmp(name, "PyGObject::instance-data") == 0)
		python_closures(walk, instance, data);
	if (strcmp(name, "GObject-weak-locations") == 0) {
		weak_locations(walk, data);
	} else if (strcmp(name, "GObject-weak-references") == 0) {
		weak_pointers(walk, data);
	} else if (strcmp(name, "GObject-toggle-references") == 0) {
		claim(walk, data, 0, TAG_STORAGE);
	} else if (strcmp(name, "GObject-closure-array") == 0) {
		uint32_t n = stack_count(walk, data, 8);
		for (uint32_t i = 0; i < n; i++)
			claim_closure(walk, word_at(data, 16 + i * 8l));
		claim(walk, data, 0, TAG_STORAGE);
	}
}

static void own_parts(struct walk *walk, uintptr_t instance)
{
	uint32_t n;
	uintptr_t item = qdata_of(walk, instance, &n);

	if (item)
		claim(walk, item - QDATA_FIRST, 0, TAG_QDATA);
	for (uint32_t i = 0; item && i < n; i++, item += QDATA_ITEM) {
		const char *name = gobject.quark_text(half_at(item, 0));
		if (name)
			own_item(walk, instance, name, word_at(item, 8));
	}
	for (const struct handler *h = handlers_of(instance); h; h = handler_next(h)) {
		claim_closure(walk, h->closure);
		claim(walk, h->address, 0, TAG_HANDLER);
	}
}

/* A binding lives as long as both of its ends, by a reference that it has of itself; the block that their handlers hold knows it weakly. */
static void binding_words(struct walk *walk)
{
	const struct gtype *binding = known_type(KNOWN_BINDING);

	for (uint32_t i = 0; binding && gobject.minor >= 68 && i < found.count; i++) {
		uintptr_t shared;
		if (!type_is_a(type_of_instance(found.instances[i]), binding))
			continue;
		shared = word_at(found.instances[i], BINDING_CONTEXT);
		if (walk_readable(walk, shared, 24) && word_at(shared, 0) == found.instances[i])
			strong_word(walk, shared, RGD_EDGE_STRONG, "binding");
	}
}

bool gobject_discover(struct walk *walk)
{
	if (!types_read(walk))
		return true; /* the dump says why; blocks stay blocks */
	if (!slices_read(walk))
		gobject.note = "GSlice is not as it is known: what lies in slices was not found; "
			       "start the program with G_SLICE=always-malloc";
	slices_each(walk, visit_slice);
	walk_each_block(walk, visit_block, NULL);
	sort_instances();
	if (!signals_read(walk) && type_by_id(TYPE_OBJECT)->class) /* a class that has none yet */
		gobject.note = "signals are not as they are known: handlers have no names";
	for (uint32_t i = 0; i < found.count; i++)
		own_parts(walk, found.instances[i]);
	binding_words(walk);
	widgets_read(walk);
	lists_read(walk);
	slices_each(walk, claim_slice);
	return true;
}

/* ---- describing ----------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t flags; /* of the type; internal ones are storage */
} kinds[TAG_MAX] = {
	[TAG_CLOSURE] = {"GClosure", 0},
	[TAG_HANDLER] = {"signal handler", RGD_TYPE_F_INTERNAL},
	[TAG_QDATA] = {"object data", RGD_TYPE_F_INTERNAL},
	[TAG_STORAGE] = {"GLib storage", RGD_TYPE_F_INTERNAL},
	[TAG_HASH] = {"GHashTable", 0},
	[TAG_LIST] = {"GList", RGD_TYPE_F_GUESS},
	[TAG_SLIST] = {"GSList", RGD_TYPE_F_GUESS},
	[TAG_NODE] = {"list node", RGD_TYPE_F_INTERNAL},
	[TAG_PTR_ARRAY] = {"GPtrArray", 0},
	[TAG_DATA] = {"PyGObject data", RGD_TYPE_F_INTERNAL},
	[TAG_PRIVATE] = {"private data", RGD_TYPE_F_INTERNAL},
	[TAG_FREE] = {"free slices", RGD_TYPE_F_INTERNAL},
	[TAG_SLAB] = {"slab", RGD_TYPE_F_INTERNAL},
};

static uint32_t kind_number(struct walk *walk, unsigned tag)
{
	static uint32_t numbers[TAG_MAX]; /* +1 */
	if (!numbers[tag]) {
		struct walk_type type = {.name = kinds[tag].name,
					 .module = "",
					 .flags = kinds[tag].flags |
						  (slices_used() ? RGD_TYPE_F_REUSED : 0)};
		numbers[tag] = walk_type(walk, RGD_RT_GOBJECT, &type) + 1;
	}
	return numbers[tag] - 1;
}

static uint32_t slice_number(struct walk *walk, size_t size)
{
	struct walk_type type = {.module = "", .flags = RGD_TYPE_F_GUESS | RGD_TYPE_F_REUSED};
	char name[32];
	size_t n = text_add(name, sizeof(name), 0, "slice of ");

	text_number(name, sizeof(name), n, size, 10);
	type.name = name;
	return walk_type(walk, RGD_RT_GOBJECT, &type);
}

static void property_text(struct walk *walk, enum rgd_property key, uintptr_t text)
{
	size_t n = 0;

	while (n < 200 && text && walk_readable(walk, text + n, 1) && ((const char *)text)[n])
		n++;
	if (n)
		walk_property(walk, key, walk_string(walk, (const char *)text, n));
}

static void describe_instance(struct walk *walk, uintptr_t instance, struct walk_object *out)
{
	struct gtype *t = type_of_instance(instance);
	uintptr_t flags;

	out->type = type_number(walk, t);
	out->size = t->instance_size;
	if (t->fundamental == TYPE_PARAM) {
		if (t->instance_size >= PARAM_REFCOUNT + 4)
			out->refcount = half_at(instance, PARAM_REFCOUNT);
		if (word_at(instance, PARAM_OWNER)) /* installed: it stays as long as its class */
			out->flags |= RGD_OBJ_F_IMMORTAL;
		property_text(walk, RGD_PROP_NAME, word_at(instance, PARAM_NAME));
		return;
	}
	if (t->fundamental != TYPE_OBJECT)
		return;
	out->refcount = half_at(instance, OBJECT_REFCOUNT);
	flags = word_at(instance, OBJECT_DATA) & OBJECT_FLAGS;
	if (flags & OBJECT_FLOATING)
		walk_property(walk, RGD_PROP_STATE, walk_string(walk, "floating", 8));
	else if (flags & OBJECT_TOGGLE)
		walk_property(walk, RGD_PROP_STATE, walk_string(walk, "toggle reference", 16));
	if (type_is_a(t, known_type(KNOWN_GST_OBJECT)))
		property_text(walk, RGD_PROP_NAME, word_at(instance, GST_OBJECT_NAME));
	if (gobject.minor >= 68 && type_is_a(t, known_type(KNOWN_BINDING)))
		property_text(walk, RGD_PROP_NAME, word_at(instance, BINDING_PROPERTY));
}

static uintptr_t instance_of_private(struct walk *walk, uintptr_t data)
{
	return instance_in(data, piece_at(walk, data), slice_size(data) != 0);
}

static bool is_code(uintptr_t address)
{
	uintptr_t low, high;
	unsigned i = 0;

	while (gobject.host->module_writable(address, i, &low, &high)) {
		if (address >= low && address < high)
			return false;
		i++;
	}
	return i > 0;
}

/* Of a closure in C: the function, which the analyzer names. */
static void describe_closure(struct walk *walk, uintptr_t closure, struct walk_object *out)
{
	uint64_t size = piece_at(walk, closure - CLOSURE_HIDDEN);

	out->refcount = half_at(closure, 0) & 0x7fff;
	if (size >= CLOSURE_HIDDEN + CLOSURE_CALLBACK + 8 &&
	    is_code(word_at(closure, CLOSURE_CALLBACK)))
		walk_property(walk, RGD_PROP_CODE, word_at(closure, CLOSURE_CALLBACK));
}

bool gobject_describe(struct walk *walk, uintptr_t object, unsigned tag, struct walk_object *out)
{
	size_t slice = slice_size(object);

	switch (tag) {
	case TAG_INSTANCE:
		describe_instance(walk, object, out);
		return true;
	case TAG_MINI: {
		struct gtype *t = type_by_id(word_at(object, 0));
		out->type = type_number(walk, t);
		out->refcount = half_at(object, MINI_REFCOUNT);
		break;
	}
	case TAG_SLICE:
		out->type = slice_number(walk, slice);
		break;
	case TAG_FREE:
		slice = slice_free_run(object);
		out->type = kind_number(walk, tag);
		break;
	default:
		out->type = kind_number(walk, tag);
	}
	if (tag == TAG_CLOSURE)
		describe_closure(walk, object, out);
	if (tag == TAG_HASH)
		out->refcount = half_at(object, 72);
	if (tag == TAG_SLAB)
		slice = 48;
	if (tag == TAG_PRIVATE)
		slice = instance_of_private(walk, object) - object;
	if (tag < TAG_MAX && kinds[tag].flags & RGD_TYPE_F_INTERNAL)
		out->flags |= RGD_OBJ_F_INTERNAL;
	out->size = slice;
	return true;
}

void gobject_state(struct walk *walk)
{
	walk_runtime(walk, RGD_RT_GOBJECT, gobject.version,
		     gobject.trouble ? RGD_RUNTIME_REFUSED : RGD_RUNTIME_OK,
		     gobject.trouble ? gobject.trouble
		     : gobject.note  ? gobject.note
				     : "");
}
