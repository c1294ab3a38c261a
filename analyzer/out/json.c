/* json.c - see json.h. */
#include "out/json.h"

#include <inttypes.h>

#include "util/str.h"

void json_begin(struct json *j, FILE *out)
{
	*j = (struct json){.out = out};
	putc('{', out);
}

static void name_field(struct json *j, const char *name)
{
	fprintf(j->out, "%s\"%s\":", j->comma ? "," : "", name);
	j->comma = true;
}

void json_text(struct json *j, const char *name, const char *value)
{
	struct str s = {0};

	name_field(j, name);
	if (value)
		str_json(&s, value);
	fputs(value ? str_text(&s) : "null", j->out);
	str_free(&s);
}

void json_number(struct json *j, const char *name, uint64_t value)
{
	name_field(j, name);
	fprintf(j->out, "%" PRIu64, value);
}

void json_signed(struct json *j, const char *name, int64_t value)
{
	name_field(j, name);
	fprintf(j->out, "%" PRId64, value);
}

void json_bool(struct json *j, const char *name, bool value)
{
	name_field(j, name);
	fputs(value ? "true" : "false", j->out);
}

void json_address(struct json *j, const char *name, uint64_t value)
{
	name_field(j, name);
	fprintf(j->out, "\"0x%" PRIx64 "\"", value);
}

void json_end(struct json *j)
{
	fputs("}\n", j->out);
}
