/* info.c - `refgraph info`: what a dump is, where it comes from, how much it holds and what was
 * lost. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/cmd.h"
#include "dump/index.h"
#include "out/json.h"
#include "report/coverage.h"
#include "util/str.h"

#define NAME_WIDTH 22

/* One fact is one line of text or one field of JSON. */
struct facts {
	bool as_json, exact;
	struct json json;
};

static void fact_text(struct facts *f, const char *name, const char *value)
{
	struct str s = {0};

	if (f->as_json) {
		json_text(&f->json, name, value);
		return;
	}
	str_printable(&s, value);
	printf("%-*s %s\n", NAME_WIDTH, name, str_text(&s));
	str_free(&s);
}

static void fact_number(struct facts *f, const char *name, uint64_t value)
{
	if (f->as_json)
		json_number(&f->json, name, value);
	else
		printf("%-*s %" PRIu64 "\n", NAME_WIDTH, name, value);
}

static void fact_size(struct facts *f, const char *name, uint64_t value)
{
	struct str s = {0};

	if (f->as_json || f->exact) {
		fact_number(f, name, value);
		return;
	}
	str_size(&s, value);
	fact_text(f, name, str_text(&s));
	str_free(&s);
}

/* "PREFIX.NAME" or "PREFIX.NAME.INDEX"; names of a dump become safe to print in fact_*. */
static void join(struct str *s, const char *prefix, const char *name)
{
	str_clear(s);
	str_printf(s, "%s.", prefix);
	for (; *name; name++)
		str_char(s, *name == '"' || *name == '\\' || (unsigned char)*name < 0x20 ||
					    *name == 0x7f
				    ? '?'
				    : *name);
}

static void file_facts(struct facts *f, const struct model *m)
{
	const struct rgd_file_header *h = dump_header(m->dump);
	char text[64];

	fact_text(f, "file", m->path);
	fact_size(f, "file_size", dump_file_size(m->dump));
	snprintf(text, sizeof text, "%u.%u", h->major, h->minor);
	fact_text(f, "format", text);
	fact_text(f, "complete",
		  dump_flags(m->dump) & RGD_TAIL_PARTIAL ? "no: marked partial" : "yes");
}

/* Nothing when there is none. */
static void index_facts(struct facts *f, struct model *m)
{
	const struct index *index = model_index(m);

	if (!index)
		return;
	fact_text(f, "index", index_path(index));
	fact_size(f, "index_size", index_file_size(index));
}

static void process_facts(struct facts *f, const struct model *m)
{
	const struct rgd_file_header *h = dump_header(m->dump);
	time_t seconds = h->time_ns / 1000000000;
	char text[64], time[40];
	struct tm tm;

	fact_number(f, "pid", h->pid);
	fact_number(f, "serial", h->serial);
	if (gmtime_r(&seconds, &tm) && strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &tm)) {
		snprintf(text, sizeof text, "%s.%03uZ", time,
			 (unsigned)(h->time_ns / 1000000 % 1000));
		fact_text(f, "time", text);
	}
	snprintf(text, sizeof text, "%016" PRIx64, h->process_key);
	fact_text(f, "process_key", text);
	fact_number(f, "machine", h->machine);
}

static void meta_facts(struct facts *f, const struct model *m)
{
	struct str name = {0};

	for (uint32_t i = 0; i < m->nmeta; i++) {
		join(&name, "meta", model_meta_key(m, i));
		fact_text(f, str_text(&name), model_meta_value(m, i));
	}
	str_free(&name);
}

static void runtime_facts(struct facts *f, const struct model *m)
{
	static const char *const states[] = {"ok", "refused", "failed", "busy"};
	struct str name = {0}, value = {0};

	for (uint32_t i = 0; i < m->nruntimes; i++) {
		const struct runtime *r = &m->runtimes[i];
		const char *runtime = model_runtime_name(r->id), *note = model_string(m, r->note);

		join(&name, "runtime", runtime ? runtime : "other");
		str_clear(&value);
		str_printf(&value, "%s%s%s", model_string(m, r->version),
			   model_string(m, r->version)[0] ? ", " : "",
			   r->state < 4 ? states[r->state] : "unknown state");
		if (note[0])
			str_printf(&value, ": %s", note);
		fact_text(f, str_text(&name), str_text(&value));
	}
	str_free(&name);
	str_free(&value);
}

/* From SUMMARY: the edges stay unread. */
static void object_facts(struct facts *f, const struct model *m)
{
	uint64_t tracked = 0, internal = 0, bytes = 0, native = 0;

	for (uint32_t i = 0; i < m->nsummary; i++) {
		const struct summary *s = &m->summary[i];

		tracked += s->tracked & 1 ? s->count : 0;
		internal += s->tracked == 2 ? s->count : 0;
		native += m->types[s->type].runtime == RGD_RT_NATIVE ? s->count : 0;
		bytes += s->bytes;
	}
	fact_number(f, "objects", m->nobjects);
	fact_number(f, "tracked_objects", tracked);
	fact_number(f, "native_blocks", native);
	fact_number(f, "internal_objects", internal);
	fact_size(f, "bytes", bytes);
	fact_number(f, "edges", m->nedges);
	fact_number(f, "roots", m->nroots);
	fact_number(f, "types", m->ntypes);
	fact_number(f, "stacks", m->nstacks);
	fact_number(f, "modules", m->nmodules);
	fact_number(f, "threads", m->nthreads);
}

