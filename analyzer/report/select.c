/* select.c - see select.h. */
#include "report/select.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/edge_name.h"
#include "report/stats.h"
#include "report/where.h"
#include "util/bits.h"

#define SITE_PREFIX "malloc in "

/* ---- types ----------------------------------------------------------------------------------- */

bool type_is_named(const struct model *m, uint32_t type, const char *name)
{
	const struct type *t = &m->types[type];
	size_t n = strlen(t->module);

	if (!strchr(name, '.') || !n)
		return strcmp(t->name, name) == 0;
	return strncmp(t->module, name, n) == 0 && name[n] == '.' &&
	       strcmp(name + n + 1, t->name) == 0;
}

/* Native blocks are told apart by site for who asks for a site, or for the blocks that have
 * none: naming sites reads symbol tables. MODEL_TYPES. */
static bool is_about_sites(const struct model *m, const char *name)
{
	return strncmp(name, SITE_PREFIX, strlen(SITE_PREFIX)) == 0 ||
	       (m->ntypes && strcmp(m->types[0].name, name) == 0);
}

static struct error *find_types(struct model *m, const char *name, struct selected_types *ret)
{
	/* model_type_of() may make types later, at most one for each stack and each vtable: the set
	 * has room for their bits */
	ret->bits = calloc(bits_words((size_t)m->nall_types + m->nstacks + m->ntypes) + 1,
			   sizeof *ret->bits);
	if (!ret->bits)
		return error_memory();
	for (uint32_t t = 0; t < (ret->by == SELECT_BY_TYPE ? m->ntypes : m->nall_types); t++) {
		if (type_is_named(m, t, name)) {
			bits_set(ret->bits, t);
			ret->found++;
		}
	}
	return NULL;
}

/* Classes that have nothing but a vtable get their names from its symbol. */
static bool has_vtables(const struct model *m)
{
	for (uint32_t i = 0; i < m->ntypes; i++)
		if (m->types[i].flags & RGD_TYPE_F_VTABLE)
			return true;
	return false;
}

/* "Link[-1]" where the dump has a type Link: an index, and nothing that debug information could know. */
static bool is_indexed(const struct model *m, const char *name)
{
	const char *bracket = strrchr(name, '[');
	bool found = false;
	char *type, *end;

	if (!bracket || (strtol(bracket + 1, &end, 10), end == bracket + 1) ||
	    strcmp(end, "]") != 0 || !(type = strndup(name, (size_t)(bracket - name))))
		return false;
	for (uint32_t t = 0; t < m->ntypes && !found; t++)
		found = type_is_named(m, t, type);
	free(type);
	return found;
}

struct error *select_types(struct model *m, const char *name, struct selected_types *ret)
{
	*ret = (struct selected_types){0};
	TRY(model_load(m, MODEL_TYPES));
	if (is_about_sites(m, name)) {
		ret->by = SELECT_BY_SITE;
		/* types by site exist when they were asked for */
		TRY(model_load(m, MODEL_SITES | MODEL_SUMMARY));
		for (uint32_t i = 0; i < m->nsummary; i++)
			model_type_at(m, m->summary[i].type, m->summary[i].stack);
	}
	TRY(find_types(m, name, ret));
	if (ret->found || ret->by == SELECT_BY_SITE ||
	    (!model_types_differ(m) && !has_vtables(m)) || is_indexed(m, name))
		return NULL;
	/* no type that the dump names: one of a block, perhaps */
	free(ret->bits);
	ret->bits = NULL;
	ret->by = SELECT_BY_BLOCK;
	TRY(model_load(m, MODEL_SITES));
	for (uint32_t i = 0; i < m->ntypes; i++)
		model_type_at(m, i, MODEL_NONE);
	model_infer(m);
	return find_types(m, name, ret);
}

uint32_t selected_type_of(const struct selected_types *types, struct model *m, uint32_t object)
{
	return types->by == SELECT_BY_BLOCK  ? model_type_of(m, object)
	       : types->by == SELECT_BY_SITE ? model_site_type_of(m, object)
					     : m->type[object];
}

/* Up to three names that exist and look alike. */
static void add_suggestions(const struct stats *s, const char *name, struct str *out)
{
	unsigned shown = 0, limit = strlen(name) < 6 ? 2 : 3;

	for (unsigned distance = 0; distance <= limit && shown < 3; distance++) {
		for (size_t i = 0; i < s->n && shown < 3; i++) {
			bool other_case = strcasecmp(s->rows[i].name, name) == 0;

			if (distance ? other_case || text_distance(s->rows[i].name, name, limit) !=
							     distance
				     : !other_case)
				continue;
			str_printf(out, "%s'%s'", shown ? ", " : "; did you mean ",
				   s->rows[i].name);
			shown++;
		}
	}
	if (shown)
		str_char(out, '?');
}

