/* types.c - `refgraph types`: what native blocks are, where that is known from, and how much is known. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/where.h"
#include "types/types.h"

#define DEFAULT_LIMIT 20u

enum { TYPE, SOURCE, COUNT, BYTES };

static const struct column columns[] = {
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "name of the type"},
	[SOURCE] = {"source", "KNOWN FROM", CELL_TEXT,
		    .about = "annotation, runtime, rtti, dwarf, site, shape or function"},
	[COUNT] = {"count", "COUNT", CELL_NUMBER, .about = "live blocks"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "their sizes together"},
};

struct row {
	uint32_t type;
	enum type_source source;
	uint64_t count, bytes;
};

static struct error *collect(struct context *c, struct model *m, struct row **ret, size_t *n)
{
	const char *expression = option_text(c, OPT_WHERE, NULL);
	struct where *where = NULL;
	struct universe native;
	struct error *e = NULL;
	struct row *rows;
	size_t room;

	TRY(universe_parse(m, option_text(c, OPT_UNIVERSE, "native"), &native));
	TRY(model_load(m, MODEL_SITES | MODEL_FLAGS | MODEL_SIZE));
	model_infer(m);
	/* later there are at most types of sites and vtables in addition */
	room = (m->nall_types + m->nstacks + m->ntypes) * TYPE_SOURCES;
	rows = calloc(room, sizeof *rows);
	if (!rows)
		return error_memory();
	if (expression)
		e = where_compile(expression, &where);
	if (!e && where)
		e = where_bind(where, m);
	for (uint32_t i = 0; i < m->nobjects && !e; i++) {
		enum type_source source;
		uint32_t type;
		struct row *r;

		if (!universe_has(&native, m, i) || (where && !where_test(where, i)))
			continue;
		source = model_type_source(m, i);
		type = model_type_of(m, i);
		r = &rows[(size_t)type * TYPE_SOURCES + source];
		r->type = type;
		r->source = source;
		r->count++;
		r->bytes += m->size[i];
	}
	where_destroy(where);
	*n = 0;
	for (size_t i = 0; i < room; i++)
		if (rows[i].count)
			rows[(*n)++] = rows[i];
	*ret = rows;
	if (e)
		free(rows);
	return e;
}

static const struct model *sorted_model;

static int by_bytes(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	order = strcmp(sorted_model->types[x->type].name, sorted_model->types[y->type].name);
	return order ? order : (int)x->source - (int)y->source;
}

static void print_share(const char *what, uint64_t part, uint64_t whole)
{
	printf("%s%.1f %%", what, whole ? 100.0 * (double)part / (double)whole : 100.0);
}

static void print_sum(const char *name, const struct types_sum *sum, const struct types_sum *all)
{
	struct str size = {0};

	if (!sum->blocks)
		return;
	str_size(&size, sum->bytes);
	printf("  %-10s %10" PRIu64 " blocks  %10s", name, sum->blocks, str_text(&size));
	print_share("  ", sum->bytes, all->bytes);
	putchar('\n');
	str_free(&size);
}

/* "typed: 97.1 % of 9.8 MiB, 92.0 % of 20412 blocks", then by source. */
static void print_coverage(const struct types_coverage *c)
{
	const struct types_sum *unknown = &c->by_source[SOURCE_FUNCTION];
	struct str size = {0};

	str_size(&size, c->all.bytes);
	print_share("typed: ", c->all.bytes - unknown->bytes, c->all.bytes);
	printf(" of %s", str_text(&size));
	print_share(", ", c->all.blocks - unknown->blocks, c->all.blocks);
	printf(" of %" PRIu64 " blocks\n", c->all.blocks);
	str_free(&size);
	for (unsigned s = 0; s < TYPE_SOURCES; s++)
		print_sum(type_source_names[s], &c->by_source[s], &c->all);
	print_share("fields: ", c->named_edges, c->edges);
	printf(" of %" PRIu64 " references out of blocks have a name\n", c->edges);
	printf("conflicts: %" PRIu64 " blocks\n", c->conflicts);
	printf("debug information: %" PRIu64 " files", c->files);
	if (c->skipped)
		printf(", %" PRIu64 " of them too large to be read (--types full)", c->skipped);
	if (c->refused)
		printf("; not read for so many objects (--types full)");
	putchar('\n');
}

static struct error *print(struct context *c, struct model *m, const struct row *rows, size_t n)
{
	struct table *t;
	struct error *e;

	c->style.limit = option_number(c, OPT_LIMIT, DEFAULT_LIMIT);
	TRY(table_create(columns, sizeof columns / sizeof *columns, &t));
	for (size_t i = 0; i < n; i++) {
		table_row(t);
		table_text(t, TYPE, m->types[rows[i].type].name);
		table_text(t, SOURCE, type_source_names[rows[i].source]);
		table_number(t, COUNT, rows[i].count);
		table_number(t, BYTES, rows[i].bytes);
	}
	e = table_print(t, &c->style, stdout);
	table_destroy(t);
	return e;
}

static struct error *run(struct context *c)
{
	struct types_coverage coverage;
	struct model *m;
	struct row *rows;
	struct error *e;
	size_t n;

	TRY(context_model(c, 0, &m));
	TRY(collect(c, m, &rows, &n));
	sorted_model = m;
	qsort(rows, n, sizeof *rows, by_bytes);
	e = print(c, m, rows, n);
	free(rows);
	if (e || c->style.format != TABLE_TEXT)
		return e;
	TRY(types_coverage(c->types[0], &coverage));
	putchar('\n');
	print_coverage(&coverage);
	return NULL;
}

const struct command cmd_types = {
	.name = "types",
	.usage = "DUMP",
	.summary = "what native blocks are, where that is known from, and how much is known",
	.about = "By bytes, descending. Below the table: the share of bytes and blocks that have a "
		 "type, by where it is known from, in the order in which that is believed; the "
		 "share of references that a field names; the blocks that two certain claims "
		 "differ about.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE,
	.records = RECORDS(RECORD(columns)),
	.min_dumps = 1,
	.max_dumps = 1,
	.run = run,
};
