/*
 * record_walk.c - what hooks remember, in the walker: as the runtime "refhook" (objects that no other adapter describes get their type and
 * count from the rules), and as HOOKS, COUNTED and EVENTS.
 */
#include <errno.h>

#include "../walk.h"
#include "around.h"
#include "followed.h"
#include "numbers.h"
#include "quarantine.h"
#include "record.h"

/* One that lives, or a tombstone; ascending by address, the newest of an address last. */
struct row {
	const struct tracked *object;
	int64_t memory;	 /* references as the object says; -1 not known */
	uintptr_t block; /* start of the live block that holds it; 0 none */
	bool readable;	 /* lies in memory */
	bool mine;	 /* no other adapter has it */
	bool known;	 /* a number that the program still has somewhere */
};

static struct {
	struct row *rows;
	size_t n, room, next;
	const struct rule_type *const *types;
	size_t ntypes;
	bool ready;
} found;

/* ---- gathering ------------------------------------------------------------------------------------------------------------- */

static void count_object(const struct tracked *o, void *context)
{
	size_t *n = context;

	*n += !o->ignored;
}

static void take_object(const struct tracked *o, void *context)
{
	(void)context;
	if (!o->ignored && found.n < found.room)
		found.rows[found.n++] = (struct row){.object = o, .memory = -1};
}

static bool before(const struct row *a, const struct row *b)
{
	if (a->object->id != b->object->id)
		return a->object->id < b->object->id;
	if (a->object->type != b->object->type)
		return a->object->type < b->object->type;
	return a->object->epoch < b->object->epoch;
}

/* Heapsort: needs no memory. */
static void sift(struct row *rows, size_t at, size_t n)
{
	struct row moving = rows[at];

	for (size_t child; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && before(&rows[child], &rows[child + 1]))
			child++;
		if (!before(&moving, &rows[child]))
			break;
		rows[at] = rows[child];
	}
	rows[at] = moving;
}

static void sort(struct row *rows, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift(rows, i, n);
	for (size_t i = n; i-- > 1;) {
		struct row last = rows[i];

		rows[i] = rows[0];
		rows[0] = last;
		sift(rows, 0, i);
	}
}

static const struct rule_type *type_of(const struct tracked *o)
{
	return o->type < found.ntypes ? found.types[o->type] : NULL;
}

static void gather(struct walk *w)
{
	size_t n = 0;

	if (found.ready)
		return;
	found.ready = true;
	found.ntypes = rules_types(&found.types);
	tracked_each(count_object, &n);
	found.rows = n ? pool_map(&w->pool, n * sizeof(*found.rows)) : NULL;
	found.room = found.rows ? n : 0;
	tracked_each(take_object, NULL);
	sort(found.rows, found.n);
}

static uint32_t module_of_number(const struct tracked *o)
{
	const struct rule_hook *const *hooks;
	size_t n = rules_hooks(&hooks);
	unsigned hook = o->nevents ? EVENT_HOOK(o->events[0].hook) : ~0u;

	return hook < n ? hooks[hook]->module + 1 : 0;
}

/* Rows ascend by type and number; of one type they come together, so types are looked through one by one. */
static void find_numbers(struct walk *w)
{
	struct number *numbers = NULL;
	size_t n = 0;

	for (size_t i = 0; i < found.n; i++) {
		const struct tracked *o = found.rows[i].object;

		if (!(o->flags & RGD_COUNTED_F_ID) || o->state != RGD_COUNTED_ALIVE ||
		    (uint32_t)o->id < NUMBERS_LEAST)
			continue;
		if (!numbers)
			numbers = pool_map(&w->pool, (found.n - i) * sizeof(*numbers));
		if (!numbers)
			return;
		if (n && numbers[n - 1].value > (uint32_t)o->id) {
			numbers_find(w, numbers, n);
			for (size_t k = 0; k < n; k++)
				found.rows[numbers[k].row].known = numbers[k].found;
			n = 0;
		}
		numbers[n++] = (struct number){(uint32_t)o->id, module_of_number(o), false, i};
	}
	numbers_find(w, numbers, n);
	for (size_t k = 0; k < n; k++)
		found.rows[numbers[k].row].known = numbers[k].found;
}

/* ---- the adapter ----------------------------------------------------------------------------------------------------------- */

static bool is_alive(const struct tracked *o)
{
	return o->state == RGD_COUNTED_ALIVE && !(o->flags & RGD_COUNTED_F_ID);
}

