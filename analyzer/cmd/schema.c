/* schema.c - `refgraph schema`: what the lines of --json look like, as JSON Schema, from the tables that print them. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "util/str.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"

static const char *const types[] = {
	[CELL_TEXT] = "\"type\":[\"string\",\"null\"]",
	[CELL_NUMBER] = "\"type\":[\"integer\",\"null\"],\"minimum\":0",
	[CELL_SIGNED] = "\"type\":[\"integer\",\"null\"]",
	[CELL_DELTA] = "\"type\":[\"integer\",\"null\"]",
	[CELL_SIZE] = "\"type\":[\"integer\",\"null\"],\"minimum\":0",
	[CELL_SIZE_DELTA] = "\"type\":[\"integer\",\"null\"]",
	[CELL_ADDRESS] = "\"type\":[\"string\",\"null\"],\"pattern\":\"^0x[0-9a-f]+$\"",
	[CELL_ID] = "\"type\":[\"integer\",\"null\"],\"minimum\":0",
	[CELL_BOOL] = "\"type\":[\"boolean\",\"null\"]",
	[CELL_REAL] = "\"type\":[\"number\",\"null\"]",
};

static void add_field(const struct record *record, const struct column *column, struct str *s)
{
	str_json(s, column->name);
	str_char(s, ':');
	if (record->field && strcmp(record->field, column->name) == 0) {
		str_add(s, "{\"const\":");
		str_json(s, record->value);
	} else {
		str_printf(s, "{%s", types[column->type]);
	}
	if (column->about) {
		str_add(s, ",\"description\":");
		str_json(s, column->about);
	}
	str_char(s, '}');
}

static void add_record(const struct record *record, struct str *s)
{
	bool first = true;

	str_add(s, "{\"type\":\"object\",\"properties\":{");
	for (size_t i = 0; i < record->n; i++) {
		if (i)
			str_char(s, ',');
		add_field(record, &record->columns[i], s);
	}
	str_add(s, "},\"required\":[");
	for (size_t i = 0; i < record->n; i++) {
		if (record->columns[i].optional)
			continue;
		if (!first)
			str_char(s, ',');
		first = false;
		str_json(s, record->columns[i].name);
	}
	str_printf(s, "],\"additionalProperties\":%s}", record->open ? "true" : "false");
}

static struct error *print(const struct command *command)
{
	struct str s = {0};
	bool failed;

	str_add(&s, "{\"$schema\":\"" DIALECT "\",\"title\":");
	str_printf(&s, "\"refgraph %s --json: a line\",\"description\":", command->name);
	str_json(&s, command->summary);
	str_add(&s, ",\"anyOf\":[");
	for (size_t i = 0; command->records[i]; i++) {
		if (i)
			str_char(&s, ',');
		add_record(command->records[i], &s);
	}
	str_add(&s, "]}");
	failed = s.failed;
	if (!failed)
		puts(str_text(&s));
	str_free(&s);
	return failed ? error_memory() : NULL;
}

static struct error *run(struct context *c)
{
	for (size_t i = 0; !c->nargs && commands[i]; i++)
		if (commands[i]->records)
			TRY(print(commands[i]));
	for (size_t i = 0; i < c->nargs; i++) {
		const struct command *command = command_find(c->args[i]);

		if (!command)
			return unknown_command(c->args[i]);
		if (!command->records)
			return error_usage("%s has no --json", command->name);
		TRY(print(command));
	}
	return NULL;
}

const struct command cmd_schema = {
	.name = "schema",
	.usage = "[COMMAND...]",
	.summary = "print what the lines of a command's --json look like, as JSON Schema",
	.about = "One schema a line; without a COMMAND those of all commands. --columns takes "
		 "fields "
		 "away from lines of tables; nothing else changes them.",
	.options = OPTIONS_NONE,
	.pass_arguments = true,
	.max_args = UINT32_MAX,
	.run = run,
};
