/* retained.c - see retained.h. */
#include "report/retained.h"

struct error *retained_sizes(struct model *model, uint64_t **ret)
{
	struct alive alive;
	struct error *e;

	TRY(alive_init(&alive, model));
	e = alive_dominators(&alive);
	if (!e) {
		*ret = alive.retained;
		alive.retained = NULL;
	}
	alive_deinit(&alive);
	return e;
}