static void epoch_facts(struct facts *f, const struct model *m)
{
	static const char *const kinds[] = {"start", "mark", "snapshot", "fork", "tracking"};
	struct str name = {0}, value = {0};

	for (uint32_t i = 0; i < m->nepochs; i++) {
		const struct epoch *e = &m->epochs[i];

		str_clear(&name);
		str_printf(&name, "epoch.%" PRIu64, e->number);
		str_clear(&value);
		str_printf(&value, "%s", e->kind < 5 ? kinds[e->kind] : "other");
		if (model_string(m, e->label)[0])
			str_printf(&value, " %s", model_string(m, e->label));
		fact_text(f, str_text(&name), str_text(&value));
	}
	str_free(&name);
	str_free(&value);
}

static void number_facts(struct facts *f, const struct model *m)
{
	struct str name = {0};

	for (uint32_t i = 0; i < m->ngc; i++) {
		const char *runtime = model_runtime_name(m->gc[i].runtime);

		/* `refgraph gc --events` lists them */
		if (strncmp(model_string(m, m->gc[i].name), "event.", 6) == 0)
			continue;
		join(&name, "gc", model_string(m, m->gc[i].name));
		str_printf(&name, ".%" PRIu64 "%s%s", m->gc[i].index,
			   m->gc[i].runtime == RGD_RT_CPYTHON ? "" : ".",
			   m->gc[i].runtime == RGD_RT_CPYTHON ? ""
			   : runtime			      ? runtime
							      : "other");
		fact_number(f, str_text(&name), m->gc[i].value);
	}
	for (uint32_t i = 0; i < m->ncounters; i++) {
		join(&name, "counter", model_string(m, m->counters[i].name));
		fact_number(f, str_text(&name), m->counters[i].value);
	}
	str_free(&name);
}

/* What hooks of a family see: how many functions in which way, then those that are not hooked at their entry, and why. */
static void family_facts(struct facts *f, const struct model *m, uint32_t family)
{
	static const char *const ways[] = {
		[RGD_HOOK_NOT] = "not hooked: its calls are not seen",
		[RGD_HOOK_ENTRY] = "hooked at the entry",
		[RGD_HOOK_GOT] =
			"hooked in tables of imports: calls inside its own module are not seen",
	};
	struct str name = {0}, text = {0};
	uint64_t n[3] = {0}, calls = 0;

	for (uint32_t i = 0; i < m->nhooks; i++) {
		if (m->hooks[i].family != family)
			continue;
		n[m->hooks[i].way < 3 ? m->hooks[i].way : 0]++;
		calls += m->hooks[i].calls;
	}
	join(&name, "hooks", model_string(m, family));
	str_printf(&text, "%" PRIu64 " functions at their entry", n[RGD_HOOK_ENTRY]);
	if (n[RGD_HOOK_GOT])
		str_printf(&text, ", %" PRIu64 " in tables of imports", n[RGD_HOOK_GOT]);
	if (n[RGD_HOOK_NOT])
		str_printf(&text, ", %" PRIu64 " not", n[RGD_HOOK_NOT]);
	str_printf(&text, "; %" PRIu64 " calls", calls);
	fact_text(f, str_text(&name), str_text(&text));
	for (uint32_t i = 0; i < m->nhooks; i++) {
		const struct ref_hook *h = &m->hooks[i];

		if (h->family != family || h->way == RGD_HOOK_ENTRY)
			continue;
		join(&name, "hook", model_string(m, h->name));
		str_clear(&text);
		str_printf(&text, "%s; it %s",
			   h->way == RGD_HOOK_NOT && h->calls ? "hooked no more"
							      : ways[h->way < 3 ? h->way : 0],
			   model_string(m, h->why));
		fact_text(f, str_text(&name), str_text(&text));
	}
	str_free(&name);
	str_free(&text);
}

static struct error *hook_facts(struct facts *f, struct model *m)
{
	if (!m->nhooks)
		return NULL;
	TRY(model_load(m, MODEL_COUNTED));
	for (uint32_t i = 0; i < m->nhooks; i++) {
		uint32_t k = 0;

		while (m->hooks[k].family != m->hooks[i].family)
			k++;
		if (k == i)
			family_facts(f, m, m->hooks[i].family);
	}
	return NULL;
}

static struct error *print(struct context *c, struct model *m)
{
	struct error *e;
	struct facts f = {.as_json = c->style.format == TABLE_JSON, .exact = c->style.exact_sizes};