/* Its own word, when it can be read without a call of the library. */
static void read_memory(struct walk *w, struct row *row)
{
	const struct rule_type *type = type_of(row->object);
	int64_t count;

	if (!type || type->count_from != RULE_COUNT_FIELD || !is_alive(row->object) ||
	    !walk_readable(w, row->object->id, 16))
		return;
	if (rule_count(type, row->object->id, &count) && count >= 0)
		row->memory = count;
}

/* Not another one, in the place of one that was freed by code that no rule names. */
static bool is_same_block(const struct tracked *o, const struct live_block *block)
{
	return block->stack & LIVE_COUNTED ||
	       ((config.peaks || block->address & 15) && block->epoch <= o->epoch);
}

static bool discover(struct walk *w)
{
	struct live_block block;

	gather(w);
	for (size_t i = 0; i < found.n; i++) {
		struct row *row = &found.rows[i];
		uintptr_t address = row->object->id;

		if (!is_alive(row->object))
			continue;
		if (row->object->in_block
			    ? live_find(address, &block) && is_same_block(row->object, &block)
			    : live_find_containing(address, &block))
			row->block = block.address;
		else if (row->object->in_block)
			continue; /* it ended, and no rule named the function */
		else if (!walk_readable(w, address, 16))
			continue;
		row->readable = true;
		read_memory(w, row);
		if (row->block == address)
			row->mine = walk_add(w, RGD_RT_REFHOOK, address, address, 0);
	}
	return true;
}

static uint32_t type_number(struct walk *w, const struct tracked *o)
{
	const struct rule_type *type = type_of(o);
	struct walk_type named = {
		.name = record_name_get(o->name)->text,
		.module = type ? type->family : "",
		.flags = type && type->name_from == RULE_NAME_VTABLE ? RGD_TYPE_F_RTTI : 0};

	return walk_type(w, RGD_RT_REFHOOK, &named);
}

/* Objects come in ascending order of address, as the rows are. */
static bool describe(struct walk *w, uintptr_t address, unsigned tag, struct walk_object *out)
{
	const struct row *row;

	(void)tag;
	while (found.next < found.n &&
	       (found.rows[found.next].object->id < address || !found.rows[found.next].mine))
		found.next++;
	row = &found.rows[found.next];
	if (found.next == found.n || row->object->id != address)
		return false;
	out->type = type_number(w, row->object);
	out->refcount = row->memory >= 0	 ? (uint64_t)row->memory
			: row->object->count > 0 ? (uint64_t)row->object->count
						 : 0;
	return true;
}

/* Nothing is known of its words. */
static void edges(struct walk *w, uintptr_t address, unsigned tag)
{
	uint64_t size;

	(void)tag;
	if (walk_block(w, address, &size))
		walk_scan(w, address, address + ((size + 7) & ~7ull));
}

static bool probe(const struct adapter_host *host, void *handle)
{
	(void)host;
	(void)handle;
	return true;
}

static int enter(unsigned deadline_ms, char *note, size_t note_size)
{
	(void)deadline_ms;
	(void)note;
	(void)note_size;
	return rules_on() ? 0 : ENODEV;
}

static void state(struct walk *w)
{
	walk_runtime(w, RGD_RT_REFHOOK, "", RGD_RUNTIME_OK, "");
}

const struct adapter adapter_refhook = {
	.runtime = RGD_RT_REFHOOK,
	.name = "refhook",
	.probe = probe,
	.enter = enter,
	.discover = discover,
	.describe = describe,
	.edges = edges,
	.state = state,
};

/* ---- sections -------------------------------------------------------------------------------------------------------------- */

