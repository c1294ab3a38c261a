/* sites.c - `refgraph sites`: places of allocation with the generations of what lives from there, what was freed at once, and peaks. */
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "util/big.h"

enum {
	LIFE,
	MADE,
	MADE_BYTES,
	TEMPORARY,
	YOUNG,
	PEAK_BYTES,
	PEAK_BLOCKS,
	AT_BYTES,
	AT_BLOCKS,
	BYTES,
	BLOCKS,
	GENERATION_0,
	GENERATION_1,
	GENERATION_2,
	OLD_DELTA,
	PLACE
};

static const struct column columns[] = {
	[LIFE] = {"life", "LIFE", CELL_TEXT,
		  .about = "temporary: half or more are freed by what is asked for next; "
			   "young: nine of "
			   "ten are freed in the epoch of their birth; growing: old blocks that "
			   "grow more; old: "
			   "all are old"},
	[MADE] = {"made", "MADE", CELL_NUMBER, .about = "blocks since the start"},
	[MADE_BYTES] = {"made_bytes", "BYTES", CELL_SIZE, .hidden = true, .about = "their bytes"},
	[TEMPORARY] = {"temporary", "TEMPORARY", CELL_NUMBER,
		       .about = "of these: freed by what their thread asked for next"},
	[YOUNG] = {"young", "YOUNG", CELL_NUMBER, .hidden = true,
		   .about = "of these: freed in the epoch of their birth"},
	[PEAK_BYTES] = {"peak_bytes", "PEAK", CELL_SIZE,
			.about = "live bytes at most, at any one time"},
	[PEAK_BLOCKS] = {"peak_blocks", "BLOCKS", CELL_NUMBER, .hidden = true,
			 .about = "live blocks at most"},
	[AT_BYTES] = {"at_peak_bytes", "AT PEAK", CELL_SIZE,
		      .about = "live bytes when the process had most"},
	[AT_BLOCKS] = {"at_peak_blocks", "BLOCKS", CELL_NUMBER, .hidden = true,
		       .about = "live blocks then"},
	[BYTES] = {"bytes", "LIVE", CELL_SIZE, .about = "live bytes"},
	[BLOCKS] = {"blocks", "BLOCKS", CELL_NUMBER, .about = "live blocks"},
	[GENERATION_0] = {"generation_0", "GEN 0", CELL_NUMBER,
			  .about = "of these: born in the present epoch"},
	[GENERATION_1] = {"generation_1", "GEN 1", CELL_NUMBER, .about = "in the one before"},
	[GENERATION_2] = {"generation_2", "GEN 2", CELL_NUMBER,
			  .about = "earlier: they survived two marks or snapshots"},
	[OLD_DELTA] = {"old_delta", "+GEN 2", CELL_DELTA, .hidden = true,
		       .about = "of the last: more than in the dump before"},
	[PLACE] = {"place", "ALLOCATED AT", CELL_TEXT, .about = "the line or function"},
};
#define NCOLUMNS (sizeof columns / sizeof *columns)

struct site {
	struct site_count count; /* of its frame; zero where the process did not count */
	uint64_t bytes, generation[3], old_before;
	char *place;
};

struct sites {
	struct site *list; /* by frame */
	uint32_t n;
	bool counted;
};

static bool is_native_block(const struct model *m, uint32_t o)
{
	return (m->flags[o] & (RGD_OBJ_F_BLOCK | RGD_OBJ_F_RUNTIME_MASK)) ==
		       (RGD_OBJ_F_BLOCK | RGD_RT_NATIVE) &&
	       m->stack[o];
}

/* The innermost frame where the process counted by it; else the innermost that is no allocator's. */
static uint32_t frame_of(const struct model *m, uint32_t stack, bool counted)
{
	return counted ? m->stacks[stack].frame : model_site_frame(m, stack);
}

static struct error *load(struct context *c, size_t dump, struct model **ret)
{
	TRY(context_model(c, dump, ret));
	return model_load(*ret, MODEL_SITES | MODEL_FLAGS | MODEL_SIZE | MODEL_POOLS | MODEL_META);
}

static struct error *collect(struct model *m, struct sites *s)
{
	struct error *e;

