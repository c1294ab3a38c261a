/* collect.c - `refgraph collect`: what gc.collect() would free, without doing it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "out/json.h"
#include "report/collect.h"
#include "report/repr.h"
#include "util/big.h"

/* ---- one object a row ------------------------------------------------------------------------ */

enum { FATE, TYPE, REPR, WHY, GENERATION, SIZE, REFCOUNT, ADDRESS, ID };

static const struct column columns[] = {
	[FATE] = {"fate", "FATE", CELL_TEXT,
		  .about = "freed, unknowable, uncollectable, held, dropped, dropped?, alive, "
			   "outside"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the object"},
	[REPR] = {"repr", "WHAT", CELL_TEXT, .about = "it in a few words"},
	[WHY] = {"why", "WHY", CELL_TEXT, .about = "what the fate rests on"},
	[GENERATION] = {"generation", "GEN", CELL_NUMBER, .hidden = true,
			.about = "0, 1, 2; 3 = permanent"},
	[SIZE] = {"size", "SIZE", CELL_SIZE, .about = "bytes"},
	[REFCOUNT] = {"refcount", "REFS", CELL_NUMBER, .hidden = true,
		      .about = "its reference count"},
	[ADDRESS] = {"address", "ADDRESS", CELL_ADDRESS, .about = "where it begins"},
	[ID] = {"id", "ID", CELL_ID, .about = "its number in this dump"},
};

static void add_object(struct table *t, struct model *m, const struct collection *collection,
		       uint32_t o, struct str *scratch)
{
	table_row(t);
	table_text(t, FATE, fate_name(collection->fate[o]));
	table_text(t, TYPE, model_type_name(m, o));
	str_clear(scratch);
	repr_object(m, o, scratch);
	table_text(t, REPR, str_text(scratch));
	str_clear(scratch);
	collection_reason(m, collection, o, scratch);
	table_text(t, WHY, str_text(scratch));
	table_number(t, GENERATION, model_generation(m, o));
	table_number(t, SIZE, m->size[o]);
	table_number(t, REFCOUNT, m->refcount[o]);
	table_number(t, ADDRESS, m->address[o]);
	table_number(t, ID, o);
}

/* The chosen objects; without a choice all whose life the collection is about. */
static struct error *print_list(struct context *c, struct model *m,
				const struct collection *collection, const struct ids *chosen)
{
	struct str scratch = {0};
	struct table *table;
	struct error *e;

	TRY(table_create(columns, sizeof columns / sizeof *columns, &table));
	for (size_t i = 0; chosen && i < chosen->n; i++)
		add_object(table, m, collection, chosen->data[i], &scratch);
	for (uint32_t o = 0; !chosen && o < m->nobjects; o++)
		if (collection->fate[o] > FATE_ALIVE)
			add_object(table, m, collection, o, &scratch);
	e = scratch.failed ? error_memory() : table_print(table, &c->style, stdout);
	str_free(&scratch);
	table_destroy(table);
	return e;
}

/* ---- one type a row -------------------------------------------------------------------------- */

enum { T_FATE, T_TYPE, T_COUNT, T_BYTES };

static const struct column type_columns[] = {
	[T_FATE] = {"fate", "FATE", CELL_TEXT, .about = "as above"},
	[T_TYPE] = {"type", "TYPE", CELL_TEXT, .about = "name of the type"},
	[T_COUNT] = {"count", "COUNT", CELL_NUMBER, .about = "objects"},
	[T_BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "their sizes together"},
};

struct row {
	uint32_t type;
	uint8_t fate;
	uint64_t count, bytes;
};

static int by_fate(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->fate != y->fate)
		return x->fate - y->fate;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->type > y->type) - (x->type < y->type);
}

static struct error *print_types(struct context *c, struct model *m,
				 const struct collection *collection)
{
	size_t n = (size_t)m->ntypes * FATE_NUMBER_OF;
	struct table *table = NULL;
	struct row *rows;
	struct error *e;

	TRY(big_alloc(n, sizeof *rows, &rows));
	for (uint32_t o = 0; o < m->nobjects; o++) {
		struct row *r = &rows[(size_t)m->type[o] * FATE_NUMBER_OF + collection->fate[o]];

		*r = (struct row){m->type[o], collection->fate[o], r->count + 1,
				  r->bytes + m->size[o]};
	}
	qsort(rows, n, sizeof *rows, by_fate);
	e = table_create(type_columns, sizeof type_columns / sizeof *type_columns, &table);
	for (size_t i = 0; i < n && !e; i++) {
		if (!rows[i].count || rows[i].fate <= FATE_ALIVE)
			continue;
		table_row(table);
		table_text(table, T_FATE, fate_name(rows[i].fate));
		table_text(table, T_TYPE, m->types[rows[i].type].name);
		table_number(table, T_COUNT, rows[i].count);
		table_number(table, T_BYTES, rows[i].bytes);
	}
	big_free(rows, n, sizeof *rows);
	if (!e)
		e = table_print(table, &c->style, stdout);
	table_destroy(table);
	return e;
}

