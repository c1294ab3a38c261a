/*
 * tables.c - the small sections. Each is a table of columns: where a value goes in the row's struct
 * and below what it must lie; one function reads them all.
 */
#include "dump/model_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/big.h"

/* Below what a column's values must lie: a count of the model. */
enum limit { ANY, STRINGS, TYPES, OBJECTS, FRAMES, STACKS, MODULES, THREADS, CALLS, POOLS, HOOKS };

struct field {
	uint8_t column;
	uint8_t width; /* of the struct's member */
	uint8_t limit; /* enum limit */
	bool plus_one; /* stored + 1, 0 = none, which becomes MODEL_NONE */
	size_t offset;
};
#define FIELD(column, row, member, limit)                                                          \
	{                                                                                          \
		column, sizeof((struct row *)0)->member, limit, false,                             \
			offsetof(struct row, member)                                               \
	}
#define FIELD_OR_NONE(column, row, member, limit)                                                  \
	{                                                                                          \
		column, sizeof((struct row *)0)->member, limit, true, offsetof(struct row, member) \
	}

static uint64_t limit_of(const struct model *m, const struct field *f)
{
	uint64_t n = 0;

	switch ((enum limit)f->limit) {
	case ANY:
		return f->width == 8 ? 0 : 1ull << (8 * f->width);
	case STRINGS:
		n = m->nstrings;
		break;
	case TYPES:
		n = m->ntypes;
		break;
	case OBJECTS:
		n = m->nobjects;
		break;
	case FRAMES:
		n = m->nframes;
		break;
	case STACKS:
		n = m->nstacks;
		break;
	case MODULES:
		n = m->nmodules;
		break;
	case THREADS:
		n = m->nthreads;
		break;
	case CALLS:
		n = m->ncalls;
		break;
	case POOLS:
		n = m->npools;
		break;
	case HOOKS:
		n = m->nhooks;
		break;
	}
	/* nothing can lie below 0: the reader takes 0 for "any", so an empty table fails here by
	 * the first value instead */
	return n + f->plus_one;
}

static void scatter(const struct field *f, const uint64_t *values, uint32_t n, uint8_t *rows,
		    size_t row_size)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t v = values[i];
		uint8_t *member = rows + i * row_size + f->offset;

		if (f->plus_one)
			v = v ? v - 1 : MODEL_NONE;
		if (f->width == 1) {
			*member = v;
		} else if (f->width == 4) {
			uint32_t word = v;
			memcpy(member, &word, sizeof word);
		} else {
			memcpy(member, &v, sizeof v);
		}
	}
}

static struct error *fill(struct model *m, unsigned section, const struct field *f, uint32_t n,
			  uint8_t *rows, size_t row_size, uint64_t *values)
{
	uint64_t limit = limit_of(m, f);

	if (!limit && f->limit != ANY && n)
		return dump_error(m->dump, section, f->column, 0,
				  "column %u refers to a table that is empty", f->column);
	TRY(dump_read_u64(m->dump, section, f->column, limit, values));
	scatter(f, values, n, rows, row_size);
	return NULL;
}

/* Reads `n` rows of a section into *ret, a new array of structs of row_size bytes. */
static struct error *load_rows(struct model *m, unsigned section, const struct field *fields,
			       size_t nfields, uint32_t n, size_t row_size, void *ret)
{
	uint64_t *values;
	uint8_t *rows;
	struct error *e;

	TRY(big_alloc(n, sizeof *values, &values));
	e = big_alloc(n, row_size, &rows);
	if (e) {
		big_free(values, n, sizeof *values);
		return e;
	}
	for (size_t i = 0; i < nfields && !e; i++)
		e = fill(m, section, &fields[i], n, rows, row_size, values);
	big_free(values, n, sizeof *values);
	if (e)
		big_free(rows, n, row_size);
	else
		memcpy(ret, &rows, sizeof rows);
	return e;
}
#define LOAD_ROWS(m, section, fields, n, array)                                                    \
	load_rows((m), (section), (fields), sizeof(fields) / sizeof *(fields), (n),                \
		  sizeof *(array), &(array))

/* ---- texts ----------------------------------------------------------------------------------- */

struct error *load_strings(struct model *m)
{
	return dump_read_texts(m->dump, RGD_SEC_STRINGS, RGD_STRINGS_TEXT, &m->text, &m->text_size,
			       &m->text_start);
}

