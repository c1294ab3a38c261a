/*
 * cpython_edges.c - the references of one object.
 *
 * The collector's own view is the truth: what tp_traverse visits becomes an edge each, in that order, so that the dump agrees
 * with gc.get_referents(). Knowledge of layouts gives them their names: each visited pointer consumes the first unused
 * candidate with the same target. Candidates that are left and owned become edges too, without RGD_LABEL_F_TRAVERSED: CPython
 * does not show everything to its collector. What no name was found for is named by its offset in the object; what nothing
 * explained in the body of an extension's type is scanned conservatively.
 */
#include <string.h>

#include "cpython.h"

#define NO_INDEX UINT64_MAX
#define INDEX_FROM 48 /* so many candidates are worth an index by target */

static struct sink sink; /* one at a time: the walker has one thread */

/* ---- collecting ------------------------------------------------------------------------------------------------------------ */

static void *grown(struct walk *walk, void *old, uint32_t count, uint32_t *capacity, size_t size)
{
	uint32_t bigger = *capacity ? *capacity * 2 : 256;
	void *p = walk_memory(walk, bigger * size);
	if (!p)
		return NULL;
	if (count)
		memcpy(p, old, count * size);
	*capacity = bigger;
	return p;
}

static struct candidate *new_candidate(struct sink *s)
{
	if (s->count == s->capacity) {
		struct candidate *p =
			grown(s->walk, s->candidates, s->count, &s->capacity, sizeof(*p));
		if (!p) {
			s->failed = true;
			return NULL;
		}
		s->candidates = p;
	}
	return &s->candidates[s->count++];
}

static void add(struct sink *s, uintptr_t slot, uintptr_t target, enum rgd_edge_kind kind,
		struct edge_name name, uint64_t value, bool hint)
{
	if (!target)
		return;
	if (s->discovering) {
		if (!hint)
			discovered(s->walk, target);
		return;
	}
	struct candidate *c = new_candidate(s);
	if (c)
		*c = (struct candidate){.target = target,
					.slot = slot,
					.value = value,
					.name = name,
					.kind = kind,
					.hint = hint};
}

void know(struct sink *s, uintptr_t slot, uintptr_t target, enum rgd_edge_kind kind,
	  struct edge_name name, uint64_t value)
{
	add(s, slot, target, kind, name, value, false);
}

void know_hint(struct sink *s, uintptr_t slot, uintptr_t target, struct edge_name name,
	       uint64_t value)
{
	add(s, slot, target, RGD_EDGE_STRONG, name, value, true);
}

void know_part(struct sink *s, uintptr_t object, long offset, enum rgd_edge_kind kind,
	       const char *name)
{
	if (offset >= 0)
		add(s, object + (uintptr_t)offset, word_at(object, offset), kind,
		    name_c(RGD_LABEL_PART, name), 0, false);
}

void know_storage(struct sink *s, uintptr_t address, enum tag tag, const char *name)
{
	if (!address)
		return;
	if (s->discovering)
		discovered_storage(s->walk, address, tag);
	else if (walk_has(s->walk, address))
		walk_edge(s->walk,
			  label_of(s->walk, RGD_EDGE_INTERNAL, name_c(RGD_LABEL_PART, name), 0), 0,
			  address);
}

void know_opaque(struct sink *s, uintptr_t address, const char *name)
{
	uint64_t size;
	if (address && !s->discovering && walk_block(s->walk, address, &size))
		walk_edge(s->walk,
			  label_of(s->walk, RGD_EDGE_INTERNAL, name_c(RGD_LABEL_PART, name), 0), 0,
			  address);
}

/* ---- what every object may have ----------------------------------------------------------------------------------------------- */

static void know_parts(struct sink *s, uintptr_t object, const struct py_class *c)
{
	for (uint32_t i = 0; i < c->part_count; i++) {
		const struct part *p = &c->parts[i];
		add(s, object + (uintptr_t)(intptr_t)p->offset, word_at(object, p->offset), p->kind,
		    p->name, 0, p->hint);
	}
}

/* Values of an instance, in the order of its type's shared keys. */
static void know_values(struct sink *s, uintptr_t values, uintptr_t keys, uint64_t limit)
{
	struct dict_walk w;
	uint64_t i = 0;
	for (keys_walk_init(&w, keys); i < limit && keys_walk_next(&w); i++) {
		uintptr_t slot = values + (uintptr_t)python.at->values_first + (w.next - 1) * 8;
		know(s, slot, word_at(slot, 0), RGD_EDGE_STRONG,
		     name_str(RGD_LABEL_ATTRIBUTE, w.key), 0);
	}
}

