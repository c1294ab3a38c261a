/* picture_label.c - see picture_label.h. */
#include "report/picture_label.h"

#include <inttypes.h>
#include <string.h>

#include "report/repr.h"

/* Fields ----------------------------------------------------------------------------------------------------------- */

static void add_size(struct model *m, uint32_t o, struct str *out)
{
	str_size(out, m->size[o]);
	if (m->size[o] < 1024)
		str_add(out, " bytes");
}

static void add_refcount(struct model *m, uint32_t o, struct str *out)
{
	str_printf(out, "%" PRIu64, m->refcount[o]);
}

static void add_generation(struct model *m, uint32_t o, struct str *out)
{
	if (model_generation(m, o) == 3)
		str_add(out, "permanent");
	else
		str_printf(out, "%u", model_generation(m, o));
}

static void add_epoch(struct model *m, uint32_t o, struct str *out)
{
	str_printf(out, "%" PRIu32, m->epoch[o]);
}

static void add_age(struct model *m, uint32_t o, struct str *out)
{
	uint64_t now = m->nepochs ? m->epochs[m->nepochs - 1].number : 0;

	str_printf(out, "%" PRIu64, now > m->epoch[o] ? now - m->epoch[o] : 0);
}

static void add_address(struct model *m, uint32_t o, struct str *out)
{
	str_printf(out, "0x%" PRIx64, m->address[o]);
}

static void add_id(struct model *m, uint32_t o, struct str *out)
{
	(void)m;
	str_printf(out, "%" PRIu32, o);
}

static void add_runtime(struct model *m, uint32_t o, struct str *out)
{
	const char *name = model_runtime_name(m->flags[o] & RGD_OBJ_F_RUNTIME_MASK);

	str_add(out, name ? name : "?");
}

static void add_type(struct model *m, uint32_t o, struct str *out)
{
	str_printable(out, model_type_name(m, o));
}

static void add_module(struct model *m, uint32_t o, struct str *out)
{
	str_printable(out, model_type(m, model_type_of(m, o))->module);
}

static void add_site(struct model *m, uint32_t o, struct str *out)
{
	uint32_t frame = m->stack[o] ? model_site_frame(m, m->stack[o] - 1) : MODEL_NONE;

	if (frame == MODEL_NONE)
		str_add(out, "?");
	else
		model_frame_text(m, frame, out);
}

static const struct {
	const char *name;
	void (*add)(struct model *m, uint32_t object, struct str *out);
	bool bare; /* shown without its name: it says what it is */
} fields[] = {
	{"size", add_size, true},
	{"refcount", add_refcount},
	{"generation", add_generation},
	{"epoch", add_epoch},
	{"age", add_age},
	{"address", add_address, true},
	{"id", add_id},
	{"runtime", add_runtime, true},
	{"type", add_type, true},
	{"module", add_module, true},
	{"site", add_site, true},
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

bool field_text(struct model *model, uint32_t object, const char *field, size_t length,
		struct str *out)
{
	size_t i = find_field(field, length);

	if (i == NFIELDS)
		return false;
	fields[i].add(model, object, out);
	return true;
}

void field_names(struct str *out)
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

struct error *label_check(const char *extra_info, const char *extra_node_attrs)
{
	for (const char *at = extra_info; at && *at;) {
		size_t length = strcspn(at, ",");
		if (find_field(at, length) == NFIELDS)
			return unknown_field("--extra-info", at, length);
		at += length + (at[length] == ',');
	}
	for (const char *at = extra_node_attrs; at && (at = strchr(at, '{')); at++) {
		size_t length = strcspn(at + 1, "}");
		if (find_field(at + 1, length) == NFIELDS)
			return unknown_field("--extra-node-attrs", at + 1, length);
	}
	return NULL;
}

/* Labels ------------------------------------------------------------------------------------------------------------ */

static void add_extra_info(struct model *model, const char *list, uint32_t object, struct str *out)
{
	for (const char *at = list; *at;) {
		size_t length = strcspn(at, ","), i = find_field(at, length);
		str_char(out, '\n');
		if (i < NFIELDS && !fields[i].bare)
			str_printf(out, "%s ", fields[i].name);
		if (i < NFIELDS)
			fields[i].add(model, object, out);
		at += length + (at[length] == ',');
	}
}

void label_object(struct model *model, const struct label_style *style, uint32_t object,
		  struct str *out)
{
	struct str text = {0};

	if (style->long_names)
		model_long_name(model, model_type_of(model, object), &text);
	else
		str_add(&text, model_type_name(model, object));
	str_printable(out, str_text(&text));
	if (style->refcounts)
		str_printf(out, " [%" PRIu64 "]", model->refcount[object]);
	str_clear(&text);
	repr_object(model, object, &text);
	/* What nothing is known of has at least a size; not when that is asked for anyway. */
	if (!text.n && !(model->flags[object] & RGD_OBJ_F_INSPECTED) &&
	    !(style->extra_info && strstr(style->extra_info, "size")))
		str_printf(&text, "%" PRIu64 " bytes", model->size[object]);
	if (text.n) {
		str_char(out, '\n');
		str_printable(out, str_text(&text));
	}
	if (style->extra_info)
		add_extra_info(model, style->extra_info, object, out);
	out->failed = out->failed || text.failed;
	str_free(&text);
}

void label_tooltip(struct model *model, uint32_t object, struct str *out)
{
	str_printf(out, "#%" PRIu32 " 0x%" PRIx64 ", %" PRIu64 " bytes", object,
		   model->address[object], model->size[object]);
	if (model->refcount[object])
		str_printf(out, ", refcount %" PRIu64, model->refcount[object]);
}

void label_template(struct model *model, uint32_t object, const char *text, size_t length,
		    struct str *out)
{
	const char *end = text + length;

	while (text < end) {
		const char *close = *text == '{' ? memchr(text, '}', (size_t)(end - text)) : NULL;
		if (close && field_text(model, object, text + 1, (size_t)(close - text - 1), out))
			text = close + 1;
		else
			str_char(out, *text++);
	}
}