struct error *load_meta(struct model *m)
{
	if (dump_column_rows(m->dump, RGD_SEC_META, RGD_META_KEY) !=
	    dump_column_rows(m->dump, RGD_SEC_META, RGD_META_VALUE))
		return dump_error(m->dump, RGD_SEC_META, RGD_META_KEY, 0, "keys without values");
	TRY(dump_read_texts(m->dump, RGD_SEC_META, RGD_META_KEY, &m->meta_text[0], &m->meta_size[0],
			    &m->meta_start[0]));
	return dump_read_texts(m->dump, RGD_SEC_META, RGD_META_VALUE, &m->meta_text[1],
			       &m->meta_size[1], &m->meta_start[1]);
}

/* ---- types and labels ------------------------------------------------------------------------ */

struct type_row {
	uint32_t name, module, flags, object, base;
	uint64_t basic_size;
	uint8_t runtime;
};

static const struct field type_fields[] = {
	FIELD(RGD_TYPE_NAME, type_row, name, STRINGS),
	FIELD(RGD_TYPE_MODULE, type_row, module, STRINGS),
	FIELD(RGD_TYPE_RUNTIME, type_row, runtime, ANY),
	FIELD(RGD_TYPE_FLAGS, type_row, flags, ANY),
	FIELD(RGD_TYPE_BASIC_SIZE, type_row, basic_size, ANY),
	FIELD_OR_NONE(RGD_TYPE_OBJECT, type_row, object, OBJECTS),
	FIELD_OR_NONE(RGD_TYPE_BASE, type_row, base, TYPES),
};

/* What the process had in mangled form. */
static const char *class_name(struct model *m, const struct type *t)
{
	char *name = m->namer.class_name ? m->namer.class_name(t->name) : NULL;
	uint32_t number = name ? names_keep(&m->class_names, name) : NAMES_NONE;

	free(name);
	return number == NAMES_NONE ? t->name : m->class_names.names[number];
}

struct error *load_types(struct model *m)
{
	struct type_row *rows;

	TRY(LOAD_ROWS(m, RGD_SEC_TYPES, type_fields, m->ntypes, rows));
	m->types = calloc((size_t)m->ntypes + 1, sizeof *m->types);
	for (uint32_t i = 0; m->types && i < m->ntypes; i++) {
		const struct type_row *r = &rows[i];

		m->types[i] = (struct type){
			.name = model_string(m, r->name),
			.module = model_string(m, r->module),
			.runtime = r->runtime,
			.flags = r->flags,
			.basic_size = r->basic_size,
			.object = r->object,
			.base = r->base,
		};
		if (r->flags & RGD_TYPE_F_RTTI)
			m->types[i].name = class_name(m, &m->types[i]);
	}
	big_free(rows, m->ntypes, sizeof *rows);
	m->nall_types = m->ntypes;
	m->types_room = (size_t)m->ntypes + 1;
	return m->types ? NULL : error_memory();
}

static const struct field label_fields[] = {
	FIELD(RGD_LABEL_KIND, label, kind, ANY),
	FIELD(RGD_LABEL_CLASS, label, class, ANY),
	FIELD(RGD_LABEL_FLAGS, label, flags, ANY),
	FIELD(RGD_LABEL_STRING, label, string, STRINGS),
};

struct error *load_labels(struct model *m)
{
	return LOAD_ROWS(m, RGD_SEC_LABELS, label_fields, m->nlabels, m->labels);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static const struct field summary_fields[] = {
	FIELD(RGD_SUM_TYPE, summary, type, TYPES),
	FIELD_OR_NONE(RGD_SUM_STACK, summary, stack, STACKS),
	FIELD(RGD_SUM_TRACKED, summary, tracked, ANY),
	FIELD(RGD_SUM_COUNT, summary, count, ANY),
	FIELD(RGD_SUM_BYTES, summary, bytes, ANY),
};

struct error *load_summary(struct model *m)
{
	return LOAD_ROWS(m, RGD_SEC_SUMMARY, summary_fields, m->nsummary, m->summary);
}

static const struct field root_fields[] = {
	FIELD(RGD_ROOT_CLASS, root, class, ANY),
	FIELD(RGD_ROOT_KIND, root, kind, ANY),
	FIELD(RGD_ROOT_LABEL, root, label, STRINGS),
	FIELD_OR_NONE(RGD_ROOT_OWNER, root, owner, ANY), /* of modules or threads */
	FIELD(RGD_ROOT_VALUE, root, value, ANY),
	FIELD(RGD_ROOT_TARGET, root, target, OBJECTS),
	FIELD(RGD_ROOT_INTERIOR, root, interior, ANY),
	FIELD(RGD_ROOT_CONTEXT, root, context, STRINGS),
	FIELD(RGD_ROOT_FLAGS, root, flags, ANY),
};

/* An owner is a module or a thread, as the class says: root_name(), which knows which, looks
 * again. */
struct error *load_roots(struct model *m)
{
	uint32_t limit = m->nmodules > m->nthreads ? m->nmodules : m->nthreads;
	struct root *rows;

