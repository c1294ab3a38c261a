/* survivors.c - `refgraph survivors`: what was made in which epoch and is still alive. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "report/epochs.h"
#include "report/survivors.h"

#define WHAT_MOST 4u /* types that a row of an epoch names */

/* ---- gathering ------------------------------------------------------------------------------- */

/* One row: an epoch, or a type or site. */
struct row {
	uint32_t epoch, group; /* by type or site: its oldest epoch */
	uint64_t count, bytes;
	size_t first, n;     /* by epoch: its cells */
	struct ids each;     /* by type or site: how many of each epoch */
	VEC(uint64_t) alive; /* by dump: how many were alive then */
	VEC(bool) known;     /* by dump: it could have any */
};

struct page {
	struct context *context;
	bool by_epoch, by_site;
	uint32_t first, end, now;
	uint64_t process;
	struct names names;
	struct survivors survivors; /* of the last dump */
	VEC(struct row) rows;
};

static struct error *choose_epochs(struct page *p, struct model *m)
{
	struct context *c = p->context;
	const char *since = option_text(c, OPT_SINCE, NULL),
		   *until = option_text(c, OPT_UNTIL, NULL), *born = option_text(c, OPT_BORN, NULL);
	uint64_t age = option_number(c, OPT_AGE, 1);

	p->end = UINT32_MAX;
	TRY(epoch_last(m, &p->now));
	if (since)
		TRY(epoch_find(m, "survivors", since, &p->first));
	if (until)
		TRY(epoch_find(m, "survivors", until, &p->end));
	if (born) {
		TRY(epoch_find(m, "survivors", born, &p->first));
		p->end = p->first + 1;
	}
	if (age > p->now)
		p->end = 0;
	else if (p->end > p->now - age + 1)
		p->end = p->now - age + 1;
	return NULL;
}

static struct error *count(struct page *p, struct model *m, struct survivors *ret)
{
	const char *expression = option_text(p->context, OPT_WHERE, NULL);
	struct survivor_choice choice = {.by_site = p->by_site, .first = p->first, .end = p->end};
	struct universe universe;
	struct where *where = NULL;
	struct error *e = NULL;

	*ret = (struct survivors){0};
	TRY(context_universe(p->context, m, &universe));
	if (universe.chosen)
		choice.universe = &universe;
	if (expression)
		TRY(where_compile(expression, &where));
	if (where)
		e = where_bind(where, m);
	choice.where = where;
	if (!e)
		e = survivors_count(m, &choice, &p->names, ret);
	where_destroy(where);
	return e;
}

static uint32_t key_of(const struct page *p, const struct survivor_cell *c)
{
	return p->by_epoch ? c->epoch : c->group;
}

static int by_key(const struct page *p, const struct row *r, uint32_t key)
{
	uint32_t own = p->by_epoch ? r->epoch : r->group;

	return (own > key) - (own < key);
}

static struct row *find_row(const struct page *p, uint32_t key)
{
	size_t low = 0, high = p->rows.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = by_key(p, &p->rows.data[middle], key);

