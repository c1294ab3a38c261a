/*
 * epoch.c - marks and snapshots divide time. A block remembers the epoch that was current at its birth; every snapshot
 * advances it, so that address and epoch identify an object for ever.
 */
#include <string.h>
#include <time.h>

#include "glue.h"

#define RECORDS_MAX 1024u
#define EPOCH_MAX 0x001fffffu /* as the live table has bits */

_Atomic uint32_t epoch_now = 1;

/* The records are a window in an array with room to move in: a server marks each request. */
trylock_t epoch_lock;
static struct epoch_record room[RECORDS_MAX + RECORDS_MAX / 4];
static struct epoch_record *records = room;
static uint32_t records_used;

uint64_t wall_clock(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now))
		return 0;
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Without the second oldest: the first, the start, stays. */
static void record_drop(void)
{
	records[1] = records[0];
	records_used--;
	records++;
	if (records + RECORDS_MAX > room + sizeof(room) / sizeof(*room)) {
		memmove(room, records, records_used * sizeof(*room));
		records = room;
	}
	counter_add(COUNTER_LOST_EPOCHS, 1);
}

static void record_put(uint32_t number, uint32_t kind, const char *label)
{
	struct epoch_record *r;

	if (records_used == RECORDS_MAX)
		record_drop();
	r = &records[records_used];
	*r = (struct epoch_record){.number = number, .kind = kind, .time_ns = wall_clock()};
	if (label)
		log_format(r->label, sizeof(r->label), "%s", label);
	records_used++;
}

uint32_t epoch_advance(uint32_t kind, const char *label)
{
	uint32_t number = atomic_load_explicit(&epoch_now, memory_order_relaxed);

	if (!trylock(&epoch_lock))
		return number;
	if (kind != 0 /* the start is epoch 1 itself */ && number < EPOCH_MAX)
		number++;
	record_put(number, kind, label);
	atomic_store_explicit(&epoch_now, number, memory_order_relaxed);
	trylock_release(&epoch_lock);
	return number;
}

size_t epoch_records(const struct epoch_record **out)
{
	*out = records;
	return records_used;
}