	TRY(LOAD_ROWS(m, RGD_SEC_ROOTS, root_fields, m->nroots, rows));
	for (uint32_t i = 0; i < m->nroots; i++) {
		if (rows[i].owner != MODEL_NONE && rows[i].owner >= limit) {
			big_free(rows, m->nroots, sizeof *rows);
			return dump_error(m->dump, RGD_SEC_ROOTS, RGD_ROOT_OWNER, i,
					  "root %u has an owner that is not there", i);
		}
	}
	m->roots = rows;
	return NULL;
}

static const struct field frame_fields[] = {
	FIELD(RGD_FRAME_KIND, frame, kind, ANY),
	FIELD_OR_NONE(RGD_FRAME_MODULE, frame, module, MODULES),
	FIELD(RGD_FRAME_OFFSET, frame, offset, ANY),
	FIELD(RGD_FRAME_FUNCTION, frame, function, STRINGS),
	FIELD(RGD_FRAME_FILE, frame, file, STRINGS),
	FIELD(RGD_FRAME_LINE, frame, line, ANY),
};

struct error *load_frames(struct model *m)
{
	static const struct field taken = FIELD(RGD_FRAME_TAKEN, frame, taken, ANY);
	uint64_t *values;
	struct error *e;

	TRY(LOAD_ROWS(m, RGD_SEC_FRAMES, frame_fields, m->nframes, m->frames));
	if (!m->nframes || dump_column_rows(m->dump, RGD_SEC_FRAMES, RGD_FRAME_TAKEN) != m->nframes)
		return NULL;
	e = big_alloc(m->nframes, sizeof *values, &values);
	if (!e)
		e = fill(m, RGD_SEC_FRAMES, &taken, m->nframes, (uint8_t *)m->frames,
			 sizeof *m->frames, values);
	big_free(values, m->nframes, sizeof *values);
	return e;
}
static const struct field stack_fields[] = {
	FIELD_OR_NONE(RGD_STACK_PARENT, stack, parent, STACKS),
	FIELD(RGD_STACK_FRAME, stack, frame, FRAMES),
};

/* A parent is always the smaller number: so every walk outwards ends. */
struct error *load_stacks(struct model *m)
{
	struct stack *rows;

