/*
 * words.c - libFuzzer on what users write: queries, --where, --fail-if, selectors, lists of columns and of fields. The first byte says
 * which; the rest is the text. tests/fuzz/words.dict has the words of these languages. FUZZ_DUMP names the dump that is asked.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT "\1" /* stands for the text, DUMP for the dump */
#define DUMP "\2"

static const char *const command_lines[][10] = {
	{"query", TEXT, DUMP, "--json"},
	{"query", TEXT, DUMP, "--csv", "--limit", "5"},
	{"query", TEXT, DUMP, "--sort", "-1"},
	{"query", TEXT, DUMP, "--explain"},
	{"query", "select * from objects", DUMP, "--where", TEXT},
	{"count", DUMP, "--where", TEXT},
	{"by-type", DUMP, "--universe", "all", "--where", TEXT, "--json"},
	{"find-backref-chain", "#0", DUMP, "--predicate", TEXT},
	{"show-refs", "#0", DUMP, "--highlight", TEXT, "--filter", "size >= 0"},
	{"show-refs", "#0", DUMP, "--filter", TEXT, "--max-nodes", "2", "--fold"},
	{"diff", DUMP, DUMP, "--fail-if", TEXT},
	{"by-type", TEXT, DUMP, "--universe", "all", "--csv"},
	{"why", TEXT, DUMP, "--merge"},
	{"why", "#0", DUMP, "--avoid", TEXT},
	{"typestats", DUMP, "--universe", "all", "--columns", TEXT},
	{"typestats", DUMP, "--universe", "all", "--sort", TEXT, "--json"},
	{"show-refs", "#0", DUMP, "--extra-info", TEXT},
	{"show-refs", "#0", DUMP, "--extra-node-attrs", TEXT, "--cluster"},
	{"schema", TEXT},
	{"complete", "--", "typestats", "--columns", TEXT},
};
#define COMMANDS (sizeof command_lines / sizeof *command_lines)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (!freopen("/dev/null", "w", stdout) || !getenv("FUZZ_DUMP"))
		abort();
	setenv("REFGRAPH_THREADS", "1", 1);
	setenv("REFGRAPH_TYPES", "off", 0); /* a dump may name programs that are here, whose debug information takes seconds */
	return 0;
}

/* Queries may run for ever or ask for all memory: that is for the user to stop, and no fault. */
static int is_endless(const char *text)
{
	static const char *const words[] = {"recursive", "blob", "printf", "format", "replace", "quote", "hex", "group_concat", "string_agg"};
	const char *at = text;
	unsigned tables = 0;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasestr(text, words[i]))
			return 1;
	while ((at = strpbrk(at, ",jJ")))
		tables++, at++;
	return tables > 4 || strchr(text, '%') || strchr(text, '{'); /* joins, repetitions of expressions */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *const *line;
	char *argv[12], *text;
	struct context context;
	const struct command *command;
	struct error *error;
	int argc = 0;

	if (size < 1 || size > 512)
		return 0;
	line = command_lines[data[0] % COMMANDS];
	text = strndup((const char *)data + 1, size - 1);
	if (is_endless(text)) {
		free(text);
		return 0;
	}
	for (size_t i = 1; line[i]; i++)
		argv[argc++] = strcmp(line[i], TEXT) == 0 ? text : strcmp(line[i], DUMP) == 0 ? getenv("FUZZ_DUMP") : (char *)line[i];
	argv[argc] = NULL;
	command = command_find(line[0]);
	error = context_parse(command, argc, argv, &context);
	if (!error && !option_flag(&context, OPT_HELP, false)) /* as main() does: "-h" asks no dump */
		error = command->run(&context);
	/* an error is told in whole words, whatever the text was */
	if (error && (!error->text || !error->text[0]))
		abort();
	error_destroy(error);
	context_deinit(&context);
	free(text);
	return 0;
}