static const struct column_spec hooks_columns[] = {
	{RGD_HOOK_NAME, RGD_ENC_VARINT},   {RGD_HOOK_MODULE, RGD_ENC_VARINT},
	{RGD_HOOK_OFFSET, RGD_ENC_VARINT}, {RGD_HOOK_FAMILY, RGD_ENC_VARINT},
	{RGD_HOOK_TYPE, RGD_ENC_VARINT},   {RGD_HOOK_ROLE, RGD_ENC_U8},
	{RGD_HOOK_WAY, RGD_ENC_U8},	   {RGD_HOOK_WHY, RGD_ENC_VARINT},
	{RGD_HOOK_CALLS, RGD_ENC_VARINT},  {0, 0},
};
static const struct column_spec counted_columns[] = {
	{RGD_COUNTED_STATE, RGD_ENC_U8},       {RGD_COUNTED_ADDRESS, RGD_ENC_U64},
	{RGD_COUNTED_OBJECT, RGD_ENC_VARINT},  {RGD_COUNTED_TYPE, RGD_ENC_VARINT},
	{RGD_COUNTED_OBJECTS, RGD_ENC_VARINT}, {RGD_COUNTED_COUNT, RGD_ENC_VARINT},
	{RGD_COUNTED_MEMORY, RGD_ENC_VARINT},  {RGD_COUNTED_EVENTS, RGD_ENC_VARINT},
	{RGD_COUNTED_LOST, RGD_ENC_VARINT},    {RGD_COUNTED_EPOCH, RGD_ENC_VARINT},
	{RGD_COUNTED_FLAGS, RGD_ENC_VARINT},   {0, 0},
};
static const struct column_spec events_columns[] = {
	{RGD_EVENT_KIND, RGD_ENC_U8},
	{RGD_EVENT_FLAGS, RGD_ENC_U8},
	{RGD_EVENT_HOOK, RGD_ENC_VARINT},
	{RGD_EVENT_STACK, RGD_ENC_VARINT},
	{RGD_EVENT_THREAD, RGD_ENC_VARINT},
	{RGD_EVENT_BEFORE, RGD_ENC_VARINT},
	{RGD_EVENT_AFTER, RGD_ENC_VARINT},
	{RGD_EVENT_TIMES, RGD_ENC_VARINT},
	{0, 0},
};

static struct table hooks_table, counted_table, events_table;
static size_t nhooks;

#define ROW(w, t, ...) walk_row((w), (t), (const uint64_t[]){__VA_ARGS__})

static void write_hooks(struct walk *w)
{
	const struct rule_hook *const *hooks;

	nhooks = rules_hooks(&hooks);
	if (!table_open(&w->writer, &hooks_table, RGD_SEC_HOOKS, hooks_columns, 8192))
		return;
	for (size_t i = 0; i < nhooks; i++) {
		const struct rule_hook *h = hooks[i];
		uintptr_t base = h->module < modules_count() ? modules_get(h->module)->base : 0;

		ROW(w, &hooks_table, intern_text(&w->intern, h->symbol),
		    h->module < modules_count() ? h->module + 1 : 0, h->hook.function - base,
		    intern_text(&w->intern, h->rule->type->family),
		    intern_text(&w->intern, h->rule->type->name), h->rule->role,
		    h->gone ? HOOK_NOT : h->hook.way,
		    intern_text(&w->intern,
				h->gone ? "was in a library that is gone" : h->hook.why),
		    record_calls((uint32_t)i));
	}
	table_close(&w->writer, &hooks_table);
}

/* +1; less than none is none. */
static uint64_t plus_one(int64_t count)
{
	return count == COUNT_UNKNOWN ? 0 : count < 0 ? 1 : (uint64_t)count + 1;
}

static void write_event(struct walk *w, uint32_t what, uint16_t hook, unsigned flags,
			uint32_t thread, int64_t count, int change, uint64_t times)
{
	unsigned number = EVENT_HOOK(hook), kind = EVENT_KIND(what);
	bool known = count != COUNT_UNKNOWN;

	ROW(w, &events_table, kind, flags | EVENT_FLAGS(hook),
	    kind == RGD_EVENT_UNSEEN || number >= nhooks ? 0 : number + 1,
	    intern_stack(&w->intern, EVENT_STACK(what)), thread, plus_one(count),
	    known ? plus_one(count + change) : 0, times);
}

static void write_sums(struct walk *w, const struct event_sum *sums, size_t n, unsigned flags)
{
	for (size_t i = 0; i < n; i++)
		if (sums[i].times)
			write_event(w, sums[i].what, sums[i].hook, flags, 0, COUNT_UNKNOWN, 0,
				    sums[i].times);
}

/* Where it happened nobody knows: it has the stack of the end. */
static void write_late(struct walk *w, const struct event *e)
{
	unsigned kind = e->change < 0 ? RGD_EVENT_UNREF : RGD_EVENT_REF;

	write_event(w, EVENT_WHAT(kind, EVENT_STACK(e->what)), EVENT_HOOK(~0u),
		    RGD_EVENT_F_ENDED | RGD_EVENT_F_INLINE, 0, COUNT_UNKNOWN, 0,
		    (uint64_t)(e->change < 0 ? -e->change : e->change));
}

