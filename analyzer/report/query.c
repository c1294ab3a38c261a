/* query.c - see query.h. The tables are virtual ones: SQLite asks for rows, one at a time, and says which columns it will want. */
#include "report/query.h"

#include <regex.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "dump/index.h"
#include "graph/csr.h"
#include "report/alive.h"
#include "report/edge_name.h"
#include "report/owner_path.h"
#include "report/query_text.h"
#include "report/where.h"
#include "util/big.h"
#include "util/bits.h"

#define MEMORY_LIMIT ((sqlite3_int64)4 << 30)
#define TEXT_LIMIT (64 << 20)

/* What all tables share. */
struct source {
	struct model *m;
	const struct universe *universe;
	const char *expression;
	struct where *filter; /* of the expression, once a table of objects was opened */
	uint64_t used;	      /* bits of fields that the query uses */
	struct where *fields; /* them, opened */
	bool wants_path;
	uint32_t *path; /* by object: number in paths */
	struct names paths;
	struct reverse reverse;
	bool reversed;
	bool declaring;	     /* a table of ours: that looks like creating one */
	struct error *error; /* the first */
};

struct table {
	sqlite3_vtab base;
	struct source *s;
};

struct cursor {
	sqlite3_vtab_cursor base;
	uint64_t row, end;
	uint32_t
		source; /* of edges: of the row; `incoming`: place among the in-edges of `target` */
	bool incoming;
	uint32_t target;
	uint32_t edge;
};

/* A failure of ours becomes one of SQLite's; the error itself is kept. */
static int failed(struct source *s, struct error *e)
{
	if (s->error)
		error_destroy(e);
	else
		s->error = e;
	return e == &error_out_of_memory ? SQLITE_NOMEM : SQLITE_ERROR;
}

static int close_table(sqlite3_vtab *t)
{
	sqlite3_free(t);
	return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *t, sqlite3_vtab_cursor **ret)
{
	struct cursor *c = sqlite3_malloc(sizeof *c);

	if (!c)
		return SQLITE_NOMEM;
	memset(c, 0, sizeof *c);
	*ret = &c->base;
	return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *c)
{
	sqlite3_free(c);
	return SQLITE_OK;
}

static int connect_as(sqlite3 *db, void *context, const char *columns, sqlite3_vtab **ret)
{
	struct table *t = sqlite3_malloc(sizeof *t);
	int rc;

	if (!t)
		return SQLITE_NOMEM;
	memset(t, 0, sizeof *t);
	t->s = context;
	t->s->declaring = true;
	rc = sqlite3_declare_vtab(db, columns);
	t->s->declaring = false;
	if (rc != SQLITE_OK) {
		sqlite3_free(t);
		return rc;
	}
	sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
	*ret = &t->base;
	return SQLITE_OK;
}

/* An equality on `column` that a plan may use: its place, -1 none. */
static int find_equal(const sqlite3_index_info *info, int column)
{
	for (int i = 0; i < info->nConstraint; i++)
		if (info->aConstraint[i].usable && info->aConstraint[i].iColumn == column &&
		    info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ)
			return i;
	return -1;
}

/* The name is for --explain. */
static void use(sqlite3_index_info *info, int constraint, int plan, char *name, double cost,
		sqlite3_int64 rows)
{
	if (constraint >= 0)
		info->aConstraintUsage[constraint].argvIndex = 1;
	info->idxNum = plan;
	info->idxStr = name;
	info->estimatedCost = cost;
	info->estimatedRows = rows;
}

/* A number of an object, from an argument of any type; false when there is no such object. */
static bool object_of(const struct model *m, sqlite3_value *value, uint32_t *ret)
{
	sqlite3_int64 n = sqlite3_value_int64(value);

	if (sqlite3_value_numeric_type(value) != SQLITE_INTEGER || n < 0 || n >= m->nobjects)
		return false;
	*ret = n;
	return true;
}

static void give_text(sqlite3_context *out, const char *text)
{
	sqlite3_result_text(out, text, -1, SQLITE_TRANSIENT);
}

/* ---- objects --------------------------------------------------------------------------------- */

static unsigned count_fields(void)
{
	unsigned n = 0;

	while (where_field_name(n))
		n++;
	return n;
}

static int id_field(void)
{
	int i = 0;

	while (strcmp(where_field_name(i), "id") != 0)
		i++;
	return i;
}

