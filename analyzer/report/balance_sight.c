/* balance_sight.c - see balance_sight.h. */
#include "report/balance_sight.h"

#include <string.h>

#include "report/lost_heads.h"
#include "util/big.h"
#include "util/bits.h"

static void sight_free(struct model *m, struct sight *s)
{
	big_free(s->holders, m->nobjects, sizeof *s->holders);
	big_free(s->indirect, bits_words(m->nobjects), sizeof *s->indirect);
	big_free(s->weakly, bits_words(m->nobjects), sizeof *s->weakly);
	big_free(s->shared, bits_words(m->nobjects), sizeof *s->shared);
	big_free(s->library, bits_words(m->nobjects), sizeof *s->library);
	alive_deinit(&s->alive);
}

static struct error *find_shared(struct model *m, struct sight *s)
{
	uint64_t *seen = NULL;
	struct error *e = big_alloc(bits_words(m->nobjects), sizeof *seen, &seen);

	if (!e)
		e = big_alloc(bits_words(m->nobjects), sizeof *s->shared, &s->shared);
	for (uint32_t i = 0; i < m->ncounted && !e; i++) {
		const struct counted_row *c = &m->counted[i];

		if (c->state != RGD_COUNTED_ALIVE || c->object == MODEL_NONE)
			continue;
		if (bits_get(seen, c->object))
			bits_set(s->shared, c->object);
		bits_set(seen, c->object);
	}
	big_free(seen, bits_words(m->nobjects), sizeof *seen);
	return e;
}

/* PHP's table of all objects knows it, and nobody else: it keeps the object in reach, but counts no reference. */
static bool is_orphan(const struct model *m, uint32_t root)
{
	return !strcmp(model_string(m, m->roots[root].label), "objects store: orphan");
}

static struct error *find_weakly(struct model *m, struct sight *s)
{
	TRY(big_alloc(bits_words(m->nobjects), sizeof *s->weakly, &s->weakly));
	for (uint32_t i = 0; i < m->nroots; i++)
		if (m->roots[i].kind == RGD_EDGE_WEAK && m->roots[i].target != MODEL_NONE)
			bits_set(s->weakly, m->roots[i].target);
	return NULL;
}

struct error *sight_make(struct model *m, struct sight *s)
{
	struct error *e;

	*s = (struct sight){0};
	if (!m->nobjects)
		return NULL;
	TRY(alive_init(&s->alive, m));
	e = alive_reach(&s->alive);
	if (!e)
		e = big_alloc(m->nobjects, sizeof *s->holders, &s->holders);
	if (!e)
		e = big_alloc(bits_words(m->nobjects), sizeof *s->indirect, &s->indirect);
	if (!e)
		e = find_weakly(m, s);
	if (!e)
		e = find_shared(m, s);
	if (!e)
		e = lost_heads(&s->alive, s->indirect, s->holders);
	if (e) {
		sight_free(m, s);
		return e;
	}
	for (uint32_t o = 0; o < m->nobjects; o++) {
		if (!bits_get(s->alive.reached, o))
			continue;
		for (uint32_t k = m->graph.out_first[o]; k < m->graph.out_first[o + 1]; k++)
			s->holders[m->graph.out_target[k]] += alive_edge(&s->alive, k);
	}
	for (size_t i = 0; i < s->alive.roots.n; i++)
		s->holders[s->alive.roots.data[i]] += !is_orphan(m, s->alive.root_rows.data[i]);
	s->some = true;
	return NULL;
}

void sight_deinit(struct model *m, struct sight *s)
{
	if (s->some)
		sight_free(m, s);
}
