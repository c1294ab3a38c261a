/*
 * properties.c - facts about single objects: all of them, or those of some objects.
 *
 * The section is sorted by object but not cut by it. Who asks for the first time passes over the
 * column of objects, which is small; what each chunk begins and ends with is remembered.
 */
#include "dump/model_internal.h"

#include <stdlib.h>
#include <string.h>

#include "util/big.h"
#include "util/bits.h"
#include "util/threads.h"

static bool is_string_property(unsigned key)
{
	return key == RGD_PROP_NAME || key == RGD_PROP_FILE || key == RGD_PROP_REPR ||
	       key == RGD_PROP_STATE || key == RGD_PROP_QUALNAME;
}

static const char *const unsorted = "properties are not sorted by object";

static const char *fault_of(const struct model *m, const struct property *p)
{
	if (p->key == RGD_PROP_POOL && p->value >= m->npools)
		return "a property refers to a pool that is not there";
	return is_string_property(p->key) && p->value >= m->nstrings
		       ? "a property refers to a string that is not there"
		       : NULL;
}

static struct error *faulty(const struct model *m, uint64_t row, const char *fault)
{
	return dump_error(m->dump, RGD_SEC_PROPERTIES, RGD_PROP_OBJECT, row, "%s", fault);
}

/* ---- all ------------------------------------------------------------------------------------- */

struct error *load_properties(struct model *m)
{
	const char *fault = NULL;
	struct property *rows;
	uint32_t i;

	TRY(load_property_rows(m, &rows));
	for (i = 0; i < m->nproperties && !fault; i++) {
		if (i && rows[i].object < rows[i - 1].object)
			fault = unsorted;
		else
			fault = fault_of(m, &rows[i]);
	}
	if (fault) {
		big_free(rows, m->nproperties, sizeof *rows);
		return faulty(m, i - 1, fault);
	}
	big_free(m->properties, m->nheld, sizeof *m->properties);
	m->properties = rows;
	m->nheld = m->nproperties;
	return NULL;
}

/* ---- those of some objects ------------------------------------------------------------------- */

struct span {
	uint32_t first, last; /* objects that a chunk begins and ends with */
	bool known;
};

struct property_rows {
	uint64_t *known; /* bit set: objects whose properties are held */
	struct span *spans;
};

struct found {
	struct ids rows, objects;
};

struct find_job {
	struct model *m;
	const struct ids *wanted; /* ascending */
	struct found *found;	  /* by chunk */
};

static bool match(const struct ids *wanted, const uint32_t *objects, uint32_t n, uint64_t first,
		  struct found *found)
{
	size_t w = 0;

	for (uint32_t i = 0; i < n; i++) {
		while (w < wanted->n && wanted->data[w] < objects[i])
			w++;
		if (w == wanted->n)
			break;
		if (wanted->data[w] == objects[i] &&
		    (!VEC_PUSH(&found->rows, first + i) || !VEC_PUSH(&found->objects, objects[i])))
			return false;
	}
	return true;
}

static struct error *measure(const struct model *m, const uint32_t *objects, uint32_t n,
			     uint64_t first, struct span *span)
{
	for (uint32_t i = 1; i < n; i++)
		if (objects[i] < objects[i - 1])
			return faulty(m, first + i, unsorted);
	*span = (struct span){objects[0], objects[n - 1], true};
	return NULL;
}

/* Some wanted object lies within the span. */
static bool concerns(const struct span *span, const struct ids *wanted)
{
	size_t low = 0, high = wanted->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (wanted->data[middle] < span->first)
			low = middle + 1;
		else
			high = middle;
	}
	return low < wanted->n && wanted->data[low] <= span->last;
}

static struct error *find_in_chunk(void *context, size_t k)
{
	const struct find_job *job = context;
	const struct model *m = job->m;
	struct span *span = &m->property_rows->spans[k];
	uint32_t *objects, n;
	struct error *e;
	uint64_t first;

	dump_chunk_rows(m->dump, RGD_SEC_PROPERTIES, RGD_PROP_OBJECT, k, &first, &n);
	if (!n || (span->known && !concerns(span, job->wanted)))
		return NULL;
	objects = malloc(n * sizeof *objects);
	if (!objects)
		return error_memory();
	e = dump_read_chunk(m->dump, RGD_SEC_PROPERTIES, RGD_PROP_OBJECT, k, m->nobjects, objects,
			    sizeof *objects);
	if (!e && !span->known)
		e = measure(m, objects, n, first, span);
	if (!e && concerns(span, job->wanted) &&
	    !match(job->wanted, objects, n, first, &job->found[k]))
		e = error_memory();
	free(objects);
	return e;
}

static struct error *check_spans(const struct model *m, size_t nchunks)
{
	const struct span *before = NULL;

	for (size_t k = 0; k < nchunks; k++) {
		const struct span *span = &m->property_rows->spans[k];
		uint64_t first;
		uint32_t n;

		if (!span->known)
			continue;
		dump_chunk_rows(m->dump, RGD_SEC_PROPERTIES, RGD_PROP_OBJECT, k, &first, &n);
		if (before && span->first < before->last)
			return faulty(m, first, unsorted);
		before = span;
	}
	return NULL;
}

struct column_pick {
	const struct model *m;
	unsigned column;
	uint64_t limit;
	const uint64_t *rows;
	size_t n;
	uint64_t *values;
};

