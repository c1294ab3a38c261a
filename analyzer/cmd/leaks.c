/* leaks.c - `refgraph leaks`: native blocks by what still reaches them, gathered by where they were allocated. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/subject.h"
#include "out/junit.h"
#include "report/last_held.h"
#include "report/leak_stacks.h"
#include "report/leaks.h"
#include "report/suppress.h"
#include "util/bits.h"
#include "util/hash.h"

#define DEFAULT_KINDS "definite,possible"
#define DEFAULT_LIMIT 20u
#define DEFAULT_CALLERS 12u

enum {
	KIND,
	BYTES,
	BLOCKS,
	INDIRECT_BYTES,
	INDIRECT_BLOCKS,
	TYPE,
	SITE,
	LAST_HELD,
	ID,
	CYCLIC,
	OLDEST,
	NEWEST,
	STACK
};

static const struct column columns[] = {
	[KIND] = {"kind", "KIND", CELL_TEXT,
		  .about = "definite, indirect, possible, garbage or reachable"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "of these blocks themselves"},
	[BLOCKS] = {"blocks", "BLOCKS", CELL_NUMBER, .about = "how many they are"},
	[INDIRECT_BYTES] = {"indirect_bytes", "INDIRECT", CELL_SIZE,
			    .about = "of blocks that are lost because these are"},
	[INDIRECT_BLOCKS] = {"indirect_blocks", "BLOCKS", CELL_NUMBER,
			     .about = "how many those are"},
	[TYPE] = {"type", "TYPE", CELL_TEXT, .about = "as other commands name it"},
	[SITE] = {"site", "ALLOCATED AT", CELL_TEXT,
		  .about = "the frame that asked for the memory, wrappers of the allocator left "
			   "out; empty: not known"},
	[LAST_HELD] = {"last_held", "LAST HELD BY", CELL_TEXT,
		       .about =
			       "with an earlier dump: what held most of these there; definite ones "
			       "only; empty: nothing, or they were born later"},
	[ID] = {"id", "EXAMPLE", CELL_ID, .about = "the largest of them"},
	[CYCLIC] = {"cyclic", "CYCLIC", CELL_NUMBER, .hidden = true,
		    .about = "definite: blocks of these that hold themselves in the end, by a "
			     "cycle that nothing else reaches"},
	[OLDEST] = {"oldest", "OLDEST", CELL_NUMBER, .hidden = true,
		    .about = "epoch in which the first of them was born"},
	[NEWEST] = {"newest", "NEWEST", CELL_NUMBER, .hidden = true,
		    .about = "epoch in which the last of them was born"},
	[STACK] = {"stack", "STACK", CELL_TEXT, .hidden = true,
		   .about = "all frames that are known, the innermost first"},
};

struct page {
	struct context *context;
	struct subject subject;
	struct leaks leaks;
	struct suppressions *suppressions;
	struct last_held *last_held; /* by record; NULL: there is no earlier dump */
	struct str stacks;	     /* of what the table shows */
	unsigned shown, fails;	     /* bit sets of kinds */
};

static struct error *kinds_of(const struct context *c, enum option_id option, const char *name,
			      const char *otherwise, unsigned *ret)
{
	const char *unknown;
	size_t n;

	*ret = leak_kinds_parse(option_text(c, option, otherwise), ",", &unknown, &n);
	return unknown ? error_usage("--%s: '%.*s' is no kind; there are: definite, indirect, "
				     "possible, garbage, reachable, all, none",
				     name, (int)n, unknown)
		       : NULL;
}

/* "stdstring,newarray", "all", "none" */
static struct error *heuristics_parse(const char *text, unsigned *ret)
{
	*ret = 0;
	for (const char *at = text; *at; at += strspn(at, ",")) {
		size_t n = strcspn(at, ",");
		unsigned found = 0;

		for (unsigned h = 1; h < HEURISTICS; h++)
			if (leak_heuristic_names[h] && strlen(leak_heuristic_names[h]) == n &&
			    strncmp(at, leak_heuristic_names[h], n) == 0)
				found = LEAKS_HEURISTIC(h);
		if (n == 3 && strncmp(at, "all", n) == 0)
			found = LEAKS_ALL_HEURISTICS;
		if (!found && (n != 4 || strncmp(at, "none", n) != 0))
			return error_usage("--leak-check-heuristics: '%.*s' is none; there are: "
					   "stdstring, length64, newarray, multipleinheritance, "
					   "gchead, phptable, all, none",
					   (int)n, at);
		*ret |= found;
		at += n;
	}
	return NULL;
}

