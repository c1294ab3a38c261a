/*
 * inlined.h - of code that a compiler put into a function out of a system header (a container's, an allocator's, make_shared's): the line
 * of the program's own that wanted it. The line table names the header, of which a function of the program would seem to have lines.
 */
#ifndef REFGRAPH_SYMBOL_INLINED_H
#define REFGRAPH_SYMBOL_INLINED_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

/* The functions of one unit of debug information, by address; zeroed at first. */
struct inlined {
	bool read;
	struct inlined_function {
		Dwarf_Addr start, end;
		Dwarf_Off die;
	} * functions;
	size_t count, capacity;
};
void inlined_free(struct inlined *inlined);

/* True for /usr/include/... and the compiler's own. */
bool inlined_is_system(const char *file);

/* The innermost call, among those inlined around `address`, that stands in a file of the program's own. Untouched when false. */
bool inlined_call(struct inlined *inlined, Dwarf_Die *unit, uint64_t address, const char **file,
		  unsigned *line);

#endif