		if (!order)
			return &p->rows.data[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static struct error *add_cell(struct row *r, const struct survivor_cell *c)
{
	if (!r->count && !r->bytes)
		r->epoch = c->epoch;
	r->count += c->count;
	r->bytes += c->bytes;
	r->n++;
	return !c->count || VEC_PUSH(&r->each, (uint32_t)c->count) ? NULL : error_memory();
}

/* Rows ascend by key so that find_row() finds them: groups are numbered from 0, epochs come in order. */
static struct error *make_rows(struct page *p)
{
	for (uint32_t g = 0; !p->by_epoch && g < p->names.n; g++)
		if (!VEC_PUSH(&p->rows, (struct row){.group = g}))
			return error_memory();
	for (size_t i = 0; i < p->survivors.cells.n; i++) {
		const struct survivor_cell *c = &p->survivors.cells.data[i];
		struct row *r = find_row(p, key_of(p, c));

		if (!r) {
			if (!VEC_PUSH(&p->rows, ((struct row){.epoch = c->epoch, .first = i})))
				return error_memory();
			r = &p->rows.data[p->rows.n - 1];
		}
		TRY(add_cell(r, c));
	}
	return NULL;
}

/* What was alive in this dump of what the rows are about. */
static struct error *add_history(struct page *p, struct model *m, const struct survivors *s)
{
	uint32_t now;

	TRY(epoch_last(m, &now));
	for (size_t i = 0; i < p->rows.n; i++) {
		struct row *r = &p->rows.data[i];

		if (!VEC_PUSH(&r->alive, 0) || !VEC_PUSH(&r->known, r->epoch <= now))
			return error_memory();
	}
	for (size_t i = 0; i < s->cells.n; i++) {
		struct row *r = find_row(p, key_of(p, &s->cells.data[i]));

		if (r)
			r->alive.data[r->alive.n - 1] += s->cells.data[i].count;
	}
	return NULL;
}

static struct error *check_process(const struct page *p, const struct model *m)
{
	if (dump_header(m->dump)->process_key == p->process)
		return NULL;
	return error_usage("survivors: %s is of another process: its epochs are not those of %s",
			   m->path, p->context->dumps[p->context->ndumps - 1]);
}

static struct error *gather(struct page *p)
{
	struct context *c = p->context;
	size_t last = c->ndumps - 1;
	struct model *m;

	TRY(context_model(c, last, &m));
	p->process = dump_header(m->dump)->process_key;
	TRY(choose_epochs(p, m));
	TRY(count(p, m, &p->survivors));
	TRY(make_rows(p));
	for (size_t i = 0; i < last; i++) {
		struct survivors earlier;
		struct error *e;

		TRY(context_model(c, i, &m));
		TRY(check_process(p, m));
		e = count(p, m, &earlier);
		if (!e)
			e = add_history(p, m, &earlier);
		survivors_deinit(&earlier);
		if (e)
			return e;
		context_drop_model(c, i);
	}
	return NULL;
}

/* ---- the table ------------------------------------------------------------------------------- */

enum { EPOCH, LABEL, AGE, NAME, EPOCHS, EACH, OBJECTS, BYTES, ALIVE, WHAT };

static const struct column columns[] = {
	[EPOCH] = {"epoch", "EPOCH", CELL_NUMBER, .about = "of birth; by type or site: the oldest"},
	[LABEL] = {"label", "LABEL", CELL_TEXT,
		   .about =
			   "what the epoch began with: the mark's label, or start, snapshot, fork"},
	[AGE] = {"age", "AGE", CELL_NUMBER, .about = "epochs that began since, in the last dump"},
	[NAME] = {"name", "NAME", CELL_TEXT, .about = "the type or site; null by epoch"},
	[EPOCHS] = {"epochs", "EPOCHS", CELL_NUMBER, .about = "that it has survivors of"},
	[EACH] = {"each", "OF EACH", CELL_TEXT,
		  .about = "survivors of one such epoch: always as many, or the median and the "
			   "range"},
	[OBJECTS] = {"objects", "OBJECTS", CELL_NUMBER, .about = "that are alive"},
	[BYTES] = {"bytes", "BYTES", CELL_SIZE, .about = "of them and of their storage"},
	[ALIVE] = {"alive", "ALIVE THEN", CELL_TEXT,
		   .about = "how many of them were in each earlier dump; - before they were made"},
	[WHAT] = {"what", "WHAT", CELL_TEXT,
		  .about = "by epoch: of which types or sites, most bytes first"},
};
#define NCOLUMNS (sizeof columns / sizeof *columns)

/* "3", or "3 (1-60)". */
static void each_text(struct row *r, struct str *out)
{
	struct ids *each = &r->each;

	if (!each->n)
		return;
	ids_sort(each);
	str_printf(out, "%" PRIu32, each->data[(each->n - 1) / 2]);
	if (each->data[0] != each->data[each->n - 1])
		str_printf(out, " (%" PRIu32 "-%" PRIu32 ")", each->data[0],
			   each->data[each->n - 1]);
}

static int by_bytes(const void *a, const void *b)
{
	const struct survivor_cell *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->group > y->group) - (x->group < y->group);
}

/* "Session 3, list 3, str 60 and 2 more"; the row's cells are sorted for it. */
static void what_text(struct page *p, const struct row *r, struct str *out)
{
	struct survivor_cell *cells = p->survivors.cells.data + r->first;
	size_t shown = 0, more = 0;

	qsort(cells, r->n, sizeof *cells, by_bytes);
	for (size_t i = 0; i < r->n; i++) {
		if (!cells[i].count)
			continue;
		if (shown < WHAT_MOST) {
			str_printf(out, "%s%s %" PRIu64, shown ? ", " : "",
				   p->names.names[cells[i].group], cells[i].count);
			shown++;
		} else {
			more++;
		}
	}
	if (more)
		str_printf(out, " and %zu more", more);
}

static void alive_text(const struct row *r, struct str *out)
{
	for (size_t i = 0; i < r->alive.n; i++) {
		str_add(out, i ? " " : "");
		if (r->known.data[i])
			str_number(out, r->alive.data[i]);
		else
			str_char(out, '-');
	}
}

static void set_text(struct table *t, unsigned column, struct str *s)
{
	table_text(t, column, str_text(s));
	str_clear(s);
}

static struct error *add_row(struct page *p, struct model *m, struct row *r, struct table *t,
			     struct str *s)
{
	table_row(t);
	table_number(t, EPOCH, r->epoch);
	TRY(epoch_name(m, r->epoch, s));
	set_text(t, LABEL, s);
	table_number(t, AGE, p->now - r->epoch);
	if (!p->by_epoch) {
		table_text(t, NAME, p->names.names[r->group]);
		table_number(t, EPOCHS, r->each.n);
		each_text(r, s);
		set_text(t, EACH, s);
	}
	table_number(t, OBJECTS, r->count);
	table_number(t, BYTES, r->bytes);
	if (p->context->ndumps > 1) {
		alive_text(r, s);
		set_text(t, ALIVE, s);
	}
	if (p->by_epoch) {
		what_text(p, r, s);
		set_text(t, WHAT, s);
	}
	return NULL;
}

static const struct page *sorting; /* qsort has no context */

/* What something is left of in most epochs first: that is the leak of each request. */
static int by_epochs(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->each.n != y->each.n)
		return x->each.n < y->each.n ? 1 : -1;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return strcmp(sorting->names.names[x->group], sorting->names.names[y->group]);
}

