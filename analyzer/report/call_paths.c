/* call_paths.c - see call_paths.h. */
#include "report/call_paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/big.h"

#define UNKNOWN "(unknown)"
#define FAR 512u /* steps: beyond that, two places have nothing to do with each other */

/* Where libraries for all are; plug-ins have folders of their own. */
static bool is_library_folder(const char *path, size_t n)
{
	static const char *const folders[] = {"/lib", "/usr/lib", "/lib64", "/usr/lib64",
					      "/usr/local/lib"};
	const char *multiarch = "/x86_64-linux-gnu";
	size_t m = strlen(multiarch);

	if (n > m && !strncmp(path + n - m, multiarch, m))
		n -= m;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (n == strlen(folders[i]) && !strncmp(path, folders[i], n))
			return true;
	return false;
}

static bool is_program(const char *path, const char *program)
{
	const char *slash = strrchr(path, '/'), *name = strrchr(program, '/');

	name = name ? name + 1 : program;
	return !strcmp(path, program) ||
	       (slash && !is_library_folder(path, (size_t)(slash - path))) ||
	       (strlen(name) > 2 && strstr(slash ? slash : path, name));
}

static struct error *find_programs(struct call_paths *p)
{
	const char *program = model_meta(p->m, "program");

	TRY(big_alloc((size_t)p->m->nmodules + 1, sizeof *p->programs, &p->programs));
	for (uint32_t i = 0; program && i < p->m->nmodules; i++)
		p->programs[i] = is_program(model_string(p->m, p->m->modules[i].path), program);
	return NULL;
}

struct error *call_paths_init(struct model *m, struct call_paths *ret)
{
	struct error *e;

	*ret = (struct call_paths){.m = m};
	TRY(model_load(m, MODEL_STRINGS | MODEL_STACKS | MODEL_FRAMES | MODEL_MODULES));
	e = find_programs(ret);
	if (!e)
		e = big_alloc((size_t)m->nstacks + 1, sizeof *ret->path_of, &ret->path_of);
	if (!e)
		e = big_alloc((size_t)m->nstacks + 1, sizeof *ret->site_of, &ret->site_of);
	if (e)
		call_paths_deinit(ret);
	return e;
}

void call_paths_deinit(struct call_paths *p)
{
	if (!p->m)
		return;
	big_free(p->programs, (size_t)p->m->nmodules + 1, sizeof *p->programs);
	big_free(p->path_of, (size_t)p->m->nstacks + 1, sizeof *p->path_of);
	big_free(p->site_of, (size_t)p->m->nstacks + 1, sizeof *p->site_of);
	VEC_FREE(&p->nodes);
	VEC_FREE(&p->sites);
	names_free_kept(&p->functions);
	names_free_kept(&p->places);
	names_free_kept(&p->keys);
	names_free_kept(&p->site_keys);
	names_free_kept(&p->pairs);
	*p = (struct call_paths){0};
}

/* Frames that stand before every program's own. */
static bool is_start(const char *function)
{
	static const char *const starts[] = {"__libc_start_main",
					     "__libc_start_call_main",
					     "__libc_start_main@@GLIBC_2.34",
					     "__libc_start_main_impl",
					     "_start",
					     "start_thread",
					     "clone3",
					     "__clone3",
					     "clone",
					     "__clone"};

	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		if (!strcmp(function, starts[i]))
			return true;
	return false;
}

/* A hook's own frame, between the function and its caller. */
static bool is_ours(const struct model *m, uint32_t frame)
{
	uint32_t module = m->frames[frame].module;
	const char *path, *slash;

	if (module == MODEL_NONE)
		return false;
	path = model_string(m, m->modules[module].path);
	slash = strrchr(path, '/');
	return !strcmp(slash ? slash + 1 : path, "librefgraph.so");
}

/* The function of a frame; where it has no name, the place. */
static void function_text(const struct model *m, uint32_t frame, struct str *out)
{
	const struct frame *f = &m->frames[frame];
	const char *name = NULL;

	if (f->kind == RGD_FRAME_NATIVE)
		name = m->namer.function ? m->namer.function(m->namer.context, frame) : NULL;
	else
		name = model_string(m, f->function);
	if (name && *name)
		str_add(out, name);
	else
		model_frame_text(m, frame, out);
}

