/* suspects.c - `refgraph suspects`: the automatic report. */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "report/suspects.h"

#define DEFAULT_LIMIT 20u

enum { KIND, BYTES, SHARE, SLOPE, COUNT, WHAT, EVIDENCE, PATH, ID, NEXT };

static const struct column columns[] = {
	[KIND] = {"kind", "KIND", CELL_TEXT,
		  .about = "owner, chain, growing, copies, empty, garbage, uncollectable, lost, "
			   "forgotten, pinned, zombie, churn"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "that hang on it"},
	[SHARE] = {"share", "%", CELL_REAL, .about = "per cent of all that is alive"},
	[SLOPE] = {"slope", "BYTES/S", CELL_REAL, .hidden = true,
		   .about = "bytes a second between the dumps; null when nothing is known of that"},
	[COUNT] = {"count", "COUNT", CELL_NUMBER, .about = "of what the finding is about"},
	[WHAT] = {"what", "WHAT", CELL_TEXT, .about = "the finding in a sentence"},
	[EVIDENCE] = {"evidence", "EVIDENCE", CELL_TEXT, .hidden = true, .about = "what shows it"},
	[PATH] = {"path", "PATH", CELL_TEXT, .hidden = true,
		  .about = "the shortest way to it as a programmer would write it"},
	[ID] = {"id", "ID", CELL_ID, .hidden = true, .about = "the object, or an example"},
	[NEXT] = {"next", "NEXT", CELL_TEXT, .hidden = true, .about = "the command to go on with"},
};

struct page {
	struct context *context;
	struct alive alive[2]; /* of the first dump and the last; with one dump: only [1] */
	struct diff diff;
	struct suspects suspects;
};

static void print_text(const struct page *p, uint64_t limit)
{
	const struct suspects *s = &p->suspects;
	struct str alive = {0};

	str_size_words(&alive, p->alive[1].reached_bytes, p->context->style.exact_sizes);
	printf("%zu suspect%s; %s in %" PRIu64 " objects are alive\n", s->list.n,
	       s->list.n == 1 ? "" : "s", str_text(&alive), p->alive[1].reached_objects);
	for (size_t i = 0; i < s->list.n && (!limit || i < limit); i++) {
		const struct finding *f = &s->list.data[i];

		printf("\n%zu  %s\n", i + 1, f->what);
		if (f->path)
			printf("   %s\n", f->path);
		printf("   %s\n   $ %s\n", f->evidence, f->next);
	}
	str_free(&alive);
}

static void add_row(const struct page *p, const struct finding *f, struct table *t)
{
	uint64_t all = p->alive[1].reached_bytes;

	table_row(t);
	table_text(t, KIND, f->kind);
	table_number(t, BYTES, f->bytes);
	table_real(t, SHARE, all ? 100.0 * (double)f->bytes / (double)all : 0);
	if (f->slope > 0)
		table_real(t, SLOPE, f->slope);
	table_number(t, COUNT, f->count);
	table_text(t, WHAT, f->what);
	table_text(t, EVIDENCE, f->evidence);
	table_text(t, PATH, f->path);
	if (f->object != MODEL_NONE)
		table_number(t, ID, f->object);
	table_text(t, NEXT, f->next);
}

/* Sentences, unless the user asked for columns. */
static struct error *print(const struct page *p)
{
	struct table_style style = p->context->style;
	struct table *t;
	struct error *e;

	style.limit = option_number(p->context, OPT_LIMIT, DEFAULT_LIMIT);
	if (style.format == TABLE_TEXT && !style.columns && !style.sort) {
		print_text(p, style.limit);
		return NULL;
	}
	TRY(table_create(columns, sizeof columns / sizeof *columns, &t));
	for (size_t i = 0; i < p->suspects.list.n; i++)
		add_row(p, &p->suspects.list.data[i], t);
	e = table_print(t, &style, stdout);
	table_destroy(t);
	return e;
}

static struct error *compare(struct page *p)
{
	struct context *c = p->context;
	size_t last = c->ndumps - 1;
	struct diff_query query = {.by = DIFF_TYPE, .ndumps = 2};

	TRY(diff_init(&query, &p->diff));
	for (unsigned end = 0; end < 2; end++) {
		const struct universe everything = {.kind = UNIVERSE_ALL};
		struct model *m;

		TRY(context_model(c, end ? last : 0, &m));
		TRY(diff_add(&p->diff, end, m, &everything));
	}
	return diff_finish(&p->diff);
}

static struct error *make(struct page *p)
{
	struct context *c = p->context;
	size_t last = c->ndumps - 1;
	struct suspects_query q = {.alive = &p->alive[1],
				   .dump = c->dumps[last],
				   .min = option_number(c, OPT_SUSPECT_MIN, 0),
				   .exact_sizes = c->style.exact_sizes};
	struct model *m;

	if (last) {
		TRY(context_model(c, 0, &m));
		TRY(alive_init(&p->alive[0], m));
		TRY(compare(p));
		q.earlier = &p->alive[0];
		q.earlier_dump = c->dumps[0];
		q.diff = &p->diff;
	}
	TRY(context_model(c, last, &m));
	TRY(alive_init(&p->alive[1], m));
	TRY(suspects_find(&q, &p->suspects));
	TRY(print(p));
	if (option_flag(c, OPT_FAIL_ON_SUSPECTS, false) && p->suspects.list.n)
		return error_findings("%zu suspect%s", p->suspects.list.n,
				      p->suspects.list.n == 1 ? "" : "s");
	return NULL;
}

static struct error *run(struct context *context)
{
	struct page p = {.context = context};
	struct error *e = make(&p);

	suspects_deinit(&p.suspects);
	diff_deinit(&p.diff);
	alive_deinit(&p.alive[0]);
	alive_deinit(&p.alive[1]);
	return e;
}

const struct command cmd_suspects = {
	.name = "suspects",
	.usage = "DUMP...",
	.summary = "report what looks like a leak or waste, with evidence and the next command",
	.about =
		"Owners that keep much alive, chains, containers that grow (of two dumps: the "
		"first and the last), copies of strings, empty containers, cyclic garbage, what is "
		"uncollectable, lost blocks, forgotten references, memory that cannot go back to "
		"the system, what lives although it ended, what comes and goes; the largest first.",
	.options = OPTIONS_OUTPUT | OPTIONS_SUSPECTS,
	.records = RECORDS(RECORD(columns)),
	.min_dumps = 1,
	.max_dumps = UINT32_MAX,
	.run = run,
};
