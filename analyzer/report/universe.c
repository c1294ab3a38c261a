/* universe.c - see universe.h. */
#include "report/universe.h"

#include <string.h>

#include "util/big.h"
#include "util/bits.h"

/* What a user of the program's language asks about: objgraph's universe, or all that PHP counts. */
static const char *universe_of(const struct model *m)
{
	const char *ret = "all";

	for (uint32_t i = 0; i < m->ntypes; i++) {
		if (m->types[i].runtime == RGD_RT_CPYTHON)
			return "gc";
		if (m->types[i].runtime == RGD_RT_PHP)
			ret = "php";
	}
	return ret;
}

struct error *universe_parse(struct model *m, const char *text, struct universe *ret)
{
	struct universe u = {.chosen = text != NULL};

	TRY(model_load(m, MODEL_TYPES));
	if (!text)
		text = universe_of(m);
	if (strcmp(text, "gc") == 0) {
		u.kind = UNIVERSE_GC;
	} else if (strcmp(text, "all") == 0) {
		u.kind = UNIVERSE_ALL;
	} else {
		unsigned r = 0;

		if (strcmp(text, "python") == 0)
			text = "cpython";
		while (model_runtime_name(r) && strcmp(model_runtime_name(r), text) != 0)
			r++;
		if (!model_runtime_name(r))
			return error_usage("no universe '%s'; there are: gc, all, native, python, "
					   "php, gobject, refhook",
					   text);
		u.kind = UNIVERSE_RUNTIME;
		u.runtime = r;
	}
	*ret = u;
	return NULL;
}

bool universe_has_summary(const struct universe *u, const struct model *m,
			  const struct summary *row)
{
	if (u->kind == UNIVERSE_GC)
		return row->tracked == 1;
	return row->tracked != 2 &&
	       (u->kind == UNIVERSE_ALL || m->types[row->type].runtime == u->runtime);
}

void universe_follow(const struct universe *u, struct follow *ret)
{
	for (unsigned c = 0; c < 256; c++) {
		unsigned kind = MODEL_CLASS_KIND(c);

		if (u->kind == UNIVERSE_GC)
			ret->pass[c] = c & MODEL_CLASS_TRAVERSED;
		else
			ret->pass[c] = kind == RGD_EDGE_STRONG || kind == RGD_EDGE_INTERNAL ||
				       kind == RGD_EDGE_CONSERVATIVE;
	}
}

static struct error *close_group(void *context, uint32_t first, const uint32_t *flags, uint32_t n)
{
	uint64_t *bits = context;

	/* a word at a time */
	for (uint32_t i = 0; i < n; i += 64) {
		uint32_t end = n - i < 64 ? n - i : 64;
		uint64_t word = 0;

		for (uint32_t k = 0; k < end; k++)
			word |= (uint64_t)!universe_gc(flags[i + k]) << k;
		bits[(first + i) >> 6] = word;
	}
	return NULL;
}

/* All flags are looked at once for each model. */
static struct error *find_closed(struct model *m)
{
	size_t words = bits_words(m->nobjects);
	uint64_t *bits;
	struct error *e;

	if (m->gc_closed)
		return NULL;
	TRY(big_alloc(words, sizeof *bits, &bits));
	e = model_scan(m, MODEL_FLAGS, close_group, bits);
	if (e)
		big_free(bits, words, sizeof *bits);
	else
		m->gc_closed = bits;
	return e;
}

struct error *universe_closed(const struct universe *u, struct model *m, uint64_t **ret)
{
	size_t words = bits_words(m->nobjects);
	uint64_t *bits;

	if (u->kind != UNIVERSE_GC) {
		*ret = NULL;
		return NULL;
	}
	TRY(find_closed(m));
	TRY(big_alloc(words, sizeof *bits, &bits));
	memcpy(bits, m->gc_closed, words * sizeof *bits);
	*ret = bits;
	return NULL;
}
