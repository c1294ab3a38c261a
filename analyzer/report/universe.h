/* universe.h - which objects a command is about: --universe gc|all|native|python|php|gobject. */
#ifndef REFGRAPH_UNIVERSE_H
#define REFGRAPH_UNIVERSE_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/model.h"
#include "graph/csr.h"

enum universe_kind {
	UNIVERSE_GC,	  /* in a collector's lists: what objgraph sees */
	UNIVERSE_ALL,	  /* every live object but internal storage */
	UNIVERSE_RUNTIME, /* those of one runtime */
};

struct universe {
	enum universe_kind kind;
	uint8_t runtime;
	bool chosen; /* the user said so */
};

/* `text` NULL: gc when the dump has CPython objects, else all. Loads what it needs. */
struct error *universe_parse(struct model *model, const char *text, struct universe *ret);
/* In the lists that gc.get_objects() and gc.get_referrers() read: not what gc.freeze() set aside. */
static inline bool universe_gc(uint32_t flags)
{
	return (flags & RGD_OBJ_F_TRACKED) &&
	       (flags & RGD_OBJ_F_GENERATION_MASK) != RGD_OBJ_F_GENERATION_MASK;
}
/* Parts that universe_has() needs. */
#define UNIVERSE_PARTS MODEL_FLAGS
static inline bool universe_has(const struct universe *u, const struct model *m, uint32_t object)
{
	uint32_t flags = m->flags[object];

	if (u->kind == UNIVERSE_GC)
		return universe_gc(flags);
	return !(flags & RGD_OBJ_F_INTERNAL) &&
	       (u->kind == UNIVERSE_ALL || (flags & RGD_OBJ_F_RUNTIME_MASK) == u->runtime);
}
bool universe_has_summary(const struct universe *u, const struct model *m,
			  const struct summary *row);

/*
 * Which edges count as references there. gc: those that the collector traverses, as
 * gc.get_referents and gc.get_referrers do; else: those that keep the target alive (strong,
 * internal, conservative).
 */
void universe_follow(const struct universe *u, struct follow *ret);
/* Bit set of the objects that may not be a referrer (gc.get_referrers sees tracked containers
 * only); NULL for none. big_alloc()ed words: bits_words(nobjects). Loads no part. */
struct error *universe_closed(const struct universe *u, struct model *m, uint64_t **ret);

#endif