	TRY(LOAD_ROWS(m, RGD_SEC_STACKS, stack_fields, m->nstacks, rows));
	for (uint32_t i = 0; i < m->nstacks; i++) {
		if (rows[i].parent != MODEL_NONE && rows[i].parent >= i) {
			big_free(rows, m->nstacks, sizeof *rows);
			return dump_error(m->dump, RGD_SEC_STACKS, RGD_STACK_PARENT, i,
					  "stack %u has a later one for a caller", i);
		}
	}
	m->stacks = rows;
	return NULL;
}

static const struct field module_fields[] = {
	FIELD(RGD_MODULE_PATH, module, path, STRINGS),
	FIELD(RGD_MODULE_BUILD_ID, module, build_id, STRINGS),
	FIELD(RGD_MODULE_BASE, module, base, ANY),
	FIELD(RGD_MODULE_LOW, module, low, ANY),
	FIELD(RGD_MODULE_HIGH, module, high, ANY),
	FIELD(RGD_MODULE_LOADED, module, loaded, ANY),
	FIELD(RGD_MODULE_UNLOADED, module, unloaded, ANY),
};

struct error *load_modules(struct model *m)
{
	return LOAD_ROWS(m, RGD_SEC_MODULES, module_fields, m->nmodules, m->modules);
}

static const struct field map_fields[] = {
	FIELD(RGD_MAP_START, map, start, ANY),
	FIELD(RGD_MAP_END, map, end, ANY),
	FIELD(RGD_MAP_PERMS, map, perms, STRINGS),
	FIELD(RGD_MAP_PATH, map, path, STRINGS),
	FIELD(RGD_MAP_OFFSET, map, offset, ANY),
	FIELD(RGD_MAP_RSS, map, rss, ANY),
	FIELD(RGD_MAP_PSS, map, pss, ANY),
	FIELD(RGD_MAP_PRIVATE_DIRTY, map, private_dirty, ANY),
	FIELD(RGD_MAP_ANONYMOUS, map, anonymous, ANY),
	FIELD(RGD_MAP_SWAP, map, swap, ANY),
};

struct error *load_maps(struct model *m)
{
	return LOAD_ROWS(m, RGD_SEC_MAPS, map_fields, m->nmaps, m->maps);
}

static const struct field thread_fields[] = {
	FIELD(RGD_THREAD_TID, thread, tid, ANY),
	FIELD(RGD_THREAD_NAME, thread, name, STRINGS),
	FIELD(RGD_THREAD_STACK_LOW, thread, stack_low, ANY),
	FIELD(RGD_THREAD_STACK_HIGH, thread, stack_high, ANY),
	FIELD(RGD_THREAD_SP, thread, sp, ANY),
	FIELD(RGD_THREAD_STATE, thread, state, ANY),
};

struct error *load_threads(struct model *m)
{
	return LOAD_ROWS(m, RGD_SEC_THREADS, thread_fields, m->nthreads, m->threads);
}

static const struct field runtime_fields[] = {
	FIELD(RGD_RUNTIME_ID, runtime, id, ANY),
	FIELD(RGD_RUNTIME_VERSION, runtime, version, STRINGS),
	FIELD(RGD_RUNTIME_STATE, runtime, state, ANY),
	FIELD(RGD_RUNTIME_NOTE, runtime, note, STRINGS),
};

struct error *load_runtimes(struct model *m)
{
	return LOAD_ROWS(m, RGD_SEC_RUNTIMES, runtime_fields, m->nruntimes, m->runtimes);
}

static const struct field gc_fields[] = {
	FIELD(RGD_GC_RUNTIME, gc_value, runtime, ANY),
	FIELD(RGD_GC_NAME, gc_value, name, STRINGS),
	FIELD(RGD_GC_INDEX, gc_value, index, ANY),
	FIELD(RGD_GC_VALUE, gc_value, value, ANY),
};

struct error *load_gc(struct model *m)
{
	return LOAD_ROWS(m, RGD_SEC_GC, gc_fields, m->ngc, m->gc);
}

static const struct field counter_fields[] = {
	FIELD(RGD_COUNTER_NAME, counter, name, STRINGS),
	FIELD(RGD_COUNTER_VALUE, counter, value, ANY),
};

struct error *load_counters(struct model *m)
{
	return LOAD_ROWS(m, RGD_SEC_COUNTERS, counter_fields, m->ncounters, m->counters);
}

static const struct field property_fields[] = {
	FIELD(RGD_PROP_OBJECT, property, object, OBJECTS),
	FIELD(RGD_PROP_KEY, property, key, ANY),
	FIELD(RGD_PROP_VALUE, property, value, ANY),
};

struct error *load_property_rows(struct model *m, struct property **ret)
{
	return LOAD_ROWS(m, RGD_SEC_PROPERTIES, property_fields, m->nproperties, *ret);
}

static const struct field epoch_fields[] = {
	FIELD(RGD_EPOCH_NUMBER, epoch, number, ANY),
	FIELD(RGD_EPOCH_TIME, epoch, time_ns, ANY),
	FIELD(RGD_EPOCH_KIND, epoch, kind, ANY),
	FIELD(RGD_EPOCH_LABEL, epoch, label, STRINGS),
};

struct error *load_epochs(struct model *m)
{
	return LOAD_ROWS(m, RGD_SEC_EPOCHS, epoch_fields, m->nepochs, m->epochs);
}

static const struct field region_fields[] = {
	FIELD(RGD_REGION_ADDRESS, region, address, ANY),
	FIELD(RGD_REGION_SIZE, region, size, ANY),
	FIELD_OR_NONE(RGD_REGION_STACK, region, stack, STACKS),
	FIELD(RGD_REGION_EPOCH, region, epoch, ANY),
	FIELD(RGD_REGION_KIND, region, kind, ANY),
};

struct error *load_regions(struct model *m)
{
	return LOAD_ROWS(m, RGD_SEC_REGIONS, region_fields, m->nregions, m->regions);
}

static const struct field heap_fields[] = {
	FIELD(RGD_HEAP_KIND, heap, kind, ANY),
	FIELD(RGD_HEAP_ADDRESS, heap, address, ANY),
	FIELD(RGD_HEAP_SIZE, heap, size, ANY),
	FIELD(RGD_HEAP_USED_BLOCKS, heap, used_blocks, ANY),
	FIELD(RGD_HEAP_USED, heap, used, ANY),
	FIELD(RGD_HEAP_REQUESTED, heap, requested, ANY),
	FIELD(RGD_HEAP_FREE_CHUNKS, heap, free_chunks, ANY),
	FIELD(RGD_HEAP_FREE, heap, free, ANY),
	FIELD(RGD_HEAP_KEPT_CHUNKS, heap, kept_chunks, ANY),
	FIELD(RGD_HEAP_KEPT, heap, kept, ANY),
	FIELD(RGD_HEAP_TOP, heap, top, ANY),
	FIELD(RGD_HEAP_TOP_RESIDENT, heap, top_resident, ANY),
};

struct error *load_heaps(struct model *m)
{
	return LOAD_ROWS(m, RGD_SEC_HEAPS, heap_fields, m->nheaps, m->heaps);
}

static const struct field pages_fields[] = {
	FIELD(RGD_PAGES_ADDRESS, pages, address, ANY),
	FIELD(RGD_PAGES_COUNT, pages, count, ANY),
	FIELD(RGD_PAGES_STATE, pages, state, ANY),
};

/* Runs that overlap, or reach past the end of the address space, would be counted twice. */
struct error *load_pages(struct model *m)
{
	uint64_t page = dump_header(m->dump)->page_size, end = 0;
	struct pages *rows;

