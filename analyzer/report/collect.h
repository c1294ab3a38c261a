/*
 * collect.h - what gc.collect(generation) would do at the instant of a dump, by CPython's own
 * algorithm, on the dump alone.
 *
 * The collector (Modules/gcmodule.c, 3.8 to 3.13) takes the tracked objects of the generations up
 * to one, and
 *   1. gives each the copy gc_refs of its reference count, and subtracts one for every reference
 * that a tp_traverse among them visits: what is left counts references from outside;
 *   2. takes all that is reachable from those with gc_refs > 0 for alive, the rest for unreachable;
 *   3. sets aside what has a tp_del (of old), and all that it reaches: uncollectable, to
 * gc.garbage;
 *   4. clears the weak references to the rest, and calls the callbacks of those that are not in it
 * themselves;
 *   5. calls tp_finalize (__del__, a generator's close) of what was not finalized yet;
 *   6. repeats 1 and 2 for the rest: what finalizers brought back to life stays (3.8: then
 * everything stays), the rest is freed. Steps 1 to 4 can be computed. Step 5 runs the program's
 * code: what such code can reach it may keep, so that is marked unknowable. What goes because a
 * count of references falls to 0 (untracked objects, older ones that only garbage held) is told
 * apart from what the collector itself frees.
 *
 * PHP's gc_collect_cycles() (Zend/zend_gc.c of 8.2; Bacon and Rajan, Concurrent Cycle Collection in Reference Counted Systems,
 * ECOOP 2001) does the same with what can be reached from its buffer of possible roots: mark_grey is 1, mark_scan and scan_black are 2;
 * there is no 3 and no callback in 4; destructors, generators and fibers that are destroyed are 5, and in 6 what they did not touch
 * goes in the second run that follows at once.
 */
#ifndef REFGRAPH_COLLECT_H
#define REFGRAPH_COLLECT_H

#include "dump/model.h"
#include "util/vec.h"

enum fate {
	FATE_OUTSIDE,	 /* not looked at: untracked, of an older or the permanent generation */
	FATE_ALIVE,	 /* stays: references from outside, or reachable from one that has */
	FATE_FREED,	 /* unreachable: the collector frees it */
	FATE_UNKNOWABLE, /* unreachable, but a finalizer that will run reaches it and may keep it */
	FATE_UNCOLLECTABLE,  /* has a tp_del: goes to gc.garbage */
	FATE_HELD,	     /* unreachable, but what is uncollectable reaches it */
	FATE_DROPPED,	     /* not cleared, and goes with what is freed: its count falls to 0 */
	FATE_DROPPED_UNSURE, /* the same, with what is unknowable */
	FATE_NUMBER_OF
};

struct collection {
	uint32_t nobjects;
	unsigned generation;
	bool all_or_nothing; /* 3.8: one resurrected object keeps all */
	bool php;	     /* gc_collect_cycles(): no generations */
	uint64_t answer;     /* what the call returns, when no finalizer keeps anything */
	uint8_t *fate;	     /* by object, enum fate */
	/*
	 * Why, by object: ALIVE: the object it is reached from (its own number: from outside, see
	 * `external`); UNKNOWABLE, HELD: the object with the finalizer or tp_del; DROPPED:
	 * MODEL_NONE. MODEL_NONE where there is no reason.
	 */
	uint32_t *reason;
	uint32_t *external;    /* gc_refs after step 1, of what was looked at */
	struct ids finalizers; /* their tp_finalize runs */
	struct ids callbacks;  /* weak references whose callback is called */
	struct ids cleared;    /* weak references that are cleared, those with callbacks too */
	uint64_t count[FATE_NUMBER_OF], bytes[FATE_NUMBER_OF];
};

/* `generation` 0 to 2, as of gc.collect(). Loads what it needs. */
struct error *collection_compute(struct model *model, unsigned generation, struct collection *ret);
void collection_deinit(struct collection *collection);
/* "freed", "unknowable", ... */
const char *fate_name(unsigned fate);
/* A few words on why this object has its fate; appended. */
void collection_reason(struct model *model, const struct collection *collection, uint32_t object,
		       struct str *out);

#endif