	TRY(model_load(m, MODEL_STRINGS | MODEL_META | MODEL_TYPES | MODEL_SUMMARY |
				  MODEL_RUNTIMES | MODEL_COUNTERS | MODEL_GC | MODEL_EPOCHS));
	if (f.as_json)
		json_begin(&f.json, stdout);
	file_facts(&f, m);
	index_facts(&f, m);
	process_facts(&f, m);
	meta_facts(&f, m);
	runtime_facts(&f, m);
	object_facts(&f, m);
	epoch_facts(&f, m);
	number_facts(&f, m);
	e = hook_facts(&f, m);
	if (f.as_json)
		json_end(&f.json);
	return e;
}

/* ---- --coverage ---------------------------------------------------------------------------------- */

enum { OF, KNOWN_BY, COUNT, SHARE, BYTES, BYTES_SHARE, MOST, COLUMNS };

static const struct column columns[COLUMNS] = {
	[OF] = {"of", "OF", CELL_TEXT, .about = "objects, references"},
	[KNOWN_BY] = {"known_by", "KNOWN BY", CELL_TEXT,
		      .about = "what gives them a type or a name"},
	[COUNT] = {"count", "COUNT", CELL_NUMBER, .about = "how many"},
	[SHARE] = {"percent", "%", CELL_REAL, .about = "of all objects, of all references"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "of objects: their sizes together"},
	[BYTES_SHARE] = {"bytes_percent", "%", CELL_REAL, .about = "of all bytes"},
	[MOST] = {"most", "MOST OF THEM", CELL_TEXT,
		  .about = "the types of which there are most; of references: of what holds them"},
};

static const char *const coverage_names[COVERAGE_ROWS] = {
	[COVERAGE_UNKNOWN] = "nothing",
	[COVERAGE_NAMED] = "name",
	[COVERAGE_FIELD] = "field of a type",
	[COVERAGE_OFFSET] = "offset alone",
	[COVERAGE_GUESS] = "looks like a pointer",
	[COVERAGE_BARE] = "nothing",
};

static double percent(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0;
}

/* "dict 300, list 17, Session 3" */
static void most_text(const struct coverage *r, struct model *m, unsigned row, struct str *s)
{
	str_clear(s);
	for (unsigned i = 0; i < COVERAGE_MOST && r->row[row].most[i].count; i++) {
		str_printf(s, "%s", i ? ", " : "");
		str_printable(s, model_type(m, r->row[row].most[i].type)->name);
		str_printf(s, " %" PRIu64, r->row[row].most[i].count);
	}
}

static void coverage_rows(struct table *t, const struct coverage *r, struct model *m)
{
	struct str s = {0};

	for (unsigned row = 0; row < COVERAGE_ROWS; row++) {
		bool reference = row >= COVERAGE_REFERENCES;
		uint64_t n = r->row[row].count;

		if (!n)
			continue;
		most_text(r, m, row, &s);
		table_row(t);
		table_text(t, OF, reference ? "references" : "objects");
		table_text(t, KNOWN_BY,
			   row < TYPE_SOURCES ? type_source_names[row] : coverage_names[row]);
		table_number(t, COUNT, n);
		table_real(t, SHARE, percent(n, reference ? r->edges : r->objects));
		table_text(t, MOST, str_text(&s));
		if (reference)
			continue;
		table_number(t, BYTES, r->row[row].bytes);
		table_real(t, BYTES_SHARE, percent(r->row[row].bytes, r->bytes));
	}
	str_free(&s);
}

static struct error *print_coverage(struct context *c, struct model *m)
{
	struct coverage r;
	struct table *t;
	struct error *e;

	TRY(coverage_collect(m, &r));
	TRY(table_create(columns, COLUMNS, &t));
	coverage_rows(t, &r, m);
	e = table_print(t, &c->style, stdout);
	table_destroy(t);
	return e;
}

static struct error *run(struct context *context)
{
	for (size_t i = 0; i < context->ndumps; i++) {
		struct model *m;

		if (i && context->style.format != TABLE_JSON)
			putchar('\n');
		TRY(context_model(context, i, &m));
		if (option_flag(context, OPT_COVERAGE, false))
			TRY(print_coverage(context, m));
		else
			TRY(print(context, m));
		context_drop_model(context, i);
	}
	return NULL;
}

/* Fields of --json. */
static const struct column json_columns[] = {
	{"file", NULL, CELL_TEXT, .about = "the dump"},
};

const struct command cmd_info = {
	.name = "info",
	.usage = "DUMP...",
	.summary = "tell what a dump is: process, time, runtimes, how much it holds, what was lost",
	.about = "Counters that begin with counter.lost are losses. Neither objects nor edges are "
		 "read, but with --coverage, which tells what is still without a type or a name.",
	.options = OPTIONS_JSON | OPTIONS_BYTES | OPTIONS_INFO,
	.records = RECORDS(&(const struct record){COLUMNS_OF(json_columns), .open = true},
			   RECORD(columns)),
	.min_dumps = 1,
	.max_dumps = UINT32_MAX,
	.run = run,
};
