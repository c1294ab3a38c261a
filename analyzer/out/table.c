/* table.c - see table.h. Cells are kept as numbers and offsets of text; they become text when
 * they are printed. */
#include "out/table.h"

#include <stdlib.h>
#include <string.h>

#include "util/str.h"
#include "util/vec.h"

struct cell {
	uint64_t bits; /* the number, or where the text begins */
	bool set;
};

struct table {
	const struct column *columns;
	size_t ncolumns, nrows;
	VEC(struct cell) cells;
	struct str text; /* all texts, each ended by a NUL */
	bool failed;
	struct plan *stream; /* NULL: rows are kept until table_print() */
	struct str line;     /* of the stream */
	FILE *out;
	uint64_t printed; /* rows of the stream */
};

struct error *table_create(const struct column *columns, size_t ncolumns, struct table **ret)
{
	struct table *t = calloc(1, sizeof *t);

	if (!t)
		return error_memory();
	t->columns = columns;
	t->ncolumns = ncolumns;
	*ret = t;
	return NULL;
}

static void stream_free(struct table *t);

void table_destroy(struct table *t)
{
	if (!t)
		return;
	stream_free(t);
	VEC_FREE(&t->cells);
	str_free(&t->text);
	free(t);
}

void table_row(struct table *t)
{
	if (t->failed)
		return;
	table_flush(t);
	if (!VEC_RESERVE(&t->cells, t->cells.n + t->ncolumns)) {
		t->failed = true;
		return;
	}
	memset(t->cells.data + t->cells.n, 0, t->ncolumns * sizeof *t->cells.data);
	t->cells.n += t->ncolumns;
	t->nrows++;
}

static void set(struct table *t, unsigned column, uint64_t bits)
{
	if (!t->failed)
		t->cells.data[(t->nrows - 1) * t->ncolumns + column] = (struct cell){bits, true};
}

void table_text(struct table *t, unsigned column, const char *text)
{
	if (!text)
		return;
	set(t, column, t->text.n);
	str_bytes(&t->text, text, strlen(text) + 1);
	t->failed |= t->text.failed;
}

void table_number(struct table *t, unsigned column, uint64_t value)
{
	set(t, column, value);
}

void table_signed(struct table *t, unsigned column, int64_t value)
{
	set(t, column, (uint64_t)value);
}

void table_real(struct table *t, unsigned column, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	set(t, column, bits);
}

size_t table_rows(const struct table *t)
{
	return t->nrows;
}

/* ---- which columns, which order -------------------------------------------------------------- */

struct plan {
	const struct table *table;
	const struct table_style *style;
	unsigned *columns;
	size_t ncolumns;
	size_t *rows;
	size_t nrows;
	unsigned sort_columns[16];
	bool sort_down[16];
	size_t nsort;
};

static bool same_name(const char *name, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!name[i] || (name[i] != text[i] && !(name[i] == '_' && text[i] == '-')))
			return false;
	return !name[n];
}

static struct error *find_column(const struct table *t, const char *text, size_t n, unsigned *ret)
{
	struct str all = {0};
	struct error *e;

	for (unsigned c = 0; c < t->ncolumns; c++) {
		if (same_name(t->columns[c].name, text, n)) {
			*ret = c;
			return NULL;
		}
	}
	for (unsigned c = 0; c < t->ncolumns; c++)
		str_printf(&all, "%s%s", c ? ", " : "", t->columns[c].name);
	e = error_usage("no column '%.*s'; there are: %s", (int)n, text, str_text(&all));
	str_free(&all);
	return e;
}

static struct error *plan_columns(struct plan *p)
{
	const struct table *t = p->table;
	const char *list = p->style->columns;

	p->columns = calloc(t->ncolumns + (list ? strlen(list) : 0) + 1, sizeof *p->columns);
	if (!p->columns)
		return error_memory();
	if (!list) {
		for (unsigned c = 0; c < t->ncolumns; c++)
			if (!t->columns[c].hidden || p->style->format != TABLE_TEXT)
				p->columns[p->ncolumns++] = c;
		return NULL;
	}
	while (*list) {
		size_t n = strcspn(list, ",");

		TRY(find_column(t, list, n, &p->columns[p->ncolumns]));
		p->ncolumns++;
		list += n + (list[n] == ',');
	}
	return NULL;
}

static struct error *plan_sort(struct plan *p)
{
	const char *list = p->style->sort;