	TRY(LOAD_ROWS(m, RGD_SEC_PAGES, pages_fields, m->npages, rows));
	for (uint32_t i = 0; i < m->npages; i++) {
		uint64_t bytes;

		if (rows[i].address < end || __builtin_mul_overflow(rows[i].count, page, &bytes) ||
		    __builtin_add_overflow(rows[i].address, bytes, &end)) {
			big_free(rows, m->npages, sizeof *rows);
			return dump_error(m->dump, RGD_SEC_PAGES, RGD_PAGES_ADDRESS, i,
					  "run of pages %u overlaps the one before it", i);
		}
	}
	m->pages = rows;
	return NULL;
}

static const struct field call_fields[] = {
	FIELD(RGD_CALL_THREAD, call, thread, THREADS),
	FIELD_OR_NONE(RGD_CALL_MODULE, call, module, MODULES),
	FIELD(RGD_CALL_OFFSET, call, offset, ANY),
	FIELD(RGD_CALL_SP, call, sp, ANY),
	FIELD(RGD_CALL_CFA, call, cfa, ANY),
	FIELD(RGD_CALL_FLAGS, call, flags, ANY),
};
static const struct field call_register_fields[] = {
	FIELD(RGD_CALLREG_CALL, call_register, call, CALLS),
	FIELD(RGD_CALLREG_NUMBER, call_register, number, ANY),
	FIELD(RGD_CALLREG_SLOT, call_register, slot, ANY),
	FIELD(RGD_CALLREG_VALUE, call_register, value, ANY),
};
static const struct field tls_fields[] = {
	FIELD(RGD_TLS_THREAD, tls_block, thread, THREADS),
	FIELD(RGD_TLS_MODULE, tls_block, module, MODULES),
	FIELD(RGD_TLS_ADDRESS, tls_block, address, ANY),
	FIELD(RGD_TLS_SIZE, tls_block, size, ANY),
};

/* All are searched by halves. */
static struct error *check_calls(const struct model *m, const struct call *calls,
				 const struct call_register *registers, const struct tls_block *tls)
{
	for (uint32_t i = 1; i < m->ncalls; i++)
		if (calls[i].thread < calls[i - 1].thread)
			return dump_error(m->dump, RGD_SEC_CALLS, RGD_CALL_THREAD, i,
					  "the frames of a thread do not stand together");
	for (uint32_t i = 1; i < m->ncall_registers; i++)
		if (registers[i].call < registers[i - 1].call)
			return dump_error(m->dump, RGD_SEC_CALL_REGISTERS, RGD_CALLREG_CALL, i,
					  "the registers of a frame do not stand together");
	for (uint32_t i = 1; i < m->ntls; i++)
		if (tls[i].thread < tls[i - 1].thread)
			return dump_error(m->dump, RGD_SEC_TLS, RGD_TLS_THREAD, i,
					  "the places of a thread do not stand together");
	return NULL;
}

struct error *load_calls(struct model *m)
{
	struct call *calls;
	struct call_register *registers = NULL;
	struct tls_block *tls = NULL;
	struct error *e;

