/* help.c - --help from the tables of commands and options. */
#include "cmd/cmd.h"

#include <string.h>

#include "util/str.h"

#define TEXT_COLUMN 32u
#define LINE_END 100u

/* Prints words from `column` on, wrapped. The cursor stands at `column` already. */
static void wrap(const char *text, unsigned column, FILE *out)
{
	unsigned at = column;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (at > column && at + 1 + n > LINE_END) {
			fprintf(out, "\n%*s", (int)column, "");
			at = column;
		} else if (at > column) {
			putc(' ', out);
			at++;
		}
		fwrite(text, 1, n, out);
		at += n;
		text += n;
		text += *text == ' ';
	}
	putc('\n', out);
}

static void option_line(const struct option_row *row, FILE *out)
{
	char left[64], letter[5] = "    ";
	int n;

	if (row->letter)
		snprintf(letter, sizeof letter, "-%c, ", row->letter);
	n = snprintf(left, sizeof left, "  %s--%s%s%s", letter, row->name, row->argument ? " " : "",
		     row->argument ? row->argument : "");
	if (n < (int)TEXT_COLUMN - 1)
		fprintf(out, "%-*s", (int)TEXT_COLUMN, left);
	else
		fprintf(out, "%s\n%*s", left, (int)TEXT_COLUMN, "");
	wrap(row->help, TEXT_COLUMN, out);
}

/* What --columns and --sort know, each name once. */
static void columns_line(const struct command *k, FILE *out)
{
	struct str text = {0};

	for (size_t i = 0; k->records && k->records[i]; i++) {
		const struct record *r = k->records[i];

		if (!r->n || r->field)
			continue;
		str_add(&text, text.n ? "; or " : "");
		for (size_t c = 0; c < r->n; c++)
			str_printf(&text, "%s%s", c ? ", " : "", r->columns[c].name);
	}
	if (text.n) {
		fputs("\ncolumns: ", out);
		wrap(str_text(&text), 9, out);
	}
	str_free(&text);
}

void help_command(const struct command *k, FILE *out)
{
	fprintf(out, "usage: refgraph %s [OPTION...] %s\n\n", k->name, k->usage);
	fprintf(out, "%s: ", k->name);
	wrap(k->summary, strlen(k->name) + 2, out);
	if (k->about) {
		putc('\n', out);
		wrap(k->about, 0, out);
	}
	fputs("\noptions:\n", out);
	for (size_t i = 0; i < option_table_rows; i++)
		if (option_table[i].groups & (k->options | OPTIONS_ALL))
			option_line(&option_table[i], out);
	if (k->options & OPTIONS_OUTPUT)
		columns_line(k, out);
	if (k->options & OPTIONS_UNIVERSE)
		fputs("\nselectors: 0x7f... (address), #17 (number in this dump), TYPE, TYPE[3], "
		      "TYPE[-1], root:NAME\n"
		      "A dump that is not given is the newest *.rgd in this folder.\n",
		      out);
}

void help_overview(FILE *out)
{
	fputs("refgraph: why is this object still alive?\n\n"
	      "    refgraph run PROGRAM             start a program under the shim\n"
	      "    refgraph snapshot PID            take a dump while it runs\n"
	      "    refgraph show-growth A.rgd B.rgd what grew between two dumps\n"
	      "    refgraph find-backref-chain 'Session[0]' B.rgd\n"
	      "                                     who holds it\n\n"
	      "usage: refgraph COMMAND [OPTION...] [SELECTOR...] [DUMP...]\n\ncommands:\n",
	      out);
	for (size_t i = 0; commands[i]; i++) {
		fprintf(out, "  %-26s", commands[i]->name);
		wrap(commands[i]->summary, 28, out);
	}
	fputs("\n`refgraph help COMMAND` explains one; refgraph(1) is the manual.\n"
	      "exit status: 0 fine, 1 findings where you asked to fail on them, 2 usage, 3 "
	      "unreadable input\n",
	      out);
}

static bool same_name(const char *name, const char *text)
{
	for (; *name && *text; name++, text++)
		if (*name != *text && !(*name == '-' && *text == '_'))
			return false;
	return *name == *text;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (same_name(commands[i]->name, name))
			return commands[i];
	return NULL;
}

/* Near by spelling, or containing the word. */
struct error *unknown_command(const char *name)
{
	struct str hint = {0};
	struct error *e;
	unsigned shown = 0;

	for (unsigned pass = 0; pass < 2 && !shown; pass++) {
		for (size_t i = 0; commands[i] && shown < 4; i++) {
			const char *known = commands[i]->name;
			bool near = pass == 0 ? text_distance(known, name, 2) <= 2
					      : strlen(name) > 2 && strstr(known, name) != NULL;

			if (!near)
				continue;
			str_printf(&hint, "%s%s", shown ? ", " : "; did you mean ", known);
			shown++;
		}
	}
	e = error_usage("no command '%s'%s%s\n`refgraph help` lists them", name, str_text(&hint),
			shown ? "?" : "");
	str_free(&hint);
	return e;
}
