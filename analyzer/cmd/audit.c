/* audit.c - `refgraph audit`: reference counts that nothing explains, and where the hidden holders
 * are. */
#include <inttypes.h>

#include "cmd/cmd.h"
#include "out/json.h"
#include "report/audit.h"

enum {
	VERDICT,
	TYPE,
	OBJECTS,
	REFERENCES,
	OBJECTS_DELTA,
	REFERENCES_DELTA,
	BYTES,
	HOLDER,
	SITE,
	REFCOUNT,
	EXPLAINED,
	WORDS,
	EXAMPLE
};

/* The deltas are shown when there are two dumps. */
static const struct column columns[] = {
	[VERDICT] = {"verdict", "VERDICT", CELL_TEXT,
		     .about = "lost, missing, borrowed, global, block, field, region, stack, "
			      "interpreter: see above"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "of the objects"},
	[OBJECTS] = {"objects", "OBJECTS", CELL_NUMBER, .about = "how many of them"},
	[REFERENCES] =
		{"references", "REFERENCES", CELL_NUMBER,
		 .about = "references of theirs that this row explains, or that nothing does"},
	[OBJECTS_DELTA] = {"objects_delta", "+OBJECTS", CELL_DELTA, .hidden = true,
			   .about = "objects more than in the dump before"},
	[REFERENCES_DELTA] = {"references_delta", "+REFERENCES", CELL_DELTA, .hidden = true,
			      .about = "references more than in the dump before"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "their sizes together"},
	[HOLDER] =
		{"holder", "HOLDER", CELL_TEXT,
		 .about = "the variable, the native block by its allocation site, the C type, the "
			  "stack"},
	[SITE] = {"site", "MADE BY", CELL_TEXT, .about = "where the objects were made"},
	[REFCOUNT] = {"refcount", "REFS", CELL_NUMBER, .hidden = true,
		      .about = "reference count of the example"},
	[EXPLAINED] = {"explained", "EXPLAINED", CELL_NUMBER, .hidden = true,
		       .about = "references to the example that the dump holds"},
	[WORDS] = {"words", "WORDS", CELL_NUMBER, .hidden = true,
		   .about = "of the lost objects: those to which some word points, left over where "
			    "memory is not cleared"},
	[EXAMPLE] = {"id", "EXAMPLE", CELL_ID, .about = "one of the objects, in the last dump"},
};
#define NCOLUMNS (sizeof columns / sizeof *columns)

static void add_row(struct table *t, const struct audit_row *r)
{
	table_row(t);
	table_text(t, VERDICT, verdict_name(r->verdict));
	table_text(t, TYPE, r->type);
	table_number(t, OBJECTS, r->objects);
	table_number(t, REFERENCES, r->references);
	table_signed(t, OBJECTS_DELTA, (int64_t)(r->objects - r->old_objects));
	table_signed(t, REFERENCES_DELTA, (int64_t)(r->references - r->old_references));
	table_number(t, BYTES, r->bytes);
	table_text(t, HOLDER,
		   r->holder[0]			? r->holder
		   : r->verdict == VERDICT_LOST ? "nobody"
						: "");
	table_text(t, SITE, r->site);
	table_number(t, WORDS, r->words);
	if (r->example == MODEL_NONE)
		return;
	table_number(t, REFCOUNT, (uint64_t)r->refcount);
	table_number(t, EXPLAINED, (uint64_t)r->explained);
	table_number(t, EXAMPLE, r->example);
}

/* With two dumps, what did not change is of no interest. */
static bool is_shown(const struct context *c, const struct audit_row *r)
{
	if (c->ndumps > 1 && r->references == r->old_references && r->objects == r->old_objects)
		return false;
	return option_flag(c, OPT_ALL, false) ||
	       (r->verdict < VERDICT_STACK && r->verdict != VERDICT_BORROWED && !r->owned);
}

static void print_head(const struct context *c, const struct audit *a)
{
	struct json j;

	if (c->style.format == TABLE_JSON) {
		json_begin(&j, stdout);
		json_text(&j, "record", "audit");
		json_number(&j, "objects", a->counted);
		json_number(&j, "explained", a->explained);
		json_number(&j, "unexplained", a->unexplained);
		json_number(&j, "pinned", a->pinned);
		json_end(&j);
	} else if (c->style.format == TABLE_TEXT && !c->style.columns && !c->style.no_header) {
		printf("%" PRIu64 " reference counts, %" PRIu64 " explained, %" PRIu64
		       " not; %" PRIu64 " objects are alive by design\n",
		       a->counted, a->explained, a->unexplained, a->pinned);
	}
}

