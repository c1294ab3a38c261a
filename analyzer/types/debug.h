/*
 * debug.h - the DWARF of one file as types, variables and functions. Everything is read when first asked
 * for; a damaged file has less to tell. Addresses are the file's own, as in symbol/image.h.
 */
#ifndef REFGRAPH_TYPES_DEBUG_H
#define REFGRAPH_TYPES_DEBUG_H

#include <elfutils/libdw.h>

#include "symbol/package.h"
#include "types/ctype.h"
#include "util/hash.h"
#include "util/vec.h"

/* Types that are shared by all files: one struct by name, size and line of its declaration. */
struct debug_world;
struct debug_world *debug_world_create(void); /* NULL without memory */
void debug_world_destroy(struct debug_world *world);

struct debug_variable {
	uint64_t address;
	Dwarf_Die die;
};

struct debug_code {
	uint64_t start, end;
	Dwarf_Die die;
};

struct debug;

/* `package`: where units are that libdw does not find; NULL: none. Both must outlive it. NULL without memory. Freed with the world. */
struct debug *debug_create(struct debug_world *world, Dwarf *dwarf, struct package *package);
/* Bytes of .debug_info: what reading all of it costs. */
uint64_t debug_cost(Dwarf *dwarf);

struct ctype *debug_void(void);
/* The type of a variable, member, parameter or function (what it returns). Never NULL. */
struct ctype *debug_type_of(struct debug *debug, Dwarf_Die *die);
/* The type that a DIE is. */
struct ctype *debug_type(struct debug *debug, Dwarf_Die *die);
void debug_fill(struct ctype *type);

/* A complete struct, class or union by its qualified name, in any file of the world. NULL: none. */
struct ctype *debug_find(struct debug_world *world, const char *name);

/* The global or static variable that covers the address: its type, offset in it and name. False: none. */
bool debug_variable(struct debug *debug, uint64_t address, struct ctype **type, uint64_t *offset,
		    const char **name);

/* The same for a thread-local variable, by its offset in the module's thread-local storage. */
bool debug_thread_local(struct debug *debug, uint64_t offset, struct ctype **type, uint64_t *inside,
			const char **name);

/* The function that covers a code address, as it was compiled there: not what is inlined in it. */
bool debug_function(struct debug *debug, uint64_t address, Dwarf_Die *ret);

/* First argument of the first template parameter that is a type. NULL: none. */
struct ctype *debug_template_argument(struct ctype *type);

#endif
