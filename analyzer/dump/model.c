/* model.c - opening a model, and its parts as a table: what is loaded by whom, after what else. */
#include "dump/model_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/big.h"
#include "util/bits.h"
#include "util/progress.h"

/* ---- parts ----------------------------------------------------------------------------------- */

/* `load` NULL: a column of objects. */
static const struct {
	unsigned part, needs;
	struct error *(*load)(struct model *);
} parts[] = {
	{MODEL_STRINGS, 0, load_strings},
	{MODEL_META, 0, load_meta},
	{MODEL_TYPES, MODEL_STRINGS, load_types},
	{MODEL_LABELS, 0, load_labels},
	{MODEL_SUMMARY, 0, load_summary},
	{MODEL_ADDRESS, 0, NULL},
	{MODEL_TYPE, 0, NULL},
	{MODEL_SIZE, 0, NULL},
	{MODEL_REFCOUNT, 0, NULL},
	{MODEL_FLAGS, 0, NULL},
	{MODEL_EPOCH, 0, NULL},
	{MODEL_STACK, 0, NULL},
	{MODEL_BASE, 0, NULL},
	{MODEL_EDGES, MODEL_LABELS, load_edges},
	{MODEL_ROOTS, MODEL_STRINGS, load_roots},
	{MODEL_FRAMES, MODEL_STRINGS, load_frames},
	{MODEL_STACKS, MODEL_META, load_stacks},
	{MODEL_MODULES, MODEL_STRINGS, load_modules},
	{MODEL_MAPS, MODEL_STRINGS, load_maps},
	{MODEL_THREADS, MODEL_STRINGS, load_threads},
	{MODEL_RUNTIMES, MODEL_STRINGS, load_runtimes},
	{MODEL_GC, MODEL_STRINGS, load_gc},
	{MODEL_COUNTERS, MODEL_STRINGS, load_counters},
	{MODEL_PROPERTIES, MODEL_STRINGS, load_properties},
	{MODEL_EPOCHS, MODEL_STRINGS, load_epochs},
	{MODEL_REGIONS, 0, load_regions},
	{MODEL_HEAPS, 0, load_heaps},
	{MODEL_PAGES, 0, load_pages},
	{MODEL_COUNTED, MODEL_STRINGS, load_counted},
	{MODEL_CALLS, MODEL_MODULES | MODEL_THREADS, load_calls},
	{MODEL_POOLS, MODEL_STRINGS, load_pools},
};

static struct error *load_parts(struct model *m, unsigned want)
{
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (!(want & parts[i].part) || (m->loaded & parts[i].part))
			continue;
		if (parts[i].needs & ~m->loaded)
			TRY(load_parts(m, parts[i].needs));
		TRY(parts[i].load ? parts[i].load(m) : load_object_column(m, parts[i].part));
		m->loaded |= parts[i].part;
	}
	return NULL;
}

struct error *model_load(struct model *m, unsigned want)
{
	const char *outer = progress_begin("reading the dump");
	struct error *e = load_parts(m, want);

	progress_end(outer);
	return e;
}

struct error *model_open(const char *path, struct model **ret)
{
	struct model *m = calloc(1, sizeof *m);
	struct error *e;

