/* suppress_lines.h - suppressions in memory: between reading (suppress_read.c) and matching (suppress.c). */
#ifndef REFGRAPH_SUPPRESS_LINES_H
#define REFGRAPH_SUPPRESS_LINES_H

#include "report/suppress.h"

enum line_kind {
	LINE_FUNCTION,
	LINE_OBJECT,
	LINE_SOURCE,
	LINE_ANY, /* "...": any number of frames */
	LINE_TEXT /* LeakSanitizer's */
};

struct line {
	enum line_kind kind;
	char *pattern;
};

struct suppression {
	char *name;
	unsigned kinds; /* bit set of enum leak_kind */
	VEC(struct line) lines;
};

struct suppressions {
	VEC(struct suppression) list;
	bool given; /* by a file */
};

#endif
