/* origin.c - claims by allocation site: what the debug information says at the return addresses of a stack (site.h), or what
 * is known of a library's function without it. */
#include <stdlib.h>
#include <string.h>

#include "symbol/image.h"
#include "symbol/package.h"
#include "symbol/symbol.h"
#include "types/infer.h"
#include "util/bits.h"

#define MAX_FRAMES 8u

struct debug *types_debug(struct types *t, uint32_t module)
{
	struct module_types *found;
	struct image *image;
	struct package *package;
	long number;
	uint64_t cost;

	if (module >= t->m->nmodules)
		return NULL;
	found = &t->modules[module];
	if (found->sought)
		return found->debug;
	found->sought = true;
	number = symbols_module(t->symbols, module);
	image = symbols_debug_image(t->symbols, number);
	found->code = symbols_code_image(t->symbols, number);
	if (!image)
		return NULL;
	t->coverage.files++;
	package = symbols_package(t->symbols, number);
	cost = debug_cost(image_dwarf(image)) + (package ? package_size(package) : 0);
	if (t->effort == TYPES_AUTO && cost > t->budget) {
		t->coverage.skipped++;
		return NULL;
	}
	t->budget -= cost < t->budget ? cost : t->budget;
	found->debug = debug_create(t->world, image_dwarf(image), package);
	return found->debug;
}

/* Frames share sites. */
static const struct site *site_of(struct types *t, uint32_t frame)
{
	const struct frame *f = &t->m->frames[frame];
	struct debug *debug;

	if (t->site_known[frame])
		return &t->sites[frame];
	t->site_known[frame] = true;
	debug = f->kind == RGD_FRAME_NATIVE ? types_debug(t, f->module) : NULL;
	if (!debug)
		return &t->sites[frame];
	site_look(debug, t->modules[f->module].code, f->offset, &t->sites[frame]);
	return &t->sites[frame];
}

/* ---- libraries ------------------------------------------------------------------------------- */

/* Functions whose blocks are known without debug information, by how their names begin: longer ones before shorter ones. */
static const struct {
	const char *prefix, *type;
} known[] = {
	{"_IO_file_doallocate", "char[]"},
	{"_IO_getdelim", "char[]"},
	{"getdelim", "char[]"},
	{"__getdelim", "char[]"},
	{"getline", "char[]"},
	{"__vasprintf_internal", "char[]"},
	{"vasprintf", "char[]"},
	{"asprintf", "char[]"},
	{"__asprintf", "char[]"},
	{"__vasprintf_chk", "char[]"},
	{"__asprintf_chk", "char[]"},
	{"strdup", "char[]"},
	{"__strdup", "char[]"},
	{"strndup", "char[]"},
	{"__strndup", "char[]"},
	{"wcsdup", "wchar_t[]"},
	{"realpath", "char[]"},
	{"getcwd", "char[]"},
	{"_IO_wfile_doallocate", "wchar_t[]"},
	{"_IO_str_overflow", "char[]"},
	{"_IO_mem_finish", "char[]"},
	{"open_memstream", "FILE"},
	{"fopen", "FILE"},
	{"_IO_fopen", "FILE"},
	{"__fopen_internal", "FILE"},
	{"fdopen", "FILE"},
	{"_IO_new_fdopen", "FILE"},
	{"fmemopen", "FILE"},
	{"popen", "FILE"},
	{"opendir", "DIR"},
	{"fdopendir", "DIR"},
	{"__alloc_dir", "DIR"},
	{"regcomp", "regex_t buffers"},
	{"re_compile", "regex_t buffers"},
	{"setlocale", "locale"},
	{"newlocale", "locale"},
	{"_nl_load_locale", "locale"},
	{"_nl_make_l10nflist", "locale"},
	{"_nl_intern_locale_data", "locale"},
	{"_dl_new_object", "link_map"},
	{"std::__cxx11::basic_string<char", "char[]"},
	{"std::basic_string<char", "char[]"},
	{"std::__cxx11::basic_string<wchar_t", "wchar_t[]"},
	{"std::__1::basic_string<char", "char[]"},
	{"std::string::_Rep::_S_create", "std::string"},
};

