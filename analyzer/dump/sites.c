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

/* ---- hybrid ---------------------------------------------------------------------------------- */

/*
 * Under hybrid, most blocks of a site are known by its one frame and some by their whole stacks. All of them must have one
 * name, whichever the draw hit: a wrapper's caller where all of the whole stacks agree about it, else the wrapper.
 */
struct hybrid_sites {
	bool asked;
	uint32_t *whole; /* by frame: a stack of several frames that begins with it, + 1 */
	uint32_t *next;	 /* by stack: another such stack of the same frame, + 1 */
	uint32_t *
		site; /* by frame: the frame that names all of its stacks, + 1; 0 = not asked for yet */
};

static bool hybrid_ask(const struct model *m, struct hybrid_sites *h)
{
	const char *modes = model_meta(m, "tracking");

	h->asked = true;
	if (!modes || !strstr(modes, "hybrid"))
		return false;
	h->whole = calloc((size_t)m->nframes + 1, sizeof *h->whole);
	h->next = calloc((size_t)m->nstacks + 1, sizeof *h->next);
	h->site = calloc((size_t)m->nframes + 1, sizeof *h->site);
	if (!h->whole || !h->next || !h->site)
		return false; /* as without the draw */
	for (uint32_t s = m->nstacks; s-- > 0;) {
		uint32_t frame = m->stacks[s].frame;

		if (m->stacks[s].parent == MODEL_NONE)
			continue;
		h->next[s] = h->whole[frame];
		h->whole[frame] = s + 1;
	}
	return true;
}

static struct hybrid_sites *hybrid_sites(const struct model *m)
{
	struct hybrid_sites *h = m->hybrid;

	if (h && !h->asked && (m->loaded & MODEL_STACKS) && (m->loaded & MODEL_META))
		hybrid_ask(m, h);
	return h && h->site ? h : NULL;
}

uint32_t model_whole_stack(const struct model *m, uint32_t stack)
{
	uint32_t found = model_whole_stacks(m, stack, MODEL_NONE);

	return found != MODEL_NONE && model_whole_stacks(m, stack, found) == MODEL_NONE ? found
											: stack;
}

uint32_t model_whole_stacks(const struct model *m, uint32_t stack, uint32_t after)
{
	const struct hybrid_sites *h = hybrid_sites(m);
	uint32_t found;

	if (!h || stack == MODEL_NONE || m->stacks[stack].parent != MODEL_NONE)
		return MODEL_NONE;
	found = after == MODEL_NONE ? h->whole[m->stacks[stack].frame] : h->next[after];
	return found ? found - 1 : MODEL_NONE;
}

static uint32_t site_frame(const struct model *m, uint32_t stack);

/* The frame that all whole stacks from this frame on agree about, else the frame. */
static uint32_t common_site(const struct model *m, struct hybrid_sites *h, uint32_t frame)
{
	uint32_t found = MODEL_NONE;

	if (h->site[frame])
		return h->site[frame] - 1;
	for (uint32_t s = h->whole[frame]; s; s = h->next[s - 1]) {
		uint32_t site = site_frame(m, s - 1);

		if (found != MODEL_NONE && site != found) {
			found = frame;
			break;
		}
		found = site;
	}
	if (found == MODEL_NONE)
		found = frame;
	h->site[frame] = found + 1;
	return found;
}

/* ---- sites ----------------------------------------------------------------------------------- */

/* All of this library's memory is its pools': who asked is who called it. */
static bool in_pool_library(const struct model *m, const struct frame *f)
{
	static const char apr[] = "libapr-1.so";

	return f->kind == RGD_FRAME_NATIVE && f->module != MODEL_NONE &&
	       strncmp(base_name(model_string(m, m->modules[f->module].path)), apr,
		       sizeof apr - 1) == 0;
}

static uint32_t site_frame(const struct model *m, uint32_t stack)
{
	for (uint32_t s = stack; s != MODEL_NONE; s = m->stacks[s].parent) {
		const struct frame *f = &m->frames[m->stacks[s].frame];
		const char *function;

		if (in_pool_library(m, f))
			continue;
		if (f->kind != RGD_FRAME_NATIVE || !m->namer.is_wrapper)
			return m->stacks[s].frame;
		function = frame_function(m, m->stacks[s].frame);
		if (!function || !m->namer.is_wrapper(function))
			return m->stacks[s].frame;
	}
	return stack == MODEL_NONE ? MODEL_NONE : m->stacks[stack].frame;
}

static bool is_wrapper(const struct model *m, uint32_t frame)
{
	const char *function;

	if (m->frames[frame].kind != RGD_FRAME_NATIVE || !m->namer.is_wrapper)
		return false;
	function = frame_function(m, frame);
	return function && m->namer.is_wrapper(function);
}

uint32_t model_frame_site(const struct model *m, uint32_t frame)
{
	struct hybrid_sites *h = hybrid_sites(m);

	return h && is_wrapper(m, frame) ? common_site(m, h, frame) : frame;
}