/* ---- the summary ----------------------------------------------------------------------------- */

static void line(const struct context *c, const char *name, uint64_t count, uint64_t bytes,
		 const char *text)
{
	struct str size = {0};

	if (c->style.exact_sizes)
		str_number(&size, bytes);
	else
		str_size(&size, bytes);
	printf("%-14s %9" PRIu64 "  %10s  %s\n", name, count, str_text(&size), text);
	str_free(&size);
}

static void summary_text(const struct context *c, const struct collection *k)
{
	static const char *const texts[FATE_NUMBER_OF] = {
		[FATE_ALIVE] = "stay: referred to from outside of these generations",
		[FATE_FREED] = "unreachable: the collector frees them",
		[FATE_UNKNOWABLE] = "unreachable, but a finalizer reaches them and may keep them",
		[FATE_UNCOLLECTABLE] = "unreachable, but with a tp_del: to gc.garbage",
		[FATE_HELD] = "unreachable, but held by those",
		[FATE_DROPPED] = "others, whose last references are those of what is freed",
		[FATE_DROPPED_UNSURE] = "others, whose last references are those of the unknowable",
	};
	uint64_t looked = 0;

	for (unsigned fate = FATE_ALIVE; fate <= FATE_HELD; fate++)
		looked += k->count[fate];
	if (k->php)
		printf("gc_collect_cycles() would look at %" PRIu64 " objects and find %" PRIu64
		       " unreachable; it would return %s%" PRIu64 "\n",
		       looked, looked - k->count[FATE_ALIVE], k->finalizers.n ? "about " : "",
		       k->answer);
	else
		printf("gc.collect(%u) would look at %" PRIu64 " objects and find %" PRIu64
		       " unreachable\n",
		       k->generation, looked, looked - k->count[FATE_ALIVE]);
	for (unsigned fate = FATE_ALIVE; fate < FATE_NUMBER_OF; fate++)
		if (k->count[fate] || fate == FATE_FREED)
			line(c, fate_name(fate), k->count[fate], k->bytes[fate], texts[fate]);
	if (k->php) {
		printf("%-14s %9zu              run, of objects, generators and fibers\n",
		       "destructors", k->finalizers.n);
		return;
	}
	printf("%-14s %9zu              run: __del__, or a generator that is closed\n",
	       "finalizers", k->finalizers.n);
	printf("%-14s %9zu              cleared, and %zu callbacks called\n", "weak refs",
	       k->cleared.n, k->callbacks.n);
}

static void summary_json(const struct collection *k)
{
	static const char *const fields[FATE_NUMBER_OF][2] = {
		[FATE_ALIVE] = {"alive", "alive_bytes"},
		[FATE_FREED] = {"freed", "freed_bytes"},
		[FATE_UNKNOWABLE] = {"unknowable", "unknowable_bytes"},
		[FATE_UNCOLLECTABLE] = {"uncollectable", "uncollectable_bytes"},
		[FATE_HELD] = {"held", "held_bytes"},
		[FATE_DROPPED] = {"dropped", "dropped_bytes"},
		[FATE_DROPPED_UNSURE] = {"dropped_unsure", "dropped_unsure_bytes"},
	};
	struct json j;

	json_begin(&j, stdout);
	json_text(&j, "record", "collection");
	json_number(&j, "generation", k->generation);
	json_number(&j, "answer", k->answer);
	for (unsigned fate = FATE_ALIVE; fate < FATE_NUMBER_OF; fate++) {
		json_number(&j, fields[fate][0], k->count[fate]);
		json_number(&j, fields[fate][1], k->bytes[fate]);
	}
	json_number(&j, "finalizers", k->finalizers.n);
	json_number(&j, "weakrefs_cleared", k->cleared.n);
	json_number(&j, "callbacks_called", k->callbacks.n);
	json_end(&j);
}

