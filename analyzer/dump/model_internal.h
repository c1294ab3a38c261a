/* model_internal.h - what the files of the model share. */
#ifndef REFGRAPH_MODEL_INTERNAL_H
#define REFGRAPH_MODEL_INTERNAL_H

#include "dump/model.h"
#include "util/hash.h"

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
struct error *load_properties(struct model *m);
struct error *load_epochs(struct model *m);
struct error *load_regions(struct model *m);

/* edges.c */
struct error *load_edges(struct model *m);
void edge_cache_destroy(struct edge_cache *cache);

/* sites.c */
void sites_deinit(struct model *m);

#endif
