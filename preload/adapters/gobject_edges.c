/*
 * gobject_edges.c - the references of one object.
 *
 * Strong is what is counted in the target's refcount and known to be: a handler's closure, a child's place at its parent, data whose destroy
 * function is g_object_unref. A pointer that is known and not counted is borrowed or weak. All other words of an instance, of its public
 * struct and of the private data before it, are scanned, so that nothing is missing: who owns what is there, only its code knows.
 */
#include <string.h>

#include "gobject.h"

/* ---- words ------------------------------------------------------------------------------------------------------------------ */

size_t text_add(char *out, size_t size, size_t used, const char *text)
{
	while (*text && used + 1 < size)
		out[used++] = *text++;
	out[used] = 0;
	return used;
}

size_t text_number(char *out, size_t size, size_t used, uint64_t number, unsigned base)
{
	char digits[24];
	size_t n = sizeof(digits) - 1;

	digits[n] = 0;
	do
		digits[--n] = "0123456789abcdef"[number % base];
	while (number /= base);
	return text_add(out, size, used, digits + n);
}

void named_edge(struct walk *walk, enum rgd_edge_kind kind, enum rgd_label_class class,
		const char *name, size_t length, uint64_t value, uintptr_t target)
{
	if (target && walk_refers(walk, target))
		walk_edge(walk,
			  walk_label(walk, kind, class, 0,
				     length ? walk_string(walk, name, length) : 0),
			  value, target);
}

static void part(struct walk *walk, enum rgd_edge_kind kind, const char *name, uintptr_t target)
{
	named_edge(walk, kind, RGD_LABEL_PART, name, strlen(name), 0, target);
}

static void attribute(struct walk *walk, enum rgd_edge_kind kind, const char *name,
		      uintptr_t target)
{
	named_edge(walk, kind, RGD_LABEL_ATTRIBUTE, name, strlen(name), 0, target);
}

/* "name[17]" */
static void numbered(struct walk *walk, enum rgd_edge_kind kind, const char *name, uint32_t number,
		     uintptr_t target)
{
	char text[64];
	size_t n = text_add(text, sizeof(text), 0, name);

	n = text_add(text, sizeof(text), n, "[");
	n = text_number(text, sizeof(text), n, number, 10);
	text_add(text, sizeof(text), n, "]");
	part(walk, kind, text, target);
}

static bool has_count(uintptr_t target)
{
	return is_instance(target) || is_closure(target);
}

/* Data that something else than the counting functions will destroy may or may not be counted. */
enum rgd_edge_kind owned_kind(uintptr_t destroy, uintptr_t target)
{
	if ((destroy == gobject.object_unref && is_instance(target)) ||
	    (destroy == gobject.closure_unref && is_closure(target)))
		return RGD_EDGE_STRONG;
	return destroy && !has_count(target) ? RGD_EDGE_STRONG : RGD_EDGE_CONSERVATIVE;
}

/* ---- an instance ------------------------------------------------------------------------------------------------------------- */

static bool is_last(uintptr_t instance)
{
	return half_at(instance, OBJECT_REFCOUNT) == 1;
}

/* A proxy is held as long as somebody else than the proxy holds the object; one that counts is asked for by its own rules. */
static enum rgd_edge_kind toggle_kind(uintptr_t instance)
{
	return is_last(instance) ? RGD_EDGE_WEAK : RGD_EDGE_STRONG;
}

static uint32_t count_of(struct walk *walk, uintptr_t stack, size_t item)
{
	uint32_t n = walk_readable(walk, stack, 16) ? half_at(stack, 8) : 0;
	return n < 1u << 20 && walk_readable(walk, stack + 16, n * item) ? n : 0;
}

static void stack_edges(struct walk *walk, uintptr_t instance, uintptr_t stack, const char *name,
			enum rgd_edge_kind kind)
{
	uint32_t n = count_of(walk, stack, 16);

	for (uint32_t i = 0; i < n; i++) {
		uintptr_t data = word_at(stack, 24 + i * 16l);
		bool sure = kind != RGD_EDGE_STRONG || !has_count(data);
		numbered(walk, sure ? kind : RGD_EDGE_CONSERVATIVE, name, i, data);
	}
	part(walk, RGD_EDGE_INTERNAL, name, stack);
}

static void closure_array_edges(struct walk *walk, uintptr_t array)
{
	uint32_t n = count_of(walk, array, 8);

	for (uint32_t i = 0; i < n; i++)
		numbered(walk, RGD_EDGE_BORROWED, "watched closure", i,
			 word_at(array, 16 + i * 8l));
	part(walk, RGD_EDGE_INTERNAL, "watched closures", array);
}

