/* gc_php.h - `refgraph gc` of a PHP process: the state of Zend's collector, and its runs. */
#ifndef REFGRAPH_GC_PHP_H
#define REFGRAPH_GC_PHP_H

#include "cmd/cmd.h"

extern const struct record gc_php_record, gc_php_event_record;

/* The dump tells of PHP's collector. Needs MODEL_GC. */
bool gc_php_known(const struct model *model);
/* Needs MODEL_GC | MODEL_STRINGS | MODEL_EPOCHS. */
struct error *gc_php_print(struct context *c, const struct model *model);
struct error *gc_php_print_events(struct context *c, const struct model *model);

#endif
