/*
 * objects.c - columns of objects: whole ones, or the rows of some objects.
 *
 * An array has a place for every object from the start, but memory that nobody writes costs
 * nothing: so rows that are read singly lie where they would lie anyway. Chunks that are asked
 * again and again are decoded whole.
 */
#include "dump/model_internal.h"

#include <stdlib.h>
#include <string.h>

#include "util/big.h"
#include "util/bits.h"
#include "util/threads.h"

static const struct {
	unsigned part;
	uint8_t column, width;
	size_t field; /* of struct model: the array */
} columns[] = {
	{MODEL_ADDRESS, RGD_OBJ_ADDRESS, 8, offsetof(struct model, address)},
	{MODEL_TYPE, RGD_OBJ_TYPE, 4, offsetof(struct model, type)},
	{MODEL_SIZE, RGD_OBJ_SIZE, 8, offsetof(struct model, size)},
	{MODEL_REFCOUNT, RGD_OBJ_REFCOUNT, 8, offsetof(struct model, refcount)},
	{MODEL_FLAGS, RGD_OBJ_FLAGS, 4, offsetof(struct model, flags)},
	{MODEL_EPOCH, RGD_OBJ_EPOCH, 4, offsetof(struct model, epoch)},
	{MODEL_STACK, RGD_OBJ_STACK, 4, offsetof(struct model, stack)},
	{MODEL_BASE, RGD_OBJ_BASE, 8, offsetof(struct model, base)},
};
#define NCOLUMNS (sizeof columns / sizeof *columns)

static void **array_of(struct model *m, size_t column)
{
	return (void **)((char *)m + columns[column].field);
}

static size_t column_of(unsigned part)
{
	size_t c = 0;

	while (columns[c].part != part)
		c++;
	return c;
}

static uint64_t limit_of(const struct model *m, size_t column)
{
	switch (columns[column].part) {
	case MODEL_TYPE:
		return m->ntypes;
	case MODEL_STACK:
		return (uint64_t)m->nstacks + 1;
	default:
		return 0;
	}
}

static struct error *check_types(const struct model *m, unsigned part)
{
	if (part != MODEL_TYPE || m->ntypes || !m->nobjects)
		return NULL;
	return dump_error(m->dump, RGD_SEC_OBJECTS, RGD_OBJ_TYPE, 0,
			  "objects without a table of types");
}

static struct error *open_column(struct model *m, size_t column, bool whole)
{
	void **array = array_of(m, column);

	TRY(check_types(m, columns[column].part));
	if (*array)
		return NULL;
	return (whole ? big_alloc : big_alloc_sparse)(m->nobjects, columns[column].width, array);
}

/* ---- whole columns --------------------------------------------------------------------------- */

/* Searches rely on the order. */
static struct error *check_addresses(const struct model *m)
{
	for (uint32_t i = 1; i < m->nobjects; i++)
		if (m->address[i] <= m->address[i - 1])
			return dump_error(m->dump, RGD_SEC_OBJECTS, RGD_OBJ_ADDRESS, i,
					  "object %u is not behind the one before it", i);
	return NULL;
}

struct error *load_object_column(struct model *m, unsigned part)
{
	size_t c = column_of(part);

	TRY(open_column(m, c, true));
	if (columns[c].width == 4)
		return dump_read_u32(m->dump, RGD_SEC_OBJECTS, columns[c].column, limit_of(m, c),
				     *array_of(m, c));
	TRY(dump_read_u64(m->dump, RGD_SEC_OBJECTS, columns[c].column, limit_of(m, c),
			  *array_of(m, c)));
	return part == MODEL_ADDRESS ? check_addresses(m) : NULL;
}

struct error *model_read_group(struct model *m, unsigned part, size_t group, void *out)
{
	size_t c = column_of(part);
	uint64_t first = (uint64_t)group * RGD_GROUP_ROWS, left = m->nobjects - first;
	size_t n = left < RGD_GROUP_ROWS ? left : RGD_GROUP_ROWS;
	unsigned width = columns[c].width;

	if (m->loaded & part)
		memcpy(out, (char *)*array_of(m, c) + first * width, n * width);
	else if (group < dump_column_chunks(m->dump, RGD_SEC_OBJECTS, columns[c].column))
		return dump_read_chunk(m->dump, RGD_SEC_OBJECTS, columns[c].column, group,
				       limit_of(m, c), out, width);
	else
		memset(out, 0, n * width);
	return NULL;
}