static int connect_objects(sqlite3 *db, void *context, int argc, const char *const *argv,
			   sqlite3_vtab **ret, char **message)
{
	struct str s = {0};
	int rc;

	str_add(&s, "create table objects(");
	for (unsigned i = 0; where_field_name(i); i++) {
		str_add(&s, i ? ", " : "");
		for (const char *c = where_field_name(i); *c; c++)
			str_char(&s, *c == '-' ? '_' : *c);
		str_add(&s, where_field_is_text(i) ? " text" : " integer");
	}
	str_add(&s, ", path text)");
	rc = s.failed ? SQLITE_NOMEM : connect_as(db, context, str_text(&s), ret);
	str_free(&s);
	return rc;
}

static int plan_objects(sqlite3_vtab *t, sqlite3_index_info *info)
{
	struct source *s = ((struct table *)t)->s;
	int id = find_equal(info, id_field());

	s->used |= info->colUsed;
	s->wants_path |= info->colUsed >> count_fields() & 1;
	if (id >= 0)
		use(info, id, 1, "by id", 10, 1);
	else
		use(info, -1, 0, "all", (double)s->m->nobjects + 1000, s->m->nobjects);
	return SQLITE_OK;
}

static struct error *open_objects(struct source *s)
{
	struct alive alive;
	struct error *e = NULL;

	if (s->fields)
		return NULL;
	TRY(model_load(s->m, UNIVERSE_PARTS));
	if (s->expression) {
		TRY(where_compile(s->expression, &s->filter));
		TRY(where_bind(s->filter, s->m));
	}
	if (s->wants_path) {
		TRY(alive_init(&alive, s->m));
		e = owner_paths(&alive, &s->paths, &s->path);
		alive_deinit(&alive);
	}
	return e ? e
		 : where_open_fields(s->used & ((1ull << count_fields()) - 1), s->m, &s->fields);
}

static bool is_in(const struct source *s, uint32_t o)
{
	return universe_has(s->universe, s->m, o) && (!s->filter || where_test(s->filter, o));
}

static int next_object(sqlite3_vtab_cursor *cursor)
{
	struct cursor *c = (struct cursor *)cursor;
	const struct source *s = ((struct table *)cursor->pVtab)->s;

	do
		c->row++;
	while (c->row < c->end && !is_in(s, c->row));
	return SQLITE_OK;
}

static int filter_objects(sqlite3_vtab_cursor *cursor, int plan, const char *text, int argc,
			  sqlite3_value **argv)
{
	struct cursor *c = (struct cursor *)cursor;
	struct source *s = ((struct table *)cursor->pVtab)->s;
	struct error *e = open_objects(s);
	uint32_t object;

	if (e)
		return failed(s, e);
	c->row = 0;
	c->end = s->m->nobjects;
	if (plan == 1) {
		bool known = object_of(s->m, argv[0], &object);

		c->row = known ? object : 0;
		c->end = known ? c->row + 1 : 0;
	}
	if (c->row < c->end && !is_in(s, c->row))
		next_object(cursor);
	return SQLITE_OK;
}

static int at_end(sqlite3_vtab_cursor *cursor)
{
	const struct cursor *c = (struct cursor *)cursor;

	return c->row >= c->end;
}

static void give_field(const struct source *s, unsigned field, uint32_t o, sqlite3_context *out)
{
	struct str text = {0};

	if (!where_field_is_text(field)) {
		sqlite3_result_int64(out, where_number(s->fields, field, o));
		return;
	}
	where_text(s->fields, field, o, &text);
	/* one runtime has two names: the shorter one is what people ask for */
	if (strcmp(str_text(&text), "cpython") == 0 &&
	    strcmp(where_field_name(field), "runtime") == 0)
		give_text(out, "python");
	else if (text.failed)
		sqlite3_result_error_nomem(out);
	else
		give_text(out, str_text(&text));
	str_free(&text);
}

static int give_object(sqlite3_vtab_cursor *cursor, sqlite3_context *out, int column)
{
	const struct source *s = ((struct table *)cursor->pVtab)->s;
	uint32_t o = ((struct cursor *)cursor)->row;

	if ((unsigned)column < count_fields())
		give_field(s, column, o, out);
	else if (s->path && s->path[o] != NAMES_NONE)
		give_text(out, s->paths.names[s->path[o]]);
	return SQLITE_OK;
}

static int row_number(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret)
{
	*ret = ((struct cursor *)cursor)->row;
	return SQLITE_OK;
}

