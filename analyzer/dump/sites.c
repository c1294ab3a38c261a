/* sites.c - code places as text, and types of native blocks by the place that asked for them. */
#include "dump/model_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *frame_function(const struct model *m, uint32_t frame)
{
	const struct frame *f = &m->frames[frame];

	if (f->kind != RGD_FRAME_NATIVE) {
		const char *name = model_string(m, f->function);
		return name[0] ? name : NULL;
	}
	return m->namer.function ? m->namer.function(m->namer.context, frame) : NULL;
}

static void bare_place(const struct model *m, const struct frame *f, struct str *out)
{
	if (f->module != MODEL_NONE)
		str_printf(out, "%s+0x%" PRIx64,
			   base_name(model_string(m, m->modules[f->module].path)), f->offset);
	else
		str_printf(out, "0x%" PRIx64, f->offset);
}

void model_frame_text(const struct model *m, uint32_t frame, struct str *out)
{
	const struct frame *f = &m->frames[frame];
	const char *place = NULL;

	if (f->kind == RGD_FRAME_NATIVE) {
		if (m->namer.place)
			place = m->namer.place(m->namer.context, frame);
		if (place)
			str_add(out, place);
		else
			bare_place(m, f, out);
		return;
	}
	if (f->kind == RGD_FRAME_UNKNOWN) {
		str_printf(out, "(%s)", model_string(m, f->function));
		return;
	}
	str_add(out, model_string(m, f->function));
	if (model_string(m, f->file)[0]) {
		str_printf(out, " (%s", model_string(m, f->file));
		if (f->line)
			str_printf(out, ":%" PRIu64, f->line);
		str_char(out, ')');
	}
}

uint32_t model_site_frame(const struct model *m, uint32_t stack)
{
	for (uint32_t s = stack; s != MODEL_NONE; s = m->stacks[s].parent) {
		const struct frame *f = &m->frames[m->stacks[s].frame];
		const char *function;

		if (f->kind != RGD_FRAME_NATIVE || !m->namer.is_wrapper)
			return m->stacks[s].frame;
		function = frame_function(m, m->stacks[s].frame);
		if (!function || !m->namer.is_wrapper(function))
			return m->stacks[s].frame;
	}
	return stack == MODEL_NONE ? MODEL_NONE : m->stacks[stack].frame;
}

/* ---- types by site --------------------------------------------------------------------------- */

static uint32_t add_site_type(struct model *m, const char *name)
{
	if (m->nall_types == m->types_room) {
		size_t room = m->types_room * 2;
		struct type *p = realloc(m->types, room * sizeof *p);

		if (!p)
			return 0;
		m->types = p;
		m->types_room = room;
	}
	m->types[m->nall_types] = (struct type){
		.name = name,
		.module = "",
		.runtime = RGD_RT_NATIVE,
		.flags = RGD_TYPE_F_GUESS,
		.object = MODEL_NONE,
		.base = MODEL_NONE,
	};
	return m->nall_types++;
}

/* The number of the type "malloc in ..." of a stack; 0, the untyped block, when memory is out. */
static uint32_t make_site_type(struct model *m, uint32_t stack)
{
	uint32_t frame = model_site_frame(m, stack), number;
	const char *function = frame_function(m, frame);
	struct str name = {0};

	str_add(&name, "malloc in ");
	if (function)
		str_printf(&name, m->frames[frame].kind == RGD_FRAME_UNKNOWN ? "(%s)" : "%s",
			   function);
	else
		bare_place(m, &m->frames[frame], &name);
	if (name.failed)
		return str_free(&name), 0;
	number = names_find(&m->site_names, name.data);
	if (number != NAMES_NONE) {
		str_free(&name);
		return m->ntypes + number;
	}
	if (names_add(&m->site_names, name.data) == NAMES_NONE)
		return str_free(&name), 0;
	return add_site_type(m, name.data);
}

void sites_deinit(struct model *m)
{
	names_free_kept(&m->site_names);
	free(m->site_type);
}

uint32_t model_type_at(struct model *m, uint32_t type, uint32_t stack)
{
	const unsigned need = MODEL_TYPES | MODEL_STACKS | MODEL_FRAMES | MODEL_MODULES;

	if (type != 0 || stack == MODEL_NONE || (m->loaded & need) != need ||
	    m->types[0].runtime != RGD_RT_NATIVE)
		return type;
	if (!m->site_type)
		m->site_type = calloc((size_t)m->nstacks + 1, sizeof *m->site_type);
	if (!m->site_type)
		return type;
	if (!m->site_type[stack])
		m->site_type[stack] = make_site_type(m, stack) + 1;
	return m->site_type[stack] - 1;
}

uint32_t model_type_of(struct model *m, uint32_t object)
{
	uint32_t type = m->type[object];

	if (type != 0 || !m->stack || !m->stack[object])
		return type;
	return model_type_at(m, type, m->stack[object] - 1);
}

const char *model_type_name(struct model *m, uint32_t object)
{
	uint32_t type = model_type_of(m, object); /* may move m->types */

	return m->types[type].name;
}

void model_long_name(const struct model *m, uint32_t type, struct str *out)
{
	const struct type *t = &m->types[type];

	if (t->module[0])
		str_printf(out, "%s.", t->module);
	str_add(out, t->name);
}