static struct error *print_summary(struct context *c, struct model *m, const struct collection *k)
{
	uint64_t dying = 0;

	if (c->style.format == TABLE_JSON)
		summary_json(k);
	else if (c->style.format == TABLE_TEXT && !c->style.columns)
		summary_text(c, k);
	for (unsigned fate = FATE_ALIVE + 1; fate < FATE_NUMBER_OF; fate++)
		dying += k->count[fate];
	if (!dying && c->style.format == TABLE_TEXT)
		return NULL;
	if (c->style.format == TABLE_TEXT && !c->style.columns)
		putchar('\n');
	return print_types(c, m, k);
}

static struct error *run(struct context *c)
{
	uint64_t generation = option_number(c, OPT_GENERATION, 2);
	bool chosen = c->nargs || c->options[OPT_WHERE].given;
	struct collection collection;
	struct universe universe;
	struct ids objects = {0};
	struct model *m;
	struct error *e = NULL;

	if (generation > 2)
		return error_usage("collect: --generation takes 0, 1 or 2");
	TRY(context_model(c, 0, &m));
	TRY(model_load(m, MODEL_TYPES | MODEL_RUNTIMES));
	if (!model_has_runtime(m, RGD_RT_CPYTHON) && !model_has_runtime(m, RGD_RT_PHP))
		return error_usage("collect: %s holds no objects of CPython or PHP", m->path);
	TRY(context_universe(c, m, &universe));
	if (!model_has_runtime(m, RGD_RT_CPYTHON))
		generation = 0;
	TRY(collection_compute(m, generation, &collection));
	if (chosen)
		e = context_select(c, m, &universe, &objects);
	if (!e)
		e = chosen || option_flag(c, OPT_LIST, false)
			    ? print_list(c, m, &collection, chosen ? &objects : NULL)
			    : print_summary(c, m, &collection);
	VEC_FREE(&objects);
	collection_deinit(&collection);
	return e;
}

/* Fields of --json. */
static const struct column json_columns[] = {
	{"record", NULL, CELL_TEXT, .about = "collection: the summary"},
	{"generation", NULL, CELL_NUMBER, .about = "the oldest that is collected; PHP has none: 0"},
	{"answer", NULL, CELL_NUMBER,
	 .about = "what the call would return, when no finalizer keeps anything"},
	{"alive", NULL, CELL_NUMBER, .about = "objects reached from outside"},
	{"alive_bytes", NULL, CELL_SIZE, .about = "bytes of them"},
	{"freed", NULL, CELL_NUMBER, .about = "objects the collector would free"},
	{"freed_bytes", NULL, CELL_SIZE, .about = "bytes of them"},
	{"unknowable", NULL, CELL_NUMBER,
	 .about = "objects of whose references too little is known"},
	{"unknowable_bytes", NULL, CELL_SIZE, .about = "bytes of them"},
	{"uncollectable", NULL, CELL_NUMBER, .about = "objects in cycles that it would not free"},
	{"uncollectable_bytes", NULL, CELL_SIZE, .about = "bytes of them"},
	{"held", NULL, CELL_NUMBER, .about = "objects kept by these"},
	{"held_bytes", NULL, CELL_SIZE, .about = "bytes of them"},
	{"dropped", NULL, CELL_NUMBER,
	 .about = "objects freed before, as their last reference goes"},
	{"dropped_bytes", NULL, CELL_SIZE, .about = "bytes of them"},
	{"dropped_unsure", NULL, CELL_NUMBER,
	 .about = "objects the same, if nothing else counts on them"},
	{"dropped_unsure_bytes", NULL, CELL_SIZE, .about = "bytes of them"},
	{"finalizers", NULL, CELL_NUMBER, .about = "that would run"},
	{"weakrefs_cleared", NULL, CELL_NUMBER, .about = "weak references that would be cleared"},
	{"callbacks_called", NULL, CELL_NUMBER, .about = "of weak references"},
};

const struct command cmd_collect = {
	.name = "collect",
	.usage = "[SELECTOR...] DUMP",
	.summary = "tell what gc.collect() or gc_collect_cycles() would free at the instant of the "
		   "dump, and what stays "
		   "and why",
	.about = "By the collector's own algorithm, on the dump: the program keeps its evidence. "
		 "With selectors or --where, or with --list: "
		 "one object a row, with the reason.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_COLLECT | OPTIONS_LIST,
	.records = RECORDS(RECORD(columns), RECORD(type_columns),
			   RECORD_IF("record", "collection", json_columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