struct scan_job {
	struct model *m;
	size_t column;
	struct error *(*visit)(void *, uint32_t, const uint32_t *, uint32_t);
	void *context;
};

static struct error *scan_group(void *argument, size_t group)
{
	const struct scan_job *job = argument;
	uint32_t first = group * RGD_GROUP_ROWS, left = job->m->nobjects - first;
	uint32_t n = left < RGD_GROUP_ROWS ? left : RGD_GROUP_ROWS;
	struct error *e;
	uint32_t *values;

	if (job->m->loaded & columns[job->column].part)
		return job->visit(job->context, first,
				  (uint32_t *)*array_of(job->m, job->column) + first, n);
	values = malloc(n * sizeof *values);
	if (!values)
		return error_memory();
	e = model_read_group(job->m, columns[job->column].part, group, values);
	if (!e)
		e = job->visit(job->context, first, values, n);
	free(values);
	return e;
}

struct error *model_scan(struct model *m, unsigned part,
			 struct error *(*visit)(void *context, uint32_t first,
						const uint32_t *values, uint32_t n),
			 void *context)
{
	struct scan_job job = {m, column_of(part), visit, context};

	TRY(check_types(m, part));
	return parallel_for(((uint64_t)m->nobjects + RGD_GROUP_ROWS - 1) / RGD_GROUP_ROWS,
			    scan_group, &job);
}

/* ---- rows of some objects -------------------------------------------------------------------- */

/* Up to so many objects are read singly; for more the whole column is. */
static size_t few(const struct model *m)
{
	return 64 + m->nobjects / 16;
}

/* A group that is asked for so often is decoded whole. */
#define OFTEN 8u

struct object_rows {
	unsigned open;	 /* columns of which rows were read */
	uint64_t *known; /* bit set: objects of which the rows of all these are there */
	uint8_t *asked;	 /* by group: how often; from OFTEN on it is decoded whole */
};

/* The objects of one group in one column. */
struct piece {
	size_t column, group;
	const uint32_t *objects;
	size_t n;
	bool whole;
};

struct pick_job {
	struct model *m;
	VEC(struct piece) pieces;
};

static struct error *read_whole(const struct pick_job *job, const struct piece *p)
{
	unsigned width = columns[p->column].width;

	return dump_read_chunk(
		job->m->dump, RGD_SEC_OBJECTS, columns[p->column].column, p->group,
		limit_of(job->m, p->column),
		(char *)*array_of(job->m, p->column) + p->group * RGD_GROUP_ROWS * width, width);
}

static void store(struct model *m, const struct piece *p, const uint64_t *values)
{
	void *array = *array_of(m, p->column);

	for (size_t i = 0; i < p->n; i++) {
		if (columns[p->column].width == 4)
			((uint32_t *)array)[p->objects[i]] = values[i];
		else
			((uint64_t *)array)[p->objects[i]] = values[i];
	}
}

static struct error *read_piece(void *context, size_t i)
{
	const struct pick_job *job = context;
	const struct piece *p = &job->pieces.data[i];
	uint64_t *rows, *values, limit = limit_of(job->m, p->column);
	struct error *e;

	if (p->whole)
		return read_whole(job, p);
	rows = malloc(2 * p->n * sizeof *rows);
	if (!rows)
		return error_memory();
	values = rows + p->n;
	for (size_t k = 0; k < p->n; k++)
		rows[k] = p->objects[k];
	if (!limit && columns[p->column].width == 4)
		limit = 1ull << 32;
	e = dump_pick(job->m->dump, RGD_SEC_OBJECTS, columns[p->column].column, p->group, limit,
		      rows, p->n, values);
	if (!e)
		store(job->m, p, values);
	free(rows);
	return e;
}

static bool add_pieces(struct pick_job *job, struct object_rows *r, const uint32_t *objects,
		       size_t n)
{
	size_t group = objects[0] / RGD_GROUP_ROWS;
	bool whole = r->asked[group] >= OFTEN;

	if (!whole)
		r->asked[group]++;
	for (size_t c = 0; c < NCOLUMNS; c++) {
		struct piece piece = {c, group, objects, n, whole};

		if ((columns[c].part & r->open & ~job->m->loaded) &&
		    group < dump_column_chunks(job->m->dump, RGD_SEC_OBJECTS, columns[c].column) &&
		    !VEC_PUSH(&job->pieces, piece))
			return false;
	}
	return true;
}

