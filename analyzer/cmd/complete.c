/* complete.c - `refgraph complete`: what a shell may offer for the last word of a line. completion/refgraph.bash calls it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/where.h"

struct line {
	struct context *context;
	const struct command *command; /* of the first word; NULL none */
	const char *word;	       /* to be completed */
	const char *before;	       /* the word before it; "" none */
};

static void offer(const struct line *l, const char *prefix, const char *text)
{
	size_t skip = strlen(prefix), n = strlen(l->word);

	if (n >= skip ? strncmp(l->word, prefix, skip) == 0 &&
				strncmp(l->word + skip, text, n - skip) == 0
		      : strncmp(prefix, l->word, n) == 0)
		printf("%s%s\n", prefix, text);
}

static bool belongs(const struct line *l, const struct option_row *row)
{
	return row->groups & (l->command->options | OPTIONS_ALL);
}

static void offer_commands(const struct line *l)
{
	for (size_t i = 0; commands[i]; i++)
		offer(l, "", commands[i]->name);
	offer(l, "", "help");
}

static void offer_options(const struct line *l)
{
	for (size_t i = 0; i < option_table_rows; i++)
		if (belongs(l, &option_table[i]))
			offer(l, "--", option_table[i].name);
}

/* The option whose value comes next; NULL none. */
static const struct option_row *option_before(const struct line *l)
{
	const char *word = l->before;

	for (size_t i = 0; i < option_table_rows; i++) {
		const struct option_row *row = &option_table[i];

		if (!belongs(l, row) || row->kind == OPTION_FLAG || word[0] != '-')
			continue;
		if ((word[1] == '-' && strcmp(word + 2, row->name) == 0) ||
		    (row->letter && word[1] == row->letter && !word[2]))
			return row;
	}
	return NULL;
}

static bool takes_expression(const struct option_row *row)
{
	return row->id == OPT_WHERE || row->id == OPT_FILTER || row->id == OPT_HIGHLIGHT ||
	       row->id == OPT_PREDICATE;
}

/* Names of columns, behind those that are there already: "type,-co" becomes "type,-count". */
static void offer_columns(const struct line *l, bool descending)
{
	const char *last = strrchr(l->word, ',');
	size_t kept = last ? (size_t)(last - l->word) + 1 : 0;
	struct names seen = {0};
	struct str prefix = {0};

	if (descending && l->word[kept] == '-')
		kept++;
	str_bytes(&prefix, l->word, kept);
	for (size_t i = 0; l->command->records && l->command->records[i]; i++) {
		const struct record *r = l->command->records[i];

		for (size_t c = 0; c < r->n && !r->field; c++) {
			const char *name = r->columns[c].name;

			if (names_find(&seen, name) == NAMES_NONE &&
			    names_add(&seen, name) != NAMES_NONE)
				offer(l, str_text(&prefix), name);
		}
	}
	names_free(&seen);
	str_free(&prefix);
}

static void offer_values(const struct line *l, const struct option_row *row)
{
	static const char *const universes[] = {"gc", "all", "native", "python", "php", "gobject"};

	if (row->kind == OPTION_CHOICE) {
		for (const char *c = row->argument; *c; c += strcspn(c, "|"), c += *c == '|') {
			char choice[64];

			snprintf(choice, sizeof choice, "%.*s", (int)strcspn(c, "|"), c);
			offer(l, "", choice);
		}
	}
	if (row->id == OPT_COLUMNS || row->id == OPT_SORT)
		offer_columns(l, row->id == OPT_SORT);
	for (size_t i = 0; row->id == OPT_UNIVERSE && i < sizeof universes / sizeof *universes; i++)
		offer(l, "", universes[i]);
	for (unsigned i = 0; takes_expression(row) && where_field_name(i); i++)
		offer(l, "", where_field_name(i));
}

/* Names that a shell takes as one word, each once. */
static bool is_plain(const char *name)
{
	return name[0] &&
	       !name[strspn(name,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")];
}

static struct error *offer_types(const struct line *l)
{
	struct names seen = {0};
	struct model *m;
	struct error *e;

	if (!l->context->ndumps)
		TRY(context_newest_dump(l->context));
	e = context_model(l->context, 0, &m);
	if (!e)
		e = model_load(m, MODEL_TYPES | MODEL_STRINGS);
	for (uint32_t i = 0; !e && i < m->ntypes; i++) {
		const char *name = m->types[i].name;

		if (!is_plain(name) || (m->types[i].flags & RGD_TYPE_F_INTERNAL) ||
		    names_find(&seen, name) != NAMES_NONE)
			continue;
		if (names_add(&seen, name) == NAMES_NONE)
			e = error_memory();
		else
			offer(l, "", name);
	}
	names_free(&seen);
	return e;
}

/* A dump was told from other words when the line was read; without one the newest of this folder is meant. */
static struct error *run(struct context *c)
{
	struct line l = {.context = c, .word = "", .before = ""};
	const struct option_row *option;

	if (c->nargs)
		l.word = c->args[c->nargs - 1];
	if (c->nargs < 2) {
		offer_commands(&l);
		return NULL;
	}
	l.command = command_find(c->args[0]);
	if (!l.command && strcmp(c->args[0], "help") == 0) {
		offer_commands(&l);
		return NULL;
	}
	if (!l.command)
		return NULL;
	if (c->nargs > 2)
		l.before = c->args[c->nargs - 2];
	if (c->nargs > 3 && strcmp(l.before, "=") == 0) /* bash takes --sort=a apart */
		l.before = c->args[c->nargs - 3];
	if (strcmp(l.word, "=") == 0)
		l = (struct line){c, l.command, "", l.before};
	option = option_before(&l);
	if (option)
		offer_values(&l, option);
	else if (l.word[0] == '-')
		offer_options(&l);
	else if ((l.command->options & OPTIONS_UNIVERSE) && l.command->max_args)
		return offer_types(&l);
	return NULL;
}

const struct command cmd_complete = {
	.name = "complete",
	.usage = "-- WORD...",
	.summary = "print what a shell may offer for the last word of a line",
	.about = "The words are those behind `refgraph`, the last one as far as it was typed. "
		 "Commands, options, their choices, and the types of the dump in the line or, "
		 "without one, of the newest *.rgd in this folder.",
	.options = OPTIONS_NONE,
	.pass_arguments = true,
	.max_args = UINT32_MAX,
	.max_dumps = UINT32_MAX,
	.run = run,
};
