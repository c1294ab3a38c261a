/* balance_picture.h - the rows of a balance as the tree of calls that led to them, and that tree as a drawing. */
#ifndef REFGRAPH_REPORT_BALANCE_PICTURE_H
#define REFGRAPH_REPORT_BALANCE_PICTURE_H

#include "out/dot.h"
#include "report/balance.h"

struct balance_branch {
	uint32_t type;
	uint8_t verdict;
	bool leaf;	 /* the line itself; else a function */
	uint32_t parent; /* MODEL_NONE: outermost */
	uint32_t node;	 /* of call_paths; MODEL_NONE: its stack is unknown */
	uint32_t depth;
	uint64_t objects, plus, minus;
	int64_t net;
	uint32_t first,
		n; /* in the tree's texts: calls that have no other way to go on, from the outermost on */
};

/* Depth first; below one caller what nets most comes first. */
struct balance_tree {
	VEC(struct balance_branch) branches;
	VEC(const char *) texts;
};

struct error *balance_tree_make(const struct balance *balance, struct balance_tree *ret);
/* "main > run > handler"; appended. */
void balance_tree_text(const struct balance_tree *tree, uint32_t branch, struct str *out);
void balance_tree_deinit(struct balance_tree *tree);

struct error *balance_picture(const struct balance *balance, const struct balance_tree *tree,
			      struct drawing *drawing);

#endif