static void add_stack(const struct model *m, uint32_t stack, struct str *out)
{
	for (bool first = true; stack != MODEL_NONE;
	     stack = m->stacks[stack].parent, first = false) {
		str_add(out, first ? "" : " < ");
		model_frame_text(m, m->stacks[stack].frame, out);
	}
}

static void add_last_held(const struct last_held *held, struct table *t)
{
	struct str text = {0};

	if (!held->path)
		return;
	str_add(&text, held->path);
	if (held->blocks < held->held)
		str_printf(&text, " (%" PRIu64 " of %" PRIu64 ")", held->blocks, held->held);
	table_text(t, LAST_HELD, text.failed ? held->path : str_text(&text));
	str_free(&text);
}

static struct error *add_row(struct page *p, struct table *t, uint32_t record)
{
	const struct leak_record *r = &p->leaks.records.data[record];
	struct model *m = p->subject.m;
	struct str site = {0}, stack = {0};
	bool failed;

	add_site(m, r->example, &site);
	add_stack(m, r->stack, &stack);
	table_row(t);
	table_text(t, KIND, leak_kind_names[r->kind]);
	table_number(t, BYTES, r->own.bytes);
	table_number(t, BLOCKS, r->own.blocks);
	if (r->kind == LEAK_DEFINITE) {
		table_number(t, INDIRECT_BYTES, r->indirect.bytes);
		table_number(t, INDIRECT_BLOCKS, r->indirect.blocks);
		table_number(t, CYCLIC, r->cyclic.blocks);
	}
	table_text(t, TYPE, model_type_name(m, r->example));
	table_text(t, SITE, str_text(&site));
	if (p->last_held)
		add_last_held(&p->last_held[record], t);
	table_number(t, ID, r->example);
	table_number(t, OLDEST, r->oldest);
	table_number(t, NEWEST, r->newest);
	table_text(t, STACK, str_text(&stack));
	if (p->context->style.format == TABLE_TEXT && !p->context->style.columns)
		leak_stack_text(m, r, option_number(p->context, OPT_NUM_CALLERS, DEFAULT_CALLERS),
				&p->stacks);
	failed = site.failed || stack.failed || p->stacks.failed;
	str_free(&site);
	str_free(&stack);
	return failed ? error_memory() : NULL;
}

/* Records of which a block was selected; all when nothing was. */
static struct error *choose(const struct page *p, uint64_t **ret)
{
	const struct leaks *l = &p->leaks;
	size_t words = bits_words(l->records.n);
	uint64_t *wanted = calloc(words + 1, sizeof *wanted);

	if (!wanted)
		return error_memory();
	if (!p->subject.selected)
		memset(wanted, 0xff, words * sizeof *wanted);
	for (size_t i = 0; i < p->subject.chosen.n; i++)
		if (l->kind[p->subject.chosen.data[i]] != LEAK_NONE)
			bits_set(wanted, leaks_record(l, p->subject.chosen.data[i]));
	*ret = wanted;
	return NULL;
}

static bool is_shown(const struct page *p, const struct leak_record *r)
{
	return (p->shown >> r->kind & 1) && !r->suppressed;
}

/* Rows that the limit would cut off are not made: names cost. */
static struct error *add_rows(struct page *p, struct table *t, uint64_t *left_out)
{
	uint64_t limit = p->context->style.sort ? 0 : p->context->style.limit, *wanted;
	struct error *e;

	*left_out = 0;
	TRY(choose(p, &wanted));
	e = NULL;
	for (size_t i = 0; i < p->leaks.records.n && !e; i++) {
		const struct leak_record *r = &p->leaks.records.data[i];

		if (!is_shown(p, r) || !bits_get(wanted, i))
			continue;
		if (limit && table_rows(t) == limit)
			++*left_out;
		else
			e = add_row(p, t, i);
	}
	free(wanted);
	return e;
}