/* "std::vector<Foo, std::allocator<Foo> >": the first argument of the template, NULL none. */
static bool first_argument(const char *text, struct str *out)
{
	const char *start = strchr(text, '<');
	int depth = 0;

	if (!start)
		return false;
	for (const char *c = ++start; *c; c++) {
		if (depth == 0 && (*c == ',' || *c == '>')) {
			while (c > start && c[-1] == ' ')
				c--;
			str_bytes(out, start, (size_t)(c - start));
			return !out->failed;
		}
		depth += *c == '<' || *c == '(';
		depth -= *c == '>' || *c == ')';
	}
	return false;
}

/* What the functions of libstdc++'s and libc++'s containers allocate, by the demangled name: no debug information needed. */
static const struct {
	const char *class;
	const char *
		form; /* %s: the template's first argument; behind | another: the function must contain it */
} containers[] = {
	{"std::__new_allocator<", "%s"},
	{"__gnu_cxx::new_allocator<", "%s"},
	{"std::allocator<", "%s"},
	{"std::vector<", "%s[]"},
	{"std::_Vector_base<", "%s[]"},
	{"std::__1::vector<", "%s[]"},
	{"std::__cxx11::list<", "std::_List_node<%s>"},
	{"std::__cxx11::_List_base<", "std::_List_node<%s>"},
	{"std::forward_list<", "std::_Fwd_list_node<%s>"},
	{"std::_Function_base::_Base_manager<", "%s"},
	{"std::any::_Manager_external<", "%s"},
};

static const char *keep_text(struct types *t, struct str *text)
{
	uint32_t number = text->failed ? NAMES_NONE : names_keep(&t->texts, str_text(text));

	str_free(text);
	return number == NAMES_NONE ? NULL : t->texts.names[number];
}

/* "void std::vector<int>::_M_realloc_insert<int>(...)": without the return type that templates have. */
static const char *qualified(const char *function, const char *prefix)
{
	const char *found = strstr(function, prefix);

	if (!found || (found != function && found[-1] != ' '))
		return NULL;
	/* not within the arguments of something else */
	for (const char *c = function; c < found; c++)
		if (*c == '<' || *c == '(')
			return NULL;
	return found;
}

static const char *container_type(struct types *t, const char *function)
{
	for (size_t i = 0; i < sizeof containers / sizeof *containers; i++) {
		const char *class = qualified(function, containers[i].class);
		struct str argument = {0}, text = {0};

		if (!class || !first_argument(class, &argument)) {
			str_free(&argument);
			continue;
		}
		for (const char *c = containers[i].form; *c; c++) {
			if (*c == '%') {
				str_add(&text, str_text(&argument));
				c++;
			} else {
				str_char(&text, *c);
			}
		}
		str_free(&argument);
		return keep_text(t, &text);
	}
	return NULL;
}

/* *inside: the function is of a container or string of the C++ library. */
static const char *library_type(struct types *t, uint32_t frame, bool *inside)
{
	const struct model *m = t->m;
	const char *name;

	if (m->frames[frame].kind != RGD_FRAME_NATIVE || !m->namer.function)
		return NULL;
	name = m->namer.function(m->namer.context, frame);
	for (size_t i = 0; name && i < sizeof known / sizeof *known; i++)
		if (strncmp(name, known[i].prefix, strlen(known[i].prefix)) == 0) {
			*inside = strncmp(name, "std::", 5) == 0;
			return known[i].type;
		}
	*inside = true;
	return name ? container_type(t, name) : NULL;
}

