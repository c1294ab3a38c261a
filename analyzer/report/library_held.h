/*
 * library_held.h - counted objects that nobody but the library still holds: each reference that keeps one alive lies in memory of the library whose
 * functions count it (a loop's list of handles, a display's table of proxies), none in the program's. Whoever made it has let go of it without
 * ending it; only a callback could still do so.
 */
#ifndef REFGRAPH_REPORT_LIBRARY_HELD_H
#define REFGRAPH_REPORT_LIBRARY_HELD_H

#include "report/alive.h"

/*
 * Bit set by object (big_alloc()ed). A library's memory are its own variables, blocks that its code allocated, and objects that it counts, those in
 * variables of the program too (by its symbols). Of a library that is the program itself nothing can be told apart: none of its objects is in the set;
 * nor is one that an instance of a class holds, or a block of a library that stores for others whatever they give it.
 */
struct error *library_held(struct alive *alive, uint64_t **ret);

/* Module + 1 of the library whose functions count it; 0 none, or the program itself. */
uint32_t library_of(const struct model *model, const struct counted_row *counted);

#endif