	while (list && *list && p->nsort < 16) {
		size_t n = strcspn(list, ",");
		bool down = *list == '-';

		TRY(find_column(p->table, list + down, n - down, &p->sort_columns[p->nsort]));
		p->sort_down[p->nsort++] = down;
		list += n + (list[n] == ',');
	}
	return NULL;
}

static const struct cell *cell_at(const struct table *t, size_t row, unsigned column)
{
	return &t->cells.data[row * t->ncolumns + column];
}

static double real_of(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

static int compare_cells(const struct table *t, unsigned column, const struct cell *a,
			 const struct cell *b)
{
	if (a->set != b->set)
		return a->set ? 1 : -1;
	if (!a->set)
		return 0;
	switch (t->columns[column].type) {
	case CELL_TEXT:
		return strcmp(t->text.data + a->bits, t->text.data + b->bits);
	case CELL_SIGNED:
	case CELL_DELTA:
	case CELL_SIZE_DELTA:
		return ((int64_t)a->bits > (int64_t)b->bits) -
		       ((int64_t)a->bits < (int64_t)b->bits);
	case CELL_REAL:
		return (real_of(a->bits) > real_of(b->bits)) -
		       (real_of(a->bits) < real_of(b->bits));
	default:
		return (a->bits > b->bits) - (a->bits < b->bits);
	}
}

static int compare_rows(const void *x, const void *y, void *context)
{
	size_t a = *(const size_t *)x, b = *(const size_t *)y;
	const struct plan *p = context;

	for (size_t i = 0; i < p->nsort; i++) {
		unsigned c = p->sort_columns[i];
		int order = compare_cells(p->table, c, cell_at(p->table, a, c),
					  cell_at(p->table, b, c));

		if (order)
			return p->sort_down[i] ? -order : order;
	}
	return (a > b) - (a < b);
}

static struct error *plan_rows(struct plan *p)
{
	const struct table *t = p->table;

	p->rows = malloc((t->nrows + 1) * sizeof *p->rows);
	if (!p->rows)
		return error_memory();
	for (size_t i = 0; i < t->nrows; i++)
		p->rows[i] = i;
	TRY(plan_sort(p));
	if (p->nsort)
		qsort_r(p->rows, t->nrows, sizeof *p->rows, compare_rows, p);
	p->nrows = t->nrows;
	if (p->style->limit && p->style->limit < p->nrows)
		p->nrows = p->style->limit;
	return NULL;
}

/* ---- cells as text --------------------------------------------------------------------------- */

static void add_signed(struct str *s, int64_t v, bool plus)
{
	if (v < 0)
		str_char(s, '-');
	else if (plus)
		str_char(s, '+');
	str_number(s, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

static void add_size(struct str *s, uint64_t bytes, bool exact)
{
	if (exact)
		str_number(s, bytes);
	else
		str_size(s, bytes);
}

static void cell_text(const struct plan *p, unsigned column, const struct cell *cell, struct str *s)
{
	int64_t number = (int64_t)cell->bits;

	if (!cell->set)
		return;
	switch (p->table->columns[column].type) {
	case CELL_TEXT:
		str_printable(s, p->table->text.data + cell->bits);
		break;
	case CELL_NUMBER:
		str_number(s, cell->bits);
		break;
	case CELL_SIGNED:
	case CELL_DELTA:
		add_signed(s, number, p->table->columns[column].type == CELL_DELTA);
		break;
	case CELL_SIZE:
		add_size(s, cell->bits, p->style->exact_sizes);
		break;
	case CELL_SIZE_DELTA:
		str_char(s, number < 0 ? '-' : '+');
		add_size(s, number < 0 ? -cell->bits : cell->bits, p->style->exact_sizes);
		break;
	case CELL_ADDRESS:
		str_hex(s, cell->bits);
		break;
	case CELL_ID:
		str_char(s, '#');
		str_number(s, cell->bits);
		break;
	case CELL_BOOL:
		str_add(s, cell->bits ? "yes" : "no");
		break;
	case CELL_REAL:
		str_printf(s, "%.1f", real_of(cell->bits));
		break;
	}
}

/* For programs: no units, no colours. */
static void cell_plain(const struct plan *p, unsigned column, const struct cell *cell, bool json,
		       struct str *s)
{
	const char *text;

	if (!cell->set) {
		if (json)
			str_add(s, "null");
		return;
	}
	switch (p->table->columns[column].type) {
	case CELL_TEXT:
		text = p->table->text.data + cell->bits;
		if (json)
			str_json(s, text);
		else
			str_add(s, text);
		break;
	case CELL_SIGNED:
	case CELL_DELTA:
	case CELL_SIZE_DELTA:
		add_signed(s, (int64_t)cell->bits, false);
		break;
	case CELL_ADDRESS:
		str_add(s, json ? "\"" : "");
		str_hex(s, cell->bits);
		str_add(s, json ? "\"" : "");
		break;
	case CELL_BOOL:
		str_add(s, cell->bits ? "true" : "false");
		break;
	case CELL_REAL:
		str_printf(s, "%.6g", real_of(cell->bits));
		break;
	default:
		str_number(s, cell->bits);
	}
}

/* ---- printing -------------------------------------------------------------------------------- */

static bool to_the_right(const struct plan *p, unsigned column)
{
	enum cell_type type = p->table->columns[column].type;

	return !p->style->left && type != CELL_TEXT && type != CELL_ADDRESS && type != CELL_BOOL;
}

static const char *title_of(const struct column *c)
{
	return c->title ? c->title : c->name;
}

static void add_spaces(struct str *s, size_t n)
{
	while (n--)
		str_char(s, ' ');
}

static void pad(struct str *line, const char *text, size_t width, bool right)
{
	size_t have = text_width(text), space = have < width ? width - have : 0;

	if (right)
		add_spaces(line, space);
	str_add(line, text);
	if (!right)
		add_spaces(line, space);
}

static void end_line(struct str *line, FILE *out)
{
	while (line->n && line->data[line->n - 1] == ' ')
		line->n--;
	fwrite_unlocked(str_text(line), 1, line->n, out);
	putc_unlocked('\n', out);
	str_clear(line);
}

static void measure(const struct plan *p, size_t *widths, struct str *scratch)
{
	for (size_t c = 0; c < p->ncolumns; c++) {
		unsigned column = p->columns[c];

		widths[c] = p->table->columns[column].width;
		if (!p->style->no_header &&
		    text_width(title_of(&p->table->columns[column])) > widths[c])
			widths[c] = text_width(title_of(&p->table->columns[column]));
		/* text to the left at the end of a line needs no width */
		if (c + 1 == p->ncolumns && !to_the_right(p, column))
			continue;
		for (size_t r = 0; r < p->nrows; r++) {
			str_clear(scratch);
			cell_text(p, column, cell_at(p->table, p->rows[r], column), scratch);
			if (text_width(str_text(scratch)) > widths[c])
				widths[c] = text_width(str_text(scratch));
		}
	}
}

static void print_header(const struct plan *p, const size_t *widths, struct str *line, FILE *out)
{
	unsigned gap = p->style->gap ? p->style->gap : 2;

	if (p->style->colour)
		fputs("\033[1m", out);
	for (size_t c = 0; c < p->ncolumns; c++) {
		if (c)
			add_spaces(line, gap);
		pad(line, title_of(&p->table->columns[p->columns[c]]), widths[c],
		    to_the_right(p, p->columns[c]));
	}
	end_line(line, out);
	if (p->style->colour)
		fputs("\033[0m", out);
}

static struct error *print_text(const struct plan *p, FILE *out)
{
	unsigned gap = p->style->gap ? p->style->gap : 2;
	size_t *widths = calloc(p->ncolumns + 1, sizeof *widths);
	struct str line = {0}, scratch = {0};
	bool failed;

	if (!widths)
		return error_memory();
	measure(p, widths, &scratch);
	if (!p->style->no_header)
		print_header(p, widths, &line, out);
	for (size_t r = 0; r < p->nrows; r++) {
		for (size_t c = 0; c < p->ncolumns; c++) {
			str_clear(&scratch);
			cell_text(p, p->columns[c], cell_at(p->table, p->rows[r], p->columns[c]),
				  &scratch);
			if (c && !p->table->columns[p->columns[c]].tight)
				add_spaces(&line, gap);
			pad(&line, str_text(&scratch), widths[c], to_the_right(p, p->columns[c]));
		}
		end_line(&line, out);
	}
	failed = line.failed || scratch.failed;
	str_free(&line);
	str_free(&scratch);
	free(widths);
	return failed ? error_memory() : NULL;
}

static void json_row(const struct plan *p, size_t row, struct str *line, FILE *out)
{
	str_clear(line);
	str_char(line, '{');
	for (size_t c = 0; c < p->ncolumns; c++) {
		if (c)
			str_char(line, ',');
		str_json(line, p->table->columns[p->columns[c]].name);
		str_char(line, ':');
		cell_plain(p, p->columns[c], cell_at(p->table, row, p->columns[c]), true, line);
	}
	str_add(line, "}\n");
	fwrite_unlocked(str_text(line), 1, line->n, out);
}

/* RFC 4180 but for the ends of lines, which are this system's: quotes where needed, doubled
 * inside. */
static void csv_field(struct str *line, const char *text)
{
	if (!text[strcspn(text, ",\"\r\n")]) {
		str_add(line, text);
		return;
	}
	str_char(line, '"');
	for (; *text; text++) {
		if (*text == '"')
			str_char(line, '"');
		str_char(line, *text);
	}
	str_char(line, '"');
}

static void csv_row(const struct plan *p, size_t row, struct str *line, FILE *out)
{
	struct str scratch = {0};

	str_clear(line);
	for (size_t c = 0; c < p->ncolumns; c++) {
		str_clear(&scratch);
		cell_plain(p, p->columns[c], cell_at(p->table, row, p->columns[c]), false,
			   &scratch);
		if (c)
			str_char(line, ',');
		csv_field(line, str_text(&scratch));
	}
	str_char(line, '\n');
	line->failed |= scratch.failed;
	str_free(&scratch);
	fwrite_unlocked(str_text(line), 1, line->n, out);
}

static void csv_header(const struct plan *p, FILE *out)
{
	for (size_t c = 0; c < p->ncolumns; c++)
		fprintf(out, "%s%s", c ? "," : "", p->table->columns[p->columns[c]].name);
	putc('\n', out);
}

/* Rows for programs: all that the plan has, or the one of a stream. */
static void plain_rows(const struct plan *p, struct str *line, FILE *out)
{
	for (size_t r = 0; r < p->nrows; r++) {
		if (p->style->format == TABLE_JSON)
			json_row(p, p->rows[r], line, out);
		else
			csv_row(p, p->rows[r], line, out);
	}
}

static struct error *print_plain(const struct plan *p, FILE *out)
{
	struct str line = {0};
	bool failed;

	if (p->style->format == TABLE_CSV)
		csv_header(p, out);
	plain_rows(p, &line, out);
	failed = line.failed;
	str_free(&line);
	return failed ? error_memory() : NULL;
}

/* ---- rows that are printed as they come ------------------------------------------------------ */

static void stream_free(struct table *t)
{
	if (t->stream)
		free(t->stream->columns);
	free(t->stream);
	t->stream = NULL;
	str_free(&t->line);
}

struct error *table_stream(struct table *t, const struct table_style *style, FILE *out)
{
	static const size_t first = 0;

	if (style->format == TABLE_TEXT || (style->sort && *style->sort))
		return NULL;
	t->stream = calloc(1, sizeof *t->stream);
	if (!t->stream)
		return error_memory();
	*t->stream =
		(struct plan){.table = t, .style = style, .rows = (size_t *)&first, .nrows = 1};
	t->out = out;
	TRY(plan_columns(t->stream));
	if (style->format == TABLE_CSV)
		csv_header(t->stream, out);
	return NULL;
}

bool table_is_full(const struct table *t)
{
	return t->stream && t->stream->style->limit && t->printed >= t->stream->style->limit;
}

void table_flush(struct table *t)
{
	if (!t->stream || !t->nrows || t->failed)
		return;
	if (!table_is_full(t)) {
		plain_rows(t->stream, &t->line, t->out);
		t->printed++;
	}
	t->failed |= t->line.failed;
	t->nrows = 0;
	t->cells.n = 0;
	str_clear(&t->text);
}

struct error *table_print(struct table *t, const struct table_style *style, FILE *out)
{
	struct plan p = {.table = t, .style = style};
	struct error *e;

	table_flush(t);
	if (t->failed)
		return error_memory();
	if (t->stream)
		return NULL;
	e = plan_columns(&p);
	if (!e)
		e = plan_rows(&p);
	if (!e && style->format != TABLE_TEXT)
		e = print_plain(&p, out);
	else if (!e)
		e = print_text(&p, out);
	free(p.columns);
	free(p.rows);
	return e;
}