/* "1,048,576", as memcheck writes numbers */
static const char *grouped(uint64_t value, char *text, size_t size)
{
	char digits[24];
	size_t n = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value), used = 0;

	for (size_t i = 0; i < n && used + 2 < size; i++) {
		text[used++] = digits[i];
		if (i + 1 < n && (n - 1 - i) % 3 == 0)
			text[used++] = ',';
	}
	text[used] = 0;
	return text;
}

static void print_sum(const char *name, const struct leak_sum *sum, const char *more)
{
	char bytes[32], blocks[32];

	printf("%19s: %s bytes in %s blocks%s\n", name, grouped(sum->bytes, bytes, sizeof bytes),
	       grouped(sum->blocks, blocks, sizeof blocks), more);
}

/* In memcheck's words, too. */
static void print_heuristics(const struct leaks *l)
{
	bool any = false;

	for (unsigned h = 1; h < HEURISTICS; h++) {
		const struct leak_sum *sum = &l->by_heuristic[h];
		char bytes[32], blocks[32];

		if (!sum->blocks)
			continue;
		if (!any)
			puts("                      of which reachable via heuristic:");
		any = true;
		printf("                        %-19s: %s bytes in %s blocks\n",
		       leak_heuristic_names[h], grouped(sum->bytes, bytes, sizeof bytes),
		       grouped(sum->blocks, blocks, sizeof blocks));
	}
}

static void print_summary(const struct leaks *l)
{
	const struct leak_sum *sums = l->sums;

	puts("LEAK SUMMARY:");
	print_sum("definitely lost", &sums[LEAK_DEFINITE], "");
	print_sum("indirectly lost", &sums[LEAK_INDIRECT], "");
	print_sum("possibly lost", &sums[LEAK_POSSIBLE], "");
	if (sums[LEAK_GARBAGE].blocks)
		print_sum("held by garbage", &sums[LEAK_GARBAGE],
			  " (a runtime's collector will free it)");
	print_sum("still reachable", &sums[LEAK_REACHABLE], "");
	print_heuristics(l);
	print_sum("suppressed", &l->suppressed, "");
}

/* Known by their site alone, and one suppression of a stack of that site would be too much for some of them. */
static void warn_of_undecided(const struct page *p)
{
	const struct leak_sum *sum = &p->leaks.undecided;

	if (sum->blocks)
		fprintf(stderr,
			"refgraph: %s: of %" PRIu64 " bytes in %" PRIu64
			" blocks only the calling place is known, and suppressions match some of "
			"the "
			"stacks that were recorded there, not all: they are listed; run with "
			"--stacks "
			"exact to know\n",
			p->subject.m->path, sum->bytes, sum->blocks);
}

static struct error *print(struct page *p)
{
	struct table_style *style = &p->context->style;
	uint64_t left_out = 0;
	struct column shown[sizeof columns / sizeof *columns];
	struct table *t;
	struct error *e;

	memcpy(shown, columns, sizeof columns);
	shown[LAST_HELD].hidden = !p->last_held;
	style->limit = option_number(p->context, OPT_LIMIT, DEFAULT_LIMIT);
	TRY(table_create(shown, sizeof columns / sizeof *columns, &t));
	e = add_rows(p, t, &left_out);
	if (!e && (table_rows(t) || style->format != TABLE_TEXT))
		e = table_print(t, style, stdout);
	if (!e && style->format == TABLE_TEXT) {
		if (left_out)
			printf("... and %" PRIu64 " more records; --limit 0 shows all\n", left_out);
		if (str_text(&p->stacks)[0])
			printf("\n%s", str_text(&p->stacks));
		if (table_rows(t))
			putchar('\n');
		print_summary(&p->leaks);
	}
	table_destroy(t);
	return e;
}

/* In the order of the records, each entry once: records differ in more than a suppression can say. */
static struct error *print_suppressions(const struct page *p)
{
	struct names seen = {0};
	struct error *e = NULL;

