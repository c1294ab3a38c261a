/* ctype.c - see ctype.h. Depths are bounded: debug information comes from files that anybody may have written. */
#include "types/ctype.h"

#include <inttypes.h>

#include "types/debug.h"

#define MAX_DEPTH 32

struct ctype *ctype_target(struct ctype *t)
{
	if (!t->filled)
		debug_fill(t);
	return t->target ? t->target : debug_void();
}

const struct member *ctype_members(struct ctype *t, uint32_t *n)
{
	if (!t->filled)
		debug_fill(t);
	*n = t->nmembers;
	return t->members;
}

static void add_name(struct ctype *t, unsigned depth, struct str *out)
{
	if (depth > MAX_DEPTH) {
		str_add(out, "...");
		return;
	}
	switch (t->kind) {
	case CTYPE_POINTER:
		add_name(ctype_target(t), depth + 1, out);
		str_add(out, out->n && out->data[out->n - 1] == '*' ? "*" : " *");
		break;
	case CTYPE_ARRAY:
		add_name(ctype_target(t), depth + 1, out);
		if (t->count)
			str_printf(out, "[%" PRIu64 "]", t->count);
		else
			str_add(out, "[]");
		break;
	case CTYPE_FUNCTION:
		str_add(out, "function");
		break;
	case CTYPE_VOID:
		str_add(out, "void");
		break;
	default:
		str_add(out, t->name[0]		      ? t->name
			     : t->kind == CTYPE_UNION ? "(union)"
						      : "(struct)");
	}
}

void ctype_name(struct ctype *t, struct str *out)
{
	add_name(t, 0, out);
}

static bool covers(const struct member *m, uint64_t offset)
{
	return offset >= m->offset && offset - m->offset < m->type->size;
}

static void add_pointee(struct ctype *target, struct ctype **out, unsigned *n)
{
	for (unsigned i = 0; i < *n; i++)
		if (out[i] == target)
			return;
	if (*n < CTYPE_POINTEES)
		out[(*n)++] = target;
}

static void find_pointees(struct ctype *t, uint64_t offset, unsigned depth, struct ctype **out,
			  unsigned *n, bool *scalar)
{
	const struct member *members;
	struct ctype *element;
	uint32_t count;

	if (depth > MAX_DEPTH)
		return;
	switch (t->kind) {
	case CTYPE_POINTER:
		if (offset == 0)
			add_pointee(ctype_target(t), out, n);
		break;
	case CTYPE_SCALAR:
		*scalar |= offset == 0 && t->size >= 8;
		break;
	case CTYPE_ARRAY:
		element = ctype_target(t);
		if (element->size)
			find_pointees(element, offset % element->size, depth + 1, out, n, scalar);
		break;
	case CTYPE_STRUCT:
	case CTYPE_UNION:
		members = ctype_members(t, &count);
		for (uint32_t i = 0; i < count; i++) {
			bool last = i + 1 == count && members[i].type->kind == CTYPE_ARRAY;

			if (covers(&members[i], offset) || (last && offset >= members[i].offset))
				find_pointees(members[i].type, offset - members[i].offset,
					      depth + 1, out, n, scalar);
		}
		break;
	default:
		break;
	}
}

unsigned ctype_pointees(struct ctype *t, uint64_t offset, struct ctype **out, bool *scalar)
{
	unsigned n = 0;

	*scalar = false;
	find_pointees(t, offset, 0, out, &n, scalar);
	return n;
}

/* Whether a pointer lies there, and not only something else. */
static bool points(struct ctype *t, uint64_t offset)
{
	struct ctype *out[CTYPE_POINTEES];
	bool scalar;

	return ctype_pointees(t, offset, out, &scalar) > 0;
}

/* Of the members that lie there the first with a pointer, else the first. */
static const struct member *member_at(struct ctype *t, uint64_t offset)
{
	const struct member *members, *found = NULL;
	uint32_t n;

	members = ctype_members(t, &n);
	for (uint32_t i = 0; i < n; i++) {
		bool last = i + 1 == n && members[i].type->kind == CTYPE_ARRAY;

		if (!covers(&members[i], offset) && !(last && offset >= members[i].offset))
			continue;
		if (points(members[i].type, offset - members[i].offset))
			return &members[i];
		if (!found)
			found = &members[i];
	}
	return found;
}

bool ctype_path(struct ctype *t, uint64_t offset, struct str *out)
{
	for (unsigned depth = 0; depth < MAX_DEPTH; depth++) {
		const struct member *m;
		struct ctype *element;

		switch (t->kind) {
		case CTYPE_ARRAY:
			element = ctype_target(t);
			if (!element->size)
				return false;
			str_printf(out, "[%" PRIu64 "]", offset / element->size);
			offset %= element->size;
			t = element;
			break;
		case CTYPE_STRUCT:
		case CTYPE_UNION:
			m = member_at(t, offset);
			if (!m)
				return false;
			if (!m->base && m->name[0])
				str_printf(out, ".%s", m->name);
			offset -= m->offset;
			t = m->type;
			break;
		default:
			return offset == 0;
		}
	}
	return false;
}

static bool embeds(struct ctype *t, uint64_t offset, const struct ctype *part, unsigned depth)
{
	const struct member *members;
	struct ctype *element;
	uint32_t n;

	if (t == part && offset == 0)
		return true;
	if (depth > MAX_DEPTH)
		return false;
	if (t->kind == CTYPE_ARRAY) {
		element = ctype_target(t);
		return element->size && embeds(element, offset % element->size, part, depth + 1);
	}
	if (t->kind != CTYPE_STRUCT && t->kind != CTYPE_UNION)
		return false;
	members = ctype_members(t, &n);
	for (uint32_t i = 0; i < n; i++)
		if (covers(&members[i], offset) &&
		    embeds(members[i].type, offset - members[i].offset, part, depth + 1))
			return true;
	return false;
}

bool ctype_embeds(struct ctype *t, uint64_t offset, const struct ctype *part)
{
	return embeds(t, offset, part, 0);
}

bool ctype_flexible(struct ctype *t, uint64_t *offset, struct ctype **element, bool *declared)
{
	uint64_t start = 0;

	for (unsigned depth = 0; depth < MAX_DEPTH && t->kind == CTYPE_STRUCT; depth++) {
		const struct member *members, *last = NULL;
		uint32_t n;

		members = ctype_members(t, &n);
		for (uint32_t i = 0; i < n; i++)
			if (!last || members[i].offset >= last->offset)
				last = &members[i];
		if (!last)
			return false;
		start += last->offset;
		t = last->type;
	}
	if (t->kind != CTYPE_ARRAY)
		return false;
	*offset = start;
	*element = ctype_target(t);
	*declared = t->count <= 1;
	return (*element)->size > 0;
}

static bool has_pointers(struct ctype *t, unsigned depth)
{
	const struct member *members;
	uint32_t n;

	if (t->kind == CTYPE_POINTER)
		return true;
	if (depth > MAX_DEPTH)
		return false;
	if (t->kind == CTYPE_ARRAY)
		return has_pointers(ctype_target(t), depth + 1);
	if (t->kind != CTYPE_STRUCT && t->kind != CTYPE_UNION)
		return false;
	members = ctype_members(t, &n);
	for (uint32_t i = 0; i < n; i++)
		if (has_pointers(members[i].type, depth + 1))
			return true;
	return false;
}

bool ctype_has_pointers(struct ctype *t)
{
	return has_pointers(t, 0);
}
