/*
 * call_paths.h - stacks as ways through functions: a tree whose nodes are functions, from the outermost on, so that two calls in one function, or one
 * function loaded twice, are one way. What libc does before main() is left out.
 */
#ifndef REFGRAPH_REPORT_CALL_PATHS_H
#define REFGRAPH_REPORT_CALL_PATHS_H

#include "dump/model.h"
#include "util/vec.h"

struct call_path {
	uint32_t parent;   /* MODEL_NONE: outermost */
	uint32_t function; /* its name's number */
	uint32_t depth;	   /* from 0 */
};

#define CALL_PATHS_DEEP UINT32_MAX

/* A place that takes or gives references: the way to it, and the line in its innermost function. */
struct call_site {
	uint32_t path;	/* MODEL_NONE unknown */
	uint32_t stack; /* the first of those that are alike; MODEL_NONE unknown */
	uint32_t frame; /* its innermost one that is no hook's; MODEL_NONE unknown */
	uint32_t place; /* number of the text of its innermost frame */
	/* calls from the program's own code (its executable, plug-ins, scripts) into libraries; CALL_PATHS_DEEP: none is */
	uint32_t deep;
	uint32_t
		near; /* number of its innermost two functions: alike in places that differ in their further callers only */
};

struct call_paths {
	struct model *m;
	bool *programs; /* by module: the executable, what is called after it, plug-ins: no library for all */
	VEC(struct call_path) nodes;
	VEC(struct call_site) sites;
	struct names functions, places, keys, site_keys, pairs;
	uint32_t *path_of; /* by stack: node + 1, 0 not asked for yet */
	uint32_t *site_of; /* by stack + 1 (0: unknown): site + 1 */
};

struct error *call_paths_init(struct model *model, struct call_paths *ret);
void call_paths_deinit(struct call_paths *paths);
/* The place of a stack (MODEL_NONE: unknown). */
struct error *call_paths_site(struct call_paths *paths, uint32_t stack, uint32_t *ret);
/* How far apart the functions of two places are: steps from one to the other in the tree; *common: functions that both ways share. */
uint32_t call_paths_distance(const struct call_paths *paths, uint32_t a, uint32_t b,
			     uint32_t *common);
/* One's function is the other's or its caller: as that of g_object_replace() is, which takes one reference and gives back another. */
bool call_paths_kin(const struct call_paths *paths, uint32_t a, uint32_t b);
/* The lines of both lie next to each other in one module, as those of one source file do. */
bool call_paths_neighbours(const struct call_paths *paths, uint32_t a, uint32_t b);
/* "handler+0x12 (server.c:31) < dispatch < main"; appended. */
void call_paths_text(const struct call_paths *paths, uint32_t site, struct str *out);
static inline const char *call_paths_function(const struct call_paths *paths, uint32_t node)
{
	return paths->functions.names[paths->nodes.data[node].function];
}
static inline const char *call_paths_place(const struct call_paths *paths, uint32_t site)
{
	return paths->places.names[paths->sites.data[site].place];
}

#endif
