/* leaking.c - see leaking.h. */
#include "report/leaking.h"

#include "util/big.h"
#include "util/bits.h"

/* Bits of the set. */
static void mark_set(const struct model *m, const struct universe *u, const struct ids *objects,
		     uint64_t *bits)
{
	for (size_t i = 0; objects && i < objects->n; i++)
		bits_set(bits, objects->data[i]);
	for (uint32_t o = 0; !objects && o < m->nobjects; o++)
		if (universe_has(u, m, o))
			bits_set(bits, o);
}

static void clear_referents(const struct model *m, const struct follow *follow, const uint64_t *set,
			    uint64_t *left)
{
	const struct graph *g = &m->graph;

	for (uint32_t o = 0; o < m->nobjects; o++) {
		if (!bits_get(set, o))
			continue;
		for (uint32_t e = g->out_first[o]; e < g->out_first[o + 1]; e++)
			if (follow->pass[g->edge_class[e]])
				bits_clear(left, g->out_target[e]);
	}
}

struct error *leaking_objects(struct model *m, const struct universe *u, const struct ids *objects,
			      struct ids *ret)
{
	size_t words = bits_words(m->nobjects);
	uint64_t *set = NULL, *left = NULL;
	struct follow follow;
	struct error *e;

	TRY(model_load(m, MODEL_EDGES | UNIVERSE_PARTS));
	e = big_alloc(words, sizeof *set, &set);
	if (!e)
		e = big_alloc(words, sizeof *left, &left);
	if (!e) {
		universe_follow(u, &follow);
		mark_set(m, u, objects, set);
		for (size_t i = 0; i < words; i++)
			left[i] = set[i];
		clear_referents(m, &follow, set, left);
		for (uint32_t o = 0; o < m->nobjects && !e; o++)
			if (bits_get(left, o) && !VEC_PUSH(ret, o))
				e = error_memory();
	}
	big_free(set, words, sizeof *set);
	big_free(left, words, sizeof *left);
	return e;
}
