/*
 * edge_php.h - references of PHP's objects, as PHP writes them. Knows nothing of paths' beginnings (roots).
 */
#ifndef REFGRAPH_REPORT_EDGE_PHP_H
#define REFGRAPH_REPORT_EDGE_PHP_H

#include <stdbool.h>

#include "dump/model.h"
#include "util/str.h"

enum edge_php_form {
	EDGE_PHP_BARE, /* beside an arrow: items, $held, use ($y) */
	EDGE_PHP_FULL, /* in a column: ->items, ::$cache, static $x, use ($y) */
	EDGE_PHP_PATH, /* at the end of a path: Foo::$cache, f():$x; PHP's references (&) are not seen */
};
/* Appends; false, and nothing, when the source is none of PHP's or the reference is written as everywhere. */
bool edge_php(const struct model *m, const struct edge *e, enum edge_php_form form,
	      struct str *out);

#endif