static sqlite3_module objects_module = {.iVersion = 2,
					.xConnect = connect_objects,
					.xBestIndex = plan_objects,
					.xDisconnect = close_table,
					.xDestroy = close_table,
					.xOpen = open_cursor,
					.xClose = close_cursor,
					.xFilter = filter_objects,
					.xNext = next_object,
					.xEof = at_end,
					.xColumn = give_object,
					.xRowid = row_number};

/* ---- edges ----------------------------------------------------------------------------------- */

enum { EDGE_SOURCE, EDGE_TARGET, EDGE_KIND, EDGE_LABEL };

static int connect_edges(sqlite3 *db, void *context, int argc, const char *const *argv,
			 sqlite3_vtab **ret, char **message)
{
	return connect_as(
		db, context,
		"create table edges(source integer, target integer, kind text, label text)", ret);
}

static int plan_edges(sqlite3_vtab *t, sqlite3_index_info *info)
{
	const struct model *m = ((struct table *)t)->s->m;
	int source = find_equal(info, EDGE_SOURCE), target = find_equal(info, EDGE_TARGET);

	if (source >= 0)
		use(info, source, 1, "by source", 20, 5);
	else if (target >= 0)
		use(info, target, 2, "by target", 100, 5);
	else
		use(info, -1, 0, "all", (double)m->nedges + 1000, m->nedges);
	return SQLITE_OK;
}

/* The first object at or after `source` whose edges reach past `row`. */
static void settle_edge(struct cursor *c, const struct model *m)
{
	const struct graph *g = &m->graph;

	if (c->incoming || c->row >= c->end)
		return;
	while (g->out_first[c->source + 1] <= c->row)
		c->source++;
	c->edge = c->row;
}

/* In-edges are known by their sources: which edge it is takes a look at these. Parallel ones are neighbours. */
static void settle_incoming(struct cursor *c, const struct source *s)
{
	const struct graph *g = &s->m->graph;
	uint32_t skip = 0;

	if (c->row >= c->end)
		return;
	c->source = s->reverse.in_source[c->row];
	while (c->row - skip > s->reverse.in_first[c->target] &&
	       s->reverse.in_source[c->row - skip - 1] == c->source)
		skip++;
	for (c->edge = g->out_first[c->source]; c->edge < g->out_first[c->source + 1]; c->edge++)
		if (g->out_target[c->edge] == c->target && skip-- == 0)
			return;
}

static int next_edge(sqlite3_vtab_cursor *cursor)
{
	struct cursor *c = (struct cursor *)cursor;
	const struct source *s = ((struct table *)cursor->pVtab)->s;

	c->row++;
	if (c->incoming)
		settle_incoming(c, s);
	else
		settle_edge(c, s->m);
	return SQLITE_OK;
}

static struct error *open_edges(struct source *s, bool reverse)
{
	TRY(model_load(s->m, MODEL_EDGES | MODEL_REPR));
	if (reverse && !s->reversed) {
		if (!index_take_reverse(model_index(s->m), false, &s->reverse))
			TRY(graph_reverse(&s->m->graph, NULL, &s->reverse));
		s->reversed = true;
	}
	return NULL;
}

static int filter_edges(sqlite3_vtab_cursor *cursor, int plan, const char *text, int argc,
			sqlite3_value **argv)
{
	struct cursor *c = (struct cursor *)cursor;
	struct source *s = ((struct table *)cursor->pVtab)->s;
	struct error *e = open_edges(s, plan == 2);
	uint32_t object = 0;

	if (e)
		return failed(s, e);
	c->incoming = plan == 2;
	c->source = 0;
	c->row = 0;
	c->end = s->m->nedges;
	if (plan && !object_of(s->m, argv[0], &object)) {
		c->end = 0;
	} else if (plan == 1) {
		c->source = object;
		c->row = s->m->graph.out_first[object];
		c->end = s->m->graph.out_first[object + 1];
	} else if (plan == 2) {
		c->target = object;
		c->row = s->reverse.in_first[object];
		c->end = s->reverse.in_first[object + 1];
	}
	if (c->incoming)
		settle_incoming(c, s);
	else
		settle_edge(c, s->m);
	return SQLITE_OK;
}

