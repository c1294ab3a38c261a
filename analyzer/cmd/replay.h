/* replay.h - the life of counted objects, event by event: what `refcount --replay` prints. */
#ifndef REFGRAPH_CMD_REPLAY_H
#define REFGRAPH_CMD_REPLAY_H

#include "cmd/cmd.h"

extern const struct record replay_record;
/* Objects by their numbers (ascending), or the one at `address`, which need not live any more. */
struct error *replay(struct context *context, struct model *model, const struct ids *objects,
		     uint64_t address);

#endif
