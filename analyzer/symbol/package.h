/*
 * package.h - a .dwp file: the split debug information (.dwo files) of a whole program in one, beside it. libdw reads such files from
 * 0.191 on; Debian 12 has 0.188. So a unit that libdw did not find is put together here, from its parts of the file's sections, as
 * the .dwo file that it was, and handed to libdw. What is damaged is not found.
 *
 * The format: DWARF 5, chapter 7.3.5, and for DWARF 4 the GNU project's "DebugFissionDWP". Type units (.debug_tu_index, only made
 * by -fdebug-types-section) are left out: types that lie there are known by their names alone.
 */
#ifndef REFGRAPH_SYMBOL_PACKAGE_H
#define REFGRAPH_SYMBOL_PACKAGE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

struct package;

/* NULL: there is none, or it has no index that can be used. */
struct package *package_open(const char *path);
void package_close(struct package *package); /* with all units; NULL is fine */

/* Bytes of .debug_info.dwo: what reading all of it costs. */
uint64_t package_size(const struct package *package);

/* The unit of this id (the skeleton's DW_AT_dwo_id). `skeleton`: its DIE in the program, which knows the unit's addresses. `ret` lives
 * as long as the package. */
bool package_unit(struct package *package, Dwarf_Die *skeleton, uint64_t id, Dwarf_Die *ret);

#endif
