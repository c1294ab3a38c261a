/* op.h - comparisons in expressions: --where and --fail-if. */
#ifndef REFGRAPH_OP_H
#define REFGRAPH_OP_H

#include <stdbool.h>

enum op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_MATCH, OP_NO_MATCH };

/* order: below, 0 or above 0, as the left side is less than, equal to or greater than the right one. Not of OP_MATCH. */
static inline bool op_holds(enum op op, int order)
{
	switch (op) {
	case OP_EQ:
		return order == 0;
	case OP_NE:
		return order != 0;
	case OP_LT:
		return order < 0;
	case OP_LE:
		return order <= 0;
	case OP_GT:
		return order > 0;
	default:
		return order >= 0;
	}
}

#endif
