/* model_internal.h - what the files of the model share. */
#ifndef REFGRAPH_MODEL_INTERNAL_H
#define REFGRAPH_MODEL_INTERNAL_H

#include "dump/model.h"
#include "util/hash.h"
#include "util/vec.h"

/* tables.c */
struct error *load_strings(struct model *m);
struct error *load_meta(struct model *m);
struct error *load_types(struct model *m);
struct error *load_labels(struct model *m);
struct error *load_summary(struct model *m);
struct error *load_roots(struct model *m);
struct error *load_frames(struct model *m);
struct error *load_stacks(struct model *m);
struct error *load_modules(struct model *m);
struct error *load_maps(struct model *m);
struct error *load_threads(struct model *m);
struct error *load_runtimes(struct model *m);
struct error *load_gc(struct model *m);
struct error *load_counters(struct model *m);
struct error *load_property_rows(struct model *m, struct property **ret);
struct error *load_epochs(struct model *m);
struct error *load_regions(struct model *m);
struct error *load_heaps(struct model *m);
struct error *load_pages(struct model *m);
struct error *load_counted(struct model *m);
void free_counted(struct model *m);
struct error *load_calls(struct model *m);
struct error *load_pools(struct model *m);

/* objects.c */
struct error *load_object_column(struct model *m, unsigned part);
void free_object_columns(struct model *m);
/* Those whose bit is not set, ascending, each once. */
struct error *unknown_objects(const uint64_t *known, const uint32_t *objects, size_t n,
			      struct ids *ret);

/* properties.c */
struct error *load_properties(struct model *m);
struct error *load_properties_for(struct model *m, const uint32_t *objects, size_t n);
void free_properties(struct model *m);

/* edges.c */
struct error *load_edges(struct model *m);
void edge_cache_destroy(struct edge_cache *cache);

/* index.c */
void index_destroy(struct index *index); /* NULL is fine */

/* sites.c */
struct hybrid_sites *hybrid_sites_create(void);
void sites_deinit(struct model *m);

#endif