static void location_edges(struct walk *walk, uintptr_t holder)
{
	uintptr_t node = walk_readable(walk, holder, 8) ? word_at(holder, 0) : 0;

	part(walk, RGD_EDGE_INTERNAL, "weak locations", holder);
	for (uint32_t i = 0; node && i < 1u << 20 && walk_readable(walk, node, 16); i++) {
		part(walk, RGD_EDGE_INTERNAL, "weak locations", node);
		numbered(walk, RGD_EDGE_BORROWED, "weak location", i, word_at(node, 0));
		node = word_at(node, 8);
	}
}

/* PyGObject: the wrapper holds a reference; a toggle reference tells when somebody else does too, then the wrapper is held. */
static enum rgd_edge_kind wrapper_kind(uintptr_t instance)
{
	return word_at(instance, OBJECT_DATA) & OBJECT_TOGGLE ? toggle_kind(instance)
							      : RGD_EDGE_WEAK;
}

static void named_data(struct walk *walk, uintptr_t item, const char *name)
{
	char text[128];
	size_t n = text_add(text, sizeof(text), 0, "data[\"");
	uintptr_t data = word_at(item, 8);

	n = text_add(text, sizeof(text), n, name);
	text_add(text, sizeof(text), n, "\"]");
	part(walk, owned_kind(word_at(item, 16), data), text, data);
}

static void data_edges(struct walk *walk, uintptr_t instance, uintptr_t item)
{
	const char *name = gobject.quark_text(half_at(item, 0));
	uintptr_t data = word_at(item, 8);

	if (!name)
		return;
	if (strcmp(name, "GObject-weak-references") == 0)
		stack_edges(walk, instance, data, "weak reference", RGD_EDGE_BORROWED);
	else if (strcmp(name, "GObject-toggle-references") == 0)
		stack_edges(walk, instance, data, "toggle reference", toggle_kind(instance));
	else if (strcmp(name, "GObject-closure-array") == 0)
		closure_array_edges(walk, data);
	else if (strcmp(name, "GObject-weak-locations") == 0)
		location_edges(walk, data);
	else if (strcmp(name, "PyGObject::wrapper") == 0)
		part(walk, wrapper_kind(instance), "data[\"PyGObject::wrapper\"]", data);
	else
		named_data(walk, item, name);
}

static void qdata_edges(struct walk *walk, uintptr_t instance)
{
	uint32_t n;
	uintptr_t item = qdata_of(walk, instance, &n);

	if (!item)
		return;
	part(walk, RGD_EDGE_INTERNAL, "qdata", item - QDATA_FIRST);
	for (uint32_t i = 0; i < n; i++, item += QDATA_ITEM)
		data_edges(walk, instance, item);
}

static void handler_edges(struct walk *walk, uintptr_t instance)
{
	char text[128];

	for (const struct handler *h = handlers_of(instance); h; h = handler_next(h)) {
		handler_text(h, text, sizeof(text));
		part(walk, RGD_EDGE_STRONG, text, h->closure);
		part(walk, RGD_EDGE_INTERNAL, "handlers", h->address);
	}
}

static void tree_edges(struct walk *walk, uintptr_t instance, uintptr_t *slot)
{
	const uintptr_t *children;
	uint32_t n = children_of(instance, &children);

	attribute(walk, RGD_EDGE_BORROWED, "parent", parent_of(instance, slot));
	for (uint32_t i = 0; i < n; i++)
		numbered(walk, RGD_EDGE_STRONG, "child", i, children[i]);
}

/* Private data lies before the instance: that of the last class first. Named by the class and the offset in its own part. */
static uint32_t private_label(struct walk *walk, const struct gtype *t, uintptr_t back, bool weak)
{
	char text[160];
	size_t n;

	while (t->parent && t->parent->private_size >= back)
		t = t->parent;
	n = text_add(text, sizeof(text), 0, t->name);
	n = text_add(text, sizeof(text), n, "Private+0x");
	n = text_number(text, sizeof(text), n, t->private_size - back, 16);
	return walk_label(walk, weak ? RGD_EDGE_WEAK : RGD_EDGE_CONSERVATIVE, RGD_LABEL_PART, 0,
			  walk_string(walk, text, n));
}

/* What lies in an instance and points into the same piece of memory is no reference: `priv`, lists that are empty. */
struct body {
	uintptr_t instance, start, end, except; /* except: the word is told by another name */
};

static bool is_reference(struct walk *walk, const struct body *b, uintptr_t at)
{
	uintptr_t word = word_at(at, 0);
	return word && at != b->except && word - b->start >= b->end - b->start &&
	       walk_refers(walk, word);
}

