/* memory.c - `refgraph memory`: where the resident memory is, and why it does not fall. */
#include <string.h>

#include "cmd/memory_views.h"
#include "report/memory_words.h"

enum { KIND, RSS, LIVE, OBJECTS, SIZE, MAPS, WHAT };

static const struct column columns[] = {
	[KIND] = {"kind", "KIND", CELL_TEXT,
		  .about = "program, libraries, arenas, zendmm, malloc, mapped, stacks, files, "
			   "refgraph, "
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

static struct error *print_kinds(struct context *c, const struct model *m,
				 const struct memory *memory)
{
	struct table *table;
	struct str words = {0};
	struct error *e;

	TRY(table_create(columns, sizeof columns / sizeof *columns, &table));
	for (unsigned k = 0; k < MEMORY_NUMBER_OF; k++)
		if (memory->kinds[k].maps)
			add_row(table, memory_kind_name(k), &memory->kinds[k],
				memory_kind_about(k));
	add_row(table, "total", &memory->total, "");
	e = table_print(table, &c->style, stdout);
	table_destroy(table);
	if (!e && c->style.format == TABLE_TEXT && !c->style.columns && !c->style.no_header) {
		e = memory_words(m, memory, &words);
		if (!e)
			printf("\n%s", str_text(&words));
		str_free(&words);
	}
	return e;
}

static struct error *run(struct context *c)
{
	const char *by = option_text(c, OPT_MEMORY_BY, "kind");
	struct memory memory;
	struct model *m;
	struct error *e;

	TRY(context_model(c, 0, &m));
	TRY(memory_compute(m, &memory));
	e = model_load(m, MODEL_SITES);
	if (e)
		;
	else if (strcmp(by, "heap") == 0)
		e = memory_print_heaps(c, m);
	else if (strcmp(by, "arena") == 0)
		e = memory_print_arenas(c, m, &memory);
	else if (strcmp(by, "class") == 0)
		e = memory_print_classes(c, m);
	else if (strncmp(by, "pool", 4) == 0)
		e = memory_print_pools(c, m, by[4]);
	else
		e = print_kinds(c, m, &memory);
	memory_deinit(&memory);
	return e;
}

const struct command cmd_memory = {
	.name = "memory",
	.usage = "DUMP",
	.summary = "tell where the resident memory is, and why it does not fall",
	.about = "Every mapping has a kind: the sum is the resident size. Beside it what lives in "
		 "it, and below why what was freed did not go back to the system.",
	.options = OPTIONS_OUTPUT | OPTIONS_MEMORY,
	.records =
		RECORDS(RECORD(columns), &heap_record, &arena_record, &class_record, &pool_record),
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
