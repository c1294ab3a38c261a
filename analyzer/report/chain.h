/* chain.h - the shortest chain of references between an object and something that a predicate
 * accepts. */
#ifndef REFGRAPH_CHAIN_H
#define REFGRAPH_CHAIN_H

#include <stdbool.h>

#include "dump/model.h"
#include "report/universe.h"
#include "util/vec.h"

struct chain_query {
	uint32_t start;
	bool backwards; /* against the references: who holds it */
	const struct universe *universe;
	/* "is-proper-module", "is-root" or an expression; NULL: as objgraph does, is-proper-module
	 * among a collector's objects; else, and where no runtime has modules, is-root */
	const char *predicate;
	bool any_root;		  /* --all-roots */
	const char *extra_ignore; /* selectors separated by commas, NULL none */
	uint32_t max_depth;
};

/*
 * Appends the chain in the direction of the references (each object refers to the next): backwards
 * it ends with the start, forwards it begins with it. When nothing is found: the start alone. Loads
 * what it needs.
 */
struct error *chain_find(struct model *model, const struct chain_query *query, struct ids *ret,
			 bool *found);

/* The edge from a to b that a chain follows: the first that counts; number MODEL_NONE when there
 * is none. */
struct error *chain_edge(struct model *model, const struct universe *universe, uint32_t a,
			 uint32_t b, struct edge *ret);

#endif
