/* types.c - see types.h: life, the order of the work, and names of fields. */
#include "types/types.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "types/infer.h"
#include "types/locals.h"
#include "util/big.h"
#include "util/bits.h"
#include "util/progress.h"

/* More objects than this are typed only when asked for. */
#define AUTO_OBJECTS 4000000u
/* What TYPES_AUTO reads at most: about two seconds. */
#define AUTO_BYTES ((uint64_t)96 << 20)

/* ---- the work -------------------------------------------------------------------------------- */

static struct error *load_edges(struct types *t)
{
	struct model *m = t->m;

	TRY(big_alloc(m->nedges, sizeof *t->edge_offset, &t->edge_offset));
	TRY(big_alloc(m->nedges, sizeof *t->edge_interior, &t->edge_interior));
	for (uint32_t i = 0; i < m->nobjects; i++) {
		if (!model_is_native(m->flags[i]))
			continue;
		for (uint32_t e = m->graph.out_first[i]; e < m->graph.out_first[i + 1]; e++) {
			struct edge edge;

			TRY(model_edge(m, i, e, &edge));
			t->edge_offset[e] =
				edge.class == RGD_LABEL_OFFSET ? edge.value / 8 : UINT32_MAX / 8;
			t->edge_interior[e] =
				edge.interior < UINT32_MAX ? edge.interior : UINT32_MAX;
		}
	}
	return NULL;
}

/* What names of variables need, too: it is there before the rest. */
static bool open_world(struct types *t)
{
	if (!t->world)
		t->world = debug_world_create();
	if (!t->modules)
		t->modules = calloc((size_t)t->m->nmodules + 1, sizeof *t->modules);
	return t->world && t->modules;
}

static struct error *prepare(struct types *t)
{
	struct model *m = t->m;
	const size_t n = m->nobjects;

	TRY(model_load(m, MODEL_SITES | MODEL_FLAGS | MODEL_SIZE | MODEL_EDGES | MODEL_ROOTS));
	if (m->rows_open & ~m->loaded)
		TRY(model_load(m, m->rows_open));
	TRY(big_alloc(n, sizeof *m->block_type, &m->block_type));
	TRY(big_alloc(n, sizeof *m->block_source, &m->block_source));
	TRY(big_alloc(n, sizeof *t->typing, &t->typing));
	TRY(big_alloc(n, sizeof *t->score, &t->score));
	TRY(big_alloc(bits_words(n), sizeof *t->conflict, &t->conflict));
	TRY(big_alloc(bits_words(n), sizeof *t->queued, &t->queued));
	TRY(big_alloc(bits_words(n), sizeof *t->pool, &t->pool));
	t->sites = calloc((size_t)m->nframes + 1, sizeof *t->sites);
	t->site_known = calloc((size_t)m->nframes + 1, sizeof *t->site_known);
	t->origins = calloc((size_t)m->nstacks + 1, sizeof *t->origins);
	if (!open_world(t) || !t->sites || !t->site_known || !t->origins)
		return error_memory();
	return load_edges(t);
}

/* Modules with roots or with frames of blocks; all of them before the first type is made, so that declarations find what they
 * declare. */
static void open_debug(struct types *t)
{
	const struct model *m = t->m;

	for (uint32_t i = 0; i < m->nframes; i++)
		if (m->frames[i].kind == RGD_FRAME_NATIVE)
			types_debug(t, m->frames[i].module);
	for (uint32_t i = 0; i < m->nroots; i++)
		if (m->roots[i].class == RGD_ROOT_GLOBAL)
			types_debug(t, m->roots[i].owner);
	locals_open_debug(t);
}

static void settle(struct types *t)
{
	struct model *m = t->m;

	for (uint32_t i = 0; i < m->nobjects; i++)
		if (t->typing[i] && t->score[i] != SCORE_KNOWN &&
		    t->typings.data[t->typing[i] - 1].name)
			m->block_type[i] = t->typings.data[t->typing[i] - 1].name + 1;
}

