/*
 * gobject_types.c - the types of GObject's type system, read from its own tables.
 *
 * The table of fundamental types is a private array of libgobject. It is found by what must be in it: at number 20 a node that says that it
 * is type 80 and is called GObject, the same for its neighbours. All other types are reached as children. Each node is compared with what
 * GLib's own functions say of it before it is believed.
 */
#include <string.h>

#include "gobject.h"

#define FUNDAMENTALS 256
#define SIZES 4096 /* in units of 16 bytes: larger instances there are none */
#define MAX_DEPTH 64

static struct map by_class, by_id;
static struct gtype **by_size;
static uint32_t count;

struct gtype_link {
	struct gtype type;
	struct gtype_link *older;
};
static struct gtype_link *newest;

struct gtype *type_of_class(uintptr_t class)
{
	uintptr_t *found_type = map_get(&by_class, class);
	return found_type ? (struct gtype *)*found_type : NULL;
}

struct gtype *type_by_id(uintptr_t id)
{
	uintptr_t *found_type = map_get(&by_id, id);
	return found_type ? (struct gtype *)*found_type : NULL;
}

struct gtype *type_by_name(const char *name)
{
	for (struct gtype_link *l = newest; l; l = l->older)
		if (strcmp(l->type.name, name) == 0)
			return &l->type;
	return NULL;
}

struct gtype *known_type(enum known which)
{
	static const char *const names[KNOWN_TYPES] = {"GstObject", "GBinding"};
	static struct gtype *types[KNOWN_TYPES];
	static bool asked[KNOWN_TYPES];

	if (!asked[which])
		types[which] = type_by_name(names[which]);
	asked[which] = true;
	return types[which];
}

