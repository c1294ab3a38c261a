/*
 * gobject_signals.c - who is connected to which signal of which instance.
 *
 * libgobject has a set of all handlers and an array of all signals, both private. They are found by what must be in them: the array's entries
 * say their own numbers; the set's members name an instance and a closure that live.
 */
#include <string.h>

#include "gobject.h"

enum {
	SIGNAL_NUMBER = 0,
	SIGNAL_OWNER = 8,
	SIGNAL_NAME = 16,
	SIGNAL_CLASSES = 48, /* {how many, {type, closure}...} */
	SIGNAL_SIZE = 56,
	CLASS_FIRST = 8,
	CLASS_ITEM = 16
};

static struct handler *handlers;
static uint32_t handler_count;
static struct map by_instance; /* number of its first handler + 1 */
static uintptr_t signals;
static uint32_t signals_count;

/* ---- the array of signals ------------------------------------------------------------------------------------------- */

static bool is_signal(struct walk *walk, uintptr_t node, uint32_t number)
{
	return node && !(node & 7) && walk_readable(walk, node, SIGNAL_SIZE) &&
	       half_at(node, SIGNAL_NUMBER) == number && type_by_id(word_at(node, SIGNAL_OWNER)) &&
	       walk_readable(walk, word_at(node, SIGNAL_NAME), 1);
}

/* GObject's "notify" is the first of all. */
static bool is_signals(struct walk *walk, uintptr_t array)
{
	if (!array || (array & 7) || !walk_readable(walk, array, 16) || word_at(array, 0) ||
	    !is_signal(walk, word_at(array, 8), 1))
		return false;
	return strcmp((const char *)word_at(word_at(array, 8), SIGNAL_NAME), "notify") == 0;
}

/* What a signal does by itself, by class: closures that live as long as the classes. */
static void claim_class_closures(struct walk *walk, uintptr_t node)
{
	uintptr_t classes = word_at(node, SIGNAL_CLASSES);
	uint32_t n = classes && walk_readable(walk, classes, CLASS_FIRST) ? half_at(classes, 0) : 0;

	if (n > 4096 || !walk_readable(walk, classes, CLASS_FIRST + n * (size_t)CLASS_ITEM))
		return;
	for (uint32_t i = 0; i < n; i++)
		claim_closure(walk, word_at(classes, CLASS_FIRST + 8 + i * (long)CLASS_ITEM));
}

static void read_signals(struct walk *walk, uintptr_t array)
{
	uint64_t size = 0;

	signals = array;
	walk_block(walk, array, &size);
	for (signals_count = 1; (signals_count + 1) * 8ul <= size; signals_count++) {
		uintptr_t node = word_at(array, signals_count * 8l);
		if (!is_signal(walk, node, signals_count))
			break;
		claim_class_closures(walk, node);
	}
}

/* ---- the set of handlers --------------------------------------------------------------------------------------------- */

static bool is_handler(struct walk *walk, uintptr_t handler)
{
	uintptr_t instance;

	if (handler < 4096 || (handler & 7) || !walk_readable(walk, handler, HANDLER_SIZE))
		return false;
	instance = word_at(handler, HANDLER_INSTANCE);
	return word_at(handler, HANDLER_NUMBER) && half_at(handler, HANDLER_SIGNAL) &&
	       half_at(handler, HANDLER_SIGNAL) < signals_count && instance && !(instance & 7) &&
	       walk_readable(walk, instance, 8) && type_of_instance(instance);
}

static void keep(struct walk *walk, uintptr_t handler)
{
	static uint32_t capacity;

	if (handler_count == capacity) {
		uint32_t bigger = capacity ? capacity * 2 : 256;
		struct handler *p = walk_memory(walk, bigger * sizeof(*p));
		if (!p)
			return;
		if (handler_count)
			memcpy(p, handlers, handler_count * sizeof(*p));
		handlers = p;
		capacity = bigger;
	}
	handlers[handler_count++] = (struct handler){handler, word_at(handler, HANDLER_CLOSURE), 0};
}

