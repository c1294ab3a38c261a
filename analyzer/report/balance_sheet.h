/*
 * balance_sheet.h - what was taken of one object and given back, by place, and what of it belongs together: learned from lives that ended, as how often two
 * places were pairs, and taken off what is judged.
 */
#ifndef REFGRAPH_REPORT_BALANCE_SHEET_H
#define REFGRAPH_REPORT_BALANCE_SHEET_H

#include "report/balance.h"

/* How often a reference's place and a release's were pairs: an open table. All zero is an empty one; its owner frees `slots`. */
struct weight {
	uint64_t
		key; /* place + 1 of the reference above, of the release below, 0 any; all 0 free */
	uint64_t times;
};
struct weights {
	struct weight *slots;
	size_t n, used; /* n: a power of two */
};

struct error *weight_add(struct weights *w, uint64_t key, uint64_t times);
/* 0: never. */
uint64_t weight_of(const struct weights *w, uint32_t plus, uint32_t minus);

/* What was learned of a type: by places, and by their innermost functions where the ways there are others; and so of all types. */
struct lessons {
	struct weights exact, near;
	const struct weights *all;
};

/* One object, or one life. Its owner frees `entries`. */
struct entry {
	uint32_t site;
	uint64_t plus, minus;
	uint64_t late; /* of plus: after the object's end, which nobody can give back */
	uint64_t left_plus, left_minus; /* what no pair was found for */
	bool birth;
};
struct sheet {
	VEC(struct entry) entries;
};

/* The events of `c`, by place. `till_end`: without what came after the object's end. */
struct error *sheet_fill(struct balance *b, const struct counted_row *c, bool till_end,
			 struct sheet *s);
/* What belongs together is taken off, as `l` has learned; or with `times`, what is found is learned so often. */
struct error *sheet_match(struct balance *b, struct sheet *s, struct lessons *l, uint64_t times);

#endif
