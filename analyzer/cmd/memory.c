/* memory.c - `refgraph memory`: where the resident memory is, and why it does not fall. */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "report/memory.h"

enum { KIND, RSS, LIVE, OBJECTS, SIZE, MAPS, WHAT };

static const struct column columns[] = {
	[KIND] = {"kind", "KIND", CELL_TEXT,
		  .about = "program, libraries, arenas, malloc, mapped, stacks, files, refgraph, "
			   "kernel; total"},
	[RSS] = {"rss", "RSS", CELL_SIZE, .about = "bytes in memory"},
	[LIVE] = {"live", "LIVE", CELL_SIZE, .about = "bytes of live objects and blocks in it"},
	[OBJECTS] = {"objects", "OBJECTS", CELL_NUMBER, .about = "how many of them"},
	[SIZE] = {"size", "SIZE", CELL_SIZE, .hidden = true, .about = "bytes of address space"},
	[MAPS] = {"maps", "MAPS", CELL_NUMBER, .hidden = true,
		  .about = "mappings, or parts of one"},
	[WHAT] = {"what", "WHAT", CELL_TEXT, .about = "what it is"},
};

static void add_row(struct table *t, const char *name, const struct memory_sum *s, const char *what)
{
	table_row(t);
	table_text(t, KIND, name);
	table_number(t, RSS, s->rss);
	table_number(t, LIVE, s->live);
	table_number(t, OBJECTS, s->objects);
	table_number(t, SIZE, s->size);
	table_number(t, MAPS, s->maps);
	table_text(t, WHAT, what);
}

/* An arena goes back to the system when it is empty: what is nearly empty is pinned. */
static bool is_nearly_empty(const struct arena *a)
{
	return a->objects && a->live * 10 < a->size;
}

struct pin {
	uint32_t stack; /* + 1 */
	uint64_t objects;
};

static int by_objects(const void *a, const void *b)
{
	const struct pin *x = a, *y = b;

	if (x->objects != y->objects)
		return x->objects < y->objects ? 1 : -1;
	return (x->stack > y->stack) - (x->stack < y->stack);
}

/* The places that made most of what lies in nearly empty arenas. */
static struct error *print_pins(struct model *m, const struct memory *memory)
{
	struct pin *pins = calloc((size_t)m->nstacks + 1, sizeof *pins);
	struct str place = {0};

	if (!pins)
		return error_memory();
	for (uint32_t i = 0; i <= m->nstacks; i++)
		pins[i].stack = i;
	for (uint32_t o = 0; o < m->nobjects; o++) {
		const struct arena *a = memory_arena_at(memory, m->address[o]);

		if (a && is_nearly_empty(a))
			pins[m->stack[o]].objects++;
	}
	qsort(pins, (size_t)m->nstacks + 1, sizeof *pins, by_objects);
	for (unsigned i = 0; i < 3 && i <= m->nstacks && pins[i].objects; i++) {
		uint32_t frame =
			pins[i].stack ? model_site_frame(m, pins[i].stack - 1) : MODEL_NONE;

		str_clear(&place);
		if (frame != MODEL_NONE)
			model_frame_text(m, frame, &place);
		printf("  %9" PRIu64 " of these objects were made by %s\n", pins[i].objects,
		       frame != MODEL_NONE ? str_text(&place) : "an unknown place");
	}
	str_free(&place);
	free(pins);
	return NULL;
}

static void words(struct str *out, uint64_t bytes)
{
	str_clear(out);
	str_size(out, bytes);
}

static struct error *print_answer(struct model *m, const struct memory *memory)
{
	const struct memory_sum *arenas = &memory->kinds[MEMORY_ARENAS],
				*heap = &memory->kinds[MEMORY_MALLOC];
	struct str a = {0}, b = {0}, c = {0};
	uint64_t sparse = 0, bytes = 0;
	struct error *e = NULL;

	for (size_t i = 0; i < memory->arenas.n; i++)
		if (is_nearly_empty(&memory->arenas.data[i])) {
			sparse++;
			bytes += memory->arenas.data[i].size;
		}
	words(&a, memory->total.rss);
	words(&b, memory->total.live);
	printf("\n%s are in memory; live objects and blocks are %s of it.\n", str_text(&a),
	       str_text(&b));
	if (heap->rss) {
		words(&a, heap->rss);
		words(&b, heap->live);
		words(&c, heap->rss > heap->live ? heap->rss - heap->live : 0);
		printf("malloc holds %s for %s of blocks: %s are free, headers, or between blocks "
		       "that live.\n",
		       str_text(&a), str_text(&b), str_text(&c));
	}
	if (memory->arenas.n) {
		words(&a, arenas->rss);
		words(&b, arenas->live);
		printf("CPython holds %s in %zu arenas for %s of objects.", str_text(&a),
		       memory->arenas.n, str_text(&b));
		words(&c, bytes);
		if (sparse)
			printf(" %" PRIu64 " of them, %s, are less than a tenth full: one live "
			       "object keeps its arena.",
			       sparse, str_text(&c));
		putchar('\n');
		if (sparse)
			e = print_pins(m, memory);
	}
	str_free(&a);
	str_free(&b);
	str_free(&c);
	return e;
}

static struct error *run(struct context *c)
{
	struct table *table = NULL;
	struct memory memory;
	struct model *m;
	struct error *e;

	TRY(context_model(c, 0, &m));
	TRY(memory_compute(m, &memory));
	e = table_create(columns, sizeof columns / sizeof *columns, &table);
	for (unsigned k = 0; k < MEMORY_NUMBER_OF && !e; k++)
		if (memory.kinds[k].maps)
			add_row(table, memory_kind_name(k), &memory.kinds[k], memory_kind_about(k));
	if (!e) {
		add_row(table, "total", &memory.total, "");
		e = table_print(table, &c->style, stdout);
	}
	if (!e && c->style.format == TABLE_TEXT && !c->style.columns && !c->style.no_header) {
		e = model_load(m, MODEL_SITES);
		if (!e)
			e = print_answer(m, &memory);
	}
	table_destroy(table);
	memory_deinit(&memory);
	return e;
}

const struct command cmd_memory = {
	.name = "memory",
	.usage = "DUMP",
	.summary = "tell where the resident memory is, and why it does not fall",
	.about = "Every mapping has a kind: the sum is the resident size. Beside it what lives in "
		 "it, and below why what was freed did not go back to the system.",
	.options = OPTIONS_OUTPUT,
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
