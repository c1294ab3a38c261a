/* types.c - see types.h: life, the order of the work, and names of fields. */
#include "types/types.h"

#include <inttypes.h>
#include <stdlib.h>

#include "types/infer.h"
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
		if ((m->flags[i] & RGD_OBJ_F_RUNTIME_MASK) != RGD_RT_NATIVE)
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
	if (y->form == FORM_ARRAY) {
		str_printf(out, "[%" PRIu64 "]", offset / size);
		offset %= size;
		if (ctype_path(y->type, offset, out))
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
	model->typer = (struct typer){.field = field, .variable = variable, .context = t};
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
