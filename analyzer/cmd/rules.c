/* rules.c - `refgraph rules`: the rules of reference counts that are there, for `refgraph run --rules`. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "control/rules.h"

enum { RULES, TYPES, FUNCTIONS, ABOUT };
static const struct column columns[] = {
	[RULES] = {"rules", "RULES", CELL_TEXT, .about = "their name, for --rules"},
	[TYPES] = {"types", "TYPES", CELL_NUMBER, .about = "of objects that they know"},
	[FUNCTIONS] = {"functions", "FUNCTIONS", CELL_NUMBER,
		       .about = "that they name; a pattern counts as one"},
	[ABOUT] = {"about", "ABOUT", CELL_TEXT, .about = "what they are about"},
};

enum { OF_RULES, TYPE, ROLE, FUNCTION, LIBRARIES };
static const struct column function_columns[] = {
	[OF_RULES] = {"rules", "RULES", CELL_TEXT, .hidden = true, .about = "their name, or file"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the objects"},
	[ROLE] = {"role", "ROLE", CELL_TEXT, .about = "what a call means: create, ref, unref, ..."},
	[FUNCTION] = {"function", "FUNCTION", CELL_TEXT,
		      .about = "its name, and where the object is in its call"},
	[LIBRARIES] = {"libraries", "LIBRARIES", CELL_TEXT, .about = "where it is looked for"},
};

static void add_function(const struct rules_line *line, void *context)
{
	struct table *table = context;

	table_row(table);
	table_text(table, OF_RULES, line->rules);
	table_text(table, TYPE, line->type);
	table_text(table, ROLE, line->role);
	table_text(table, FUNCTION, line->function);
	table_text(table, LIBRARIES, line->libraries);
}

/* One row for all lines of a file. */
struct counted {
	struct table *table;
	char rules[256], type[128], about[256];
	uint64_t types, functions;
};

static void end_file(struct counted *s)
{
	if (!s->functions)
		return;
	table_row(s->table);
	table_text(s->table, RULES, s->rules);
	table_number(s->table, TYPES, s->types);
	table_number(s->table, FUNCTIONS, s->functions);
	table_text(s->table, ABOUT, s->about);
	s->types = s->functions = 0;
	s->type[0] = 0;
}

static void count_function(const struct rules_line *line, void *context)
{
	struct counted *s = context;

	if (strcmp(s->rules, line->rules) != 0)
		end_file(s);
	snprintf(s->rules, sizeof(s->rules), "%s", line->rules);
	snprintf(s->about, sizeof(s->about), "%s", line->about);
	s->types += strcmp(s->type, line->type) != 0;
	snprintf(s->type, sizeof(s->type), "%s", line->type);
	s->functions++;
}

static struct error *run(struct context *context)
{
	char shim[PATH_MAX], folder[PATH_MAX];
	struct counted summary = {0};
	struct error *error = NULL;
	bool list = !context->nargs;
	struct table *table;

	TRY(shim_path(shim));
	rules_folder(shim, folder);
	if (list)
		TRY(table_create(columns, sizeof columns / sizeof *columns, &table));
	else
		TRY(table_create(function_columns,
				 sizeof function_columns / sizeof *function_columns, &table));
	summary.table = table;
	if (list)
		error = rules_each(folder, NULL, count_function, &summary);
	end_file(&summary);
	for (size_t i = 0; i < context->nargs && !error; i++)
		error = rules_each(folder, context->args[i], add_function, table);
	if (!error)
		error = table_print(table, &context->style, stdout);
	table_destroy(table);
	return error;
}

const struct command cmd_rules = {
	.name = "rules",
	.usage = "[RULES...]",
	.summary = "list the rules of reference counts that `run --rules` can follow",
	.about = "With names or files: the functions that each of them follows.",
	.options = OPTIONS_OUTPUT,
	.records = RECORDS(RECORD(columns), RECORD(function_columns)),
	.max_args = UINT_MAX,
	.run = run,
};
