/* check.c - `refgraph check`: verifies everything in a dump that can be verified. */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "out/json.h"
#include "util/str.h"

struct report {
	const struct context *context;
	const char *path;
	size_t faults;
};

static void say(struct report *r, const char *text)
{
	struct json json;

	if (r->context->style.format != TABLE_JSON) {
		printf("%s\n", text);
		return;
	}
	json_begin(&json, stdout);
	json_text(&json, "file", r->path);
	json_bool(&json, "ok", false);
	json_text(&json, "fault", text);
	json_end(&json);
}

static void bad(void *context, struct error *error)
{
	struct report *r = context;

	r->faults++;
	say(r, error->text);
	error_destroy(error);
}

/* One section refers to what another one lacks, or counts differ. */
static void check_meaning(struct report *r, struct model *m)
{
	struct error *e = NULL;
	uint64_t count = 0;

	m->index_asked = true; /* the dump itself is asked */
	/* each part alone, so that one fault does not hide the next */
	for (unsigned part = 1; part <= MODEL_LAST; part <<= 1) {
		e = model_load(m, part);
		if (e)
			bad(r, e);
	}
	if (r->faults)
		return;
	for (uint32_t first = 0; first < m->nobjects; first++) {
		struct edge edge;

		/* decodes the labels, values and offsets of each group once */
		for (uint32_t i = m->graph.out_first[first]; i < m->graph.out_first[first + 1]; i++)
			if (i % RGD_GROUP_ROWS == 0 && (e = model_edge(m, first, i, &edge)))
				bad(r, e);
	}
	for (uint32_t i = 0; i < m->nsummary; i++)
		count += m->summary[i].count;
	if (count != m->nobjects)
		bad(r, error_input(m->path, "SUMMARY", ERROR_NO_OFFSET,
				   "counts %" PRIu64 " objects where there are %" PRIu32, count,
				   m->nobjects));
}

static void praise_in_text(const struct model *m, bool partial, const char *missing)
{
	struct str s = {0};

	if (partial)
		str_printf(&s, "; the snapshot is marked partial%s", missing ? ": " : "");
	if (partial && missing)
		str_printable(&s, missing);
	printf("%s: ok: %" PRIu32 " objects, %" PRIu32 " edges, %zu chunks%s\n", m->path,
	       m->nobjects, m->nedges, dump_chunks(m->dump), str_text(&s));
	str_free(&s);
}

static void praise(const struct report *r, const struct model *m)
{
	bool partial = dump_flags(m->dump) & RGD_TAIL_PARTIAL;
	const char *missing = model_meta(m, "partial");
	struct json json;

	if (r->context->style.format != TABLE_JSON) {
		praise_in_text(m, partial, missing);
		return;
	}
	json_begin(&json, stdout);
	json_text(&json, "file", m->path);
	json_bool(&json, "ok", true);
	json_bool(&json, "partial", partial);
	if (missing)
		json_text(&json, "missing", missing);
	json_number(&json, "objects", m->nobjects);
	json_number(&json, "edges", m->nedges);
	json_number(&json, "chunks", dump_chunks(m->dump));
	json_end(&json);
}

static size_t check_dump(struct context *c, size_t i)
{
	struct report r = {.context = c, .path = c->dumps[i]};
	struct model *m;
	struct error *e = context_model(c, i, &m);

	if (e) {
		bad(&r, e);
		return r.faults;
	}
	dump_verify(m->dump, bad, &r);
	if (!r.faults)
		check_meaning(&r, m);
	if (!r.faults)
		praise(&r, m);
	context_drop_model(c, i);
	return r.faults;
}

static struct error *run(struct context *context)
{
	size_t damaged = 0;

	for (size_t i = 0; i < context->ndumps; i++)
		damaged += check_dump(context, i) != 0;
	if (!damaged)
		return NULL;
	return error_input(NULL, NULL, ERROR_NO_OFFSET, "%zu of %zu dumps cannot be trusted",
			   damaged, context->ndumps);
}

/* Fields of --json. */
static const struct column json_columns[] = {
	{"file", NULL, CELL_TEXT, .about = "the dump"},
	{"ok", NULL, CELL_BOOL, .about = "nothing is wrong with it"},
	{"fault", NULL, CELL_TEXT, .about = "what is", .optional = true},
	{"partial", NULL, CELL_BOOL, .about = "something is missing in it", .optional = true},
	{"missing", NULL, CELL_TEXT, .about = "what that is", .optional = true},
	{"objects", NULL, CELL_NUMBER, .about = "in it", .optional = true},
	{"edges", NULL, CELL_NUMBER, .about = "references between them", .optional = true},
	{"chunks", NULL, CELL_NUMBER, .about = "parts of the file, each with a checksum",
	 .optional = true},
};

const struct command cmd_check = {
	.name = "check",
	.usage = "DUMP...",
	.summary =
		"verify a dump: checksums, every row of every section, and that they fit together",
	.about = "Names each fault with its section and its offset in the file. Exit status 3 when "
		 "there is one.",
	.options = OPTIONS_JSON,
	.records = RECORDS(RECORD(json_columns)),
	.min_dumps = 1,
	.max_dumps = UINT32_MAX,
	.run = run,
};