/* The node of this function below `parent`, MODEL_NONE without memory. */
static uint32_t node_of(struct call_paths *p, uint32_t parent, const char *function)
{
	uint32_t name = names_keep(&p->functions, function), number;
	struct call_path node = {.parent = parent, .function = name};
	char key[32];

	snprintf(key, sizeof key, "%" PRIx32 ":%" PRIx32, parent, name);
	number = names_keep(&p->keys, key);
	if (name == NAMES_NONE || number == NAMES_NONE)
		return MODEL_NONE;
	if (number < p->nodes.n)
		return number;
	node.depth = parent == MODEL_NONE ? 0 : p->nodes.data[parent].depth + 1;
	return VEC_PUSH(&p->nodes, node) ? number : MODEL_NONE;
}

/* Callers have smaller numbers: what is not known yet is a run outwards. */
static struct error *path_of(struct call_paths *p, uint32_t stack, uint32_t *ret)
{
	struct ids todo = {0};
	struct str text = {0};
	uint32_t at = MODEL_NONE;
	struct error *e = NULL;

	for (uint32_t k = stack; k != MODEL_NONE && !e; k = p->m->stacks[k].parent) {
		if (p->path_of[k]) {
			at = p->path_of[k] - 1;
			break;
		}
		if (!VEC_PUSH(&todo, k))
			e = error_memory();
	}
	while (!e && todo.n) {
		uint32_t k = todo.data[--todo.n];

		if (is_ours(p->m, p->m->stacks[k].frame)) {
			p->path_of[k] = at + 1; /* outermost: 0, asked for again */
			continue;
		}
		str_clear(&text);
		function_text(p->m, p->m->stacks[k].frame, &text);
		if (k != stack && is_start(str_text(&text))) {
			at = MODEL_NONE; /* the next one is outermost */
			continue;
		}
		at = text.failed ? MODEL_NONE : node_of(p, at, str_text(&text));
		if (at == MODEL_NONE)
			e = error_memory();
		p->path_of[k] = at + 1;
	}
	VEC_FREE(&todo);
	str_free(&text);
	*ret = at;
	return e;
}

/* The innermost frame that is none of a hook's own. */
static uint32_t inner_frame(const struct model *m, uint32_t stack)
{
	uint32_t at = stack;

	while (at != MODEL_NONE && is_ours(m, m->stacks[at].frame))
		at = m->stacks[at].parent;
	return m->stacks[at != MODEL_NONE ? at : stack].frame;
}

static uint32_t deep_of(const struct call_paths *p, uint32_t stack)
{
	uint32_t deep = 0;

	for (uint32_t at = stack; at != MODEL_NONE; at = p->m->stacks[at].parent) {
		const struct frame *f = &p->m->frames[p->m->stacks[at].frame];

		if (f->kind != RGD_FRAME_NATIVE ||
		    (f->module != MODEL_NONE && p->programs[f->module] &&
		     !is_ours(p->m, p->m->stacks[at].frame)))
			return deep;
		deep += !is_ours(p->m, p->m->stacks[at].frame);
	}
	return CALL_PATHS_DEEP;
}

/* NAMES_NONE without memory. */
static uint32_t near_of(struct call_paths *p, uint32_t path)
{
	const struct call_path *node = path == MODEL_NONE ? NULL : &p->nodes.data[path];
	char key[32];

	snprintf(key, sizeof key, "%" PRIx32 ":%" PRIx32, node ? node->function : NAMES_NONE,
		 node && node->parent != MODEL_NONE ? p->nodes.data[node->parent].function
						    : NAMES_NONE);
	return names_keep(&p->pairs, key);
}

