/* picture_label.c - see picture_label.h. */
#include "report/picture_label.h"

#include <inttypes.h>
#include <string.h>

#include "report/repr.h"
#include "report/retained.h"
#include "util/big.h"

/* Fields ----------------------------------------------------------------------------------------------------------- */

static void add_size(const struct labels *l, uint32_t o, struct str *out)
{
	str_size(out, l->model->size[o]);
	if (l->model->size[o] < 1024)
		str_add(out, " bytes");
}

/* Garbage that waits for its collector has no dominator, so it retains nothing that could be named. */
static void add_retained(const struct labels *l, uint32_t o, struct str *out)
{
	if (l->retained[o] == RETAINED_NONE) {
		str_add(out, "unreachable");
		return;
	}
	str_add(out, "retained ");
	str_size(out, l->retained[o]);
	if (l->retained[o] < 1024)
		str_add(out, " bytes");
}

static void add_refcount(const struct labels *l, uint32_t o, struct str *out)
{
	str_printf(out, "%" PRIu64, l->model->refcount[o]);
}

static void add_generation(const struct labels *l, uint32_t o, struct str *out)
{
	if (model_generation(l->model, o) == 3)
		str_add(out, "permanent");
	else
		str_printf(out, "%u", model_generation(l->model, o));
}

static void add_epoch(const struct labels *l, uint32_t o, struct str *out)
{
	str_printf(out, "%" PRIu32, l->model->epoch[o]);
}

static void add_age(const struct labels *l, uint32_t o, struct str *out)
{
	uint64_t now = l->model->nepochs ? l->model->epochs[l->model->nepochs - 1].number : 0;

	str_printf(out, "%" PRIu64, now > l->model->epoch[o] ? now - l->model->epoch[o] : 0);
}

static void add_address(const struct labels *l, uint32_t o, struct str *out)
{
	str_printf(out, "0x%" PRIx64, l->model->address[o]);
}

static void add_id(const struct labels *l, uint32_t o, struct str *out)
{
	str_printf(out, "%" PRIu32, o);
}

static void add_runtime(const struct labels *l, uint32_t o, struct str *out)
{
	const char *name = model_runtime_name(l->model->flags[o] & RGD_OBJ_F_RUNTIME_MASK);

	str_add(out, name ? name : "?");
}

static void add_type(const struct labels *l, uint32_t o, struct str *out)
{
	str_printable(out, model_type_name(l->model, o));
}

static void add_module(const struct labels *l, uint32_t o, struct str *out)
{
	str_printable(out, model_type(l->model, model_type_of(l->model, o))->module);
}

static void add_site(const struct labels *l, uint32_t o, struct str *out)
{
	uint32_t frame = l->model->stack[o] ? model_site_frame(l->model, l->model->stack[o] - 1)
					    : MODEL_NONE;

	if (frame == MODEL_NONE)
		str_add(out, "?");
	else
		model_frame_text(l->model, frame, out);
}

static const struct {
	const char *name;
	void (*add)(const struct labels *l, uint32_t object, struct str *out);
	bool bare; /* shown without its name: it says what it is */
} fields[] = {
	{"size", add_size, true},	{"retained", add_retained, true},
	{"refcount", add_refcount},	{"generation", add_generation},
	{"epoch", add_epoch},		{"age", add_age},
	{"address", add_address, true}, {"id", add_id},
	{"runtime", add_runtime, true}, {"type", add_type, true},
	{"module", add_module, true},	{"site", add_site, true},
};
#define NFIELDS (sizeof(fields) / sizeof(*fields))

static size_t find_field(const char *name, size_t length)
{
	size_t i = 0;

	while (i < NFIELDS &&
	       (strlen(fields[i].name) != length || strncmp(fields[i].name, name, length) != 0))
		i++;
	return i;
}

static void field_names(struct str *out)
{
	for (size_t i = 0; i < NFIELDS; i++)
		str_printf(out, "%s%s", i ? ", " : "", fields[i].name);
}

static struct error *unknown_field(const char *option, const char *name, size_t length)
{
	struct str names = {0};
	struct error *error;

	field_names(&names);
	error = error_usage("%s: there is no field '%.*s'; there are: %s", option, (int)length,
			    name, str_text(&names));
	str_free(&names);
	return error;
}

