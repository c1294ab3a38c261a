/*
 * lost_heads.h - of the counted objects that no root reaches, those that are lost by themselves, and those that only follow: others hold them which
 * are lost.
 *
 * An object is lost by itself when it counts a reference of which the dump has no pointer at all. What it reaches follows. What is left then holds each
 * other in circles, some of them only because of pointers that nobody counts (a part's pointer to its whole): of each circle that no other leads into, the
 * object with the most pointers that nobody counts stands for all, or else the one with
 * the most pointers; several where these are equal.
 */
#ifndef REFGRAPH_REPORT_LOST_HEADS_H
#define REFGRAPH_REPORT_LOST_HEADS_H

#include "report/alive.h"

/*
 * After alive_reach() and with model->counted loaded. indirect: bit set of those that follow, and of what its runtime's collector will free. holders: by
 * object, plus the references that what is lost has to it.
 */
struct error *lost_heads(struct alive *alive, uint64_t *indirect, uint32_t *holders);

#endif