	TRY(LOAD_ROWS(m, RGD_SEC_CALLS, call_fields, m->ncalls, calls));
	e = LOAD_ROWS(m, RGD_SEC_CALL_REGISTERS, call_register_fields, m->ncall_registers,
		      registers);
	if (!e)
		e = LOAD_ROWS(m, RGD_SEC_TLS, tls_fields, m->ntls, tls);
	if (!e)
		e = check_calls(m, calls, registers, tls);
	if (e) {
		big_free(calls, m->ncalls, sizeof *calls);
		if (registers)
			big_free(registers, m->ncall_registers, sizeof *registers);
		if (tls)
			big_free(tls, m->ntls, sizeof *tls);
		return e;
	}
	m->tls = tls;
	m->calls = calls;
	m->call_registers = registers;
	return NULL;
}

static const struct field pool_fields[] = {
	FIELD(RGD_POOL_KIND, pool, kind, ANY),
	FIELD(RGD_POOL_ADDRESS, pool, address, ANY),
	FIELD(RGD_POOL_NAME, pool, name, STRINGS),
	FIELD_OR_NONE(RGD_POOL_PARENT, pool, parent, POOLS),
	FIELD_OR_NONE(RGD_POOL_STACK, pool, stack, STACKS),
	FIELD(RGD_POOL_EPOCH, pool, epoch, ANY),
	FIELD(RGD_POOL_BLOCKS, pool, blocks, ANY),
	FIELD(RGD_POOL_BYTES, pool, bytes, ANY),
	FIELD(RGD_POOL_PIECES, pool, pieces, ANY),
	FIELD(RGD_POOL_HELD, pool, held, ANY),
};

static const struct field site_count_fields[] = {
	FIELD(RGD_SITE_FRAME, site_count, frame, FRAMES),
	FIELD(RGD_SITE_MADE, site_count, made, ANY),
	FIELD(RGD_SITE_MADE_BYTES, site_count, made_bytes, ANY),
	FIELD(RGD_SITE_BLOCKS, site_count, blocks, ANY),
	FIELD(RGD_SITE_BYTES, site_count, bytes, ANY),
	FIELD(RGD_SITE_PEAK_BLOCKS, site_count, peak_blocks, ANY),
	FIELD(RGD_SITE_PEAK_BYTES, site_count, peak_bytes, ANY),
	FIELD(RGD_SITE_AT_BLOCKS, site_count, at_blocks, ANY),
	FIELD(RGD_SITE_AT_BYTES, site_count, at_bytes, ANY),
	FIELD(RGD_SITE_TEMPORARY, site_count, temporary, ANY),
	FIELD(RGD_SITE_GONE_0, site_count, gone[0], ANY),
	FIELD(RGD_SITE_GONE_1, site_count, gone[1], ANY),
};

struct error *load_pools(struct model *m)
{
	struct pool *pools;
	struct error *e;