static struct error *check_fields(const struct labels *l)
{
	for (const char *at = l->extra_info; at && *at;) {
		size_t length = strcspn(at, ",");
		if (find_field(at, length) == NFIELDS)
			return unknown_field("--extra-info", at, length);
		at += length + (at[length] == ',');
	}
	for (const char *at = l->extra_node_attrs; at && (at = strchr(at, '{')); at++) {
		size_t length = strcspn(at + 1, "}");
		if (find_field(at + 1, length) == NFIELDS)
			return unknown_field("--extra-node-attrs", at + 1, length);
	}
	return NULL;
}

static bool mentions(const char *list, const char *field)
{
	return list && strstr(list, field);
}

struct error *labels_init(struct labels *l)
{
	TRY(check_fields(l));
	TRY(model_load_for(l->model, LABEL_PARTS | MODEL_EPOCHS, NULL, 0));
	if (mentions(l->extra_info, "retained") || mentions(l->extra_node_attrs, "{retained}"))
		return retained_sizes(l->model, &l->retained);
	return NULL;
}

void labels_deinit(struct labels *l)
{
	big_free(l->retained, l->model->nobjects, sizeof(*l->retained));
}

/* Labels ------------------------------------------------------------------------------------------------------------ */

static void add_extra_info(const struct labels *l, uint32_t object, struct str *out)
{
	for (const char *at = l->extra_info; *at;) {
		size_t length = strcspn(at, ","), i = find_field(at, length);
		str_char(out, '\n');
		if (i < NFIELDS && !fields[i].bare)
			str_printf(out, "%s ", fields[i].name);
		if (i < NFIELDS)
			fields[i].add(l, object, out);
		at += length + (at[length] == ',');
	}
}

void label_object(const struct labels *l, uint32_t object, struct str *out)
{
	struct model *m = l->model;
	struct str text = {0};

	if (l->long_names)
		model_long_name(m, model_type_of(m, object), &text);
	else
		str_add(&text, model_type_name(m, object));
	str_printable(out, str_text(&text));
	if (l->refcounts)
		str_printf(out, " [%" PRIu64 "]", m->refcount[object]);
	str_clear(&text);
	repr_object(m, object, &text);
	/* What nothing is known of has at least a size; not when that is asked for anyway. */
	if (!text.n && !(m->flags[object] & RGD_OBJ_F_INSPECTED) &&
	    !mentions(l->extra_info, "size"))
		str_printf(&text, "%" PRIu64 " bytes", m->size[object]);
	if (text.n) {
		str_char(out, '\n');
		str_printable(out, str_text(&text));
	}
	if (l->extra_info)
		add_extra_info(l, object, out);
	out->failed = out->failed || text.failed;
	str_free(&text);
}

void label_tooltip(const struct labels *l, uint32_t object, struct str *out)
{
	const struct model *m = l->model;

	str_printf(out, "#%" PRIu32 " 0x%" PRIx64 ", %" PRIu64 " bytes", object, m->address[object],
		   m->size[object]);
	if (m->refcount[object])
		str_printf(out, ", refcount %" PRIu64, m->refcount[object]);
}

/* A template with {field} replaced. */
static void add_template(const struct labels *l, uint32_t object, const char *text, size_t length,
			 struct str *out)
{
	const char *end = text + length;

	while (text < end) {
		const char *close = *text == '{' ? memchr(text, '}', (size_t)(end - text)) : NULL;
		size_t field = close ? find_field(text + 1, (size_t)(close - text - 1)) : NFIELDS;
		if (field < NFIELDS) {
			fields[field].add(l, object, out);
			text = close + 1;
		} else {
			str_char(out, *text++);
		}
	}
}

void label_attributes(const struct labels *l, uint32_t object, struct str *out)
{
	for (const char *at = l->extra_node_attrs; at && *at;) {
		size_t length = strcspn(at, ","), name = strcspn(at, "=,");
		str_bytes(out, at, name);
		str_char(out, 0);
		if (name < length)
			add_template(l, object, at + name + 1, length - name - 1, out);
		str_char(out, 0);
		at += length + (at[length] == ',');
	}
	str_char(out, 0);
}
