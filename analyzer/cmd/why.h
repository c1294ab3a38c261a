/* why.h - the two pages of `refgraph why`: one object, and (--merge) many. */
#ifndef REFGRAPH_WHY_H
#define REFGRAPH_WHY_H

#include "cmd/subject.h"

extern const struct record merged_record;
/* --merge: the merged paths to all that were chosen. avoid: as in report/merge_paths.h. */
struct error *print_merged(struct context *context, struct subject *subject, const uint64_t *avoid);

#endif