static int give_label(struct source *s, uint32_t source, uint32_t number, sqlite3_context *out)
{
	struct str text = {0};
	struct edge edge;
	struct error *e = model_edge(s->m, source, number, &edge);

	if (e)
		return failed(s, e);
	edge_label(s->m, &edge, &text);
	give_text(out, str_text(&text));
	str_free(&text);
	return SQLITE_OK;
}

static int give_edge(sqlite3_vtab_cursor *cursor, sqlite3_context *out, int column)
{
	const struct cursor *c = (struct cursor *)cursor;
	struct source *s = ((struct table *)cursor->pVtab)->s;
	const struct graph *g = &s->m->graph;

	switch (column) {
	case EDGE_SOURCE:
		sqlite3_result_int64(out, c->source);
		break;
	case EDGE_TARGET:
		sqlite3_result_int64(out, g->out_target[c->edge]);
		break;
	case EDGE_KIND:
		give_text(out, model_edge_kind_name(MODEL_CLASS_KIND(g->edge_class[c->edge])));
		break;
	default:
		return give_label(s, c->source, c->edge, out);
	}
	return SQLITE_OK;
}

static int edge_number(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret)
{
	*ret = ((struct cursor *)cursor)->edge;
	return SQLITE_OK;
}

static sqlite3_module edges_module = {.iVersion = 2,
				      .xConnect = connect_edges,
				      .xBestIndex = plan_edges,
				      .xDisconnect = close_table,
				      .xDestroy = close_table,
				      .xOpen = open_cursor,
				      .xClose = close_cursor,
				      .xFilter = filter_edges,
				      .xNext = next_edge,
				      .xEof = at_end,
				      .xColumn = give_edge,
				      .xRowid = edge_number};

/* ---- roots ----------------------------------------------------------------------------------- */

enum { ROOT_TARGET, ROOT_CLASS, ROOT_KIND, ROOT_NAME };

static int connect_roots(sqlite3 *db, void *context, int argc, const char *const *argv,
			 sqlite3_vtab **ret, char **message)
{
	return connect_as(db, context,
			  "create table roots(target integer, class text, kind text, name text)",
			  ret);
}

static int plan_roots(sqlite3_vtab *t, sqlite3_index_info *info)
{
	const struct model *m = ((struct table *)t)->s->m;

	use(info, -1, 0, "all", (double)m->nroots + 10, m->nroots);
	return SQLITE_OK;
}

static int filter_roots(sqlite3_vtab_cursor *cursor, int plan, const char *text, int argc,
			sqlite3_value **argv)
{
	struct cursor *c = (struct cursor *)cursor;
	struct source *s = ((struct table *)cursor->pVtab)->s;
	struct error *e =
		model_load(s->m, MODEL_ROOTS | MODEL_STRINGS | MODEL_MODULES | MODEL_THREADS);

	if (e)
		return failed(s, e);
	c->row = 0;
	c->end = s->m->nroots;
	return SQLITE_OK;
}

static int next_root(sqlite3_vtab_cursor *cursor)
{
	((struct cursor *)cursor)->row++;
	return SQLITE_OK;
}

static int give_root(sqlite3_vtab_cursor *cursor, sqlite3_context *out, int column)
{
	struct source *s = ((struct table *)cursor->pVtab)->s;
	const struct root *r = &s->m->roots[((struct cursor *)cursor)->row];
	struct str text = {0};

	switch (column) {
	case ROOT_TARGET:
		sqlite3_result_int64(out, r->target);
		break;
	case ROOT_CLASS:
		give_text(out, model_root_class_name(r->class));
		break;
	case ROOT_KIND:
		give_text(out, model_edge_kind_name(r->kind));
		break;
	default:
		root_name(s->m, r, &text);
		give_text(out, str_text(&text));
		str_free(&text);
	}
	return SQLITE_OK;
}

static sqlite3_module roots_module = {.iVersion = 2,
				      .xConnect = connect_roots,
				      .xBestIndex = plan_roots,
				      .xDisconnect = close_table,
				      .xDestroy = close_table,
				      .xOpen = open_cursor,
				      .xClose = close_cursor,
				      .xFilter = filter_roots,
				      .xNext = next_root,
				      .xEof = at_end,
				      .xColumn = give_root,
				      .xRowid = row_number};

/* ---- regexp ---------------------------------------------------------------------------------- */

static void free_regex(void *p)
{
	regfree(p);
	free(p);
}

