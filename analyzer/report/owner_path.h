/*
 * owner_path.h - which part of the program owns an object, in words that are alike for its like: the shortest path from a root with
 * indexes and keys left out, "app.sessions[].handlers[]". Steps that repeat are written once with a star: "head.next*".
 */
#ifndef REFGRAPH_OWNER_PATH_H
#define REFGRAPH_OWNER_PATH_H

#include "report/alive.h"
#include "util/hash.h"

/* of (big_alloc()ed, by object): number in `texts`; NAMES_NONE where no root reaches. New texts are copied into `texts`, whose
 * owner frees them: names_free_kept(). */
struct error *owner_paths(struct alive *alive, struct names *texts, uint32_t **ret);

#endif
