/*
 * tree.h - the dominator tree cut down to what can be read: the objects (or groups of one type) that retain most.
 *
 * An object never retains more than its dominator, nor a group more than the group above it, so the largest N of them are
 * always a tree: that is the rule by which the limit cuts.
 *
 * An accumulation point is where what a top row retains spreads: from the top one goes on to the child that retains most while
 * that is 70 % or more of its parent; where no child is, many small ones are. (Eclipse Memory Analyzer's term, and its 0.7.)
 */
#ifndef REFGRAPH_TREE_H
#define REFGRAPH_TREE_H

#include <stdbool.h>

#include "report/alive.h"

struct tree_query {
	const struct ids *starts; /* NULL: the whole tree; else the subtrees of these objects */
	uint64_t min;		  /* bytes that a row must retain */
	uint64_t limit;		  /* rows, 0 = all */
	uint32_t max_depth;	  /* levels below the first; UINT32_MAX all */
	bool by_type; /* siblings of one type become one row, and so do their children */
};

#define TREE_NONE UINT32_MAX

struct tree_row {
	uint32_t parent; /* row, TREE_NONE on top */
	uint32_t depth;
	uint32_t object;	    /* of a group: the member that retains most */
	uint32_t members;	    /* 1, or of a group */
	uint64_t size;		    /* of the members themselves */
	uint64_t retained, objects; /* of their subtrees, members included */
	uint32_t accumulates; /* objects directly below an accumulation point; 0: it is none */
	uint64_t hidden,
		hidden_bytes; /* objects directly below that no row shows, and their subtrees */
};

struct tree {
	VEC(struct tree_row)
	rows; /* depth first; siblings by retained, descending, then by number */
	uint64_t hidden, hidden_bytes; /* on top */
};

/* `alive` gets its dominators. Garbage among the starts is left out. */
struct error *tree_make(struct alive *alive, const struct tree_query *query, struct tree *ret);
void tree_deinit(struct tree *tree);

#endif