	s->n = m->nframes;
	s->counted = m->nsite_counts;
	e = big_alloc((size_t)s->n + 1, sizeof *s->list, &s->list);
	if (e)
		return e;
	for (uint32_t i = 0; i < m->nsite_counts; i++)
		s->list[m->site_counts[i].frame].count = m->site_counts[i];
	for (uint32_t o = 0; o < m->nobjects; o++) {
		uint32_t frame = is_native_block(m, o) ? frame_of(m, m->stack[o] - 1, s->counted)
						       : MODEL_NONE;
		unsigned generation = model_generation(m, o);

		if (frame == MODEL_NONE)
			continue;
		s->list[frame].bytes += m->size[o];
		s->list[frame].generation[generation > 2 ? 2 : generation]++;
	}
	return NULL;
}

static struct error *name_places(const struct model *m, struct sites *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct site *site = &s->list[i];
		struct str text = {0};

		if (!site->count.made && !site->bytes && !site->generation[0] &&
		    !site->generation[1] && !site->generation[2])
			continue;
		model_frame_text(m, i, &text);
		site->place = strdup(str_text(&text));
		str_free(&text);
		if (!site->place)
			return error_memory();
	}
	return NULL;
}

static void deinit(struct sites *s)
{
	for (uint32_t i = 0; s->list && i < s->n; i++)
		free(s->list[i].place);
	big_free(s->list, (size_t)s->n + 1, sizeof *s->list);
}

static int by_place(const void *a, const void *b)
{
	const struct site *const *x = a, *const *y = b;

	return strcmp((*x)->place, (*y)->place);
}

/* Places of two dumps meet by their text. */
static struct error *compare(struct sites *now, const struct sites *before)
{
	struct site **old = calloc((size_t)before->n + 1, sizeof *old);
	size_t n = 0;

	if (!old)
		return error_memory();
	for (uint32_t i = 0; i < before->n; i++)
		if (before->list[i].place)
			old[n++] = &before->list[i];
	qsort(old, n, sizeof *old, by_place);
	for (uint32_t i = 0; i < now->n; i++) {
		struct site *key = &now->list[i], **found = NULL;

		if (key->place)
			found = bsearch(&key, old, n, sizeof *old, by_place);
		if (found)
			key->old_before = (*found)->generation[2];
	}
	free(old);
	return NULL;
}

/* Few blocks say nothing of how a site behaves. */
#define TELLING 100u

static const char *life(const struct site *s, bool two)
{
	uint64_t live = s->generation[0] + s->generation[1] + s->generation[2];

	if (s->count.made >= TELLING && s->count.temporary >= s->count.made / 2)
		return "temporary";
	if (s->count.made >= TELLING && s->count.gone[0] >= s->count.made - s->count.made / 10)
		return "young";
	if (two ? s->generation[2] > s->old_before && s->old_before
		: s->generation[2] && s->generation[1] && s->generation[0])
		return "growing";
	return live && live == s->generation[2] ? "old" : "";
}

static void add_row(struct table *t, const struct site *s, bool counted, bool two)
{
	const struct site_count *c = &s->count;

	table_row(t);
	table_text(t, LIFE, life(s, two));
	if (counted) {
		table_number(t, MADE, c->made);
		table_number(t, MADE_BYTES, c->made_bytes);
		table_number(t, TEMPORARY, c->temporary);
		table_number(t, YOUNG, c->gone[0]);
		table_number(t, PEAK_BYTES, c->peak_bytes);
		table_number(t, PEAK_BLOCKS, c->peak_blocks);
		table_number(t, AT_BYTES, c->at_bytes);
		table_number(t, AT_BLOCKS, c->at_blocks);
	}
	table_number(t, BYTES, s->bytes);
	table_number(t, BLOCKS, s->generation[0] + s->generation[1] + s->generation[2]);
	table_number(t, GENERATION_0, s->generation[0]);
	table_number(t, GENERATION_1, s->generation[1]);
	table_number(t, GENERATION_2, s->generation[2]);
	if (two)
		table_signed(t, OLD_DELTA, (int64_t)(s->generation[2] - s->old_before));
	table_text(t, PLACE, s->place);
}

