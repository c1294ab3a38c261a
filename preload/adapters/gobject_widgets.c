/*
 * gobject_widgets.c - trees of widgets and of GStreamer's objects.
 *
 * A GstObject's parent lies in its public struct. A widget's lies in GTK's private data, at a place that changes with the version: it is the
 * word that is a widget of a kind that holds others, or nothing, in every single widget of the process.
 */
#include <string.h>

#include "gobject.h"

#define MAX_WORDS 512

static struct gtype *widget, *holder, *gst_object;
static long parent_offset;     /* from the instance; 0 unknown */
static struct map first_child; /* parent -> place in children[] + 1 */
static uintptr_t *children;
static uint32_t *child_count;

/* ---- the place of a widget's parent ------------------------------------------------------------------------------------- */

struct place {
	uint32_t good, bad;
};

static void look_at_widget(struct walk *walk, uintptr_t instance, struct place *places, long low,
			   unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uintptr_t word = word_at(instance, low + (long)i * 8);
		if (!word)
			continue;
		if (word != instance && is_instance(word) &&
		    type_is_a(type_of_instance(word), holder))
			places[i].good++;
		else
			places[i].bad++;
	}
}

static void find_parent(struct walk *walk)
{
	long low = -(long)widget->private_size;
	long high = widget->parent ? -(long)widget->parent->private_size : 0;
	unsigned n = (unsigned)(high - low) / 8, best = MAX_WORDS;
	static struct place places[MAX_WORDS];

	if (n > MAX_WORDS)
		return;
	for (uint32_t i = 0; i < found.count; i++)
		if (type_is_a(type_of_instance(found.instances[i]), widget))
			look_at_widget(walk, found.instances[i], places, low, n);
	for (unsigned i = 0; i < n; i++)
		if (!places[i].bad && places[i].good &&
		    (best == MAX_WORDS || places[i].good > places[best].good))
			best = i;
	if (best < MAX_WORDS)
		parent_offset = low + (long)best * 8;
}

/* ---- trees --------------------------------------------------------------------------------------------------------------- */

uintptr_t parent_of(uintptr_t instance, uintptr_t *slot)
{
	const struct gtype *t = type_of_instance(instance);

	*slot = 0;
	if (widget && parent_offset && type_is_a(t, widget))
		*slot = instance + (uintptr_t)parent_offset;
	else if (gst_object && type_is_a(t, gst_object))
		*slot = instance + GST_OBJECT_PARENT;
	return *slot && is_instance(word_at(*slot, 0)) ? word_at(*slot, 0) : 0;
}

/* Counting first, then placing: a bucket sort by parent. */
static void build(struct walk *walk)
{
	uint32_t *starts = walk_memory(walk, (found.count + 1ul) * sizeof(*starts)), total = 0;
	uintptr_t slot;

	children = walk_memory(walk, (found.count + 1ul) * sizeof(*children));
	child_count = walk_memory(walk, (found.count + 1ul) * sizeof(*child_count));
	if (!starts || !children || !child_count)
		return;
	for (uint32_t i = 0; i < found.count; i++) {
		uintptr_t parent = parent_of(found.instances[i], &slot), *at;
		if (!parent)
			continue;
		at = map_get(&first_child, parent);
		if (!at) {
			map_set(walk, &first_child, parent, first_child.count + 1);
			at = map_get(&first_child, parent);
		}
		if (at)
			child_count[*at]++;
	}
	for (uint32_t i = 1; i <= first_child.count; i++) {
		starts[i] = total;
		total += child_count[i];
		child_count[i] = 0;
	}
	for (uint32_t i = 0; i < found.count; i++) {
		uintptr_t *at = map_get(&first_child, parent_of(found.instances[i], &slot));
		if (at)
			children[starts[*at] + child_count[*at]++] = found.instances[i];
	}
	for (uint32_t i = 0; first_child.slots && i <= first_child.mask; i++)
		if (first_child.slots[i].key)
			first_child.slots[i].value |= (uintptr_t)starts[first_child.slots[i].value]
						      << 32;
}

void widgets_read(struct walk *walk)
{
	widget = type_by_name("GtkWidget");
	holder = type_by_name("GtkContainer"); /* of GTK 3; any widget may hold others in GTK 4 */
	holder = holder ? holder : widget;
	gst_object = type_by_name("GstObject");
	if (widget && widget->class)
		find_parent(walk);
	if (widget || gst_object)
		build(walk);
}

uint32_t children_of(uintptr_t instance, const uintptr_t **list)
{
	uintptr_t *at = map_get(&first_child, instance);

	if (!at || !children)
		return 0;
	*list = &children[*at >> 32];
	return child_count[(uint32_t)*at];
}