static void suit(const struct page *p, struct column *own)
{
	memcpy(own, columns, sizeof columns);
	own[NAME].title = p->by_site ? "SITE" : "TYPE";
	own[NAME].hidden = own[EPOCHS].hidden = own[EACH].hidden = p->by_epoch;
	own[WHAT].hidden = !p->by_epoch;
	own[ALIVE].hidden = p->context->ndumps < 2;
	if (!p->by_epoch) {
		own[EPOCH].title = "OLDEST";
		own[AGE].hidden = true;
	}
}

static struct error *fill(struct page *p, struct table *t)
{
	struct str s = {0};
	struct model *m;
	struct error *e = NULL;

	TRY(context_model(p->context, p->context->ndumps - 1, &m));
	sorting = p;
	if (!p->by_epoch && p->rows.n)
		qsort(p->rows.data, p->rows.n, sizeof *p->rows.data, by_epochs);
	for (size_t i = 0; i < p->rows.n && !e; i++)
		if (p->rows.data[i].count || p->rows.data[i].bytes)
			e = add_row(p, m, &p->rows.data[i], t, &s);
	if (!e && s.failed)
		e = error_memory();
	str_free(&s);
	return e;
}

static struct error *print(struct page *p)
{
	struct table_style style = p->context->style;
	struct column own[NCOLUMNS];
	struct table *table;
	struct error *e;

	style.limit = option_number(p->context, OPT_LIMIT, p->by_epoch ? 0 : 20);
	suit(p, own);
	TRY(table_create(own, NCOLUMNS, &table));
	e = fill(p, table);
	if (!e && !table_rows(table) && style.format == TABLE_TEXT)
		puts("nothing of these epochs is alive");
	else if (!e)
		e = table_print(table, &style, stdout);
	table_destroy(table);
	return e;
}

static void deinit(struct page *p)
{
	for (size_t i = 0; i < p->rows.n; i++) {
		VEC_FREE(&p->rows.data[i].each);
		VEC_FREE(&p->rows.data[i].alive);
		VEC_FREE(&p->rows.data[i].known);
	}
	VEC_FREE(&p->rows);
	survivors_deinit(&p->survivors);
	names_free_kept(&p->names);
}

static struct error *run(struct context *c)
{
	const char *by =
		option_text(c, OPT_SURVIVORS_BY, c->options[OPT_BORN].given ? "type" : "epoch");
	struct page p = {
		.context = c,
		.by_epoch = strcmp(by, "epoch") == 0,
		.by_site = strcmp(by, "site") == 0,
	};
	struct error *e = gather(&p);

	if (!e)
		e = print(&p);
	deinit(&p);
	return e;
}

const struct command cmd_survivors = {
	.name = "survivors",
	.usage = "[EARLIER...] DUMP",
	.summary = "list what was made in which epoch (after which mark) and is still alive",
	.about = "One row an epoch; by type or site: of how many epochs something is left, and how "
		 "much of each, which is the leak per request when each request is marked. With "
		 "earlier dumps of the process: how many of them were alive then. Without "
		 "--universe: everything, native blocks too; storage counts in bytes only.",
	.options = OPTIONS_OUTPUT | OPTIONS_UNIVERSE | OPTIONS_SURVIVORS,
	.records = RECORDS(RECORD(columns)),
	.min_dumps = 1,
	.max_dumps = UINT32_MAX,
	.run = run,
};