	for (size_t i = 0; i < p->leaks.records.n && !e; i++) {
		const struct leak_record *r = &p->leaks.records.data[i];
		struct str text = {0};
		size_t before = seen.n;

		if (!is_shown(p, r))
			continue;
		suppression_for(p->subject.m, r, &text);
		if (text.failed || names_keep(&seen, str_text(&text)) == NAMES_NONE)
			e = error_memory();
		else if (seen.n > before)
			fputs(str_text(&text), stdout);
		str_free(&text);
	}
	names_free_kept(&seen);
	return e;
}

/* Suppresses; what the stacks say is loaded by then. */
static struct error *suppress(struct page *p)
{
	const char *file = option_text(p->context, OPT_SUPPRESSIONS, NULL);

	TRY(model_load(p->subject.m, MODEL_SITES | MODEL_REPR));
	TRY(suppressions_create(option_flag(p->context, OPT_DEFAULT_SUPPRESSIONS, true),
				&p->suppressions));
	if (file)
		TRY(suppressions_read(p->suppressions, file));
	leaks_suppress(&p->leaks, p->suppressions);
	return NULL;
}

/* "definitely lost: 48 bytes in 1 blocks, allocated at cache_add+0x12 (cache.c:17)" */
static struct error *add_case(struct page *p, struct junit *j, const struct leak_record *r)
{
	static const char *const words[LEAK_KINDS] = {
		[LEAK_DEFINITE] = "definitely lost",  [LEAK_INDIRECT] = "indirectly lost",
		[LEAK_POSSIBLE] = "possibly lost",    [LEAK_GARBAGE] = "held by garbage",
		[LEAK_REACHABLE] = "still reachable",
	};
	const struct model *m = p->subject.m;
	bool fails = p->context->options[OPT_ERROR_KINDS].given
			     ? (p->fails & 1u << r->kind) != 0
			     : r->kind == LEAK_DEFINITE || r->kind == LEAK_POSSIBLE;
	struct str name = {0}, stack = {0}, class = {0};

	str_printf(&name, "%s: %" PRIu64 " bytes in %" PRIu64 " blocks", words[r->kind],
		   r->own.bytes, r->own.blocks);
	if (r->indirect.blocks)
		str_printf(&name, " (and %" PRIu64 " in %" PRIu64 " indirectly)", r->indirect.bytes,
			   r->indirect.blocks);
	str_add(&name, ", ");
	add_site(m, r->example, &name);
	for (uint32_t s = r->stack; s != MODEL_NONE; s = m->stacks[s].parent) {
		model_frame_text(m, m->stacks[s].frame, &stack);
		str_char(&stack, '\n');
	}
	str_printf(&class, "leaks.%s", model_type_name(p->subject.m, r->example));
	if (!name.failed && !stack.failed && !class.failed)
		junit_case(j, fails ? JUNIT_FAILED : JUNIT_PASSED, str_text(&class),
			   str_text(&name), leak_kind_names[r->kind], str_text(&stack));
	else
		j->cases.failed = true;
	str_free(&name);
	str_free(&stack);
	str_free(&class);
	return j->cases.failed ? error_memory() : NULL;
}

/* All records that are shown, whatever the limit; one case that passed when there are none. */
static struct error *write_junit(struct page *p, const char *path)
{
	const char *program = model_meta(p->subject.m, "program");
	struct junit j = {0};
	struct str suite = {0};
	struct error *e = NULL;

	for (size_t i = 0; i < p->leaks.records.n && !e; i++)
		if (is_shown(p, &p->leaks.records.data[i]))
			e = add_case(p, &j, &p->leaks.records.data[i]);
	if (!e && !j.tests)
		junit_case(&j, JUNIT_PASSED, "leaks", "nothing is lost", "", "");
	str_printf(&suite, "leaks of %s, process %" PRIu32, program ? program : p->subject.m->path,
		   dump_header(p->subject.m->dump)->pid);
	if (!e)
		e = suite.failed ? error_memory() : junit_write(&j, str_text(&suite), path);
	str_free(&suite);
	str_free(&j.cases);
	return e;
}