static void infer(void *context)
{
	struct types *t = context;
	const char *outer;
	struct error *e;

	if (t->effort == TYPES_AUTO && t->m->nobjects > AUTO_OBJECTS) {
		t->coverage.refused = true;
		return;
	}
	outer = progress_begin("reading debug information");
	e = prepare(t);
	t->ready = !e;
	error_destroy(e); /* names are wishes */
	if (t->ready) {
		open_debug(t);
		progress_end(progress_begin("working out types"));
		infer_classes(t);
		origin_claims(t);
		infer_roots(t);
		infer_spread(t);
		origin_siblings(t);
		infer_spread(t);
		shape_claims(t);
		infer_spread(t);
		settle(t);
		if (t->fold)
			error_destroy(fold_containers(t));
	}
	progress_end(outer);
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool field(void *context, uint32_t object, uint64_t offset, struct str *out)
{
	struct types *t = context;
	struct typing *y;
	size_t before = out->n;
	uint64_t size;

	model_infer(t->m);
	if (!t->ready || !t->typing[object])
		return false;
	y = &t->typings.data[t->typing[object] - 1];
	size = y->type->size;
	if (!size)
		return false;
	if (y->form == FORM_COOKIE && offset < INFER_COOKIE)
		return false;
	if (y->form == FORM_COOKIE)
		offset -= INFER_COOKIE;
	if (y->form == FORM_ARRAY || y->form == FORM_COOKIE) {
		str_printf(out, "[%" PRIu64 "]", offset / size);
		offset %= size;
		if (ctype_path(y->type, offset, out))
			return true;
	} else if (y->type->kind == CTYPE_POINTER && offset == 0) {
		str_add(out, "[0]"); /* one of them is an array, too */
		return true;
	} else {
		str_add(out, "-");
		if (ctype_path(y->type, offset, out) && out->n > before + 1) {
			if (out->data[before + 1] == '.')
				out->data[before + 1] = '>';
			else
				str_cut(out, before, 1);
			return true;
		}
	}
	str_truncate(out, before);
	return false;
}

static bool variable(void *context, uint32_t module, uint64_t offset, struct str *out)
{
	struct types *t = context;
	struct debug *debug;
	struct ctype *type;
	uint64_t inside;
	const char *name;
	size_t before = out->n;

	if (t->effort == TYPES_OFF || !open_world(t))
		return false;
	debug = types_debug(t, module);
	if (!debug || !debug_variable(debug, offset, &type, &inside, &name))
		return false;
	str_add(out, name);
	if (ctype_path(type, inside, out))
		return true;
	str_truncate(out, before);
	return false;
}

/* "process_request() req.buf at server.c:120", "in main() at server.c:7", "cache.head in libfoo.so" */
static void add_local_word(struct types *t, const struct local_word *w, struct str *out)
{
	const struct model *m = t->m;
	size_t before;

	if (w->function)
		str_printf(out, "%s%s%s",
			   w->variable ? ""
			   : w->below  ? "below "
				       : "in ",
			   w->function, w->variable ? " " : "");
	if (w->variable) {
		str_add(out, w->variable);
		before = out->n;
		if (!ctype_path(w->type, w->offset, out)) {
			str_truncate(out, before);
			if (w->offset)
				str_printf(out, "+0x%" PRIx64, w->offset);
		}
	}
	if (w->file) {
		const char *slash = strrchr(w->file, '/');

		str_printf(out, " at %s:%u", slash ? slash + 1 : w->file, w->line);
	}
	if (w->module != MODEL_NONE) {
		const char *path = model_string(m, m->modules[w->module].path),
			   *slash = strrchr(path, '/');

		str_printf(out, " in %s", slash ? slash + 1 : path);
	}
}

static bool local(void *context, const struct root *r, struct str *out)
{
	struct types *t = context;
	struct local_word word;

	if (!open_world(t) || !locals_find(t, r, &word))
		return false;
	add_local_word(t, &word, out);
	return true;
}

/* ---- what debug information says of a word ---------------------------------------------------- */

static enum word_kind kind_at(struct ctype *type, uint64_t offset)
{
	struct ctype *out[CTYPE_POINTEES];
	bool scalar;

	return ctype_pointees(type, offset, out, &scalar) ? WORD_POINTER : WORD_OTHER;
}

static enum word_kind check_root(void *context, const struct root *r)
{
	struct types *t = context;
	struct ctype *type;
	uint64_t offset;

	if (t->effort == TYPES_OFF || !open_world(t) || !infer_root_variable(t, r, &type, &offset))
		return WORD_UNKNOWN;
	return kind_at(type, offset);
}

static enum word_kind check_field(void *context, uint32_t object, uint64_t offset)
{
	struct types *t = context;
	struct typing *y;
	uint64_t inside;

	model_infer(t->m);
	if (!t->ready || !t->typing[object])
		return WORD_UNKNOWN;
	y = &t->typings.data[t->typing[object] - 1];
	return infer_place(y, offset, &inside) ? kind_at(y->type, inside) : WORD_UNKNOWN;
}

/* ---- coverage -------------------------------------------------------------------------------- */

static void count_edges(struct types *t, uint32_t object)
{
	const struct graph *g = &t->m->graph;
	struct str text = {0};

	for (uint32_t e = g->out_first[object]; e < g->out_first[object + 1]; e++) {
		t->coverage.edges++;
		str_clear(&text);
		t->coverage.named_edges += field(t, object, (uint64_t)t->edge_offset[e] * 8, &text);
	}
	str_free(&text);
}

struct error *types_coverage(struct types *t, struct types_coverage *ret)
{
	struct model *m = t->m;

	TRY(model_load(m, MODEL_SITES | MODEL_FLAGS | MODEL_SIZE));
	for (uint32_t i = 0; i < m->nobjects; i++) {
		enum type_source source = model_type_source(m, i);

		if ((m->flags[i] & RGD_OBJ_F_RUNTIME_MASK) != RGD_RT_NATIVE)
			continue;
		t->coverage.all.blocks++;
		t->coverage.all.bytes += m->size[i];
		t->coverage.by_source[source].blocks++;
		t->coverage.by_source[source].bytes += m->size[i];
		if (t->ready) {
			t->coverage.conflicts += bits_get(t->conflict, i);
			count_edges(t, i);
		}
	}
	*ret = t->coverage;
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct error *types_attach(struct model *model, struct symbols *symbols, enum types_effort effort,
			   struct types **ret)
{
	struct types *t = calloc(1, sizeof *t);

	if (!t)
		return error_memory();
	t->m = model;
	t->symbols = symbols;
	t->effort = effort;
	t->budget = AUTO_BYTES;
	model->typer = (struct typer){.field = field,
				      .variable = variable,
				      .local = local,
				      .check_root = check_root,
				      .check_field = check_field,
				      .context = t};
	if (effort != TYPES_OFF)
		model->typer.infer = infer;
	*ret = t;
	return NULL;
}

void types_fold(struct types *t)
{
	t->fold = true;
	model_infer(t->m);
}

void types_destroy(struct types *t)
{
	size_t n;

	if (!t)
		return;
	n = t->m->nobjects;
	t->m->typer = (struct typer){0};
	locals_destroy(t->locals, t->m->ncalls);
	debug_world_destroy(t->world);
	free(t->modules);
	free(t->sites);
	free(t->site_known);
	free(t->origins);
	names_free_kept(&t->texts);
	VEC_FREE(&t->typings);
	VEC_FREE(&t->queue);
	big_free(t->typing, n, sizeof *t->typing);
	big_free(t->score, n, sizeof *t->score);
	big_free(t->conflict, bits_words(n), sizeof *t->conflict);
	big_free(t->queued, bits_words(n), sizeof *t->queued);
	big_free(t->pool, bits_words(n), sizeof *t->pool);
	big_free(t->edge_offset, t->m->nedges, sizeof *t->edge_offset);
	big_free(t->edge_interior, t->m->nedges, sizeof *t->edge_interior);
	free(t);
}