/* ---- the order ------------------------------------------------------------------------------ */

enum order { BY_PEAK, BY_AT_PEAK, BY_TEMPORARY, BY_ALLOCATIONS, BY_LIVE, BY_OLD };
static enum order order; /* qsort has no context */

static int64_t weight(const struct site *s)
{
	switch (order) {
	case BY_PEAK:
		return (int64_t)s->count.peak_bytes;
	case BY_AT_PEAK:
		return (int64_t)s->count.at_bytes;
	case BY_TEMPORARY:
		return (int64_t)s->count.temporary;
	case BY_ALLOCATIONS:
		return (int64_t)s->count.made;
	case BY_OLD:
		return (int64_t)(s->generation[2] - s->old_before);
	default:
		return (int64_t)s->bytes;
	}
}

static int by_weight(const void *a, const void *b)
{
	const struct site *x = *(const struct site *const *)a, *y = *(const struct site *const *)b;

	if (weight(x) != weight(y))
		return weight(x) < weight(y) ? 1 : -1;
	return strcmp(x->place, y->place);
}

static struct error *order_of(const struct context *c, bool counted)
{
	static const char *const words[] = {"peak",	   "at-peak", "temporary",
					    "allocations", "live",    "old"};
	const char *by = option_text(c, OPT_SITES_BY, counted ? "at-peak" : "live");

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], by) == 0)
			order = (enum order)i;
	if (order < BY_LIVE && !counted)
		return error_usage("the process did not count: `refgraph run --peaks` makes it");
	return NULL;
}

static struct error *print(struct context *c, const struct sites *s)
{
	bool two = c->ndumps > 1;
	struct site **list = calloc((size_t)s->n + 1, sizeof *list);
	struct column shown[NCOLUMNS];
	struct table_style style = c->style;
	struct table *t = NULL;
	struct error *e = list ? NULL : error_memory();
	size_t n = 0;

	memcpy(shown, columns, sizeof shown);
	shown[OLD_DELTA].hidden = !two;
	for (unsigned i = MADE; i <= AT_BLOCKS; i++)
		shown[i].hidden = shown[i].hidden || !s->counted;
	style.limit = option_number(c, OPT_LIMIT, 20);
	for (uint32_t i = 0; list && i < s->n; i++)
		if (s->list[i].place)
			list[n++] = &s->list[i];
	if (!e)
		e = table_create(shown, NCOLUMNS, &t);
	if (!e) {
		qsort(list, n, sizeof *list, by_weight);
		for (size_t i = 0; i < n; i++)
			add_row(t, list[i], s->counted, two);
		e = table_print(t, &style, stdout);
	}
	table_destroy(t);
	free(list);
	return e;
}

static struct error *collect_dump(struct context *c, size_t dump, struct sites *s)
{
	struct model *m;

	TRY(load(c, dump, &m));
	TRY(collect(m, s));
	return name_places(m, s);
}

static struct error *run(struct context *c)
{
	struct sites now = {0}, before = {0};
	struct error *e = NULL;

	if (c->ndumps > 1) {
		e = collect_dump(c, 0, &before);
		context_drop_model(c, 0);
	}
	if (!e)
		e = collect_dump(c, c->ndumps - 1, &now);
	if (!e)
		e = order_of(c, now.counted);
	if (!e && c->ndumps > 1)
		e = compare(&now, &before);
	if (!e)
		e = print(c, &now);
	deinit(&before);
	deinit(&now);
	return e;
}

const struct command cmd_sites = {
	.name = "sites",
	.usage = "[BEFORE] DUMP",
	.summary = "tell how blocks of each place of allocation live: generations, temporary ones, "
		   "peaks",
	.about = "Of native blocks. A block is of generation 0 in the epoch of its birth, of 1 in "
		 "the "
		 "next, then of 2; marks and snapshots begin epochs. What was made, freed at once "
		 "and "
		 "had at most is known of processes that were told to count: `refgraph run "
		 "--peaks`.",
	.options = OPTIONS_OUTPUT | OPTIONS_SITES,
	.records = RECORDS(RECORD(columns)),
	.min_dumps = 1,
	.max_dumps = 2,
	.run = run,
};
