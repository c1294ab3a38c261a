/* why_merge.c - `refgraph why --merge`: on what many objects hang, as one tree. */
#include "cmd/why.h"

#include <inttypes.h>
#include <stdio.h>

#include "report/merge_paths.h"
#include "report/repr.h"

#define DEFAULT_LIMIT 40u

enum { M_COUNT, M_SHARE, M_BYTES, M_WHAT, M_DEPTH, M_PATH, M_MEMBERS, M_HERE, M_TYPE, M_ID };

static const struct column merged_columns[] = {
	[M_COUNT] = {"count", "COUNT", CELL_NUMBER,
		     .about = "selected objects that are reached this way"},
	[M_SHARE] = {"share", "%", CELL_REAL, .about = "per cent of all that were selected"},
	[M_BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "their sizes together"},
	[M_WHAT] =
		{"what", "WHAT", CELL_TEXT,
		 .about = "the path from the row above, and what is at its end; indented by depth"},
	[M_DEPTH] = {"depth", "DEPTH", CELL_NUMBER, .hidden = true, .about = "levels above it"},
	[M_PATH] = {"path", "PATH", CELL_TEXT, .hidden = true,
		    .about = "the path from the row above, keys and indexes left out"},
	[M_MEMBERS] = {"members", "MEMBERS", CELL_NUMBER, .hidden = true,
		       .about = "objects at its end"},
	[M_HERE] = {"here", "HERE", CELL_NUMBER, .hidden = true, .about = "of them: selected"},
	[M_TYPE] = {"type", "TYPE", CELL_TEXT, .hidden = true,
		    .about = "of the objects at its end"},
	[M_ID] = {"id", "ID", CELL_ID, .hidden = true, .about = "the first of them"},
};

static void add_what(struct model *m, const struct merge_row *r, const char *path, struct str *s)
{
	str_clear(s);
	for (uint32_t i = 0; i < r->depth; i++)
		str_add(s, "  ");
	str_printf(s, "%s  ", path);
	if (r->members > 1) {
		str_printf(s, "%" PRIu32 " x %s", r->members, m->types[r->type].name);
		return;
	}
	repr_full(m, r->object, s);
	str_printf(s, " #%" PRIu32, r->object);
}

static void add_row(const struct merge *merge, struct model *m, const struct merge_row *r,
		    uint64_t selected, struct table *t, struct str *s)
{
	const char *path = merge->text.data + r->path;

	add_what(m, r, path, s);
	table_row(t);
	table_number(t, M_COUNT, r->count);
	table_real(t, M_SHARE, 100.0 * (double)r->count / (double)selected);
	table_number(t, M_BYTES, r->bytes);
	table_text(t, M_WHAT, str_text(s));
	table_number(t, M_DEPTH, r->depth);
	table_text(t, M_PATH, path);
	table_number(t, M_MEMBERS, r->members);
	table_number(t, M_HERE, r->here);
	table_text(t, M_TYPE, m->types[r->type].name);
	table_number(t, M_ID, r->object);
}

static void print_head(const struct merge *merge, uint64_t selected)
{
	printf("%" PRIu64 " object%s, by the shortest path from a root to each", selected,
	       selected == 1 ? "" : "s");
	if (merge->missed)
		printf("; %" PRIu64 " of them: no path", merge->missed);
	if (merge->rows.n < merge->total)
		printf("; the %zu largest of %" PRIu64 " branches", merge->rows.n, merge->total);
	putchar('\n');
}

struct error *print_merged(struct context *c, struct subject *subject, const uint64_t *avoid)
{
	struct table_style style = c->style;
	struct merge merge = {0};
	struct table *t = NULL;
	struct str scratch = {0};
	struct error *e;

	e = merge_paths(&subject->alive, &subject->chosen, avoid,
			option_number(c, OPT_LIMIT, DEFAULT_LIMIT), &merge);
	if (!e)
		e = model_load(subject->m, MODEL_REPR | MODEL_THREADS);
	if (!e)
		e = table_create(merged_columns, sizeof merged_columns / sizeof *merged_columns,
				 &t);
	for (size_t i = 0; i < merge.rows.n && !e; i++)
		add_row(&merge, subject->m, &merge.rows.data[i], subject->chosen.n, t, &scratch);
	if (!e && scratch.failed)
		e = error_memory();
	style.limit = 0; /* the tree was cut by its own rule */
	if (!e && style.format == TABLE_TEXT && !style.no_header)
		print_head(&merge, subject->chosen.n);
	if (!e && (merge.rows.n || style.format != TABLE_TEXT))
		e = table_print(t, &style, stdout);
	str_free(&scratch);
	table_destroy(t);
	merge_deinit(&merge);
	return e;
}

const struct record merged_record = {COLUMNS_OF(merged_columns)};