/* Fills `site`, but for its place. */
static struct error *site_find(struct call_paths *p, uint32_t stack, struct call_site *site,
			       struct str *place)
{
	if (stack == MODEL_NONE) {
		str_add(place, UNKNOWN);
	} else {
		site->frame = inner_frame(p->m, stack);
		model_frame_text(p->m, site->frame, place);
		TRY(path_of(p, stack, &site->path));
	}
	site->deep = deep_of(p, stack);
	site->near = near_of(p, site->path);
	return place->failed || site->near == NAMES_NONE ? error_memory() : NULL;
}

struct error *call_paths_site(struct call_paths *p, uint32_t stack, uint32_t *ret)
{
	uint32_t *known = &p->site_of[stack == MODEL_NONE ? 0 : stack + 1], number;
	struct call_site site = {.path = MODEL_NONE, .stack = stack, .frame = MODEL_NONE};
	struct str text = {0};
	struct error *e;
	char key[32];

	if (*known) {
		*ret = *known - 1;
		return NULL;
	}
	e = site_find(p, stack, &site, &text);
	site.place = e ? NAMES_NONE : names_keep(&p->places, str_text(&text));
	str_free(&text);
	if (e)
		return e;
	snprintf(key, sizeof key, "%" PRIx32 ":%" PRIx32, site.path, site.place);
	number = names_keep(&p->site_keys, key);
	if (site.place == NAMES_NONE || number == NAMES_NONE ||
	    (number == p->sites.n && !VEC_PUSH(&p->sites, site)))
		return error_memory();
	*known = number + 1;
	*ret = number;
	return NULL;
}

uint32_t call_paths_distance(const struct call_paths *p, uint32_t a, uint32_t b, uint32_t *common)
{
	uint32_t x = p->sites.data[a].path, y = p->sites.data[b].path, steps = 0;

	while (x != y && steps < FAR) {
		uint32_t dx = x == MODEL_NONE ? 0 : p->nodes.data[x].depth + 1,
			 dy = y == MODEL_NONE ? 0 : p->nodes.data[y].depth + 1;

		if (dx >= dy)
			x = p->nodes.data[x].parent;
		if (dy >= dx)
			y = p->nodes.data[y].parent;
		steps += dx == dy ? 2 : 1;
	}
	*common = x != y || x == MODEL_NONE ? 0 : p->nodes.data[x].depth + 1;
	return steps;
}

/* The function of node `path`, or its caller's, has this name. */
static bool has_function(const struct call_paths *p, uint32_t path, uint32_t function)
{
	const struct call_path *node = &p->nodes.data[path];

	return node->function == function ||
	       (node->parent != MODEL_NONE && p->nodes.data[node->parent].function == function);
}

bool call_paths_kin(const struct call_paths *p, uint32_t a, uint32_t b)
{
	uint32_t x = p->sites.data[a].path, y = p->sites.data[b].path;

	return x != MODEL_NONE && y != MODEL_NONE &&
	       (has_function(p, x, p->nodes.data[y].function) ||
		has_function(p, y, p->nodes.data[x].function));
}

/* Source files are mostly not much longer. */
#define NEIGHBOURS 4096u /* bytes of code */

bool call_paths_neighbours(const struct call_paths *p, uint32_t a, uint32_t b)
{
	uint32_t x = p->sites.data[a].frame, y = p->sites.data[b].frame;
	const struct frame *f, *g;

	if (x == MODEL_NONE || y == MODEL_NONE)
		return false;
	f = &p->m->frames[x];
	g = &p->m->frames[y];
	return f->kind == RGD_FRAME_NATIVE && g->kind == RGD_FRAME_NATIVE &&
	       f->module != MODEL_NONE && f->module == g->module &&
	       (f->offset > g->offset ? f->offset - g->offset : g->offset - f->offset) < NEIGHBOURS;
}

void call_paths_text(const struct call_paths *p, uint32_t site, struct str *out)
{
	uint32_t at = p->sites.data[site].path;

	str_add(out, call_paths_place(p, site));
	if (at == MODEL_NONE)
		return;
	for (at = p->nodes.data[at].parent; at != MODEL_NONE; at = p->nodes.data[at].parent) {
		str_add(out, " < ");
		str_add(out, call_paths_function(p, at));
	}
}
