/* memory_views.h - the tables of `refgraph memory` beside that of kinds. */
#ifndef REFGRAPH_MEMORY_VIEWS_H
#define REFGRAPH_MEMORY_VIEWS_H

#include "cmd/cmd.h"
#include "report/memory.h"

extern const struct record heap_record, arena_record, class_record, pool_record;

struct error *memory_print_heaps(struct context *c, const struct model *m);
struct error *memory_print_arenas(struct context *c, const struct model *m,
				  const struct memory *memory); /* needs MODEL_SITES */
struct error *memory_print_classes(struct context *c, const struct model *m);
/* One row a pool, or for all pools of one name; needs MODEL_SITES. memory_pools.c */
struct error *memory_print_pools(struct context *c, struct model *m, bool by_name);

#endif