/* 3.11+: before the object's header there are two words for its attributes. 3.13 may have the values behind the object. */
static void know_managed_dict(struct sink *s, uintptr_t object, const struct py_class *c)
{
	uintptr_t dict = word_at(object, -24), values = 0;
	if (python.minor == 11) {
		values = word_at(object, -32);
		if (values)
			know_storage(s, values - byte_at(values, -1), TAG_VALUES, "values");
	} else if (python.minor == 12 && (dict & 1)) {
		values = dict + 1;
		dict = 0;
		know_storage(s, values - byte_at(values, -1), TAG_VALUES, "values");
	} else if (c->inline_values && byte_at(object, (long)c->basic_size + 3)) {
		values = object + c->basic_size;
	}
	if (values && c->keys)
		know_values(s, values, c->keys,
			    python.minor >= 13 ? byte_at(values, 0) : UINT64_MAX);
	know(s, object - 24, dict, RGD_EDGE_STRONG, name_c(RGD_LABEL_PART, "__dict__"), 0);
}

static uint64_t digits_of(uintptr_t object)
{
	if (python.minor >= 12 && has_flag(type_of(object), TPFLAG_LONG))
		return word_at(object, python.at->long_tag) >> 3;
	intptr_t n = (intptr_t)size_of(object);
	return (uint64_t)(n < 0 ? -n : n);
}

/* A negative tp_dictoffset counts from the end of a variable-sized object. */
static void know_dict_at_end(struct sink *s, uintptr_t object, const struct py_class *c)
{
	uint64_t size = c->basic_size + digits_of(object) * word_at(c->type, TP_ITEMSIZE);
	size = (size + 7) & ~(uint64_t)7;
	long offset = (long)size + c->dict_offset;
	if (offset >= 16 && walk_readable(s->walk, object + (uintptr_t)offset, 8))
		know_part(s, object, offset, RGD_EDGE_STRONG, "__dict__");
}

static void know_object(struct sink *s, uintptr_t object, struct py_class *c)
{
	know_parts(s, object, c);
	if (c->managed_dict)
		know_managed_dict(s, object, c);
	else if (c->dict_offset < 0)
		know_dict_at_end(s, object, c);
	if (c->heap)
		know(s, object + OB_TYPE, c->type,
		     c->counts_type ? RGD_EDGE_STRONG : RGD_EDGE_BORROWED,
		     name_c(RGD_LABEL_PART, "__class__"), 0);
	contents_of(s, object, c);
}

/* ---- discovery -------------------------------------------------------------------------------------------------------------------- */

static int discover_visited(void *target, void *context)
{
	discovered(context, (uintptr_t)target);
	return 0;
}

void references_of(struct walk *walk, uintptr_t object, struct py_class *c)
{
	sink.walk = walk;
	sink.discovering = true;
	sink.object = object;
	know_object(&sink, object, c);
	if (c->traverse && object_is_gc(c, object))
		c->traverse(object, discover_visited, walk);
}

/* ---- edges ------------------------------------------------------------------------------------------------------------------------- */

static int remember_visited(void *target, void *context)
{
	struct sink *s = context;
	if (s->visited_count == s->visited_capacity) {
		uintptr_t *p = grown(s->walk, s->visited, s->visited_count, &s->visited_capacity,
				     sizeof(*p));
		if (!p) {
			s->failed = true;
			return 0;
		}
		s->visited = p;
	}
	s->visited[s->visited_count++] = (uintptr_t)target;
	return 0;
}

static uint32_t index_slot(const struct sink *s, uintptr_t target)
{
	return (uint32_t)((target >> 4) * 0x9e3779b97f4a7c15ull >> 40) & (s->index_size - 1);
}

/* Chains the candidates by target; the first of equal targets comes first. */
static bool build_index(struct sink *s)
{
	uint32_t size = 64;
	while (size < s->count)
		size *= 2;
	if (size > s->index_size) {
		s->index = walk_memory(s->walk, size * sizeof(uint32_t));
		s->index_size = s->index ? size : 0;
		if (!s->index)
			return false;
	} else {
		memset(s->index, 0, s->index_size * sizeof(uint32_t));
	}
	for (uint32_t i = s->count; i-- > 0;) {
		uint32_t *head = &s->index[index_slot(s, s->candidates[i].target)];
		s->candidates[i].next = *head;
		*head = i + 1;
	}
	return true;
}

static bool can_match(const struct candidate *c, uintptr_t target)
{
	return c->target == target && !c->used && c->kind != RGD_EDGE_WEAK;
}