static size_t rows_before(const struct column_pick *pick, uint64_t row)
{
	size_t low = 0, high = pick->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pick->rows[middle] < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct error *pick_in_chunk(void *context, size_t k)
{
	const struct column_pick *pick = context;
	size_t begin, end;
	uint64_t first;
	uint32_t n;

	dump_chunk_rows(pick->m->dump, RGD_SEC_PROPERTIES, pick->column, k, &first, &n);
	begin = rows_before(pick, first);
	end = rows_before(pick, first + n);
	return begin == end
		       ? NULL
		       : dump_pick(pick->m->dump, RGD_SEC_PROPERTIES, pick->column, k, pick->limit,
				   pick->rows + begin, end - begin, pick->values + begin);
}

static struct error *pick_column(struct column_pick *pick)
{
	return parallel_for(dump_column_chunks(pick->m->dump, RGD_SEC_PROPERTIES, pick->column),
			    pick_in_chunk, pick);
}

/* Key and value of found rows, whose objects out[] has. */
static struct error *read_found(struct model *m, const uint64_t *rows, size_t n, uint64_t *values,
				struct property *out)
{
	struct column_pick key = {m, RGD_PROP_KEY, 256, rows, n, values};
	struct column_pick value = {m, RGD_PROP_VALUE, 0, rows, n, values};

	TRY(pick_column(&key));
	for (size_t i = 0; i < n; i++)
		out[i].key = values[i];
	memset(values, 0, n * sizeof *values);
	TRY(pick_column(&value));
	for (size_t i = 0; i < n; i++) {
		out[i].value = values[i];
		if (fault_of(m, &out[i]))
			return faulty(m, rows[i], fault_of(m, &out[i]));
	}
	return NULL;
}

/* The rows that are held, and n more of other objects. */
static struct error *merge(struct model *m, const struct property *more, size_t n)
{
	struct property *all;
	size_t i = 0, k = 0, held = m->nheld;

	if (!n)
		return NULL;
	TRY(big_alloc_sparse(held + n, sizeof *all, &all));
	for (size_t at = 0; at < held + n; at++) {
		if (k == n || (i < held && m->properties[i].object < more[k].object))
			all[at] = m->properties[i++];
		else
			all[at] = more[k++];
	}
	big_free(m->properties, held, sizeof *m->properties);
	m->properties = all;
	m->nheld = held + n;
	return NULL;
}

static struct error *hold(struct model *m, const struct found *found, size_t nchunks)
{
	size_t total = 0, n = 0;
	struct property *more;
	uint64_t *rows;
	struct error *e;

	for (size_t k = 0; k < nchunks; k++)
		total += found[k].rows.n;
	if (!total)
		return NULL;
	more = calloc(total, sizeof *more);
	rows = calloc(total, 2 * sizeof *rows);
	for (size_t k = 0; more && rows && k < nchunks; k++) {
		for (size_t i = 0; i < found[k].rows.n; i++, n++) {
			rows[n] = found[k].rows.data[i];
			more[n].object = found[k].objects.data[i];
		}
	}
	e = more && rows ? read_found(m, rows, n, rows + total, more) : error_memory();
	if (!e)
		e = merge(m, more, n);
	free(more);
	free(rows);
	return e;
}

static struct error *find(struct model *m, const struct ids *wanted)
{
	size_t nchunks = dump_column_chunks(m->dump, RGD_SEC_PROPERTIES, RGD_PROP_OBJECT);
	struct find_job job = {m, wanted, calloc(nchunks + 1, sizeof *job.found)};
	struct error *e;

	if (!job.found)
		return error_memory();
	e = parallel_for(nchunks, find_in_chunk, &job);
	if (!e)
		e = check_spans(m, nchunks);
	if (!e)
		e = hold(m, job.found, nchunks);
	for (size_t k = 0; k < nchunks; k++) {
		VEC_FREE(&job.found[k].rows);
		VEC_FREE(&job.found[k].objects);
	}
	free(job.found);
	for (size_t i = 0; i < wanted->n && !e; i++)
		bits_set(m->property_rows->known, wanted->data[i]);
	return e;
}

static struct error *open_rows(struct model *m)
{
	struct property_rows *r = m->property_rows;

	if (!r) {
		r = m->property_rows = calloc(1, sizeof *r);
		if (!r)
			return error_memory();
	}
	if (!r->spans)
		r->spans =
			calloc(dump_column_chunks(m->dump, RGD_SEC_PROPERTIES, RGD_PROP_OBJECT) + 1,
			       sizeof *r->spans);
	if (!r->spans)
		return error_memory();
	return r->known ? NULL
			: big_alloc_sparse(bits_words(m->nobjects), sizeof *r->known, &r->known);
}

struct error *load_properties_for(struct model *m, const uint32_t *objects, size_t n)
{
	struct ids wanted = {0};
	struct error *e;

	TRY(model_load(m, MODEL_STRINGS));
	TRY(open_rows(m));
	e = unknown_objects(m->property_rows->known, objects, n, &wanted);
	if (!e && wanted.n)
		e = find(m, &wanted);
	VEC_FREE(&wanted);
	return e;
}

void free_properties(struct model *m)
{
	big_free(m->properties, m->nheld, sizeof *m->properties);
	if (!m->property_rows)
		return;
	big_free(m->property_rows->known, bits_words(m->nobjects), sizeof *m->property_rows->known);
	free(m->property_rows->spans);
	free(m->property_rows);
}
