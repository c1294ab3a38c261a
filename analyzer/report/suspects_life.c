/* suspects_life.c - see suspects_more.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/suspect_words.h"
#include "report/suspects_more.h"
#include "util/big.h"
#include "util/bits.h"

/* ---- zombies --------------------------------------------------------------------------------- */

static bool is_resurrected(const struct suspects *s, uint32_t object)
{
	return s->q.alive->model->flags[object] & RGD_OBJ_F_FINALIZED;
}

/* Alive, in order of number; `ended`: what has the state "closed", else what was resurrected. */
static struct error *list_zombies(const struct suspects *s, bool ended, struct ids *ret)
{
	const struct model *m = s->q.alive->model;

	for (uint32_t o = 0; o < m->nobjects && !ended; o++)
		if (is_resurrected(s, o) && bits_get(s->q.alive->reached, o) && !VEC_PUSH(ret, o))
			return error_memory();
	for (uint32_t i = 0; i < m->nproperties && ended; i++) {
		const struct property *p = &m->properties[i];

		if (p->key == RGD_PROP_STATE && bits_get(s->q.alive->reached, p->object) &&
		    strcmp(model_string(m, p->value), "closed") == 0 && !VEC_PUSH(ret, p->object))
			return error_memory();
	}
	return NULL;
}

static struct error *add_zombies(struct suspects *s, bool ended, const struct ids *list)
{
	struct model *m = s->q.alive->model;
	uint64_t *freed, objects, bytes;
	struct finding f = {.kind = "zombie", .count = list->n, .object = list->data[0]};
	const char *type = model_type_name(m, f.object);
	char *size;
	struct error *e;

	TRY(alive_retained_set(s->q.alive, list, &freed));
	alive_sum(s->q.alive, freed, &objects, &bytes);
	big_free(freed, bits_words(m->nobjects), sizeof *freed);
	if (bytes < s->small)
		return NULL;
	f.bytes = bytes;
	e = suspect_path(s, f.object, &f.path);
	size = suspect_size(s, bytes);
	f.what = suspect_text(ended ? "%zu object%s that ended long ago keep%s %s alive"
				    : "%zu object%s whose finalizer ran still keep%s %s alive",
			      list->n, suspect_plural(list->n), list->n == 1 ? "s" : "", size);
	f.evidence = suspect_text(ended ? "such as %s #%" PRIu32 ", which will never run again"
					: "such as %s #%" PRIu32
					  ": something took it back while it was finalized",
				  type, f.object);
	f.next = suspect_text("refgraph why '#%" PRIu32 "' %s", f.object, s->q.dump);
	free(size);
	return suspect_add_unless(s, f, e);
}

struct error *find_zombies(struct suspects *s)
{
	for (int ended = 0; ended < 2; ended++) {
		struct ids list = {0};
		struct error *e = list_zombies(s, ended, &list);

		if (!e && list.n)
			e = add_zombies(s, ended, &list);
		VEC_FREE(&list);
		TRY(e);
	}
	return NULL;
}

/* ---- churn ----------------------------------------------------------------------------------- */

/* Of a type there must be so many in both dumps, and of ten of them nine must be others. */
#define CHURN_LEAST 100u
#define CHURN_PART 10u

static bool is_churn(const struct suspects *s, const struct diff_row *row)
{
	uint64_t least = row->count[0] < row->count[1] ? row->count[0] : row->count[1];
	uint64_t bytes = row->fresh_bytes < row->gone_bytes ? row->fresh_bytes : row->gone_bytes;

	return least >= CHURN_LEAST && row->survived * CHURN_PART <= least && bytes >= s->small;
}

static uint32_t newborn(const struct suspects *s, uint32_t group)
{
	const struct diff_side *now = &s->q.diff->side[1];

	for (uint32_t o = 0; o < now->nobjects; o++)
		if (now->group[o] == group && now->match[o] == MODEL_NONE)
			return o;
	return MODEL_NONE;
}

static struct error *add_churn(struct suspects *s, uint32_t group)
{
	const struct diff_row *row = &s->q.diff->rows.data[group];
	struct finding f = {.kind = "churn",
			    .bytes = row->fresh_bytes,
			    .count = row->fresh,
			    .object = newborn(s, group)};
	char *bytes = suspect_size(s, row->fresh_bytes), *site;

	site = f.object == MODEL_NONE ? NULL : suspect_site(s, f.object);
	f.what = suspect_text("%s come and go: of %" PRIu64 ", %" PRIu64
			      " are gone after %.1f s, and %" PRIu64 " are new, %s",
			      s->q.diff->groups.names[group], row->count[0], row->gone,
			      suspect_seconds(s), row->fresh, bytes);
	f.evidence = row->survived
			     ? suspect_text("only %" PRIu64 " lived through both dumps; made by %s",
					    row->survived, site ? site : "an unknown place")
			     : suspect_text("none lived through both dumps; made by %s",
					    site ? site : "an unknown place");
	f.next = suspect_text("refgraph diff --by site --sort -gone %s %s", s->q.earlier_dump,
			      s->q.dump);
	free(bytes);
	free(site);
	return suspect_add(s, f);
}

/* The groups of churn with the most new bytes, MAX_OF_A_KIND of them. */
struct error *find_churn(struct suspects *s)
{
	uint32_t best[MAX_OF_A_KIND], n = 0;

	if (!s->q.diff || !s->q.diff->identity)
		return NULL;
	for (uint32_t g = 0; g < s->q.diff->rows.n; g++) {
		const struct diff_row *rows = s->q.diff->rows.data;
		uint32_t at = n;

		if (!is_churn(s, &rows[g]))
			continue;
		while (at && rows[best[at - 1]].fresh_bytes < rows[g].fresh_bytes)
			at--;
		if (at == MAX_OF_A_KIND)
			continue;
		n += n < MAX_OF_A_KIND;
		memmove(&best[at + 1], &best[at], (n - at - 1) * sizeof *best);
		best[at] = g;
	}
	for (uint32_t i = 0; i < n; i++)
		TRY(add_churn(s, best[i]));
	return NULL;
}
