/* steps.c - see steps.h. */
#include "report/steps.h"

#include <stdlib.h>
#include <string.h>

#include "report/spell.h"
#include "util/big.h"

/* Before a key: what it is called depends on what came before. */
#define KEY '\1'

static struct error *read_step(struct model *m, uint32_t source, uint32_t number, struct steps *s,
			       struct str *text)
{
	struct edge edge;

	TRY(model_edge(m, source, number, &edge));
	str_clear(text);
	if (edge.class == RGD_LABEL_KEY) {
		str_char(text, KEY);
		str_add(text, model_string(m, edge.string));
	} else {
		spell_edge(m, &edge, true, text);
	}
	s->of[edge.target] = text->failed ? NAMES_NONE : names_keep(&s->texts, str_text(text));
	return s->of[edge.target] == NAMES_NONE ? error_memory() : NULL;
}

struct error *steps_make(const struct alive *a, const struct bfs_tree *tree, const uint32_t *wanted,
			 struct steps *ret)
{
	const struct graph *g = &a->graph;
	struct str text = {0};
	struct error *e;

	*ret = (struct steps){.nobjects = g->nnodes};
	TRY(big_alloc(g->nnodes, sizeof *ret->of, &ret->of));
	e = NULL;
	for (uint32_t o = 0; o < g->nnodes && !e; o++) {
		for (uint32_t i = g->out_first[o]; i < g->out_first[o + 1] && !e; i++) {
			uint32_t to = g->out_target[i];

			if (tree->edge[to] == i && (!wanted || wanted[to]))
				e = read_step(a->model, o, i, ret, &text);
		}
	}
	str_free(&text);
	return e;
}

void steps_deinit(struct steps *s)
{
	big_free(s->of, s->nobjects, sizeof *s->of);
	names_free_kept(&s->texts);
}

void steps_add(const struct steps *s, uint32_t object, struct str *path)
{
	const char *text = s->texts.names[s->of[object]];

	if (*text != KEY)
		str_add(path, text);
	else if (!spell_name(text + 1, path))
		str_add(path, "[]");
}