static void write_one(struct walk *w, const struct event *e)
{
	if (EVENT_KIND(e->what) == RGD_EVENT_UNSEEN && EVENT_FLAGS(e->hook) & RGD_EVENT_F_ENDED)
		write_late(w, e);
	else
		write_event(w, e->what, e->hook, 0, e->thread, e->before, e->change, 1);
}

static void write_events(struct walk *w, const struct tracked *o)
{
	unsigned first =
		o->nsums && o->nevents && EVENT_KIND(o->events[0].what) == RGD_EVENT_CREATE;

	/* sums stand for what came after the birth and before the rest */
	for (unsigned i = 0; i < first; i++)
		write_one(w, &o->events[i]);
	write_sums(w, o->sums, o->sums_room, RGD_EVENT_F_FOLDED);
	for (unsigned i = first; i < o->nevents; i++)
		write_one(w, &o->events[i]);
}

static void write_object(struct walk *w, const struct row *row)
{
	const struct tracked *o = row->object;
	uint64_t interior;
	uint32_t number = 0, flags = o->flags;
	/* in a block, or where another adapter has it, who knows of more memory (ZendMM's) */
	bool lies = (row->block || row->readable) && walk_resolve(w, o->id, &number, &interior) &&
		    (row->block || !interior);
	int64_t late = o->state == RGD_COUNTED_ENDED ? quarantine_change(o->id) : 0;
	struct event event;

	if (is_alive(o) && !row->block && (o->in_block || !row->readable))
		flags |= RGD_COUNTED_F_NO_BLOCK;
	if (row->known)
		flags |= RGD_COUNTED_F_KNOWN;
	ROW(w, &counted_table, o->state, o->flags & RGD_COUNTED_F_ID ? (uint32_t)o->id : o->id,
	    lies ? number + 1 : 0, type_number(w, o), 1, plus_one(o->count),
	    plus_one(row->memory < 0 ? COUNT_UNKNOWN : row->memory),
	    o->nsums + o->nevents + (late != 0), o->lost, o->epoch, flags);
	write_events(w, o);
	if (late) {
		event = record_late_event(o, late);
		write_late(w, &event);
	}
}

static void write_life(const struct life *l, void *context)
{
	struct tracked named = {.type = l->type, .name = l->name};
	struct walk *w = context;
	uint64_t rows = 0;

	for (unsigned i = 0; i < l->nrows; i++)
		rows += l->rows[i].times > 0;
	ROW(w, &counted_table, l->rest ? RGD_COUNTED_REST : RGD_COUNTED_LIFE, 0, 0,
	    type_number(w, &named), l->objects, 0, 0, rows, l->lost, 0, 0);
	write_sums(w, l->rows, l->nrows, 0);
}

void record_walk(struct walk *w)
{
	if (!rules_on())
		return;
	gather(w);
	find_numbers(w);
	write_hooks(w);
	if (!table_open(&w->writer, &counted_table, RGD_SEC_COUNTED, counted_columns, 8192) ||
	    !table_open(&w->writer, &events_table, RGD_SEC_EVENTS, events_columns, 8192))
		return;
	for (size_t i = 0; i < found.n; i++)
		write_object(w, &found.rows[i]);
	lives_each(write_life, w);
	table_close(&w->writer, &counted_table);
	table_close(&w->writer, &events_table);
}

void record_counters(struct walk *w)
{
	static const char *const names[TRACKED_LOSSES] = {
		[LOST_LOCKS] = "lost.hook.locks",   [LOST_MEMORY] = "lost.hook.memory",
		[LOST_EVENTS] = "lost.hook.events", [LOST_LIVES] = "lost.hook.lives",
		[LOST_NESTED] = "lost.hook.nested",
	};

	if (!rules_on())
		return;
	for (unsigned i = 0; i < TRACKED_LOSSES; i++)
		walk_counter(w, names[i], tracked_lost((enum tracked_loss)i));
	walk_counter(w, "lost.hook.returns", around_lost());
	walk_counter(w, "hooks.after.end", record_after_end());
	if (followed_every > 1)
		walk_counter(w, RGD_COUNTER_HOOKS_EVERY, followed_every);
	walk_counter(w, "hooks.bytes", tracked_bytes());
	walk_counter(w, "hooks.quarantine.bytes", quarantine_bytes());
}