static void set_known(struct model *m, const struct pick_job *job)
{
	for (size_t i = 0; i < job->pieces.n; i++) {
		const struct piece *p = &job->pieces.data[i];
		uint64_t end = (p->group + 1) * RGD_GROUP_ROWS;

		for (size_t k = 0; k < p->n; k++)
			bits_set(m->rows->known, p->objects[k]);
		for (uint64_t o = p->group * RGD_GROUP_ROWS; p->whole && o < end && o < m->nobjects;
		     o++)
			bits_set(m->rows->known, o);
	}
}

/* `objects` ascend. */
static struct error *read_rows(struct model *m, const struct ids *objects)
{
	struct pick_job job = {.m = m};
	struct error *e = NULL;

	for (size_t i = 0, end; i < objects->n && !e; i = end) {
		const uint32_t *first = objects->data + i;

		for (end = i; end < objects->n &&
			      objects->data[end] / RGD_GROUP_ROWS == *first / RGD_GROUP_ROWS;)
			end++;
		if (!add_pieces(&job, m->rows, first, end - i))
			e = error_memory();
	}
	if (!e)
		e = parallel_for(job.pieces.n, read_piece, &job);
	if (!e)
		set_known(m, &job);
	VEC_FREE(&job.pieces);
	return e;
}

static struct error *open_rows(struct model *m, unsigned parts)
{
	struct object_rows *r = m->rows;

	if (!r) {
		r = m->rows = calloc(1, sizeof *r);
		if (!r)
			return error_memory();
	}
	if (!r->asked && !(r->asked = calloc(m->nobjects / RGD_GROUP_ROWS + 1, 1)))
		return error_memory();
	if (!(parts & ~r->open) && r->known)
		return NULL;
	/* what is known is not known of the new ones */
	big_free(r->known, bits_words(m->nobjects), sizeof *r->known);
	r->known = NULL;
	TRY(big_alloc_sparse(bits_words(m->nobjects), sizeof *r->known, &r->known));
	memset(r->asked, 0, m->nobjects / RGD_GROUP_ROWS + 1);
	for (size_t c = 0; c < NCOLUMNS; c++)
		if (parts & columns[c].part)
			TRY(open_column(m, c, false));
	r->open |= parts;
	return NULL;
}

void free_object_columns(struct model *m)
{
	for (size_t c = 0; c < NCOLUMNS; c++)
		big_free(*array_of(m, c), m->nobjects, columns[c].width);
	if (!m->rows)
		return;
	big_free(m->rows->known, bits_words(m->nobjects), sizeof *m->rows->known);
	free(m->rows->asked);
	free(m->rows);
}

struct error *unknown_objects(const uint64_t *known, const uint32_t *objects, size_t n,
			      struct ids *ret)
{
	for (size_t i = 0; i < n; i++)
		if (!bits_get(known, objects[i]) && !VEC_PUSH(ret, objects[i]))
			return error_memory();
	ids_sort_unique(ret, 0);
	return NULL;
}

static struct error *load_columns_for(struct model *m, unsigned parts, const uint32_t *objects,
				      size_t n)
{
	struct ids unknown = {0};
	struct error *e = NULL;

	parts &= ~m->loaded;
	if (!parts)
		return NULL;
	TRY(open_rows(m, parts));
	e = unknown_objects(m->rows->known, objects, n, &unknown);
	if (!e && unknown.n)
		e = read_rows(m, &unknown);
	VEC_FREE(&unknown);
	return e;
}

struct error *model_load_for(struct model *m, unsigned parts, const uint32_t *objects, size_t n)
{
	unsigned rows = MODEL_PROPERTIES;

	for (size_t c = 0; c < NCOLUMNS; c++)
		rows |= columns[c].part;
	TRY(model_load(m, parts & ~rows));
	if (n > few(m))
		return model_load(m, parts);
	m->rows_open |= parts & rows;
	TRY(load_columns_for(m, parts & rows & ~MODEL_PROPERTIES, objects, n));
	return parts & MODEL_PROPERTIES & ~m->loaded ? load_properties_for(m, objects, n) : NULL;
}
