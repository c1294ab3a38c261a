/* picture_contents.h - draws containers without their insides: from who has one straight to its items. */
#ifndef REFGRAPH_PICTURE_CONTENTS_H
#define REFGRAPH_PICTURE_CONTENTS_H

#include "dump/model.h"
#include "out/dot.h"
#include "util/vec.h"

/*
 * Boxes of insides (model->block_owner) go, and lines through them become one each. Those stay that were asked for, and those that no
 * other box leads to: what holds them was left out. `objects` are those of the first boxes; both lists shrink.
 */
struct error *picture_contents(struct model *model, struct ids *objects, struct drawing *drawing);

#endif
