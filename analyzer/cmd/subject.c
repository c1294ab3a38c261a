/* subject.c - see subject.h. */
#include "cmd/subject.h"

#include <inttypes.h>

struct error *subject_init(struct context *c, bool must, struct subject *ret)
{
	struct universe universe;

	*ret = (struct subject){.selected = c->nargs || c->options[OPT_WHERE].given};
	TRY(context_model(c, c->ndumps - 1, &ret->m));
	TRY(context_universe(c, ret->m, &universe));
	if (must || ret->selected)
		TRY(context_select(c, ret->m, &universe, &ret->chosen));
	return alive_init(&ret->alive, ret->m);
}

void subject_deinit(struct subject *s)
{
	alive_deinit(&s->alive);
	VEC_FREE(&s->chosen);
}

struct error *subject_one(const struct subject *s, const struct context *c, const char *whose,
			  uint32_t *ret)
{
	if (!s->chosen.n)
		return error_usage("no object for which %s", option_text(c, OPT_WHERE, ""));
	*ret = s->chosen.data[0];
	if (s->chosen.n > 1)
		fprintf(stderr, "refgraph: %zu objects match; this is %s the first, #%" PRIu32 "\n",
			s->chosen.n, whose, *ret);
	return NULL;
}
