/* index.c - `refgraph index`: keeps beside a dump what takes long to work out, so that the next commands need not. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "dump/index.h"
#include "out/json.h"
#include "report/index_make.h"
#include "util/str.h"

static void tell(const struct context *c, const char *dump, const char *path, uint64_t size)
{
	struct json json;
	struct str s = {0};

	if (c->style.format == TABLE_JSON) {
		json_begin(&json, stdout);
		json_text(&json, "file", dump);
		json_text(&json, "index", path);
		json_number(&json, "bytes", size);
		json_end(&json);
		return;
	}
	str_size(&s, size);
	printf("%s: %s\n", path, str_text(&s));
	str_free(&s);
}

static struct error *make(struct context *c, size_t i)
{
	struct model *m;
	uint64_t size;
	char *path;

	TRY(context_model(c, i, &m));
	TRY(index_make(m, &size));
	path = index_path_of(m->path);
	if (!path)
		return error_memory();
	tell(c, m->path, path, size);
	free(path);
	context_drop_model(c, i);
	return NULL;
}

static struct error *run(struct context *c)
{
	for (size_t i = 0; i < c->ndumps; i++)
		TRY(make(c, i));
	return NULL;
}

/* Fields of --json. */
static const struct column json_columns[] = {
	{"file", NULL, CELL_TEXT, .about = "the dump"},
	{"index", NULL, CELL_TEXT, .about = "the file beside it"},
	{"bytes", NULL, CELL_SIZE, .about = "its size"},
};

const struct command cmd_index = {
	.name = "index",
	.usage = "DUMP...",
	.summary = "keep references turned round, dominators and retained sizes beside a dump",
	.about = "Writes 1.rgx for 1.rgd, which the commands use when it is there and fits. It may "
		 "be "
		 "deleted at any time.",
	.options = OPTIONS_JSON,
	.records = RECORDS(RECORD(json_columns)),
	.min_dumps = 1,
	.max_dumps = UINT32_MAX,
	.run = run,
};
