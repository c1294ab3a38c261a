/* attach.c - see attach.h. */
#include "symbol/attach.h"

#include <stdlib.h>
#include <string.h>

#include "symbol/allocator.h"
#include "symbol/demangle.h"
#include "util/str.h"

/* What the lookups of one frame gave: NULL when nothing is known. */
struct named {
	bool asked_function, asked_place;
	char *function, *place;
};

struct global {
	char *text; /* NULL: free slot; "": has no name */
	uint32_t module;
	uint64_t offset;
};

struct attached {
	struct model *model;
	struct symbols *symbols;
	bool loaded, failed;
	long *modules; /* numbers in symbols, by module of the dump */
	struct named *frames;
	struct global *globals; /* open addressing */
	size_t global_count, global_slots;
};

static void release(void *data)
{
	struct attached *a = data;

	for (uint32_t i = 0; a->frames && i < a->model->nframes; i++) {
		free(a->frames[i].function);
		free(a->frames[i].place);
	}
	for (size_t i = 0; i < a->global_slots; i++)
		free(a->globals[i].text);
	free(a->frames);
	free(a->globals);
	free(a->modules);
	free(a);
}

/* Names are wishes: without memory, or with modules that cannot be read, there are none. */
static bool load(struct attached *a)
{
	struct model *m = a->model;
	struct error *error;

	if (a->loaded || a->failed)
		return a->loaded;
	error = model_load(m, MODEL_STRINGS | MODEL_MODULES | MODEL_FRAMES);
	a->modules = calloc(m->nmodules + 1, sizeof(*a->modules));
	a->frames = calloc(m->nframes + 1, sizeof(*a->frames));
	a->failed = error || !a->modules || !a->frames;
	error_destroy(error);
	for (uint32_t i = 0; !a->failed && i < m->nmodules; i++)
		a->modules[i] = symbols_add_module(a->symbols, model_string(m, m->modules[i].path),
						   model_string(m, m->modules[i].build_id));
	a->loaded = !a->failed;
	return a->loaded;
}

static char *format(const struct symbol *symbol, uint64_t offset)
{
	int length = symbol_format(symbol, offset, NULL, 0);
	char *text = length >= 0 ? malloc((size_t)length + 1) : NULL;

	if (text)
		symbol_format(symbol, offset, text, (size_t)length + 1);
	return text;
}

/* False for frames that are not native code. */
static bool look_up(struct attached *a, uint32_t number, bool with_line, struct symbol *symbol)
{
	const struct frame *frame = &a->model->frames[number];
	long module;

	if (frame->kind != RGD_FRAME_NATIVE)
		return false;
	module = frame->module < a->model->nmodules ? a->modules[frame->module] : -1;
	symbols_code(a->symbols, module, frame->offset, symbol);
	if (with_line)
		symbols_line(a->symbols, module, frame->offset, symbol);
	return true;
}

static const char *function(void *context, uint32_t frame)
{
	struct attached *a = context;
	struct symbol symbol;
	struct named *named;

	if (!load(a) || frame >= a->model->nframes)
		return NULL;
	named = &a->frames[frame];
	if (!named->asked_function && look_up(a, frame, false, &symbol) && symbol.name)
		named->function = strdup(symbol.name);
	named->asked_function = true;
	return named->function;
}

static const char *place(void *context, uint32_t frame)
{
	struct attached *a = context;
	struct symbol symbol;
	struct named *named;

	if (!load(a) || frame >= a->model->nframes)
		return NULL;
	named = &a->frames[frame];
	if (!named->asked_place && look_up(a, frame, true, &symbol))
		named->place = format(&symbol, a->model->frames[frame].offset);
	named->asked_place = true;
	return named->place;
}

static size_t global_slot(const struct global *globals, size_t slots, uint32_t module,
			  uint64_t offset)
{
	uint64_t h = (offset ^ ((uint64_t)module << 48)) * 0x9e3779b97f4a7c15u;
	size_t i = (size_t)(h >> 20) & (slots - 1);

	while (globals[i].text && (globals[i].module != module || globals[i].offset != offset))
		i = (i + 1) & (slots - 1);
	return i;
}

static bool grow_globals(struct attached *a)
{
	size_t slots = a->global_slots ? a->global_slots * 2 : 256;
	struct global *bigger = calloc(slots, sizeof(*bigger));

	if (!bigger)
		return false;
	for (size_t i = 0; i < a->global_slots; i++) {
		const struct global *g = &a->globals[i];
		if (g->text)
			bigger[global_slot(bigger, slots, g->module, g->offset)] = *g;
	}
	free(a->globals);
	a->globals = bigger;
	a->global_slots = slots;
	return true;
}

/* Code is asked for by the address behind the one that is meant, as return addresses are. */
static char *text_at(struct attached *a, uint32_t module, uint64_t offset, bool code)
{
	struct symbol symbol;

	if (code)
		symbols_code(a->symbols, a->modules[module], offset + 1, &symbol);
	else
		symbols_data(a->symbols, a->modules[module], offset, &symbol);
	if (code && symbol.name && symbol.offset <= 1)
		return strdup(symbol.name);
	return symbol.name || code ? format(&symbol, offset) : strdup("");
}

static const char *name_at(struct attached *a, uint32_t module, uint64_t offset, bool code)
{
	struct global *slot;

	if (a->global_count * 2 >= a->global_slots && !grow_globals(a))
		return NULL;
	slot = &a->globals[global_slot(a->globals, a->global_slots, module, offset)];
	if (!slot->text) {
		*slot = (struct global){text_at(a, module, offset, code), module, offset};
		a->global_count += slot->text != NULL;
	}
	return slot->text && slot->text[0] ? slot->text : NULL;
}

static const char *data(void *context, uint32_t module, uint64_t offset)
{
	struct attached *a = context;

	return load(a) && module < a->model->nmodules ? name_at(a, module, offset, false) : NULL;
}

static const char *code(void *context, uint64_t address)
{
	struct attached *a = context;

	for (uint32_t i = 0; load(a) && i < a->model->nmodules; i++) {
		const struct module *m = &a->model->modules[i];

		if (!m->unloaded && address >= m->low && address < m->high)
			return name_at(a, i, address - m->base, true);
	}
	return NULL;
}

long symbols_module(struct symbols *symbols, uint32_t module)
{
	struct attached *a = symbols_kept(symbols);

	return load(a) && module < a->model->nmodules ? a->modules[module] : -1;
}

struct error *symbols_attach(struct model *model, const char *search, struct symbols **ret)
{
	struct attached *a = calloc(1, sizeof(*a));
	struct symbols *symbols;

	symbols = symbols_create(search ? search : getenv("REFGRAPH_SYMBOL_PATH"));
	if (!a || !symbols) {
		free(a);
		symbols_destroy(symbols);
		return error_memory();
	}
	a->model = model;
	a->symbols = symbols;
	symbols_keep(symbols, a, release);
	model->namer = (struct namer){
		.function = function,
		.place = place,
		.data = data,
		.code = code,
		.class_name = demangle_type,
		.is_wrapper = allocator_is_wrapper,
		.context = a,
	};
	*ret = symbols;
	return NULL;
}
