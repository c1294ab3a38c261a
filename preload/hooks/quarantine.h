/*
 * quarantine.h - memory of counted objects that ended, which its allocator does not get back yet (REFGRAPH_TOMBSTONES).
 *
 * Where the memory of an object that ended is used again at once, a call for it cannot be told from one for its successor; the vtable of a C++
 * object is overwritten before anybody calls Release() once more; and macros that count inline (jansson's, CPython's) write into what is
 * something else by then. So its block stays as it was when it was freed: as many blocks as there are tombstones, 64 MiB at most (32 MiB of what is
 * larger than 64 KiB), the oldest goes first. The word of its count is looked at when it goes, and by the walker: who changed it did so after the end.
 *
 * AddressSanitizer (Serebryany, Bruening, Potapenko, Vyukov, USENIX ATC 2012) and valgrind delay the reuse of freed memory for the same reason.
 * Blocks of the process are no other than without it: for the table of live blocks, and so in dumps, what is kept is free. A block that is freed once more is
 * given back to its allocator, and freed once more.
 */
#ifndef REFGRAPH_HOOKS_QUARANTINE_H
#define REFGRAPH_HOOKS_QUARANTINE_H

#include "tracked.h"

struct adapter_wrap;

/*
 * The block in which `object` lies is to be kept when it is freed. The word of its count is at `place`, 0: it has none that could be read.
 * `type`: its number, with QUARANTINE_ENDS: record_freed() hears of its free. Inside a hook, with no lock.
 */
#define QUARANTINE_ENDS (1u << 31)
void quarantine_want(uint64_t object, uint64_t place, uint64_t width, uint64_t type);
/* A call that was seen has to do with the object that ended, and changes its count: nobody looks at that any more. */
void quarantine_used(uint64_t object);
/* A block that left the table of live ones is about to be freed: false, go on. `owner`: the runtime's allocator that it is of; NULL malloc's. */
bool quarantine_take(void *block, size_t size, struct adapter_wrap *owner);
/* A block that no table knows is about to be freed: true, it was kept, and is the caller's now, who frees it twice. */
bool quarantine_drop(void *block);
/* A block of this owner that is to be freed now, by him; NULL: none. */
void *quarantine_due(struct adapter_wrap *owner);

/*
 * A slice of GLib's is about to be freed (slices.c). Kept: it must not be. Twice: it was kept, is nobody's any more, and the caller frees it two
 * times.
 */
enum quarantine_slice { SLICE_FREE, SLICE_KEPT, SLICE_TWICE };
enum quarantine_slice quarantine_slice(void *slice, size_t size);
/*
 * Without a lock or a call: false, none of the objects that are wanted or kept lies near this slice. Objects nearer to each other than 1 KiB are of one
 * bucket, or of two.
 */
#define QUARANTINE_PLACE_SHIFT 10
#define QUARANTINE_SLICE_MOST 1024u	  /* what is larger GLib asks malloc for */
extern const uint32_t *quarantine_places; /* NULL: there was none ever */
extern uint32_t quarantine_mask;
static inline uint64_t quarantine_place(uint64_t address)
{
	return tracked_mix(address >> QUARANTINE_PLACE_SHIFT) >> 20 & quarantine_mask;
}
static inline bool quarantine_near(uint64_t slice, size_t size)
{
	const uint32_t *places = __atomic_load_n(&quarantine_places, __ATOMIC_ACQUIRE);

	return places && size && size <= QUARANTINE_SLICE_MOST &&
	       (__atomic_load_n(&places[quarantine_place(slice)], __ATOMIC_RELAXED) ||
		__atomic_load_n(&places[quarantine_place(slice + size - 1)], __ATOMIC_RELAXED));
}
/* One that is to be freed now; NULL: none. */
void *quarantine_slice_due(size_t *size);
/* All that are kept, or due. While no other thread runs. */
void quarantine_slices_each(void (*visit)(uintptr_t slice, void *context), void *context);
/* Their allocator was unloaded: what is kept is nobody's, for ever. */
void quarantine_slices_gone(void);

/* The memory of the object that was here is kept; or is to be, and was not freed yet. */
bool quarantine_holds(uint64_t object);
bool quarantine_wants(uint64_t object);
/* What its count, as the type reads it, has changed by since it was freed. While no other thread runs. */
int64_t quarantine_change(uint64_t object);
uint64_t quarantine_bytes(void);

void quarantine_fork_prepare(void);
void quarantine_fork_done(bool child);
void quarantine_jump(void); /* see tracked_jump() */

#endif
