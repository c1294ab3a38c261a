/*
 * graph.c - finding everything: references are followed from the engine's own tables, then from each object of the objects
 * store, which holds also those that nothing refers to any more. Blocks of ZendMM that are still unclaimed then belong to
 * the engine's and the extensions' C code: they are native blocks, and their words conservative edges.
 */
#include "php.h"

/* ---- what is still to be expanded: a stack in chunks that are kept and used again ---------------------------------------- */

#define CHUNK_WORDS (128u * 1024 / 8 - 3)
struct chunk {
	struct chunk *below, *above;
	uint64_t count;
	uint64_t items[CHUNK_WORDS]; /* address | tag << 48 */
};
static struct chunk *pending;
static bool out_of_memory;

static void push(struct walk *walk, uintptr_t object, enum tag tag)
{
	if (!pending || pending->count == CHUNK_WORDS) {
		struct chunk *next = pending ? pending->above : NULL;

		if (!next) {
			next = shim->memory(walk, sizeof(*next));
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
	pending->items[pending->count++] = object | (uint64_t)tag << 48;
}

static bool pop(uintptr_t *object, enum tag *tag)
{
	while (pending && !pending->count) {
		if (!pending->below)
			return false;
		pending = pending->below;
	}
	if (!pending)
		return false;
	pending->count--;
	*object = pending->items[pending->count] & 0xffffffffffffull;
	*tag = (enum tag)(pending->items[pending->count] >> 48);
	return true;
}

/* ---- who is counted by nobody that is known: by handle, references from what no root reaches ------------------------------- */

#define REACHED UINT32_MAX
static uint32_t *counts; /* NULL: a root reaches all */
static uint32_t counts_size;

/* When all that roots reach has been claimed, and nothing else. */
static void count_unreached(struct walk *walk)
{
	const zend_objects_store *store = &EG(objects_store);

	if (counts || !(counts = shim->memory(walk, store->top * sizeof(*counts))))
		return;
	counts_size = store->top;
	for (uint32_t i = 1; i < counts_size; i++)
		if (!IS_OBJ_VALID(store->object_buckets[i]) ||
		    shim->claimed(walk, (uintptr_t)store->object_buckets[i]))
			counts[i] = REACHED;
}

static void count(const struct visitor *v, const zend_object *object)
{
	if (v->kind == RGD_EDGE_STRONG && object->handle < counts_size &&
	    counts[object->handle] < REACHED - 1)
		counts[object->handle]++;
}

void orphans(struct visitor *v)
{
	uint32_t name =
		shim->string(v->walk, "objects store: orphan", sizeof("objects store: orphan") - 1);

	for (uint32_t i = 1; i < counts_size; i++) {
		const zend_object *object = EG(objects_store).object_buckets[i];

		if (counts[i] != REACHED && GC_REFCOUNT(object) > counts[i])
			refer(v, object, TAG_OBJECT, name, 0);
	}
}

/* ---- references ------------------------------------------------------------------------------------------------------------ */

/* An object may lie inside its block, behind the extension's own part. */
static uintptr_t base_of(uintptr_t target, enum tag tag)
{
	if (tag == TAG_OBJECT)
		return target - (uintptr_t)((const zend_object *)target)->handlers->offset;
	return target;
}

static bool is_leaf(enum tag tag)
{
	return tag == TAG_STRING || tag == TAG_DATA || tag == TAG_STORAGE ||
	       tag == TAG_PROPERTIES || tag == TAG_FRAME;
}

void refer(struct visitor *v, const void *target, enum tag tag, uint32_t label, uint64_t value)
{
	uintptr_t address = (uintptr_t)target;

	if (!address)
		return;
	if (v->rooting) {
		shim->root(v->walk, v->class, v->kind, label, 0, 0, address, v->context);
		return;
	}
	if (v->writing) {
		shim->edge(v->walk, label, value, address);
		return;
	}
	if (tag == TAG_OBJECT && counts)
		count(v, target);
	if (shim->claimed(v->walk, address))
		return;
	if (shim->add(v->walk, RGD_RT_PHP, address, base_of(address, tag), tag) && !is_leaf(tag))
		push(v->walk, address, tag);
}

void refer_zval(struct visitor *v, const zval *z, uint32_t label, uint64_t value)
{
	switch (Z_TYPE_P(z)) {
	case IS_STRING:
		refer(v, Z_STR_P(z), TAG_STRING, label, value);
		break;
	case IS_ARRAY:
		refer(v, Z_ARR_P(z), TAG_ARRAY, label, value);
		break;
	case IS_OBJECT:
		refer(v, Z_OBJ_P(z), TAG_OBJECT, label, value);
		break;
	case IS_RESOURCE:
		refer(v, Z_RES_P(z), TAG_RESOURCE, label, value);
		break;
	case IS_REFERENCE:
		refer(v, Z_REF_P(z), TAG_REFERENCE, label, value);
		break;
	case IS_CONSTANT_AST:
		refer(v, Z_AST_P(z), TAG_AST, label, value);
		break;
	}
}

static void claim_leaf(struct walk *walk, const void *block, enum tag tag)
{
	uint64_t size;

	if (!shim->claimed(walk, (uintptr_t)block) && shim->block(walk, (uintptr_t)block, &size))
		shim->add(walk, RGD_RT_PHP, (uintptr_t)block, (uintptr_t)block, tag);
}

static void refer_leaf(struct visitor *v, const void *block, enum tag tag, const char *name)
{
	if (!block || (uintptr_t)block & 7 || v->rooting)
		return;
	if (!v->writing)
		claim_leaf(v->walk, block, tag);
	else if (shim->claimed(v->walk, (uintptr_t)block))
		shim->edge(v->walk, label_text(v, RGD_EDGE_INTERNAL, RGD_LABEL_PART, name), 0,
			   (uintptr_t)block);
}

static void root_leaf(struct visitor *v, const void *block, enum tag tag, const char *name)
{
	if (!block || (uintptr_t)block & 7)
		return;
	if (!v->rooting)
		claim_leaf(v->walk, block, tag);
	else if (shim->claimed(v->walk, (uintptr_t)block))
		shim->root(v->walk, v->class, RGD_EDGE_INTERNAL,
			   shim->string(v->walk, name, strlen(name)), 0, 0, (uintptr_t)block, 0);
}

void root_storage(struct visitor *v, const void *block, const char *name)
{
	root_leaf(v, block, TAG_STORAGE, name);
}

void root_data(struct visitor *v, const HashTable *table, const char *name)
{
	if (table && !(HT_FLAGS(table) & HASH_FLAG_UNINITIALIZED))
		root_leaf(v, HT_GET_DATA_ADDR(table), TAG_DATA, name);
}

void root_table(struct visitor *v, const HashTable *table, const char *name)
{
	root_leaf(v, table, TAG_PROPERTIES, name);
	root_data(v, table, name);
}

void refer_storage(struct visitor *v, const void *block, const char *name)
{
	refer_leaf(v, block, TAG_STORAGE, name);
}

void refer_data(struct visitor *v, const HashTable *table)
{
	if (!(HT_FLAGS(table) & HASH_FLAG_UNINITIALIZED))
		refer_leaf(v, HT_GET_DATA_ADDR(table), TAG_DATA, "data");
}

void refer_table(struct visitor *v, const HashTable *table, const char *name)
{
	refer_leaf(v, table, TAG_PROPERTIES, name);
	refer_data(v, table);
}

void refer_native(struct visitor *v, const void *block, const char *name)
{
	enum rgd_edge_kind kind = v->kind;
	uint64_t size;

	if (!v->writing || !shim->block(v->walk, (uintptr_t)block, &size))
		return;
	v->kind = RGD_EDGE_INTERNAL;
	refer(v, block, TAG_STORAGE,
	      v->rooting ? shim->string(v->walk, name, strlen(name))
			 : label_text(v, RGD_EDGE_INTERNAL, RGD_LABEL_PART, name),
	      0);
	v->kind = kind;
}

void refer_native_data(struct visitor *v, const HashTable *table, const char *name)
{
	if (table && !(HT_FLAGS(table) & HASH_FLAG_UNINITIALIZED))
		refer_native(v, HT_GET_DATA_ADDR(table), name);
}

static void references_of(struct visitor *v, uintptr_t object, enum tag tag)
{
	switch (tag) {
	case TAG_OBJECT:
		object_references(v, (zend_object *)object);
		break;
	case TAG_ARRAY:
	case TAG_GLOBALS:
		array_references(v, (const zend_array *)object);
		break;
	case TAG_REFERENCE:
		reference_references(v, (const zend_reference *)object);
		break;
	case TAG_AST:
		ast_references(v, (const zend_ast_ref *)object);
		break;
	case TAG_CLASS:
		class_references(v, (const zend_class_entry *)object);
		break;
	case TAG_FUNCTION:
		function_references(v, (const zend_op_array *)object, false);
		break;
	case TAG_CODE:
		code_node_references(v, (const zend_op *)object);
		break;
	case TAG_RESOURCE:
		resource_references(v, (const zend_resource *)object);
		break;
	default:
		break;
	}
}

/* ---- phases ------------------------------------------------------------------------------------------------------------------- */

static void expand_pending(struct visitor *v)
{
	uintptr_t object;
	enum tag tag;

	while (pop(&object, &tag))
		references_of(v, object, tag);
}

static void objects_store_discover(struct visitor *v)
{
	const zend_objects_store *store = &EG(objects_store);

	if (!store->object_buckets)
		return;
	for (uint32_t i = 1; i < store->top; i++) {
		zend_object *object = store->object_buckets[i];

		if (!IS_OBJ_VALID(object) || shim->claimed(v->walk, (uintptr_t)object))
			continue;
		count_unreached(v->walk);
		v->kind = RGD_EDGE_BORROWED;
		refer(v, object, TAG_OBJECT, 0, 0);
		v->kind = RGD_EDGE_STRONG;
		expand_pending(v);
	}
}

/* Arrays and references that only each other refer to are in no table; what makes garbage leaves one of it in the collector's
 * buffer. The low bits of an entry say what it is. */
#define ENTRY_FLAGS ((uintptr_t)3)
#define ENTRY_UNUSED 1u

static void buffered_discover(struct visitor *v)
{
	static const uint8_t tags[16] = {
		[IS_ARRAY] = TAG_ARRAY, [IS_OBJECT] = TAG_OBJECT, [IS_REFERENCE] = TAG_REFERENCE};
	struct gc_buffer gc;

	if (!gc_buffer(v->walk, &gc))
		return;
	for (uint32_t i = 1; i < gc.first_unused; i++) {
		uintptr_t entry = gc.roots[i] & ~ENTRY_FLAGS;
		unsigned type;

		if ((gc.roots[i] & ENTRY_FLAGS) == ENTRY_UNUSED || !entry ||
		    shim->claimed(v->walk, entry) || !shim->readable(v->walk, entry, 16))
			continue;
		type = GC_TYPE((const zend_refcounted *)entry);
		if (type != IS_ARRAY && type != IS_OBJECT && type != IS_REFERENCE)
			continue;
		v->kind = RGD_EDGE_BORROWED;
		refer(v, (const void *)entry, (enum tag)tags[type], 0, 0);
		v->kind = RGD_EDGE_STRONG;
		expand_pending(v);
	}
}

bool graph_discover(struct walk *walk)
{
	struct visitor v = {.walk = walk};

	code_declare_all(walk);
	if (php_in_request())
		frames_declare(walk);
	roots_discover(&v);
	v.class = 0;
	expand_pending(&v);
	if (php_in_request()) {
		objects_store_discover(&v);
		buffered_discover(&v);
	}
	return !out_of_memory;
}

void graph_edges(struct walk *walk, uintptr_t object, unsigned tag)
{
	struct visitor v = {.walk = walk, .writing = true};

	references_of(&v, object, (enum tag)tag);
}
