/* diff.c - see diff.h. */
#include "report/diff.h"

#include <stdlib.h>
#include <string.h>

#include "report/owner_path.h"
#include "report/where.h"
#include "util/big.h"
#include "util/str.h"

/* Between path and type while groups are looked up by name. */
#define SEPARATOR '\t'

struct error *diff_init(const struct diff_query *query, struct diff *ret)
{
	*ret = (struct diff){.query = *query};
	ret->counts = calloc(query->ndumps, sizeof *ret->counts);
	return ret->counts ? NULL : error_memory();
}

void diff_deinit(struct diff *d)
{
	for (size_t i = 0; d->counts && i < d->query.ndumps; i++)
		VEC_FREE(&d->counts[i]);
	free(d->counts);
	for (unsigned i = 0; i < 2; i++) {
		struct diff_side *s = &d->side[i];

		big_free(s->address, s->nobjects, sizeof *s->address);
		big_free(s->size, s->nobjects, sizeof *s->size);
		big_free(s->epoch, s->nobjects, sizeof *s->epoch);
		big_free(s->type, s->nobjects, sizeof *s->type);
		big_free(s->group, s->nobjects, sizeof *s->group);
		big_free(s->match, s->nobjects, sizeof *s->match);
	}
	names_free_kept(&d->groups);
	names_free_kept(&d->types);
	VEC_FREE(&d->rows);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static struct error *number_of(struct names *texts, const struct str *text, uint32_t *ret)
{
	*ret = text->failed ? NAMES_NONE : names_keep(texts, str_text(text));
	return *ret == NAMES_NONE ? error_memory() : NULL;
}

/* Groups of one model. A group is looked up by text once for each type, stack or pair of path and type. */
struct grouping {
	struct diff *d;
	struct model *m;
	struct ids by_type, by_stack; /* number + 1 */
	uint32_t *path;		      /* by object */
	struct names paths;
	struct str text;
};

static bool reserve_place(struct ids *ids, size_t place)
{
	while (ids->n <= place)
		if (!VEC_PUSH(ids, 0))
			return false;
	return true;
}

static void add_type_name(const struct grouping *g, uint32_t type, struct str *out)
{
	if (g->d->query.long_names)
		model_long_name(g->m, type, out);
	else
		str_add(out, g->m->types[type].name);
}

static struct error *type_group(struct grouping *g, uint32_t o, uint32_t *ret)
{
	uint32_t type = model_type_of(g->m, o);

	if (!reserve_place(&g->by_type, type))
		return error_memory();
	if (!g->by_type.data[type]) {
		str_clear(&g->text);
		add_type_name(g, type, &g->text);
		TRY(number_of(&g->d->groups, &g->text, ret));
		g->by_type.data[type] = *ret + 1;
	}
	*ret = g->by_type.data[type] - 1;
	return NULL;
}

static struct error *site_group(struct grouping *g, uint32_t o, uint32_t *ret)
{
	uint32_t stack = g->m->stack[o];

	if (!reserve_place(&g->by_stack, stack))
		return error_memory();
	if (!g->by_stack.data[stack]) {
		str_clear(&g->text);
		if (stack)
			model_frame_text(g->m, model_site_frame(g->m, stack - 1), &g->text);
		else
			str_add(&g->text, "(unknown)");
		TRY(number_of(&g->d->groups, &g->text, ret));
		g->by_stack.data[stack] = *ret + 1;
	}
	*ret = g->by_stack.data[stack] - 1;
	return NULL;
}

static struct error *path_group(struct grouping *g, uint32_t o, uint32_t *ret)
{
	uint32_t path = g->path[o];

	str_clear(&g->text);
	str_add(&g->text, path == NAMES_NONE ? "(no root reaches it)" : g->paths.names[path]);
	str_char(&g->text, SEPARATOR);
	add_type_name(g, model_type_of(g->m, o), &g->text);
	return number_of(&g->d->groups, &g->text, ret);
}

static struct error *group_of(struct grouping *g, uint32_t o, uint32_t *ret)
{
	switch (g->d->query.by) {
	case DIFF_SITE:
		return site_group(g, o, ret);
	case DIFF_PATH:
		return path_group(g, o, ret);
	default:
		return type_group(g, o, ret);
	}
}

static struct error *spell_paths(struct grouping *g)
{
	struct alive alive;
	struct error *e;

	if (g->d->query.by != DIFF_PATH)
		return NULL;
	TRY(alive_init(&alive, g->m));
	e = owner_paths(&alive, &g->paths, &g->path);
	alive_deinit(&alive);
	return e;
}

static void grouping_deinit(struct grouping *g)
{
	VEC_FREE(&g->by_type);
	VEC_FREE(&g->by_stack);
	big_free(g->path, g->m->nobjects, sizeof *g->path);
	names_free_kept(&g->paths);
	str_free(&g->text);
}

/* ---- one dump -------------------------------------------------------------------------------- */

static struct error *tally(struct diff *d, size_t dump, uint32_t group, uint64_t size, int end)
{
	struct diff_row *r;

	while (d->rows.n <= group)
		if (!VEC_PUSH(&d->rows, (struct diff_row){0}))
			return error_memory();
	while (d->counts[dump].n <= group)
		if (!VEC_PUSH(&d->counts[dump], 0))
			return error_memory();
	d->counts[dump].data[group]++;
	if (end < 0)
		return NULL;
	r = &d->rows.data[group];
	r->count[end]++;
	r->bytes[end] += size;
	d->total.count[end]++;
	d->total.bytes[end] += size;
	return NULL;
}

static struct error *identities(struct diff *d, struct grouping *g, struct diff_side *s)
{
	const struct model *m = g->m;
	struct ids known = {0};
	struct error *e = NULL;

	memcpy(s->address, m->address, m->nobjects * sizeof *s->address);
	memcpy(s->epoch, m->epoch, m->nobjects * sizeof *s->epoch);
	memcpy(s->size, m->size, m->nobjects * sizeof *s->size);
	if (!reserve_place(&known, m->ntypes))
		return error_memory();
	for (uint32_t o = 0; o < m->nobjects && !e; o++) {
		uint32_t *number = &known.data[m->type[o]];

		if (!*number) {
			str_clear(&g->text);
			model_long_name(m, m->type[o], &g->text);
			e = number_of(&d->types, &g->text, number);
			++*number;
		}
		s->type[o] = *number - 1;
	}
	VEC_FREE(&known);
	return e;
}

static struct error *side_init(struct diff *d, struct grouping *g, struct diff_side *s)
{
	const struct rgd_file_header *header = dump_header(g->m->dump);
	uint32_t n = g->m->nobjects;

	s->nobjects = n;
	s->process = header->process_key;
	s->pid = header->pid;
	s->time_ns = header->time_ns;
	TRY(big_alloc(n, sizeof *s->address, &s->address));
	TRY(big_alloc(n, sizeof *s->size, &s->size));
	TRY(big_alloc(n, sizeof *s->epoch, &s->epoch));
	TRY(big_alloc(n, sizeof *s->type, &s->type));
	TRY(big_alloc(n, sizeof *s->group, &s->group));
	TRY(big_alloc(n, sizeof *s->match, &s->match));
	memset(s->group, 0xff, n * sizeof *s->group);
	memset(s->match, 0xff, n * sizeof *s->match);
	return identities(d, g, s);
}

static struct error *read_objects(struct grouping *g, size_t dump, int end,
				  const struct universe *u, const struct where *where)
{
	struct diff *d = g->d;

	for (uint32_t o = 0; o < g->m->nobjects; o++) {
		uint32_t group;

		if (!universe_has(u, g->m, o) || (where && !where_test(where, o)))
			continue;
		TRY(group_of(g, o, &group));
		TRY(tally(d, dump, group, g->m->size[o], end));
		if (end >= 0)
			d->side[end].group[o] = group;
	}
	return NULL;
}

struct error *diff_add(struct diff *d, size_t dump, struct model *m, const struct universe *u)
{
	struct grouping g = {.d = d, .m = m};
	struct where *where = NULL;
	/* with one dump everything is new */
	int end = dump + 1 == d->query.ndumps ? 1 : dump == 0 ? 0 : -1;
	struct error *e;

	TRY(model_load(m, MODEL_SITES | MODEL_ADDRESS | MODEL_SIZE | MODEL_FLAGS | MODEL_EPOCH));
	e = spell_paths(&g);
	if (!e && d->query.filter)
		e = where_compile(d->query.filter, &where);
	if (!e && where)
		e = where_bind(where, m);
	if (!e && end >= 0)
		e = side_init(d, &g, &d->side[end]);
	if (!e)
		e = read_objects(&g, dump, end, u, where);
	where_destroy(where);
	grouping_deinit(&g);
	return e;
}

/* ---- both ends ------------------------------------------------------------------------------- */

/* Objects of one address: an empty block may begin where another one does. */
static uint32_t run_end(const struct diff_side *s, uint32_t from)
{
	uint32_t to = from;

	while (to < s->nobjects && s->address[to] == s->address[from])
		to++;
	return to;
}

static void match_run(struct diff_side *a, uint32_t a0, uint32_t a1, struct diff_side *b,
		      uint32_t b0, uint32_t b1)
{
	for (uint32_t y = b0; y < b1; y++)
		for (uint32_t x = a0; x < a1 && b->match[y] == MODEL_NONE; x++)
			if (a->match[x] == MODEL_NONE && a->epoch[x] == b->epoch[y] &&
			    a->type[x] == b->type[y]) {
				a->match[x] = y;
				b->match[y] = x;
			}
}

static void match_all(struct diff_side *a, struct diff_side *b)
{
	for (uint32_t x = 0, y = 0; x < a->nobjects && y < b->nobjects;) {
		if (a->address[x] < b->address[y]) {
			x++;
		} else if (a->address[x] > b->address[y]) {
			y++;
		} else {
			uint32_t x1 = run_end(a, x), y1 = run_end(b, y);

			match_run(a, x, x1, b, y, y1);
			x = x1;
			y = y1;
		}
	}
}

static void count_survivor(struct diff_row *r, uint64_t before, uint64_t now)
{
	r->survived++;
	if (before != now) {
		r->resized++;
		r->resized_bytes += (int64_t)(now - before);
	}
}

/* A survivor counts where it is now. */
static void count_last(struct diff *d)
{
	const struct diff_side *a = &d->side[0], *b = &d->side[1];

	for (uint32_t y = 0; y < b->nobjects; y++) {
		uint32_t group = b->group[y], x = b->match[y];
		struct diff_row *r;

		if (group == NAMES_NONE)
			continue;
		r = &d->rows.data[group];
		if (x == MODEL_NONE) {
			r->fresh++;
			d->total.fresh++;
			r->fresh_bytes += b->size[y];
			d->total.fresh_bytes += b->size[y];
			continue;
		}
		count_survivor(r, a->size[x], b->size[y]);
		count_survivor(&d->total, a->size[x], b->size[y]);
		r->moved += a->group[x] != group;
		d->total.moved += a->group[x] == NAMES_NONE;
	}
}

static void count_first(struct diff *d)
{
	const struct diff_side *a = &d->side[0], *b = &d->side[1];

	for (uint32_t x = 0; x < a->nobjects; x++) {
		uint32_t group = a->group[x], y = a->match[x];
		struct diff_row *r;

		if (group == NAMES_NONE)
			continue;
		r = &d->rows.data[group];
		if (y == MODEL_NONE) {
			r->gone++;
			d->total.gone++;
			r->gone_bytes += a->size[x];
			d->total.gone_bytes += a->size[x];
			continue;
		}
		r->moved -= b->group[y] != group;
		d->total.moved -= b->group[y] == NAMES_NONE;
	}
}

struct error *diff_finish(struct diff *d)
{
	struct diff_side *a = &d->side[0], *b = &d->side[1];

	for (size_t i = 0; d->query.by == DIFF_PATH && i < d->groups.n; i++)
		*strrchr((char *)d->groups.names[i], SEPARATOR) = 0;
	d->identity = a->process == b->process && a->pid == b->pid;
	if (d->identity) {
		match_all(a, b);
		count_last(d);
		count_first(d);
	}
	return NULL;
}

const char *diff_type(const struct diff *d, uint32_t group)
{
	const char *name = d->groups.names[group];

	if (d->query.by == DIFF_SITE)
		return NULL;
	return d->query.by == DIFF_TYPE ? name : name + strlen(name) + 1;
}

bool diff_changed(const struct diff_row *r)
{
	return r->count[0] != r->count[1] || r->bytes[0] != r->bytes[1] || r->fresh || r->gone ||
	       r->resized || r->moved;
}

struct error *diff_retained(struct diff *d, struct alive *const ends[2], const bool *wanted)
{
	uint32_t n = d->rows.n;
	uint64_t *sums = calloc((size_t)n + 1, sizeof *sums);
	struct error *e = NULL;

	if (!sums)
		return error_memory();
	for (unsigned end = 0; end < 2 && !e; end++) {
		e = alive_retained_groups(ends[end], d->side[end].group, n, wanted, sums);
		for (uint32_t g = 0; g < n && !e; g++) {
			if (wanted && !wanted[g])
				continue;
			d->rows.data[g].retained[end] = sums[g];
			d->rows.data[g].retained_known = true;
		}
		d->total.retained[end] = ends[end]->reached_bytes;
		d->total.retained_known = true;
	}
	free(sums);
	return e;
}
