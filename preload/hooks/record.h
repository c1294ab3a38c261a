/*
 * record.h - calls of the functions of the rules become events of objects (tracked.h). What a call says is rules.h's; who asks for it is the
 * thunk (hook.h), by record_enter() and record_leave().
 *
 * The count of an object is ours: what it said of itself at first sight, and then one more or less with each event, in the order in which
 * threads came to its shard. So counts fit each other even where the object's own word moves under eight threads. While one thread alone has to
 * do with it, its word is held against ours each time: a difference is an event of its own (UNSEEN), for it was changed by code that calls no
 * function. At a snapshot both are written down.
 */
#ifndef REFGRAPH_RECORD_H
#define REFGRAPH_RECORD_H

#include "rules.h"
#include "tracked.h"

/* Calls of the function with this number that were seen, in all threads. */
uint64_t record_calls(uint32_t number);
/* References to objects that had ended, and the like. */
uint64_t record_after_end(void);

/*
 * The memory of an object that ended goes back to its allocator (quarantine.h): who uses this address from now on may mean another. Its count was changed by so
 * much since the end, 0 nothing: that is what a macro did that is compiled into the program. Nobody knows where: the event has the stack of the object's end, and
 * is the kind UNSEEN with RGD_EVENT_F_ENDED; in the dump a ref or unref that is INLINE.
 */
void record_let_go(uint64_t id, uint32_t type, int64_t change);
/* The block of an object was freed: it ends here when no function of the rules ended it. */
void record_freed(uint64_t id, uint32_t type);
struct event record_late_event(const struct tracked *object, int64_t change);

void record_fork_prepare(void);
void record_fork_done(bool child);
/* The calling thread leaves record_enter() or record_leave() by a jump. */
void record_jump(void);

/* ---- record_names.c: the types of objects, by what rule_name() says -------------------------------------------------- */

#define RECORD_NAMES 4096u
#define RECORD_TYPES 1024u /* of the rules */

struct record_name {
	uint64_t key;
	uint16_t type; /* number of the rule_type */
	bool wanted;
	char text[118];
};
/* Number of the object's type, from 1; 0 is "(other)". No lock of ours is held. */
uint32_t record_name(const struct rule_type *type, uint64_t object);
const struct record_name *record_name_get(uint32_t number);
/* By REFGRAPH_TRACK_TYPES: no object of this type can be wanted, all are, or each has to be looked at. */
enum record_wanted { RECORD_ASK = 1, RECORD_ALL, RECORD_NONE };
enum record_wanted record_wanted(const struct rule_type *type);
void record_names_fork_child(void);
void record_names_jump(void);

#endif