static struct candidate *match(struct sink *s, uintptr_t target, bool indexed)
{
	/* Knowledge comes in the collector's order mostly: try the next one first. */
	if (s->cursor < s->count && can_match(&s->candidates[s->cursor], target))
		return &s->candidates[s->cursor++];
	if (indexed) {
		for (uint32_t i = s->index[index_slot(s, target)]; i;
		     i = s->candidates[i - 1].next) {
			if (can_match(&s->candidates[i - 1], target)) {
				s->cursor = i;
				return &s->candidates[i - 1];
			}
		}
		return NULL;
	}
	for (uint32_t i = 0; i < s->count; i++) {
		if (can_match(&s->candidates[i], target)) {
			s->cursor = i + 1;
			return &s->candidates[i];
		}
	}
	return NULL;
}

void sink_emit(struct sink *s, enum rgd_edge_kind kind, struct edge_name name, uint64_t value,
	       unsigned flags, uintptr_t target)
{
	uint64_t index = NO_INDEX;
	if (name.class == RGD_LABEL_INDEX) {
		index = value;
		if (index == (s->emitted ? s->last_index + 1 : 0) &&
		    (!s->emitted || s->last_index != NO_INDEX))
			name.class = RGD_LABEL_NEXT;
	}
	/* an edge that is lost (nothing known is there) leaves the one before it as the previous */
	if (!walk_edge(s->walk, label_of(s->walk, kind, name, flags), value, target))
		return;
	s->last_index = index;
	s->emitted = true;
}

/* The first word of the object that holds this pointer and that nothing explains; 0 none. */
static long offset_of(struct sink *s, const struct py_class *c, uintptr_t target)
{
	for (long at = 16; at + 8 <= (long)c->basic_size; at += 8) {
		if (word_at(s->object, at) == target && !words_has(&s->accounted, at))
			return at;
	}
	return 0;
}

static void emit_visited(struct sink *s, const struct py_class *c, uintptr_t target, bool indexed)
{
	struct candidate *m = match(s, target, indexed);
	if (m) {
		m->used = true;
		if (m->slot > s->object)
			words_add(&s->accounted, (long)(m->slot - s->object));
		sink_emit(s, RGD_EDGE_STRONG, m->name, m->value, RGD_LABEL_F_TRAVERSED, target);
		return;
	}
	long offset = offset_of(s, c, target);
	struct edge_name name = name_none();
	if (offset) {
		words_add(&s->accounted, offset);
		name.class = RGD_LABEL_OFFSET;
	}
	sink_emit(s, RGD_EDGE_STRONG, name, (uint64_t)offset / 8, RGD_LABEL_F_TRAVERSED, target);
}

static void emit_left_over(struct sink *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		const struct candidate *c = &s->candidates[i];
		if (!c->used && !c->hint)
			sink_emit(s, c->kind, c->name, c->value, 0, c->target);
	}
}

/* The words of the body that nothing explained, each run of them at once. */
static void scan_rest(struct sink *s, const struct py_class *c)
{
	uintptr_t low = 0;
	for (long at = 16; at + 8 <= (long)c->basic_size; at += 8) {
		bool open = !words_has(&s->accounted, at);
		if (open && !low)
			low = s->object + (uintptr_t)at;
		if (!open && low) {
			walk_scan(s->walk, low, s->object + (uintptr_t)at);
			low = 0;
		}
	}
	if (low)
		walk_scan(s->walk, low, s->object + (c->basic_size & ~7u));
}

static void edges_of(struct sink *s, uintptr_t object, struct py_class *c)
{
	s->count = s->cursor = s->visited_count = 0;
	s->accounted = c->accounted;
	know_object(s, object, c);
	if (c->traverse && object_is_gc(c, object))
		c->traverse(object, remember_visited, s);
	bool indexed = s->visited_count && s->count >= INDEX_FROM && build_index(s);
	for (uint32_t i = 0; i < s->visited_count; i++)
		emit_visited(s, c, s->visited[i], indexed);
	emit_left_over(s);
	if (!c->known)
		scan_rest(s, c);
}

void python_edges(struct walk *walk, uintptr_t object, unsigned tag)
{
	if (tag > TAG_UNTRACKED) /* storage: its owner names what is in it */
		return;
	struct py_class *c = class_of_type(walk, type_of(object));
	sink.walk = walk;
	sink.discovering = false;
	sink.object = object;
	sink.last_index = NO_INDEX;
	sink.emitted = false;
	if (!contents_fast(&sink, object, c))
		edges_of(&sink, object, c);
}