/* Compiled once for a pattern that stays the same; NULL after an error. */
static regex_t *pattern_of(sqlite3_context *out, sqlite3_value *value)
{
	regex_t *regex = sqlite3_get_auxdata(out, 0);
	const char *text = (const char *)sqlite3_value_text(value);
	char message[200];
	int rc;

	if (regex)
		return regex;
	regex = text ? malloc(sizeof *regex) : NULL;
	if (!regex) {
		sqlite3_result_error_nomem(out);
		return NULL;
	}
	rc = regcomp(regex, text, REG_EXTENDED | REG_NOSUB);
	if (rc) {
		regerror(rc, regex, message, sizeof message);
		sqlite3_result_error(out, message, -1);
		free(regex);
		return NULL;
	}
	sqlite3_set_auxdata(out, 0, regex, free_regex);
	/* SQLite may have freed it at once, when memory is short */
	return sqlite3_get_auxdata(out, 0);
}

/* `text regexp pattern` calls regexp(pattern, text). */
static void regexp(sqlite3_context *out, int argc, sqlite3_value **argv)
{
	const char *text = (const char *)sqlite3_value_text(argv[1]);
	regex_t *regex;

	if (sqlite3_value_type(argv[0]) == SQLITE_NULL || !text)
		return;
	regex = pattern_of(out, argv[0]);
	if (regex)
		sqlite3_result_int(out, regexec(regex, text, 0, NULL, 0) == 0);
}

/* ---- running --------------------------------------------------------------------------------- */

/* Reading, and functions that do nothing else; all that could touch a file or the connection is refused. */
static int authorize(void *context, int action, const char *first, const char *second,
		     const char *database, const char *trigger)
{
	const struct source *s = context;

	if (s->declaring)
		return SQLITE_OK;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return second && strcasecmp(second, "load_extension") == 0 ? SQLITE_DENY
									   : SQLITE_OK;
	default:
		return SQLITE_DENY;
	}
}

static int prepare_database(sqlite3 *db, struct source *s)
{
	int rc = sqlite3_exec(db, "pragma temp_store = memory", NULL, NULL, NULL);

	sqlite3_hard_heap_limit64(MEMORY_LIMIT);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, TEXT_LIMIT);
	sqlite3_limit(db, SQLITE_LIMIT_COLUMN, 200);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_create_module(db, "objects", &objects_module, s);
	if (rc == SQLITE_OK)
		rc = sqlite3_create_module(db, "edges", &edges_module, s);
	if (rc == SQLITE_OK)
		rc = sqlite3_create_module(db, "roots", &roots_module, s);
	if (rc == SQLITE_OK)
		rc = sqlite3_create_function(db, "regexp", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
					     NULL, regexp, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_set_authorizer(db, authorize, s);
	return rc;
}

static const char *const column_help =
	"objects has the fields of --where, with _ for -, and path; edges: source, target, kind, "
	"label; roots: target, class, kind, name";

/* SQLite's words, the query, and a caret where it is known. */
static struct error *query_error(sqlite3 *db, const char *query, const struct query_text *text)
{
	const char *words = sqlite3_errmsg(db);
	int offset = sqlite3_error_offset(db), code = sqlite3_errcode(db);
	bool unknown = strncmp(words, "no such column", 14) == 0 ||
		       strncmp(words, "no such table", 13) == 0;
	struct str shown = {0}, caret = {0};
	struct error *e;

	if (code == SQLITE_NOMEM)
		return error_memory();
	if (code == SQLITE_AUTH || strcmp(words, "not authorized") == 0)
		words = "a query can only read";
	str_add(&shown, query);
	for (size_t i = 0; i < shown.n; i++)
		if ((unsigned char)shown.data[i] < ' ')
			shown.data[i] = ' ';
	if (offset >= 0 && (size_t)offset <= text->from.n) {
		size_t at = (size_t)offset < text->from.n ? text->from.data[offset] : strlen(query);

		str_printf(&caret, "\n  %*s", (int)at + 1, "^");
	}
	e = error_usage("%s%s%s\n  %s%s", words, unknown ? "; " : "", unknown ? column_help : "",
			str_text(&shown), str_text(&caret));
	str_free(&shown);
	str_free(&caret);
	return e;
}