/* A set keeps its keys alone: the array of values is the same. */
static bool is_handlers(struct walk *walk, uintptr_t table)
{
	uint32_t members = 0, at = 0;
	uintptr_t handler;

	if (!is_hash_table(walk, table) || !table_is_set(table))
		return false;
	while (table_next(table, &at, &handler)) {
		if (!is_handler(walk, handler))
			return false;
		members++;
	}
	return members;
}

static void read_handlers(struct walk *walk, uintptr_t table)
{
	uint32_t at = 0;
	uintptr_t handler;

	while (table_next(table, &at, &handler))
		keep(walk, handler);
}

/* ---- by instance ------------------------------------------------------------------------------------------------------- */

static void sift(uint32_t *order, uint32_t at, uint32_t n)
{
	for (uint32_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
		uint32_t other;
		if (child + 1 < n && word_at(handlers[order[child + 1]].address, 0) >
					     word_at(handlers[order[child]].address, 0))
			child++;
		if (word_at(handlers[order[at]].address, 0) >=
		    word_at(handlers[order[child]].address, 0))
			return;
		other = order[at];
		order[at] = order[child];
		order[child] = other;
		at = child;
	}
}

/* By the numbers that they got when they were connected: a heap sort, for there is no libc to ask here. */
static void sort(uint32_t *order, uint32_t n)
{
	for (uint32_t i = n / 2; i-- > 0;)
		sift(order, i, n);
	for (uint32_t i = n; i-- > 1;) {
		uint32_t other = order[0];
		order[0] = order[i];
		order[i] = other;
		sift(order, 0, i);
	}
}

static void chain(struct walk *walk)
{
	uint32_t *order = walk_memory(walk, handler_count * sizeof(*order) + 4);

	if (!order)
		return;
	for (uint32_t i = 0; i < handler_count; i++)
		order[i] = i;
	sort(order, handler_count);
	for (uint32_t i = handler_count;
	     i-- > 0;) { /* the last first: it is pushed behind the others */
		struct handler *h = &handlers[order[i]];
		uintptr_t instance = word_at(h->address, HANDLER_INSTANCE);
		uintptr_t *first = map_get(&by_instance, instance);
		h->next = first ? (uint32_t)*first : 0;
		map_set(walk, &by_instance, instance, order[i] + 1);
	}
}

bool signals_read(struct walk *walk)
{
	uintptr_t table = 0;

	for (unsigned i = 0; i < gobject.gobject_count && !signals; i++)
		for (uintptr_t at = gobject.gobject[i].low;
		     at < gobject.gobject[i].high && !signals; at += 8)
			if (walk_readable(walk, at, 8) && is_signals(walk, word_at(at, 0)))
				read_signals(walk, word_at(at, 0));
	if (!signals)
		return false;
	for (unsigned i = 0; i < gobject.gobject_count && !table; i++)
		for (uintptr_t at = gobject.gobject[i].low; at < gobject.gobject[i].high && !table;
		     at += 8)
			if (walk_readable(walk, at, 8) && is_handlers(walk, word_at(at, 0)))
				table = word_at(at, 0);
	if (table)
		read_handlers(walk, table);
	chain(walk);
	return true;
}

const struct handler *handlers_of(uintptr_t instance)
{
	uintptr_t *first = map_get(&by_instance, instance);
	return first ? &handlers[*first - 1] : NULL;
}

const struct handler *handler_next(const struct handler *handler)
{
	return handler->next ? &handlers[handler->next - 1] : NULL;
}

size_t handler_text(const struct handler *handler, char *out, size_t size)
{
	uint32_t number = half_at(handler->address, HANDLER_SIGNAL);
	uint32_t quark = half_at(handler->address, HANDLER_DETAIL);
	const char *detail = quark ? gobject.quark_text(quark) : NULL;
	size_t n = text_add(out, size, 0, "signal[\"");

	n = text_add(out, size, n,
		     (const char *)word_at(word_at(signals, number * 8l), SIGNAL_NAME));
	if (detail) {
		n = text_add(out, size, n, "::");
		n = text_add(out, size, n, detail);
	}
	return text_add(out, size, n, "\"]");
}