static bool is_wrapper(struct types *t, uint32_t frame)
{
	const struct model *m = t->m;
	const char *name;

	if (m->frames[frame].kind != RGD_FRAME_NATIVE || !m->namer.function || !m->namer.is_wrapper)
		return false;
	name = m->namer.function(m->namer.context, frame);
	return name && m->namer.is_wrapper(name);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

static void origin_add(struct origin *o, struct ctype *type)
{
	for (unsigned i = 0; i < o->count; i++)
		if (o->types[i] == type)
			return;
	if (o->count < SITE_CANDIDATES)
		o->types[o->count++] = type;
}

/* From the allocator outwards, as long as the memory is passed on. */
static void origin_look(struct types *t, uint32_t stack, struct origin *o)
{
	const struct model *m = t->m;
	unsigned frames = 0;

	o->looked = true;
	for (uint32_t s = stack; s != MODEL_NONE && frames < MAX_FRAMES;
	     s = m->stacks[s].parent, frames++) {
		uint32_t frame = m->stacks[s].frame;
		const struct site *site = site_of(t, frame);

		for (unsigned i = 0; i < site->count; i++)
			origin_add(o, site->types[i]);
		o->allocator |= site->allocator;
		if (!o->weak)
			o->weak = site->weak;
		if (site->allocator || (site->count && !site->passes))
			return;
		if (!o->text && !o->count)
			o->text = library_type(t, frame, &o->inside);
		if (o->text || (!site->passes && !is_wrapper(t, frame)))
			return;
	}
}

static void claim_text(struct types *t, uint32_t object, const char *text)
{
	const struct model *m = t->m;
	uint32_t type;

	if (t->score[object] >= SCORE_LEAST)
		return;
	type = model_add_type(t->m, text);
	m->block_type[object] = type ? type + 1 : 0;
	m->block_source[object] = SOURCE_SITE;
}

static void claim_block(struct types *t, uint32_t object, struct origin *o)
{
	enum form form;
	unsigned score;

	for (unsigned i = 0; i < o->count; i++) {
		score = infer_fit(t, object, o->types[i], true, &form);
		/* an allocator of T is no way to get at anything but whole ones */
		if (o->allocator && score && (form == FORM_ONE || form == FORM_ARRAY))
			score += 60;
		else if (score > i)
			score -= i;
		infer_claim(t, object, o->types[i], form, score, SOURCE_SITE);
	}
	if (!o->weak || o->allocator)
		return;
	score = infer_fit(t, object, o->weak, false, &form);
	if (form == FORM_ONE || form == FORM_FLEXIBLE)
		infer_claim(t, object, o->weak, form, score > 20 ? score - 20 : 0, SOURCE_SITE);
}

void origin_claims(struct types *t)
{
	const struct model *m = t->m;

	for (uint32_t i = 0; i < m->nobjects; i++) {
		struct origin *o;

		if (!m->stack[i] || !infer_open(t, i))
			continue;
		o = &t->origins[m->stack[i] - 1];
		if (!o->looked)
			origin_look(t, m->stack[i] - 1, o);
		claim_block(t, i, o);
	}
}

/* What the claims of all kinds left over, by the texts; then as most others of the same stack are. */
struct vote {
	uint32_t typing, votes, others;
};

static void vote(struct vote *v, uint32_t typing)
{
	if (!v->votes)
		v->typing = typing;
	if (v->typing == typing)
		v->votes++;
	else
		v->others++;
}

void origin_siblings(struct types *t)
{
	const struct model *m = t->m;
	struct vote *votes = calloc((size_t)m->nstacks + 1, sizeof *votes);

	for (uint32_t i = 0; i < m->nobjects && votes; i++)
		if (m->stack[i] && t->typing[i] && t->score[i] >= SCORE_CERTAIN && infer_open(t, i))
			vote(&votes[m->stack[i] - 1], t->typing[i]);
	for (uint32_t i = 0; i < m->nobjects && votes; i++) {
		const struct vote *v = &votes[m->stack[i] ? m->stack[i] - 1 : 0];
		enum form form;
		unsigned score;

		if (!m->stack[i] || !infer_open(t, i))
			continue;
		if (v->votes && v->others * 20 <= v->votes) {
			struct typing y = t->typings.data[v->typing - 1];

			score = infer_fit(t, i, y.type, true, &form);
			if (form == y.form && t->typing[i] != v->typing)
				infer_claim(t, i, y.type, form, score > 20 ? score - 20 : 0,
					    SOURCE_SITE);
		}
		if (t->score[i] < SCORE_LEAST && t->origins[m->stack[i] - 1].text)
			claim_text(t, i, t->origins[m->stack[i] - 1].text);
	}
	free(votes);
}
