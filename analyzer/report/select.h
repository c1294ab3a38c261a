/*
 * select.h - selectors name objects: 0x7f... (address), #ID, TYPE, TYPE[3], root:NAME. TYPE with a
 * dot is compared with long names. TYPE[3] counts by address from 0, TYPE[-1] from the end.
 */
#ifndef REFGRAPH_SELECT_H
#define REFGRAPH_SELECT_H

#include "dump/model.h"
#include "report/universe.h"
#include "util/vec.h"

/*
 * Appends the objects, ascending. Nothing found is an error with a hint. TYPE looks in the
 * universe; where the user chose none and nothing of it is there, in all objects. Loads what it
 * needs.
 */
struct error *select_objects(struct model *model, const struct universe *universe,
			     const char *selector, struct ids *ret);
/* The one object that a selector names; the first when it names several. */
struct error *select_one(struct model *model, const struct universe *universe, const char *selector,
			 uint32_t *ret);
/* Sets the bits of what selectors name that are separated by commas. */
struct error *select_list(struct model *model, const struct universe *universe, const char *list,
			  uint64_t *bits);
/* All objects of the universe for which the expression holds. */
struct error *select_where(struct model *model, const struct universe *universe,
			   const char *expression, struct ids *ret);
/* What a TYPE selector means: "malloc in F" the blocks of a site, whatever is known of them; else types that the dump names; and
 * if it names none, types of blocks that were worked out. */
struct selected_types {
	enum { SELECT_BY_TYPE, SELECT_BY_SITE, SELECT_BY_BLOCK } by;
	uint64_t *bits; /* by type number; calloc()ed, the caller's */
	size_t found;
};
struct error *select_types(struct model *model, const char *name, struct selected_types *ret);
/* The type to look for in `bits`. MODEL_SITES. */
uint32_t selected_type_of(const struct selected_types *types, struct model *model, uint32_t object);
bool type_is_named(const struct model *model, uint32_t type, const char *name);
/* "no objects of type 'X' ..." with the nearest names that exist. */
struct error *select_unknown_type(struct model *model, const struct universe *universe,
				  const char *name);

#endif
