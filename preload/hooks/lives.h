/* lives.h - how objects lived that ended: what tracked.c and lives.c have of each other. See tracked.h. */
#ifndef REFGRAPH_LIVES_H
#define REFGRAPH_LIVES_H

#include "tracked.h"

/* With the lock of the object's shard. */
void lives_add(const struct tracked *object);
void lives_fork_prepare(void);
void lives_fork_done(bool child);
void lives_jump(void); /* see tracked_jump() */
/* What is ours; in the child of a fork whoever held it. */
void tracked_unlock(trylock_t *lock, bool child);
/* Whole pages within the limit of config.hook_memory; NULL: none are left (counted). */
void *tracked_map(size_t size);

#endif
