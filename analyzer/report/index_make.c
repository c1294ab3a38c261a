/* index_make.c - see index_make.h. */
#include "report/index_make.h"

#include <stdlib.h>
#include <string.h>

#include "dump/index.h"
#include "util/bits.h"
#include "util/progress.h"

static struct error *write_parts(struct alive *a, const struct reverse *in,
				 const struct reverse *kept, uint64_t *size)
{
	const struct model *m = a->model;
	size_t n = m->nobjects;
	const char *outer = progress_begin("writing the index");
	/* without kept: every reference keeps alive */
	struct index_part parts[INDEX_SECTIONS] = {
		[INDEX_OUT_FIRST] = {m->graph.out_first, n + 1},
		[INDEX_OUT_TARGET] = {m->graph.out_target, m->nedges},
		[INDEX_EDGE_CLASS] = {m->graph.edge_class, m->nedges},
		[INDEX_IN_FIRST] = {in->in_first, n + 1},
		[INDEX_IN_SOURCE] = {in->in_source, in->nedges},
		[INDEX_KEPT_FIRST] = {kept ? kept->in_first : NULL, n + 1},
		[INDEX_KEPT_SOURCE] = {kept ? kept->in_source : NULL, kept ? kept->nedges : 0},
		[INDEX_KEEPS] = {a->edge_class, m->nedges},
		[INDEX_STRONG] = {a->strong, n},
		[INDEX_ROOTS] = {a->root_rows.n ? a->root_rows.data : (void *)a->strong,
				 a->root_rows.n},
		[INDEX_REACHED] = {a->reached, bits_words(n)},
		[INDEX_IMMEDIATE] = {a->immediate, n},
		[INDEX_PREORDER] = {a->preorder, a->npreorder},
		[INDEX_RETAINED] = {a->retained, n},
	};
	struct error *e = index_write(m, parts, a->reached_objects, a->reached_bytes, size);

	progress_end(outer);
	return e;
}

static struct error *make(struct alive *a, uint64_t *size)
{
	struct reverse in = {0}, kept = {0};
	struct error *e;

	TRY(alive_dominators(a));
	TRY(alive_reach(a));
	e = graph_reverse(&a->model->graph, NULL, &in);
	if (!e)
		e = graph_reverse(&a->graph, &a->follow, &kept);
	if (!e)
		e = write_parts(a, &in, kept.nedges < in.nedges ? &kept : NULL, size);
	reverse_deinit(&in);
	reverse_deinit(&kept);
	return e;
}

struct error *index_make(struct model *m, uint64_t *size)
{
	struct alive alive;
	struct error *e;

	m->index_asked = m->index_made = true;
	TRY(alive_init(&alive, m));
	e = make(&alive, size);
	alive_deinit(&alive);
	return e;
}

/* A small dump is asked again faster than its index is looked at. */
#define WORTH_IT 100000u

void index_keep(struct alive *a)
{
	const char *wish = getenv("REFGRAPH_INDEX");
	struct model *m = a->model;
	struct error *e;
	uint64_t size;

	if (!wish || strcmp(wish, "auto") != 0 || m->index_made || m->nobjects < WORTH_IT)
		return;
	m->index_made = true;
	e = make(a, &size);
	free(m->index_note);
	m->index_note = e && e->text ? strdup(e->text) : NULL;
	error_destroy(e);
}
