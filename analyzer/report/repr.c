/* repr.c - see repr.h. */
#include "report/repr.h"

#include <inttypes.h>
#include <string.h>

#include "util/big.h"
#include "util/bits.h"
#include "util/vec.h"

#define VALUE_CHARACTERS 40u

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The function of a bound method, whose own properties have no name: MODEL_NONE when unknown. */
static uint32_t method_function(struct model *m, uint32_t object)
{
	if (!(m->loaded & MODEL_EDGES))
		return MODEL_NONE;
	for (uint32_t e = m->graph.out_first[object]; e < m->graph.out_first[object + 1]; e++) {
		struct edge edge;
		struct error *error = model_edge(m, object, e, &edge);

		if (error) { /* a chunk that was read before cannot fail now, but for memory */
			error_destroy(error);
			return MODEL_NONE;
		}
		if (edge.class == RGD_LABEL_PART &&
		    strcmp(model_string(m, edge.string), "__func__") == 0)
			return edge.target;
	}
	return MODEL_NONE;
}

static void add_place(const struct model *m, uint32_t object, const char *file, bool base,
		      struct str *out)
{
	uint64_t line;

	str_add(out, base ? base_name(file) : file);
	if (model_property(m, object, RGD_PROP_LINE, &line))
		str_printf(out, ":%" PRIu64, line);
}

/* At most VALUE_CHARACTERS characters (not bytes). */
static void add_value(const char *text, struct str *out)
{
	size_t n = 0, characters = 0;

	for (; text[n]; n++) {
		if ((text[n] & 0xc0) != 0x80 && characters++ == VALUE_CHARACTERS)
			break;
	}
	str_bytes(out, text, n);
}

static const char *unit_of(const char *type)
{
	if (strcmp(type, "str") == 0)
		return "characters";
	if (strcmp(type, "bytes") == 0 || strcmp(type, "bytearray") == 0)
		return "bytes";
	return "items";
}

static void add_name(struct model *m, uint32_t object, const char *type, const char *name,
		     struct str *out)
{
	const char *file = model_property_text(m, object, RGD_PROP_FILE);

	if (file && strcmp(type, "function") == 0 && strcmp(name, "<lambda>") == 0) {
		str_add(out, "lambda: ");
		add_place(m, object, file, true, out);
		return;
	}
	str_add(out, name);
	if (strcmp(type, "method") == 0)
		str_add(out, " (bound)");
}

/* All properties by key, found at once. */
struct facts {
	const char *name, *file, *value, *state;
	uint64_t length, code;
	bool has_length;
};

static void collect_facts(const struct model *m, uint32_t object, struct facts *f)
{
	uint32_t n;
	const struct property *p = model_properties(m, object, &n);

	*f = (struct facts){0};
	for (uint32_t i = 0; i < n; i++) {
		if (p[i].key == RGD_PROP_LENGTH) {
			f->has_length = true;
			f->length = p[i].value;
		} else if (p[i].key == RGD_PROP_NAME) {
			f->name = model_string(m, p[i].value);
		} else if (p[i].key == RGD_PROP_FILE) {
			f->file = model_string(m, p[i].value);
		} else if (p[i].key == RGD_PROP_REPR) {
			f->value = model_string(m, p[i].value);
		} else if (p[i].key == RGD_PROP_STATE) {
			f->state = model_string(m, p[i].value);
		} else if (p[i].key == RGD_PROP_CODE) {
			f->code = p[i].value;
		}
	}
}

void repr_object(struct model *m, uint32_t object, struct str *out)
{
	const char *type = model_type_name(m, object);
	size_t before = out->n;
	uint32_t function;
	struct facts f;

	collect_facts(m, object, &f);
	if (!f.name && strcmp(type, "method") == 0 &&
	    (function = method_function(m, object)) != MODEL_NONE)
		f.name = model_property_text(m, function, RGD_PROP_NAME);
	if (!f.name && f.code && m->namer.code)
		f.name = m->namer.code(m->namer.context, f.code);
	if (f.name) {
		add_name(m, object, type, f.name, out);
	} else if (f.value) {
		add_value(f.value, out);
	} else if (f.file) {
		add_place(m, object, f.file, false, out);
	} else if (f.has_length) {
		str_number(out, f.length);
		str_printf(out, " %s", unit_of(type));
	}
	if (f.state)
		str_printf(out, "%s%s", out->n > before ? ", " : "", f.state);
}

void repr_full(struct model *m, uint32_t object, struct str *out)
{
	struct str words = {0};

	str_add(out, model_type_name(m, object));
	repr_object(m, object, &words);
	if (words.n)
		str_printf(out, " %s", words.data);
	out->failed |= words.failed;
	str_free(&words);
}

/* ---- predicates that are about roots --------------------------------------------------------- */

static bool is_own_name(const struct model *m, const struct root *r)
{
	const char *name;

	/* anything may stand in sys.modules: a class under its own name is no module; only what
	 * stands there has been loaded */
	if (r->class != RGD_ROOT_MODULE ||
	    !(model_type(m, m->type[r->target])->flags & RGD_TYPE_F_IS_MODULE))
		return false;
	name = model_property_text(m, r->target, RGD_PROP_NAME);
	return name && strcmp(name, model_string(m, r->label)) == 0;
}

bool is_proper_module(const struct model *m, uint32_t object)
{
	for (uint32_t i = 0; i < m->nroots; i++)
		if (m->roots[i].target == object && is_own_name(m, &m->roots[i]))
			return true;
	return false;
}

/* Type and properties of whatever lies in sys.modules. */
static struct error *load_modules(struct model *m)
{
	struct ids modules = {0};
	struct error *e = NULL;

	for (uint32_t i = 0; i < m->nroots && !e; i++)
		if (m->roots[i].class == RGD_ROOT_MODULE && !VEC_PUSH(&modules, m->roots[i].target))
			e = error_memory();
	if (!e)
		e = model_load_for(m, MODEL_PROPERTIES | MODEL_TYPE, modules.data, modules.n);
	VEC_FREE(&modules);
	return e;
}

static struct error *collect(struct model *m, bool modules_only, uint64_t **ret, uint32_t *count)
{
	uint64_t *bits;
	uint32_t n = 0;

	TRY(model_load(m, MODEL_ROOTS | MODEL_STRINGS | (modules_only ? MODEL_TYPES : 0)));
	if (modules_only)
		TRY(load_modules(m));
	TRY(big_alloc(bits_words(m->nobjects), sizeof *bits, &bits));
	for (uint32_t i = 0; i < m->nroots; i++) {
		const struct root *r = &m->roots[i];

		if (modules_only ? !is_own_name(m, r) : r->kind == RGD_EDGE_WEAK)
			continue;
		n += !bits_get(bits, r->target);
		bits_set(bits, r->target);
	}
	*ret = bits;
	*count = n;
	return NULL;
}

struct error *proper_modules(struct model *m, uint64_t **ret, uint32_t *count)
{
	return collect(m, true, ret, count);
}

struct error *root_targets(struct model *m, uint64_t **ret, uint32_t *count)
{
	return collect(m, false, ret, count);
}