struct error *select_unknown_type(struct model *m, const struct universe *u, const char *name)
{
	struct universe all = {.kind = UNIVERSE_ALL};
	const struct type_count *hidden;
	struct str hint = {0};
	struct stats s;
	struct error *e;

	TRY(stats_collect(m, &all, !strchr(name, '.'), NULL, &s));
	hidden = u->kind != UNIVERSE_ALL ? stats_find(&s, name) : NULL;
	if (hidden)
		str_printf(&hint, "; --universe all has %" PRIu64, hidden->count);
	else
		add_suggestions(&s, name, &hint);
	e = error_usage("no objects of type '%s' in %s%s", name, m->path, str_text(&hint));
	str_free(&hint);
	stats_deinit(&s);
	return e;
}

/* What a pass over the column of types finds: by group, because groups are visited in any order. */
struct typed {
	const uint64_t *types;
	struct ids *groups;
};

static struct error *find_typed(void *context, uint32_t first, const uint32_t *types, uint32_t n)
{
	const struct typed *t = context;
	struct ids *found = &t->groups[first / RGD_GROUP_ROWS];

	for (uint32_t i = 0; i < n; i++)
		if (bits_get(t->types, types[i]) && !VEC_PUSH(found, first + i))
			return error_memory();
	return NULL;
}

static struct error *list_typed(struct model *m, const uint64_t *types, struct ids *ret)
{
	size_t ngroups = m->nobjects / RGD_GROUP_ROWS + 1;
	struct typed t = {types, calloc(ngroups, sizeof *t.groups)};
	struct error *e;

	if (!t.groups)
		return error_memory();
	e = model_scan(m, MODEL_TYPE, find_typed, &t);
	for (size_t g = 0; g < ngroups; g++) {
		for (size_t i = 0; i < t.groups[g].n && !e; i++)
			if (!VEC_PUSH(ret, t.groups[g].data[i]))
				e = error_memory();
		VEC_FREE(&t.groups[g]);
	}
	free(t.groups);
	return e;
}

/* The same as push_types(), of types that do not depend on the site. */
static struct error *push_plain_types(struct model *m, const struct universe *u,
				      const uint64_t *types, struct ids *ret)
{
	struct ids typed = {0};
	struct error *e = list_typed(m, types, &typed);

	if (!e)
		e = model_load_for(m, UNIVERSE_PARTS, typed.data, typed.n);
	for (size_t i = 0; i < typed.n && !e; i++)
		if (universe_has(u, m, typed.data[i]) && !VEC_PUSH(ret, typed.data[i]))
			e = error_memory();
	VEC_FREE(&typed);
	return e;
}

static struct error *push_types(struct model *m, const struct universe *u,
				const struct selected_types *types, struct ids *ret)
{
	if (types->by == SELECT_BY_TYPE)
		return push_plain_types(m, u, types->bits, ret);
	TRY(model_load(m, MODEL_SITES | UNIVERSE_PARTS));
	for (uint32_t i = 0; i < m->nobjects; i++) {
		if (!universe_has(u, m, i) || !bits_get(types->bits, selected_type_of(types, m, i)))
			continue;
		if (!VEC_PUSH(ret, i))
			return error_memory();
	}
	return NULL;
}

static struct error *objects_of_type(struct model *m, const struct universe *u, const char *name,
				     struct ids *ret)
{
	static const struct universe all = {.kind = UNIVERSE_ALL};
	size_t before = ret->n;
	struct selected_types types;
	struct error *e = select_types(m, name, &types);

	if (!e && types.found)
		e = push_types(m, u, &types, ret);
	if (!e && types.found && ret->n == before && !u->chosen)
		e = push_types(m, &all, &types, ret);
	free(types.bits);
	return e;
}

/* TYPE or TYPE[N]: splits off the index when no type has the whole text for its name. */
static struct error *select_type(struct model *m, const struct universe *u, const char *selector,
				 struct ids *ret)
{
	const char *bracket = strrchr(selector, '[');
	size_t before = ret->n, n;
	char *name, *end;
	long index;
	struct error *e;

	TRY(objects_of_type(m, u, selector, ret));
	if (ret->n > before)
		return NULL;
	if (!bracket || bracket == selector ||
	    (index = strtol(bracket + 1, &end, 10), end == bracket + 1) || strcmp(end, "]") != 0)
		return select_unknown_type(m, u, selector);
	name = strndup(selector, bracket - selector);
	if (!name)
		return error_memory();
	e = objects_of_type(m, u, name, ret);
	n = ret->n - before;
	if (!e && !n) {
		e = select_unknown_type(m, u, name);
	} else if (!e && (index < 0 ? -(unsigned long)index > n : (unsigned long)index >= n)) {
		e = error_usage("'%s': there are %zu objects of type '%s': [0] to [%zu]", selector,
				n, name, n - 1);
	} else if (!e) {
		ret->data[before] = ret->data[before + (index < 0 ? n + index : (size_t)index)];
		ret->n = before + 1;
	}
	free(name);
	return e;
}