static struct error *verdict(const struct page *p)
{
	struct leak_sum sum = {0};

	for (unsigned k = 0; k < LEAK_KINDS; k++)
		if (p->fails >> k & 1) {
			sum.blocks += p->leaks.sums[k].blocks;
			sum.bytes += p->leaks.sums[k].bytes;
		}
	return sum.blocks ? error_findings("%" PRIu64 " bytes in %" PRIu64 " blocks are lost",
					   sum.bytes, sum.blocks)
			  : NULL;
}

/* A thread that could not be stopped holds what nobody saw. */
static void warn_of_partial(const struct model *m)
{
	const char *missing;

	if (!(dump_flags(m->dump) & RGD_TAIL_PARTIAL))
		return;
	missing = model_meta(m, "partial");
	fprintf(stderr,
		"refgraph: %s is marked partial%s%s; what it lacks may make blocks look lost\n",
		m->path, missing ? ": " : "", missing ? missing : "");
}

/* What holds a block may be one that was not drawn: everything would be lost. */
static struct error *refuse_sample(const struct model *m)
{
	const char *sample = model_meta(m, "sample");

	if (!sample || strcmp(sample, "0") == 0)
		return NULL;
	return error_input(
		m->path, NULL, ERROR_NO_OFFSET,
		"has only a sample of the blocks (REFGRAPH_STACKS=sampled was in force), "
		"so it cannot tell what nothing points to; follow the program from its "
		"start in another mode, such as hybrid");
}

static struct error *make(struct page *p)
{
	struct option_value *universe = &p->context->options[OPT_UNIVERSE];
	struct model *earlier;
	unsigned heuristics;

	TRY(kinds_of(p->context, OPT_LEAK_KINDS, "show-leak-kinds", DEFAULT_KINDS, &p->shown));
	TRY(kinds_of(p->context, OPT_ERROR_KINDS, "errors-for-leak-kinds", "none", &p->fails));
	/* blocks are what this is about, also where objgraph's universe is the default */
	if (!universe->given)
		*universe = (struct option_value){.given = true, .text = "native"};
	TRY(subject_init(p->context, false, &p->subject));
	TRY(model_load(p->subject.m, MODEL_META));
	TRY(refuse_sample(p->subject.m));
	warn_of_partial(p->subject.m);
	TRY(heuristics_parse(option_text(p->context, OPT_HEURISTICS, "all"), &heuristics));
	TRY(leaks_find(&p->subject.alive, heuristics, &p->leaks));
	if (p->context->ndumps > 1) {
		TRY(context_model(p->context, 0, &earlier));
		TRY(last_held_find(&p->leaks, earlier, &p->last_held));
	}
	TRY(suppress(p));
	TRY(print(p));
	warn_of_undecided(p);
	if (option_flag(p->context, OPT_GEN_SUPPRESSIONS, false))
		TRY(print_suppressions(p));
	if (option_text(p->context, OPT_JUNIT, NULL))
		TRY(write_junit(p, option_text(p->context, OPT_JUNIT, NULL)));
	return verdict(p);
}

static struct error *run(struct context *context)
{
	struct page p = {.context = context};
	struct error *e = make(&p);

	suppressions_destroy(p.suppressions);
	last_held_free(p.last_held, p.leaks.records.n);
	str_free(&p.stacks);
	leaks_deinit(&p.leaks);
	subject_deinit(&p.subject);
	return e;
}

const struct command cmd_leaks = {
	.name = "leaks",
	.usage = "[SELECTOR...] [EARLIER] DUMP",
	.summary = "list native blocks that nothing points to any more, by allocation site",
	.about = "The kinds are memcheck's: definitely, indirectly, possibly lost, still "
		 "reachable. With selectors: the records in which these blocks are; the summary is "
		 "of the whole dump. With an earlier dump of the same process: what held there "
		 "what is lost now.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_LEAKS,
	.records = RECORDS(RECORD(columns)),
	.max_args = UINT32_MAX,
	.min_dumps = 1,
	.max_dumps = 2,
	.run = run,
};