bool type_is_a(const struct gtype *type, const struct gtype *ancestor)
{
	while (type && type != ancestor)
		type = type->parent;
	return type && ancestor;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------- */

static unsigned depth_of(uintptr_t node)
{
	return half_at(node, NODE_SUPERS_COUNT) & 0xff;
}

/* A node says of itself which type it is; fundamental types have small numbers. */
static bool is_node(struct walk *walk, uintptr_t node, uintptr_t id)
{
	return node && !(node & 7) && walk_readable(walk, node, NODE_SIZE) &&
	       word_at(node, NODE_SUPERS) == id;
}

static const char *name_of(struct walk *walk, uintptr_t node)
{
	const char *name = gobject.quark_text(half_at(node, NODE_NAME));
	return name && walk_readable(walk, (uintptr_t)name, 1) ? name : NULL;
}

static bool is_fundamental(struct walk *walk, uintptr_t node, uint32_t id, const char *name)
{
	const char *own;

	if (!is_node(walk, node, id) || depth_of(node) != 0)
		return false;
	own = name_of(walk, node);
	return own && strcmp(own, name) == 0;
}

static uintptr_t find_table(struct walk *walk)
{
	for (unsigned i = 0; i < gobject.gobject_count; i++) {
		uintptr_t low = gobject.gobject[i].low + 20 * 8, high = gobject.gobject[i].high;

		for (uintptr_t at = low; at + 8 <= high && walk_readable(walk, at, 8); at += 8)
			if (is_fundamental(walk, word_at(at, 0), TYPE_OBJECT, "GObject") &&
			    is_fundamental(walk, word_at(at, -8), TYPE_PARAM, "GParam") &&
			    is_fundamental(walk, word_at(at, -16), TYPE_BOXED, "GBoxed") &&
			    is_fundamental(walk, word_at(at, -18 * 8), TYPE_INTERFACE,
					   "GInterface"))
				return at - 20 * 8;
	}
	return 0;
}

/* What an initialized class says: its own type, and sizes that only grow along the parents. */
static void read_class(struct walk *walk, uintptr_t node, struct gtype *t)
{
	uintptr_t data = word_at(node, NODE_DATA), class;

	if (t->fundamental == TYPE_INTERFACE || t->fundamental == TYPE_BOXED || !data ||
	    !walk_readable(walk, data, DATA_SIZE))
		return;
	class = word_at(data, DATA_CLASS);
	if (!class || (class & 7) || !walk_readable(walk, class, 8) || word_at(class, 0) != t->id)
		return;
	t->instance_size = quarter_at(data, DATA_INSTANCE_SIZE);
	t->private_size = quarter_at(data, DATA_PRIVATE_SIZE);
	if (t->parent && t->parent->class &&
	    (t->instance_size < t->parent->instance_size ||
	     t->private_size < t->parent->private_size))
		return;
	if (t->instance_size >= 8 && !(t->private_size & 7))
		t->class = class;
}

static void index_type(struct walk *walk, struct gtype *t)
{
	uint32_t size = ((uint32_t)t->instance_size + t->private_size + 15) / 16;

	map_set(walk, &by_id, t->id, (uintptr_t)t);
	if (!t->class || size >= SIZES)
		return;
	map_set(walk, &by_class, t->class, (uintptr_t)t);
	t->same = by_size[size];
	by_size[size] = t;
}

static void add_type(struct walk *walk, uintptr_t node, uintptr_t id, struct gtype *parent)
{
	const char *name = is_node(walk, node, id) ? name_of(walk, node) : NULL;
	uint32_t children;
	uintptr_t list;
	struct gtype_link *l;

	if (!name || type_by_id(id) || depth_of(node) > MAX_DEPTH ||
	    !(l = walk_memory(walk, sizeof(*l))))
		return;
	l->older = newest;
	newest = l;
	l->type.id = id;
	l->type.name = name;
	l->type.parent = parent;
	l->type.fundamental = parent ? parent->fundamental : (uint32_t)id;
	read_class(walk, node, &l->type);
	index_type(walk, &l->type);
	count++;
	children = half_at(node, NODE_CHILDREN_COUNT);
	list = word_at(node, NODE_CHILDREN);
	if (children > 65535 || !walk_readable(walk, list, children * 8ul))
		return;
	for (uint32_t i = 0; i < children; i++) {
		uintptr_t child = word_at(list, i * 8);
		/* its second ancestor is this one */
		if (child > FUNDAMENTALS * 4 && is_node(walk, child, child) &&
		    depth_of(child) == depth_of(node) + 1 && word_at(child, NODE_SUPERS + 8) == id)
			add_type(walk, child, child, &l->type);
	}
}

/* ---- verification ------------------------------------------------------------------------------------------------------------ */

/* GLib's own answers are the measure: each name, each class, and the sizes that its headers promise for ever. */
static const char *verify(void)
{
	const struct gtype *object = type_by_id(TYPE_OBJECT);
	uintptr_t class;

	if (!object || count < 16)
		return "the table of types is not as it is known";
	for (struct gtype_link *l = newest; l; l = l->older) {
		const char *name = gobject.type_name(l->type.id);

		if (!name || strcmp(name, l->type.name) != 0)
			return "names of types are not where they are known to be";
		class = gobject.class_peek(l->type.id); /* NULL: nobody uses it at present */
		if (class && class != l->type.class &&
		    (l->type.class || l->type.fundamental == TYPE_OBJECT))
			return "classes are not where they are known to be";
	}
	if (object->class && (object->instance_size != OBJECT_SIZE || object->private_size > 64))
		return "sizes of instances are not where they are known to be";
	return NULL;
}

bool types_read(struct walk *walk)
{
	uintptr_t table = find_table(walk);

	by_size = walk_memory(walk, SIZES * sizeof(*by_size));
	if (!table || !by_size) {
		gobject.trouble = table ? "no memory" : "the table of types was not found";
		return false;
	}
	for (uintptr_t i = 1; i < FUNDAMENTALS; i++)
		if (walk_readable(walk, table + i * 8, 8) && word_at(table, (long)(i * 8)))
			add_type(walk, word_at(table, (long)(i * 8)), i << 2, NULL);
	gobject.trouble = verify();
	return !gobject.trouble;
}

/* ---- instances ------------------------------------------------------------------------------------------------------------------ */

uintptr_t instance_in(uintptr_t start, uint64_t size, bool rounded)
{
	uint64_t index = (size + 15) / 16;

	if (index >= SIZES)
		return 0;
	for (const struct gtype *t = by_size[index]; t; t = t->same) {
		uint64_t whole = (uint64_t)t->instance_size + t->private_size;

		if ((rounded || whole == size) && word_at(start, t->private_size) == t->class)
			return start + t->private_size;
	}
	return 0;
}

/* ---- the row in TYPES --------------------------------------------------------------------------------------------------------- */

uint32_t type_number(struct walk *walk, struct gtype *t)
{
	struct walk_type row = {.name = t->name, .module = ""};

	if (t->number)
		return t->number - 1;
	if (t->parent)
		row.base = type_number(walk, t->parent) + 1;
	row.basic_size = t->instance_size;
	row.object = t->class;
	if (slices_used() && (uint32_t)t->instance_size + t->private_size <= SLICE_MOST)
		row.flags = RGD_TYPE_F_REUSED;
	t->number = walk_type(walk, RGD_RT_GOBJECT, &row) + 1;
	return t->number - 1;
}