static void private_edges(struct walk *walk, const struct body *b)
{
	const struct gtype *t = type_of_instance(b->instance);

	for (uintptr_t at = b->start; at < b->instance; at += 8)
		if (is_reference(walk, b, at))
			walk_edge(walk,
				  private_label(walk, t, b->instance - at, walk_is_weak(walk, at)),
				  0, word_at(at, 0));
	if (b->start < b->instance)
		part(walk, RGD_EDGE_INTERNAL, "private data", b->start);
}

static void public_edges(struct walk *walk, const struct body *b, uintptr_t at)
{
	for (; at + 8 <= b->end; at += 8)
		if (is_reference(walk, b, at))
			walk_edge(walk,
				  walk_label(walk,
					     walk_is_weak(walk, at) ? RGD_EDGE_WEAK
								    : RGD_EDGE_CONSERVATIVE,
					     RGD_LABEL_OFFSET, 0, 0),
				  (at - b->instance) / 8, word_at(at, 0));
}

/* Both ends of a GBinding, which holds neither: since 2.68 in a block that it shares with them, before in itself. */
static void binding_edges(struct walk *walk, uintptr_t binding)
{
	uintptr_t ends = word_at(binding, BINDING_CONTEXT);

	if (is_instance(ends))
		ends = binding + BINDING_CONTEXT;
	else if (walk_readable(walk, ends, 24))
		ends += 8; /* after the binding itself */
	else
		return;
	for (unsigned i = 0; i < 2; i++)
		if (is_instance(word_at(ends, i * 8l)))
			attribute(walk, RGD_EDGE_WEAK, i ? "target" : "source",
				  word_at(ends, i * 8l));
}

static void instance_edges(struct walk *walk, uintptr_t instance)
{
	const struct gtype *t = type_of_instance(instance);
	struct body body = {instance, instance - t->private_size, instance + t->instance_size, 0};
	uintptr_t from = instance + 8;

	part(walk, RGD_EDGE_BORROWED, "g_class", t->class);
	if (t->fundamental == TYPE_OBJECT) {
		handler_edges(walk, instance);
		qdata_edges(walk, instance);
		tree_edges(walk, instance, &body.except);
		if (type_is_a(t, known_type(KNOWN_BINDING)))
			binding_edges(walk, instance);
		from = instance + OBJECT_SIZE;
	}
	private_edges(walk, &body);
	public_edges(walk, &body, from);
}

/* ---- a closure ------------------------------------------------------------------------------------------------------------------ */

/* What the finalization notifiers say of the data; they follow a pair for the guards. */
static enum rgd_edge_kind data_kind(struct walk *walk, uintptr_t closure, uintptr_t data)
{
	uint32_t bits = half_at(closure, 0);
	unsigned guards = bits >> 16 & 1, finals = bits >> 17 & 3;
	uintptr_t list = word_at(closure, CLOSURE_NOTIFIERS);

	if (guards && is_instance(data)) /* g_object_watch_closure(): it ends with the object */
		return RGD_EDGE_WEAK;
	if (!list || !walk_readable(walk, list, (guards * 2 + finals) * 16ul))
		finals = 0;
	for (unsigned i = guards * 2; i < guards * 2 + finals; i++)
		if (word_at(list, i * 16l) == data)
			return owned_kind(word_at(list, i * 16l + 8), data);
	return has_count(data) ? RGD_EDGE_BORROWED : RGD_EDGE_CONSERVATIVE;
}

static void closure_edges(struct walk *walk, uintptr_t closure)
{
	uint64_t size = piece_at(walk, closure - CLOSURE_HIDDEN);
	uintptr_t data = word_at(closure, CLOSURE_DATA);

	attribute(walk, data_kind(walk, closure, data), "user_data", data);
	part(walk, RGD_EDGE_INTERNAL, "notifiers", word_at(closure, CLOSURE_NOTIFIERS));
	if (size > CLOSURE_HIDDEN + CLOSURE_SIZE)
		walk_scan(walk, closure + CLOSURE_SIZE, closure - CLOSURE_HIDDEN + size);
}

/* ---- all ------------------------------------------------------------------------------------------------------------------------- */

void gobject_edges(struct walk *walk, uintptr_t object, unsigned tag)
{
	uint64_t size;

	switch (tag) {
	case TAG_INSTANCE:
		instance_edges(walk, object);
		break;
	case TAG_CLOSURE:
		closure_edges(walk, object);
		break;
	case TAG_DATA:
	case TAG_MINI:
	case TAG_SLICE:
		size = piece_at(walk, object);
		walk_scan(walk, object, object + size);
		break;
	default:
		lists_edges(walk, object, tag);
	}
}