	if (!m)
		return error_memory();
	e = dump_open(path, &m->dump);
	if (e) {
		free(m);
		return e;
	}
	m->hybrid = hybrid_sites_create();
	if (!m->hybrid) {
		dump_close(m->dump);
		free(m);
		return error_memory();
	}
	m->path = dump_path(m->dump);
	m->nstrings = dump_rows(m->dump, RGD_SEC_STRINGS);
	m->ntypes = dump_rows(m->dump, RGD_SEC_TYPES);
	m->nlabels = dump_rows(m->dump, RGD_SEC_LABELS);
	m->nobjects = dump_rows(m->dump, RGD_SEC_OBJECTS);
	m->nedges = dump_column_rows(m->dump, RGD_SEC_EDGES, RGD_EDGE_LABEL);
	m->nroots = dump_rows(m->dump, RGD_SEC_ROOTS);
	m->nframes = dump_rows(m->dump, RGD_SEC_FRAMES);
	m->nstacks = dump_rows(m->dump, RGD_SEC_STACKS);
	m->nmodules = dump_rows(m->dump, RGD_SEC_MODULES);
	m->nmaps = dump_rows(m->dump, RGD_SEC_MAPS);
	m->nthreads = dump_rows(m->dump, RGD_SEC_THREADS);
	m->nruntimes = dump_rows(m->dump, RGD_SEC_RUNTIMES);
	m->ngc = dump_rows(m->dump, RGD_SEC_GC);
	m->ncounters = dump_rows(m->dump, RGD_SEC_COUNTERS);
	m->nproperties = dump_rows(m->dump, RGD_SEC_PROPERTIES);
	m->nsummary = dump_rows(m->dump, RGD_SEC_SUMMARY);
	m->nepochs = dump_rows(m->dump, RGD_SEC_EPOCHS);
	m->nregions = dump_rows(m->dump, RGD_SEC_REGIONS);
	m->nheaps = dump_rows(m->dump, RGD_SEC_HEAPS);
	m->nmeta = dump_rows(m->dump, RGD_SEC_META);
	m->npages = dump_rows(m->dump, RGD_SEC_PAGES);
	m->ncalls = dump_rows(m->dump, RGD_SEC_CALLS);
	m->nhooks = dump_rows(m->dump, RGD_SEC_HOOKS);
	m->ncounted = dump_rows(m->dump, RGD_SEC_COUNTED);
	m->nevents = dump_rows(m->dump, RGD_SEC_EVENTS);
	m->ncall_registers = dump_rows(m->dump, RGD_SEC_CALL_REGISTERS);
	m->ntls = dump_rows(m->dump, RGD_SEC_TLS);
	m->npools = dump_rows(m->dump, RGD_SEC_POOLS);
	m->nsite_counts = dump_rows(m->dump, RGD_SEC_SITES);
	*ret = m;
	return NULL;
}

void model_close(struct model *m)
{
	if (!m)
		return;
	sites_deinit(m);
	index_destroy(m->index);
	free(m->index_note);
	big_free(m->block_type, m->nobjects, sizeof *m->block_type);
	big_free(m->block_owner, m->nobjects, sizeof *m->block_owner);
	big_free(m->block_source, m->nobjects, sizeof *m->block_source);
	edge_cache_destroy(m->edge_cache);
	big_free(m->gc_closed, bits_words(m->nobjects), sizeof *m->gc_closed);
	big_free(m->text, m->text_size, 1);
	big_free(m->text_start, m->nstrings, sizeof *m->text_start);
	for (unsigned i = 0; i < 2; i++) {
		big_free(m->meta_text[i], m->meta_size[i], 1);
		big_free(m->meta_start[i], m->nmeta, sizeof *m->meta_start[i]);
	}
	free_object_columns(m);
	free_properties(m);
	big_free(m->graph.out_first, (size_t)m->nobjects + 1, sizeof *m->graph.out_first);
	big_free(m->graph.out_target, m->nedges, sizeof *m->graph.out_target);
	big_free(m->graph.edge_class, m->nedges, sizeof *m->graph.edge_class);
	big_free(m->labels, m->nlabels, sizeof *m->labels);
	big_free(m->summary, m->nsummary, sizeof *m->summary);
	big_free(m->roots, m->nroots, sizeof *m->roots);
	big_free(m->frames, m->nframes, sizeof *m->frames);
	big_free(m->stacks, m->nstacks, sizeof *m->stacks);
	big_free(m->modules, m->nmodules, sizeof *m->modules);
	big_free(m->maps, m->nmaps, sizeof *m->maps);
	big_free(m->threads, m->nthreads, sizeof *m->threads);
	big_free(m->runtimes, m->nruntimes, sizeof *m->runtimes);
	big_free(m->gc, m->ngc, sizeof *m->gc);
	big_free(m->counters, m->ncounters, sizeof *m->counters);
	big_free(m->epochs, m->nepochs, sizeof *m->epochs);
	big_free(m->regions, m->nregions, sizeof *m->regions);
	big_free(m->heaps, m->nheaps, sizeof *m->heaps);
	big_free(m->pages, m->npages, sizeof *m->pages);
	big_free(m->calls, m->ncalls, sizeof *m->calls);
	free_counted(m);
	big_free(m->call_registers, m->ncall_registers, sizeof *m->call_registers);
	big_free(m->tls, m->ntls, sizeof *m->tls);
	big_free(m->pools, m->npools, sizeof *m->pools);
	big_free(m->site_counts, m->nsite_counts, sizeof *m->site_counts);
	free(m->types);
	dump_close(m->dump);
	free(m);
}

