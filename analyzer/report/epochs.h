/* epochs.h - marks and snapshots by name: which epoch began with them, and what it is called. MODEL_EPOCHS and MODEL_STRINGS are
 * loaded by each of them. */
#ifndef REFGRAPH_EPOCHS_H
#define REFGRAPH_EPOCHS_H

#include "dump/model.h"

/* The epoch of the dump's instant; 0 when the dump tells of none. */
struct error *epoch_last(struct model *model, uint32_t *ret);
/* The epoch that began with the mark of this label (the last one of that name), or an epoch by its number. */
struct error *epoch_find(struct model *model, const char *command, const char *text, uint32_t *ret);
/* "request 17", or "start", "snapshot", "fork" for one without a label; "(unknown)" for 0, nothing for one that the dump forgot. Appended. */
struct error *epoch_name(struct model *model, uint32_t epoch, struct str *out);

#endif
