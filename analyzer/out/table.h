/*
 * table.h - rows for people and programs. Columns are data: the same table prints as aligned text,
 * as JSON Lines (one object a row) and as CSV, can be sorted, cut and reduced to some columns.
 */
#ifndef REFGRAPH_TABLE_H
#define REFGRAPH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/err.h"

enum cell_type {
	CELL_TEXT,
	CELL_NUMBER, /* uint64_t */
	CELL_SIGNED, /* int64_t, as it is */
	CELL_DELTA,  /* int64_t, printed with its sign */
	CELL_SIZE,   /* bytes: "1.2 MiB" in text, a number in JSON and CSV */
	CELL_SIZE_DELTA,
	CELL_ADDRESS, /* 0x7f... ; a string in JSON */
	CELL_ID,      /* #17; a number in JSON */
	CELL_BOOL,
	CELL_REAL,
};

struct column {
	/* field name in JSON, header in CSV, name for --columns and --sort; lower case with _ */
	const char *name;
	const char *title; /* header in text; NULL: name */
	enum cell_type type;
	bool hidden;	   /* not in text unless asked for by --columns */
	unsigned width;	   /* at least, in text */
	bool tight;	   /* no gap before it, in text */
	const char *about; /* one line for the manual */
	bool optional;	   /* a field that may be missing in JSON: not every table prints it */
};

struct table_style {
	enum { TABLE_TEXT, TABLE_JSON, TABLE_CSV } format;
	const char *columns; /* --columns a,b,c; NULL default */
	const char *sort;    /* --sort a,-b ("-": descending); NULL: as the rows came */
	uint64_t limit;	     /* 0 = all */
	bool no_header;	     /* text */
	bool left;	     /* text: numbers to the left too (objgraph's shapes) */
	unsigned gap;	     /* spaces between columns in text; 0 = 2 */
	bool exact_sizes;    /* text: bytes as numbers */
	bool colour;
};

struct table;

/* `columns` must outlive the table. */
struct error *table_create(const struct column *columns, size_t ncolumns, struct table **ret);
void table_destroy(struct table *table);

/* Begins a row; cells that are not set are empty (null in JSON). Failing memory is remembered
 * for table_print. */
void table_row(struct table *table);
void table_text(struct table *table, unsigned column, const char *text); /* copied; NULL = empty */
void table_number(struct table *table, unsigned column, uint64_t value);
void table_signed(struct table *table, unsigned column, int64_t value);
void table_real(struct table *table, unsigned column, double value);
size_t table_rows(const struct table *table);

/*
 * From now on a row is printed and forgotten when the next one begins, or by table_flush(), where the style lets it: JSON and
 * CSV that nothing sorts. Memory stays small, however long the table is. `style` must live until table_print(), which is due all the
 * same and prints the rest.
 */
struct error *table_stream(struct table *table, const struct table_style *style, FILE *out);
void table_flush(struct table *table);
/* The limit is reached: no row that comes will be printed. */
bool table_is_full(const struct table *table);

/* Sorts by style->sort (stable), cuts to the limit, prints. An unknown column name is a usage
 * error. */
struct error *table_print(struct table *table, const struct table_style *style, FILE *out);

#endif