static bool add_cell(sqlite3_stmt *statement, int column, struct query_result *ret)
{
	struct query_cell cell = {0};
	const void *bytes;

	switch (sqlite3_column_type(statement, column)) {
	case SQLITE_INTEGER:
		cell.kind = QUERY_NUMBER;
		cell.number = sqlite3_column_int64(statement, column);
		break;
	case SQLITE_FLOAT:
		cell.kind = QUERY_REAL;
		cell.real = sqlite3_column_double(statement, column);
		break;
	case SQLITE_NULL:
		break;
	default:
		cell.kind = QUERY_TEXT;
		cell.text = ret->text.n;
		bytes = sqlite3_column_text(statement, column);
		if (!bytes)
			return false;
		str_add(&ret->text, bytes);
		str_char(&ret->text, 0);
	}
	return !ret->text.failed && VEC_PUSH(&ret->cells, cell);
}

static struct error *read_rows(sqlite3 *db, sqlite3_stmt *statement, const char *query,
			       const struct query_text *text, struct query_sink *sink,
			       struct query_result *ret)
{
	int n = sqlite3_column_count(statement), rc = SQLITE_DONE;

	ret->ncolumns = n;
	for (int i = 0; i < n; i++) {
		char *name = strdup(sqlite3_column_name(statement, i));

		if (!name || !VEC_PUSH(&ret->names, name)) {
			free(name);
			return error_memory();
		}
	}
	while (!(sink && sink->enough) && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		for (int i = 0; i < n; i++)
			if (!add_cell(statement, i, ret))
				return error_memory();
		if (!sink)
			continue;
		TRY(sink->row(sink->context, ret));
		ret->cells.n = 0;
		str_clear(&ret->text);
	}
	return (sink && sink->enough) || rc == SQLITE_DONE ? NULL : query_error(db, query, text);
}

static struct error *ask(sqlite3 *db, const char *query, const struct query_text *text,
			 bool explain, struct query_sink *sink, struct query_result *ret)
{
	sqlite3_stmt *statement = NULL;
	struct str sql = {0};
	const char *tail = NULL;
	struct error *e = NULL;

	str_add(&sql, str_text(&text->sql));
	if (explain) {
		/* what SQLite finds wrong is told of the query itself */
		if (sqlite3_prepare_v2(db, str_text(&sql), -1, &statement, NULL) != SQLITE_OK)
			e = query_error(db, query, text);
		sqlite3_finalize(statement);
		statement = NULL;
		str_clear(&sql);
		str_printf(&sql, "explain query plan %s", str_text(&text->sql));
	}
	if (!e && sql.failed)
		e = error_memory();
	if (!e && sqlite3_prepare_v2(db, str_text(&sql), -1, &statement, &tail) != SQLITE_OK)
		e = query_error(db, query, text);
	if (!e && !statement)
		e = error_usage("the query is empty");
	if (!e && !sqlite3_column_count(statement))
		e = error_usage("a query can only read\n  %s", query);
	if (!e && tail && tail[strspn(tail, " \t\n;")])
		e = error_usage("one query at a time\n  %s", query);
	if (!e)
		e = read_rows(db, statement, query, text, sink, ret);
	sqlite3_finalize(statement);
	str_free(&sql);
	return e;
}

static void source_deinit(struct source *s)
{
	where_destroy(s->filter);
	where_destroy(s->fields);
	big_free(s->path, s->m->nobjects, sizeof *s->path);
	names_free_kept(&s->paths);
	if (s->reversed)
		reverse_deinit(&s->reverse);
}

struct error *query_run(struct model *model, const struct universe *universe, const char *where,
			const char *query, bool explain, struct query_sink *sink,
			struct query_result *ret)
{
	struct source s = {.m = model, .universe = universe, .expression = where};
	struct query_text text;
	sqlite3 *db = NULL;
	struct error *e;

	*ret = (struct query_result){0};
	TRY(query_text_make(query, &text));
	if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, NULL) !=
		    SQLITE_OK ||
	    prepare_database(db, &s) != SQLITE_OK)
		e = error_input(NULL, NULL, ERROR_NO_OFFSET, "SQLite does not start: %s",
				db ? sqlite3_errmsg(db) : "no memory");
	else
		e = ask(db, query, &text, explain, sink, ret);
	sqlite3_close(db);
	query_text_deinit(&text);
	source_deinit(&s);
	if (s.error) {
		error_destroy(e);
		return s.error;
	}
	return e;
}

void query_result_deinit(struct query_result *r)
{
	for (size_t i = 0; i < r->names.n; i++)
		free(r->names.data[i]);
	VEC_FREE(&r->names);
	VEC_FREE(&r->cells);
	str_free(&r->text);
}