/* ---- looking things up ----------------------------------------------------------------------- */

const char *model_meta_key(const struct model *m, uint32_t i)
{
	return m->meta_text[0] + m->meta_start[0][i];
}

const char *model_meta_value(const struct model *m, uint32_t i)
{
	return m->meta_text[1] + m->meta_start[1][i];
}

const char *model_meta(const struct model *m, const char *key)
{
	for (uint32_t i = 0; i < m->nmeta; i++)
		if (strcmp(model_meta_key(m, i), key) == 0)
			return model_meta_value(m, i);
	return NULL;
}

uint32_t model_object_from(const struct model *m, uint64_t address)
{
	uint32_t low = 0, high = m->nobjects;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (m->address[middle] < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t model_find_address(const struct model *m, uint64_t address, uint64_t *offset)
{
	uint32_t i = address == UINT64_MAX ? m->nobjects : model_object_from(m, address + 1);

	/* An object may begin within a block that was listed before it: the innermost one is the
	 * answer. */
	for (unsigned tries = 0; i-- > 0 && tries < 16; tries++) {
		if (address == m->address[i] || address - m->address[i] < m->size[i]) {
			*offset = address - m->address[i];
			return i;
		}
	}
	return MODEL_NONE;
}

const struct property *model_properties(const struct model *m, uint32_t object, uint32_t *n)
{
	uint32_t low = 0, high = m->nheld;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (m->properties[middle].object < object)
			low = middle + 1;
		else
			high = middle;
	}
	while (high < m->nheld && m->properties[high].object == object)
		high++;
	*n = high - low;
	return *n ? m->properties + low : NULL;
}

bool model_property(const struct model *m, uint32_t object, enum rgd_property key, uint64_t *ret)
{
	uint32_t n;
	const struct property *p = model_properties(m, object, &n);

	for (uint32_t i = 0; i < n; i++) {
		if (p[i].key == key) {
			*ret = p[i].value;
			return true;
		}
	}
	return false;
}

const char *model_property_text(const struct model *m, uint32_t object, enum rgd_property key)
{
	uint64_t string;

	return model_property(m, object, key, &string) ? model_string(m, string) : NULL;
}

bool model_counter(const struct model *m, const char *name, uint64_t *ret)
{
	for (uint32_t i = 0; i < m->ncounters; i++)
		if (strcmp(model_string(m, m->counters[i].name), name) == 0) {
			*ret = m->counters[i].value;
			return true;
		}
	return false;
}

const char *model_runtime_name(unsigned runtime)
{
	static const char *const names[] = {"native", "cpython", "php", "gobject", "refhook"};

	return runtime < sizeof names / sizeof *names ? names[runtime] : NULL;
}

const char *model_edge_kind_name(unsigned kind)
{
	static const char *const names[] = {"strong", "weak", "internal", "conservative",
					    "borrowed"};

	return kind < sizeof names / sizeof *names ? names[kind] : "other";
}

const char *model_root_class_name(unsigned class)
{
	static const char *const names[] = {"none",   "global",	   "stack", "register",
					    "tls",    "runtime",   "local", "module",
					    "region", "annotated", "pinned"};

	return class < sizeof names / sizeof *names ? names[class] : "other";
}

bool model_has_runtime(const struct model *m, unsigned runtime)
{
	for (uint32_t i = 0; i < m->nruntimes; i++)
		if (m->runtimes[i].id == runtime && m->runtimes[i].state == RGD_RUNTIME_OK)
			return true;
	for (uint32_t i = 0; i < m->ntypes; i++)
		if (m->types[i].runtime == runtime)
			return true;
	return false;
}