static void print_hidden(const struct context *c, const struct audit *a)
{
	uint64_t stack = 0, interpreter = 0, owned = 0;

	for (size_t i = 0; i < a->n; i++) {
		owned += a->rows[i].owned ? a->rows[i].references : 0;
		stack += a->rows[i].verdict == VERDICT_STACK ? a->rows[i].references : 0;
		interpreter +=
			a->rows[i].verdict == VERDICT_INTERPRETER ? a->rows[i].references : 0;
	}
	if (c->style.format != TABLE_TEXT || c->style.columns || c->style.no_header ||
	    option_flag(c, OPT_ALL, false) || stack + interpreter + owned == 0)
		return;
	if (owned)
		printf("%" PRIu64
		       " references to GObjects lie in C code's structs and variables, as they "
		       "should\n",
		       owned);
	printf("%" PRIu64 " references of the interpreter's own and %" PRIu64
	       " of running calls are not listed; --all lists them\n",
	       interpreter, stack);
}

static struct error *print(struct context *c, const struct audit *a)
{
	struct column shown[NCOLUMNS];
	struct table *table;
	struct error *e;
	bool seen[VERDICT_NUMBER_OF] = {false};

	for (size_t i = 0; i < NCOLUMNS; i++)
		shown[i] = columns[i];
	shown[OBJECTS_DELTA].hidden = shown[REFERENCES_DELTA].hidden = c->ndumps < 2;
	print_head(c, a);
	TRY(table_create(shown, NCOLUMNS, &table));
	for (size_t i = 0; i < a->n; i++) {
		if (!is_shown(c, &a->rows[i]))
			continue;
		add_row(table, &a->rows[i]);
		seen[a->rows[i].verdict] = true;
	}
	e = table_print(table, &c->style, stdout);
	table_destroy(table);
	if (c->style.format == TABLE_TEXT && !c->style.columns && !c->style.no_header)
		for (unsigned v = 0; v < VERDICT_NUMBER_OF; v++)
			if (seen[v])
				printf("%-11s %s\n", verdict_name(v), verdict_about(v));
	print_hidden(c, a);
	return e;
}

static struct error *fail(const struct audit *a)
{
	uint64_t lost = 0, missing = 0;

	for (size_t i = 0; i < a->n; i++) {
		lost += a->rows[i].verdict == VERDICT_LOST ? a->rows[i].references : 0;
		missing += a->rows[i].verdict == VERDICT_MISSING ? a->rows[i].references : 0;
	}
	if (!lost && !missing)
		return NULL;
	return error_findings("audit: %" PRIu64 " references lost, %" PRIu64 " missing", lost,
			      missing);
}

static struct error *compute(struct context *c, size_t dump, struct audit *ret)
{
	struct model *m;

	TRY(context_model(c, dump, &m));
	TRY(model_load(m, MODEL_TYPES | MODEL_RUNTIMES));
	if (!audit_can(m))
		return error_usage("audit: %s holds no objects of CPython, PHP or GObject",
				   m->path);
	return audit_compute(m, option_text(c, OPT_WHERE, NULL), ret);
}

static struct error *run(struct context *c)
{
	struct audit before = {0}, now = {0};
	struct error *e = NULL;

	if (c->ndumps > 1) {
		e = compute(c, 0, &before);
		context_drop_model(c, 0);
	}
	if (!e)
		e = compute(c, c->ndumps - 1, &now);
	if (!e && c->ndumps > 1)
		e = audit_compare(&now, &before);
	if (!e)
		e = print(c, &now);
	if (!e && option_flag(c, OPT_FAIL, false))
		e = fail(&now);
	audit_deinit(&before);
	audit_deinit(&now);
	return e;
}

/* Fields of --json. */
static const struct column json_columns[] = {
	{"record", NULL, CELL_TEXT, .about = "audit: the last line, of the whole dump"},
	{"objects", NULL, CELL_NUMBER, .about = "with a reference count"},
	{"explained", NULL, CELL_NUMBER, .about = "of them: whose count references explain"},
	{"unexplained", NULL, CELL_NUMBER, .about = "of them: whose count they do not"},
	{"pinned", NULL, CELL_NUMBER,
	 .about = "of them: held by running calls and the interpreter itself"},
};

const struct command cmd_audit = {
	.name = "audit",
	.usage = "[BEFORE] DUMP",
	.summary = "find reference counts that no reference explains, and who holds them",
	.about = "A count exceeds the references in the dump when C code holds the object, or when "
		 "it "
		 "forgot to give a reference back. "
		 "With two dumps: what changed.",
	.options = OPTIONS_OUTPUT | OPTIONS_AUDIT | OPTIONS_WHERE,
	.records = RECORDS(RECORD(columns), RECORD_IF("record", "audit", json_columns)),
	.min_dumps = 1,
	.max_dumps = 2,
	.run = run,
};