	TRY(LOAD_ROWS(m, RGD_SEC_POOLS, pool_fields, m->npools, pools));
	e = LOAD_ROWS(m, RGD_SEC_SITES, site_count_fields, m->nsite_counts, m->site_counts);
	if (e) {
		big_free(pools, m->npools, sizeof *pools);
		return e;
	}
	m->pools = pools;
	return NULL;
}

/* ---- counted references ---------------------------------------------------------------------- */

static const struct field hook_fields[] = {
	FIELD(RGD_HOOK_NAME, ref_hook, name, STRINGS),
	FIELD_OR_NONE(RGD_HOOK_MODULE, ref_hook, module, MODULES),
	FIELD(RGD_HOOK_OFFSET, ref_hook, offset, ANY),
	FIELD(RGD_HOOK_FAMILY, ref_hook, family, STRINGS),
	FIELD(RGD_HOOK_TYPE, ref_hook, type, STRINGS),
	FIELD(RGD_HOOK_ROLE, ref_hook, role, ANY),
	FIELD(RGD_HOOK_WAY, ref_hook, way, ANY),
	FIELD(RGD_HOOK_WHY, ref_hook, why, STRINGS),
	FIELD(RGD_HOOK_CALLS, ref_hook, calls, ANY),
};
static const struct field counted_fields[] = {
	FIELD(RGD_COUNTED_STATE, counted_row, state, ANY),
	FIELD(RGD_COUNTED_ADDRESS, counted_row, address, ANY),
	FIELD_OR_NONE(RGD_COUNTED_OBJECT, counted_row, object, OBJECTS),
	FIELD(RGD_COUNTED_TYPE, counted_row, type, TYPES),
	FIELD(RGD_COUNTED_OBJECTS, counted_row, objects, ANY),
	FIELD(RGD_COUNTED_COUNT, counted_row, count, ANY),
	FIELD(RGD_COUNTED_MEMORY, counted_row, memory, ANY),
	FIELD(RGD_COUNTED_EVENTS, counted_row, events, ANY),
	FIELD(RGD_COUNTED_LOST, counted_row, lost, ANY),
	FIELD(RGD_COUNTED_EPOCH, counted_row, epoch, ANY),
	FIELD(RGD_COUNTED_FLAGS, counted_row, flags, ANY),
};
static const struct field event_fields[] = {
	FIELD(RGD_EVENT_KIND, ref_event, kind, ANY),
	FIELD(RGD_EVENT_FLAGS, ref_event, flags, ANY),
	FIELD_OR_NONE(RGD_EVENT_HOOK, ref_event, hook, HOOKS),
	FIELD_OR_NONE(RGD_EVENT_STACK, ref_event, stack, STACKS),
	FIELD(RGD_EVENT_THREAD, ref_event, thread, ANY),
	FIELD(RGD_EVENT_BEFORE, ref_event, before, ANY),
	FIELD(RGD_EVENT_AFTER, ref_event, after, ANY),
	FIELD(RGD_EVENT_TIMES, ref_event, times, ANY),
};

/* Sums of what rows say must not overflow: nothing happens so often. */
#define MOST_TIMES (1ull << 40)
#define MOST_EVENTS 4096u /* of one object: the shim keeps some hundreds */

/* Each object gets its run of events, and all runs together are all events. Counts are stored + 1. */
static struct error *settle_counted(struct model *m)
{
	uint64_t first = 0, times = 0;

	for (uint32_t i = 0; i < m->ncounted; i++) {
		struct counted_row *c = &m->counted[i];

		c->count--;
		c->memory--;
		c->first = first;
		first += c->events;
		times += c->objects;
		if (c->events > MOST_EVENTS || first > m->nevents || c->objects > MOST_TIMES ||
		    times > MOST_TIMES)
			return dump_error(m->dump, RGD_SEC_COUNTED, RGD_COUNTED_EVENTS, i,
					  "object %u has events that are not there", i);
	}
	if (first != m->nevents)
		return dump_error(m->dump, RGD_SEC_COUNTED, RGD_COUNTED_EVENTS, 0,
				  "%" PRIu64 " events are nobody's", m->nevents - first);
	times = 0;
	for (uint32_t i = 0; i < m->nevents; i++) {
		m->events[i].before--;
		m->events[i].after--;
		times += m->events[i].times;
		if (m->events[i].times > MOST_TIMES || times > MOST_TIMES)
			return dump_error(m->dump, RGD_SEC_EVENTS, RGD_EVENT_TIMES, i,
					  "event %u happened more often than can be", i);
	}
	return NULL;
}

void free_counted(struct model *m)
{
	big_free(m->hooks, m->nhooks, sizeof *m->hooks);
	big_free(m->counted, m->ncounted, sizeof *m->counted);
	big_free(m->events, m->nevents, sizeof *m->events);
	m->hooks = NULL;
	m->counted = NULL;
	m->events = NULL;
}

struct error *load_counted(struct model *m)
{
	struct error *e = LOAD_ROWS(m, RGD_SEC_HOOKS, hook_fields, m->nhooks, m->hooks);

	if (!e)
		e = LOAD_ROWS(m, RGD_SEC_COUNTED, counted_fields, m->ncounted, m->counted);
	if (!e)
		e = LOAD_ROWS(m, RGD_SEC_EVENTS, event_fields, m->nevents, m->events);
	if (!e)
		e = settle_counted(m);
	if (e)
		free_counted(m);
	return e;
}