uint32_t model_site_frame(const struct model *m, uint32_t stack)
{
	struct hybrid_sites *h = hybrid_sites(m);

	if (h && stack != MODEL_NONE && is_wrapper(m, m->stacks[stack].frame))
		return common_site(m, h, m->stacks[stack].frame);
	return site_frame(m, stack);
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

uint32_t model_add_type(struct model *m, const char *name)
{
	size_t known = m->site_names.n;
	uint32_t number = names_keep(&m->site_names, name);

	if (number == NAMES_NONE)
		return 0;
	return number < known ? m->ntypes + number : add_site_type(m, m->site_names.names[number]);
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
	number = name.failed ? 0 : model_add_type(m, name.data);
	str_free(&name);
	return number;
}

struct hybrid_sites *hybrid_sites_create(void)
{
	return calloc(1, sizeof(struct hybrid_sites));
}

void sites_deinit(struct model *m)
{
	if (m->hybrid) {
		free(m->hybrid->whole);
		free(m->hybrid->next);
		free(m->hybrid->site);
		free(m->hybrid);
	}
	names_free_kept(&m->site_names);
	names_free_kept(&m->class_names);
	free(m->site_type);
}

/* ---- classes without RTTI -------------------------------------------------------------------- */

/* The class whose vtable lies there, if its symbol says so: 0 when it was no vtable at all. */
static uint32_t vtable_class(struct model *m, const struct type *t)
{
	static const char prefix[] = "vtable for ";
	const char *symbol = NULL;
	struct str name = {0};
	uint32_t number = 0;

	for (uint32_t i = 0; i < m->nmodules && !symbol && m->namer.data; i++)
		if (strcmp(model_string(m, m->modules[i].path), t->module) == 0)
			symbol = m->namer.data(m->namer.context, i, t->basic_size);
	if (!symbol || strncmp(symbol, prefix, sizeof prefix - 1) != 0)
		return 0;
	symbol += sizeof prefix - 1;
	str_bytes(&name, symbol,
		  strstr(symbol, "+0x") ? (size_t)(strstr(symbol, "+0x") - symbol)
					: strlen(symbol));
	if (t->name[0] && t->name[strlen(t->name) - 1] == ']')
		str_add(&name, "[]");
	if (!name.failed)
		number = model_add_type(m, name.data);
	str_free(&name);
	return number;
}

/* Once for each such type: what it is, is kept in `base`. */
static uint32_t settle_vtable(struct model *m, uint32_t type)
{
	if (m->types[type].base == MODEL_NONE) {
		uint32_t class = vtable_class(m, &m->types[type]); /* may move m->types */

		m->types[type].base = class ? class : type;
	}
	return m->types[type].base == type ? 0 : m->types[type].base;
}

/* ---- the type of a block --------------------------------------------------------------------- */

uint32_t model_type_at(struct model *m, uint32_t type, uint32_t stack)
{
	const unsigned need = MODEL_TYPES | MODEL_STACKS | MODEL_FRAMES | MODEL_MODULES;

	if ((m->loaded & need) == need && m->types[type].flags & RGD_TYPE_F_VTABLE)
		type = settle_vtable(m, type);
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

void model_infer(struct model *m)
{
	if (m->typer.asked || !m->typer.infer)
		return;
	m->typer.asked = true;
	m->typer.infer(m->typer.context);
}

uint32_t model_site_type_of(struct model *m, uint32_t object)
{
	return model_type_at(m, m->type[object],
			     m->stack && m->stack[object] ? m->stack[object] - 1 : MODEL_NONE);
}

#define CLASS_FLAGS (RGD_TYPE_F_RTTI | RGD_TYPE_F_VTABLE)

uint32_t model_type_of(struct model *m, uint32_t object)
{
	uint32_t type = m->type[object];

	if (type != 0 && (!m->types || !(m->types[type].flags & CLASS_FLAGS)))
		return type;
	/* of a class that a block begins with, debug information may say that it is a pool of them */
	model_infer(m);
	if (m->block_type && m->block_type[object])
		return m->block_type[object] - 1;
	return model_site_type_of(m, object);
}

bool model_types_differ(const struct model *m)
{
	return m->typer.infer != NULL;
}

const char *const type_source_names[TYPE_SOURCES] = {
	[SOURCE_ANNOTATION] = "annotation", [SOURCE_RUNTIME] = "runtime", [SOURCE_RTTI] = "rtti",
	[SOURCE_DWARF] = "dwarf",	    [SOURCE_SITE] = "site",	  [SOURCE_SHAPE] = "shape",
	[SOURCE_FUNCTION] = "function",
};

enum type_source model_type_source(struct model *m, uint32_t object)
{
	uint32_t type = model_type_of(m, object);

	uint32_t given = m->type[object];

	if (m->types[given].runtime != RGD_RT_NATIVE)
		return SOURCE_RUNTIME;
	if (m->block_type && m->block_type[object])
		return m->block_source[object];
	if (m->types[given].flags & CLASS_FLAGS)
		return model_type_at(m, given, MODEL_NONE) == type ? SOURCE_RTTI : SOURCE_FUNCTION;
	return given ? SOURCE_ANNOTATION : SOURCE_FUNCTION;
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
