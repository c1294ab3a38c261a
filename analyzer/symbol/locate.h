/*
 * locate.h - where the files of a module may lie on this machine: the program or library itself, and the separate file
 * with its debug information. Nothing is fetched from a network.
 */
#ifndef REFGRAPH_SYMBOL_LOCATE_H
#define REFGRAPH_SYMBOL_LOCATE_H

#include "symbol/image.h"

enum locate_result {
	LOCATE_FOUND,
	LOCATE_MISSING, /* no file of that name */
	LOCATE_OTHER,	/* there is a file, of another build */
};

/*
 * The file that was mapped as `path`. Looked for there, then in each folder of `search` (separated by colons; may be
 * NULL) as FOLDER/path, FOLDER/name and FOLDER/.build-id/ab/cdef. `*image` is the caller's, NULL unless found.
 */
enum locate_result locate_module(const char *path, const char *build_id, const char *search,
				 struct image **image);

/*
 * Its separate debug file, NULL when there is none: by build-id below `search` and /usr/lib/debug, then what
 * .gnu_debuglink of `module` (NULL: not at hand) names, then in the cache of debuginfod's clients. The caller's.
 */
struct image *locate_debug(const char *path, const char *build_id, const char *search,
			   struct image *module);

#endif