/* ---- addresses, numbers, roots --------------------------------------------------------------- */

static struct error *select_address(struct model *m, const char *selector, struct ids *ret)
{
	uint64_t address, offset;
	uint32_t object;
	char *end;

	address = strtoull(selector, &end, 16);
	if (*end || end == selector + 2)
		return error_usage("'%s' is no address", selector);
	TRY(model_load(m, MODEL_ADDRESS | MODEL_SIZE));
	object = model_find_address(m, address, &offset);
	if (object == MODEL_NONE)
		return error_usage("no object at %s in %s", selector, m->path);
	return VEC_PUSH(ret, object) ? NULL : error_memory();
}

static struct error *select_id(struct model *m, const char *selector, struct ids *ret)
{
	unsigned long long id;
	char *end;

	id = strtoull(selector + 1, &end, 10);
	if (*end || !isdigit((unsigned char)selector[1]))
		return error_usage("'%s' is no object's number: #0 to #%" PRIu32, selector,
				   m->nobjects - 1);
	if (id >= m->nobjects)
		return error_usage("no object %s: %s has #0 to #%" PRId64, selector, m->path,
				   (int64_t)m->nobjects - 1);
	return VEC_PUSH(ret, (uint32_t)id) ? NULL : error_memory();
}

/* NAME is a root's whole name, its label, or its symbol without the offset and the module. */
static bool root_is_named(struct model *m, const struct root *r, const char *name,
			  struct str *scratch)
{
	size_t n = strlen(name);

	if (strcmp(model_string(m, r->label), name) == 0)
		return true;
	str_clear(scratch);
	root_name(m, r, scratch);
	if (strncmp(str_text(scratch), name, n) != 0)
		return false;
	return !scratch->data[n] || scratch->data[n] == '+' ||
	       strncmp(scratch->data + n, " in ", 4) == 0;
}

static struct error *select_root(struct model *m, const char *name, struct ids *ret)
{
	size_t before = ret->n;
	struct str scratch = {0};

	TRY(model_load(m, MODEL_ROOTS | MODEL_STRINGS | MODEL_MODULES | MODEL_THREADS));
	for (uint32_t i = 0; i < m->nroots; i++) {
		if (!root_is_named(m, &m->roots[i], name, &scratch))
			continue;
		if (!VEC_PUSH(ret, m->roots[i].target)) {
			str_free(&scratch);
			return error_memory();
		}
	}
	str_free(&scratch);
	if (ret->n == before)
		return error_usage("no root '%s' in %s; `refgraph roots` lists them", name,
				   m->path);
	ids_sort_unique(ret, before);
	return NULL;
}

/* ---- entry points ---------------------------------------------------------------------------- */

struct error *select_objects(struct model *m, const struct universe *u, const char *selector,
			     struct ids *ret)
{
	if (selector[0] == '0' && (selector[1] == 'x' || selector[1] == 'X'))
		return select_address(m, selector, ret);
	if (selector[0] == '#')
		return select_id(m, selector, ret);
	if (strncmp(selector, "root:", 5) == 0)
		return select_root(m, selector + 5, ret);
	return select_type(m, u, selector, ret);
}

struct error *select_one(struct model *m, const struct universe *u, const char *selector,
			 uint32_t *ret)
{
	struct ids ids = {0};
	struct error *e = select_objects(m, u, selector, &ids);

	if (!e && !ids.n)
		e = error_usage("'%s' names nothing", selector);
	else if (!e)
		*ret = ids.data[0];
	VEC_FREE(&ids);
	return e;
}

struct error *select_where(struct model *m, const struct universe *u, const char *expression,
			   struct ids *ret)
{
	struct where *where;
	struct error *e;

	TRY(where_compile(expression, &where));
	e = model_load(m, UNIVERSE_PARTS);
	if (!e)
		e = where_bind(where, m);
	for (uint32_t i = 0; i < m->nobjects && !e; i++)
		if (universe_has(u, m, i) && where_test(where, i) && !VEC_PUSH(ret, i))
			e = error_memory();
	where_destroy(where);
	return e;
}

struct error *select_list(struct model *m, const struct universe *u, const char *list,
			  uint64_t *bits)
{
	struct ids ids = {0};
	struct error *e = NULL;

	while (list && *list && !e) {
		size_t n = strcspn(list, ",");
		char *selector = strndup(list, n);

		e = selector ? select_objects(m, u, selector, &ids) : error_memory();
		free(selector);
		list += n + (list[n] == ',');
	}
	for (size_t i = 0; i < ids.n; i++)
		bits_set(bits, ids.data[i]);
	VEC_FREE(&ids);
	return e;
}
