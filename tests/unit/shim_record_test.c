/*
 * What is remembered of calls that count references: births, lives, the order of events and their sums, counts that moved unseen, tombstones,
 * selection by type, bounds of memory, eight threads over the same objects. The rules and the stacks are played here: an object is an int that
 * is its count, a stack is its return address.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../preload/arena.c"
#include "../../preload/counter.c"
#include "../../preload/log.c"
#include "../../preload/hooks/record.h"

#include "../../preload/hooks/tracked.c"
#include "../../preload/hooks/followed.c"
#include "../../preload/hooks/lives.c"
#include "../../preload/hooks/record_names.c"
#include "../../preload/hooks/roles.c"
#include "../../preload/hooks/record.c"

struct config config;
_Atomic bool shim_sandboxed;
_Atomic uint32_t shim_state = SHIM_ON, epoch_now = 3;
__thread bool fork_holds;
__thread struct thread *thread_current;
static struct thread *_Atomic all_threads;
static _Atomic uint32_t tids;

static const struct rule_type thing_type = {.family = "things", .name = "Thing", .dies_at_zero = true, .count_from = RULE_COUNT_FIELD,
					    .name_from = RULE_NAME_WORDS, .number = 0};
static const struct rule_type blind_type = {.family = "blind", .name = "Blind", .dies_at_zero = true, .number = 1};
static const struct rule_type slow_type = {.family = "slow", .name = "Slow", .count_from = RULE_COUNT_FIELD, .number = 2};
static const struct rule_type *const all_types[] = {&thing_type, &blind_type, &slow_type};

struct thread *thread_self(void)
{
	struct thread *t = calloc(1, sizeof(*t));

	t->tid = atomic_fetch_add(&tids, 1) + 100;
	t->next = atomic_load(&all_threads);
	while (!atomic_compare_exchange_weak(&all_threads, &t->next, t))
		;
	return thread_current = t;
}

struct thread *threads_first(void)
{
	return all_threads;
}

uint64_t hook_outside(const void *function, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return ((uint64_t(*)(uint64_t, uint64_t, uint64_t, uint64_t))(uintptr_t)function)(a, b, c, d);
}

/* Never at hand: entry_full_stack() is asked each time. */
uint32_t memo_stack_quick(uintptr_t caller, uintptr_t cfa, uintptr_t frame_pointer)
{
	return 0;
}

void freeze_park_here(struct thread *t)
{
}

live_word *_Atomic live_top[LIVE_LEAVES];

bool live_find(uintptr_t address, struct live_block *block)
{
	return false;
}

bool live_mark(uintptr_t address)
{
	return false;
}

/* Memory that is kept: what record.c says to it is in tests/hooks/families.py. */
void quarantine_want(uint64_t object, uint64_t place, uint64_t width, uint64_t type)
{
}

void quarantine_used(uint64_t object)
{
}

static bool held, wanted;

bool quarantine_wants(uint64_t object)
{
	return wanted;
}

bool quarantine_holds(uint64_t object)
{
	return held;
}

void quarantine_fork_prepare(void)
{
}

void quarantine_fork_done(bool child)
{
}

void quarantine_jump(void)
{
}

bool native_followed;

bool live_find_containing(uintptr_t address, struct live_block *block)
{
	return false;
}

size_t rules_types(const struct rule_type *const **types)
{
	*types = all_types;
	return 3;
}

uint32_t modules_find(uintptr_t address)
{
	return 0;
}

const struct module *modules_get(size_t index)
{
	return NULL;
}

uint32_t entry_full_stack(struct thread *t, uintptr_t caller, uintptr_t cfa, uintptr_t frame_pointer)
{
	return (uint32_t)caller;
}

/* ---- rules ------------------------------------------------------------------------------------------------------------------ */

struct thing {
	int count, floating, class;
};

bool rule_object(const struct rule_function *rule, const struct hook_call *call, uint64_t *object)
{
	*object = rule->object.argument ? call->argument[rule->object.argument - 1] : call->result;
	return *object;
}

bool rule_count(const struct rule_type *type, uint64_t object, int64_t *count)
{
	if (type->count_from != RULE_COUNT_FIELD)
		return false;
	*count = __atomic_load_n(&((struct thing *)object)->count, __ATOMIC_RELAXED);
	return true;
}

bool rule_floating(const struct rule_type *type, uint64_t object)
{
	return ((struct thing *)object)->floating;
}

uint64_t rule_name_key(const struct rule_type *type, uint64_t object)
{
	return type->name_from == RULE_NAME_CONSTANT ? 0 : (uint64_t)((struct thing *)object)->class;
}

void rule_name(const struct rule_type *type, uint64_t object, char *name, size_t size)
{
	snprintf(name, size, "%s%d", type->name, (int)rule_name_key(type, object));
}

bool rule_glob(const char *pattern, const char *name)
{
	size_t n = strlen(pattern);

	return n && pattern[n - 1] == '*' ? !strncmp(pattern, name, n - 1) : !strcmp(pattern, name);
}

#define ROLE(type_, role_, argument_, return_) \
	{.type = &type_, .object = {.argument = argument_}, .role = role_, .at_return = return_}
static const struct rule_function functions[] = {
	ROLE(thing_type, RULE_CREATE, 0, true), ROLE(thing_type, RULE_REF, 1, false), ROLE(thing_type, RULE_UNREF, 1, false),
	ROLE(thing_type, RULE_SINK, 1, false), ROLE(thing_type, RULE_DEFER, 1, false), ROLE(blind_type, RULE_CREATE, 0, true),
	ROLE(blind_type, RULE_REF, 1, false), ROLE(blind_type, RULE_UNREF, 1, false), ROLE(slow_type, RULE_CREATE, 0, true),
	ROLE(slow_type, RULE_REF, 1, false), ROLE(slow_type, RULE_UNREF, 1, false), ROLE(slow_type, RULE_DESTROY, 1, false),
	ROLE(thing_type, RULE_ACQUIRE, 0, true),
	{.type = &thing_type, .object = {.argument = 1}, .role = RULE_UNREF, .wraps = true},
};
enum { NEW, REF, UNREF, SINK, DEFER, BLIND_NEW, BLIND_REF, BLIND_UNREF, SLOW_NEW, SLOW_REF, SLOW_UNREF, SLOW_FREE, GET, UNREF_ALL, FUNCTIONS };
static struct rule_hook hooks[FUNCTIONS];

/* What the thunk does at the entry; `from` stands for the caller. */
static struct hook_call enter(int which, const void *object, uintptr_t from)
{
	struct hook_call call = {.argument = {(uintptr_t)object}, .return_address = from, .frame = (uintptr_t)__builtin_frame_address(0),
				 .context = &hooks[which]};

	record_enter(&call);
	return call;
}

static void leave(struct hook_call *call, const void *result)
{
	call->result = (uintptr_t)result;
	record_leave(call);
}

static struct thing *make(int which, uintptr_t from)
{
	struct thing *thing = calloc(1, sizeof(*thing));
	struct hook_call call = enter(which, NULL, from);

	thing->count = 1;
	leave(&call, thing);
	return thing;
}

static void ref(struct thing *thing, uintptr_t from)
{
	enter(REF, thing, from);
	__atomic_fetch_add(&thing->count, 1, __ATOMIC_RELAXED);
}

/* Things are never given back, so that no address comes twice by chance. */
static void unref(struct thing *thing, uintptr_t from)
{
	enter(UNREF, thing, from);
	__atomic_fetch_sub(&thing->count, 1, __ATOMIC_RELAXED);
}

/* ---- looking ----------------------------------------------------------------------------------------------------------------- */

static int failures;

static void report(const char *name, bool good)
{
	printf("%s record: %s\n", good ? "ok" : "not ok", name);
	failures += !good;
}

static const struct tracked *found(const void *object, uint16_t type)
{
	struct shard *s = shard_enter((uintptr_t)object);
	const struct tracked *o = tracked_find(s, (uintptr_t)object);

	shard_leave(s);
	return o && o->type == type ? o : NULL;
}

/* "C1:0>1 R2:1>2 ..." kind, stack, count before and after; sums in front as "R2*7" */
static const char *story(const struct tracked *o)
{
	static char text[4096];
	int n = 0;

	text[0] = 0;
	for (unsigned i = 0; o && i < o->sums_room; i++)
		n += !o->sums[i].times ? 0 : snprintf(text + n, sizeof(text) - (size_t)n, "%c%u*%lu ", " CDRUSFEAN"[EVENT_KIND(o->sums[i].what)],
			      EVENT_STACK(o->sums[i].what), (unsigned long)o->sums[i].times);
	for (unsigned i = 0; o && i < o->nevents; i++) {
		const struct event *e = &o->events[i];

		n += snprintf(text + n, sizeof(text) - (size_t)n, "%c%u:%d>%d%s ", " CDRUSFEAN"[EVENT_KIND(e->what)], EVENT_STACK(e->what),
			      is_known(e->before) ? e->before : -9, is_known(e->before) ? e->before + e->change : -9,
			      EVENT_FLAGS(e->hook) & RGD_EVENT_F_ENDED ? "!" : EVENT_FLAGS(e->hook) & RGD_EVENT_F_DRAIN ? "d" : "");
	}
	return text;
}

static void tells(const char *name, const struct tracked *o, const char *want)
{
	const char *got = o ? story(o) : "(none)";

	if (strcmp(got, want) != 0)
		printf("# got %s\n", got);
	report(name, strcmp(got, want) == 0);
}

static struct {
	uint64_t objects, rows, lives, rest, rest_times;
	uint32_t stack;
} sum;

static void sum_life(const struct life *l, void *context)
{
	if (!l->nrows || EVENT_STACK(l->rows[0].what) != sum.stack || l->rest) {
		if (l->rest) {
			sum.rest += l->objects;
			for (unsigned i = 0; i < l->nrows; i++)
				sum.rest_times += l->rows[i].times;
		}
		return;
	}
	sum.lives++;
	sum.objects += l->objects;
	sum.rows += l->nrows;
}

/* Lives that begin with this stack. */
static void lives_of(uint32_t stack)
{
	memset(&sum, 0, sizeof(sum));
	sum.stack = stack;
	lives_each(sum_life, NULL);
}

/* ---- cases ------------------------------------------------------------------------------------------------------------------- */

static void test_life(void)
{
	for (int i = 0; i < 3; i++) {
		struct thing *thing = make(NEW, 1);

		ref(thing, 2);
		unref(thing, 3);
		unref(thing, 4);
		report("an object that ended is forgotten", !found(thing, 0));
	}
	lives_of(1);
	report("three objects with the same events are one life of four rows", sum.lives == 1 && sum.objects == 3 && sum.rows == 4);
	struct thing *leaked = make(NEW, 1);
	ref(leaked, 2);
	unref(leaked, 3);
	ref(leaked, 5);
	unref(leaked, 4);
	tells("events in their order, with counts", found(leaked, 0), "C1:0>1 R2:1>2 U3:2>1 R5:1>2 U4:2>1 ");
	lives_of(1);
	report("what lives on is no life", sum.objects == 3);
}

static void test_fold(void)
{
	struct thing *thing = make(NEW, 11);

	for (int i = 0; i < 100000; i++) {
		ref(thing, 12);
		ref(thing, 14);
		unref(thing, 13);
		unref(thing, 13);
	}
	ref(thing, 15);
	const struct tracked *o = found(thing, 0);
	uint64_t refs = 0, unrefs = 0;
	for (unsigned i = 0; i < o->sums_room; i++)
		*(EVENT_KIND(o->sums[i].what) == RGD_EVENT_UNREF ? &unrefs : &refs) += o->sums[i].times;
	for (unsigned i = 1; i < o->nevents; i++)
		*(EVENT_KIND(o->events[i].what) == RGD_EVENT_UNREF ? &unrefs : &refs) += 1;
	report("sums of what was folded are exact", refs == 200001 && unrefs == 200000 && o->nsums == 3 && o->count == 2 && !o->lost);
	report("the birth stays the first event", EVENT_KIND(o->events[0].what) == RGD_EVENT_CREATE && o->nevents <= EVENTS_MAX);
	for (int i = 0; i < 1000; i++) {
		ref(thing, 1000 + i);
		unref(thing, 3000 + i);
	}
	o = found(thing, 0);
	report("more stacks than there is room for are counted as lost", o->lost > 0 && o->nsums <= SUMS_MAX && o->count == 2);
}

static void test_births(void)
{
	struct thing *thing = calloc(1, sizeof(*thing));
	struct hook_call outer = enter(NEW, NULL, 21), inner = enter(NEW, NULL, 22);

	thing->count = 1;
	leave(&inner, thing);
	ref(thing, 23);
	leave(&outer, thing);
	tells("creators that call each other make one birth, of the outer one's caller", found(thing, 0), "C21:0>1 R23:1>2 ");

	thing = calloc(1, sizeof(*thing));
	outer = enter(NEW, NULL, 24);
	thing->count = 1;
	ref(thing, 25);
	unref(thing, 26);
	leave(&outer, thing);
	tells("events before the creator returns follow the birth", found(thing, 0), "C24:0>1 R25:1>2 U26:2>1 ");
	report("and it is known to have begun", !(found(thing, 0)->flags & RGD_COUNTED_F_BEFORE));

	outer = enter(NEW, NULL, 27);
	thing->count = 2;
	leave(&outer, thing);
	tells("a creator with a cache takes a reference", found(thing, 0), "C24:0>1 R25:1>2 U26:2>1 A27:1>2 ");

	thing->count = 1;
	outer = enter(NEW, NULL, 28);
	leave(&outer, thing);
	tells("an address that is used again is another object", found(thing, 0), "C28:0>1 ");
}

static void test_unseen(void)
{
	struct thing *thing = calloc(1, sizeof(*thing));

	thing->count = 5;
	ref(thing, 31);
	tells("an object that was there before says how many references it has", found(thing, 0), "R31:5>6 ");
	report("and that nobody saw it begin", found(thing, 0)->flags & RGD_COUNTED_F_BEFORE);
	thing->count += 2;
	unref(thing, 32);
	tells("a count that code without calls changed is an event", found(thing, 0), "R31:5>6 N0:6>8 U32:8>7 ");

	thing = make(SLOW_NEW, 33);
	enter(SLOW_UNREF, thing, 34); /* disposes first */
	enter(SLOW_REF, thing, 35);
	thing->count++;
	enter(SLOW_UNREF, thing, 36);
	thing->count--;
	thing->count--;
	tells("a last unref that disposes before it counts is no such change", found(thing, 2), "C33:0>1 U34:1>0 R35:0>1 U36:1>0 ");
	enter(SLOW_FREE, thing, 37);
	report("a destructor ends what zero does not", !found(thing, 2));
	lives_of(33);
	report("with its whole life", sum.lives == 1 && sum.rows == 5);
}

static void test_odd_roles(void)
{
	struct thing *thing = make(NEW, 41);

	enter(SINK, thing, 42);
	thing->floating = 1;
	enter(SINK, thing, 43);
	thing->floating = 0;
	ref(thing, 44);
	enter(DEFER, thing, 45);
	unref(thing, 46);
	unref(thing, 47);
	lives_of(41);
	report("a sink of what does not float is nothing; a deferred unref is the pool's when it comes", sum.lives == 1 && sum.rows == 6);
	thing = make(NEW, 48);
	enter(DEFER, thing, 45);
	ref(thing, 44);
	unref(thing, 46);
	tells("drained", found(thing, 0), "C48:0>1 E45:1>1 R44:1>2 U46:2>1d ");

	struct thing *blind = calloc(1, sizeof(*blind));
	enter(BLIND_REF, blind, 51);
	tells("no count to read, no birth seen: unknown", found(blind, 1), "R51:-9>-9 ");
	blind = make(BLIND_NEW, 52);
	enter(BLIND_REF, blind, 53);
	tells("else we count", found(blind, 1), "C52:0>1 R53:1>2 ");
	enter(BLIND_UNREF, blind, 54);
	enter(BLIND_UNREF, blind, 55);
	report("down to the end", !found(blind, 1));
}

static void test_nested(void)
{
	struct thing *thing = make(NEW, 31);
	struct hook_call call = enter(GET, NULL, 32);

	thing->count++;
	leave(&call, thing);
	call = enter(GET, NULL, 33);
	ref(thing, 34);
	leave(&call, thing);
	tells("what is returned was taken, once", found(thing, 0), "C31:0>1 A32:1>2 R34:2>3 ");
	struct hook_call inner;
	call = enter(UNREF_ALL, thing, 35);
	inner = call;
	inner.frame -= 64;
	inner.context = &hooks[UNREF];
	inner.return_address = 36;
	record_enter(&inner);
	leave(&call, NULL);
	thing->count--;
	unref(thing, 37);
	tells("calls within one that speaks for them do not count", found(thing, 0), "C31:0>1 A32:1>2 R34:2>3 U35:3>2 U37:2>1 ");
	struct thing *nil = calloc(1, sizeof(*nil));
	ref(nil, 38);
	report("a constant of the library is not followed", !found(nil, 0));
}

static void test_tombstones(void)
{
	struct thing *thing;

	config.tombstones = 256;
	thing = make(NEW, 61);
	unref(thing, 62);
	unref(thing, 63);
	tells("an unref too many, with the stack of the last one", found(thing, 0), "C61:0>1 U62:1>0 U63:0>-1! ");
	ref(thing, 64);
	tells("a reference after the end", found(thing, 0), "C61:0>1 U62:1>0 U63:0>-1! R64:-1>0! ");
	report("counted", record_after_end() == 2);
	thing = make(NEW, 61);
	unref(thing, 62);
	thing->count = 1; /* out of a pool, by a way that nobody sees */
	ref(thing, 63);
	tells("an object that says it lives lives again", found(thing, 0), "R63:1>2 ");
	thing = make(NEW, 61);
	unref(thing, 62);
	wanted = true;
	ref(thing, 64); /* of it, by the pool: its memory was not given back */
	wanted = false;
	ref(thing, 65);
	tells("as one that is taken up by a pool", found(thing, 0), "R65:1>2 ");
	/* memory that was not kept may be another object's, of another type; what is kept is not */
	thing = make(NEW, 61);
	unref(thing, 62);
	enter(BLIND_UNREF, thing, 68);
	report("a call for another type means another object", found(thing, 1) && record_after_end() == 2);
	thing = make(NEW, 61);
	unref(thing, 62);
	held = true;
	enter(BLIND_UNREF, thing, 69);
	tells("not while the memory is kept", found(thing, 0), "C61:0>1 U62:1>0 U69:0>-1! ");
	held = false;
	record_let_go((uintptr_t)thing, 0, 0);
	thing->count = 3;
	ref(thing, 70);
	tells("nor is it known of whom a call is once it went back", found(thing, 0), "R70:3>4 ");
	thing = make(NEW, 61);
	unref(thing, 62);
	record_let_go((uintptr_t)thing, 0, -1);
	tells("what was written after the end", found(thing, 0), "C61:0>1 U62:1>0 N62:-9>-9! ");
	report("is counted", record_after_end() == 4);
	thing = make(NEW, 61);
	unref(thing, 62);
	thing->count = 1;
	struct hook_call call = enter(NEW, NULL, 65);
	leave(&call, thing);
	tells("the address lives again", found(thing, 0), "C65:0>1 ");
	for (int i = 0; i < 10000; i++) {
		struct thing *t = make(NEW, 66);
		unref(t, 67);
	}
	uint32_t kept = 0;
	for (unsigned i = 0; i < TRACKED_SHARDS; i++)
		kept += tracked_shards[i].tombstones;
	report("tombstones are so many and no more", kept <= 256 && kept > 200);
	config.tombstones = 0;
}

static void forget_wishes(const char *wish)
{
	snprintf(config.track_types, sizeof config.track_types, "%s", wish);
	for (unsigned i = 0; i < 8; i++)
		wanted_types[i] = 0;
	for (unsigned i = 0; i < FUNCTIONS; i++)
		modes[i] = MODE_UNKNOWN;
}

static void test_types(void)
{
	uint64_t calls = record_calls(BLIND_NEW);
	struct thing *thing, *blind;

	forget_wishes("nothing,Thing7*");
	blind = make(BLIND_NEW, 71);
	report("a type that is not wanted is counted only", !found(blind, 1) && record_calls(BLIND_NEW) == calls + 1);
	thing = calloc(1, sizeof(*thing));
	thing->class = 7;
	thing->count = 3;
	ref(thing, 72);
	tells("one whose name is", found(thing, 0), "R72:3>4 ");
	thing = calloc(1, sizeof(*thing));
	thing->class = 8;
	thing->count = 3;
	ref(thing, 73);
	unref(thing, 74);
	tells("and one whose name is not", found(thing, 0), "");
	forget_wishes("");
}

#define THREADS 8
#define ROUNDS 20000
static struct thing *shared[4];

static void *hammer(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct thing *own = make(NEW, 81);

		for (int k = 0; k < 4; k++) {
			ref(shared[k], 82);
			unref(shared[k], 83);
		}
		ref(own, 84);
		unref(own, 85);
		unref(own, 86);
		free(own);
		if (i % 1000 == 0)
			ref(shared[0], 87);
	}
	return NULL;
}

static void test_threads(void)
{
	pthread_t threads[THREADS];
	uint64_t before[2], times[88] = {0};

	for (int k = 0; k < 4; k++)
		shared[k] = make(NEW, 80);
	before[0] = record_calls(REF);
	before[1] = record_calls(UNREF);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, hammer, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	lives_of(81);
	report("lives of eight threads' own objects are all counted", sum.lives == 1 && sum.objects == THREADS * ROUNDS && sum.rows == 4);
	report("and calls", record_calls(REF) - before[0] == THREADS * (ROUNDS * 5 + ROUNDS / 1000) && record_calls(UNREF) - before[1] == THREADS * ROUNDS * 6);
	for (int k = 0; k < 4; k++) {
		const struct tracked *o = found(shared[k], 0);

		for (unsigned i = 0; i < o->sums_room; i++)
			if (o->sums[i].times)
				times[EVENT_STACK(o->sums[i].what)] += o->sums[i].times;
		for (unsigned i = 0; i < o->nevents; i++)
			times[EVENT_STACK(o->events[i].what)]++;
		report("the count is that of the object", o->count == shared[k]->count && o->flags & RGD_COUNTED_F_THREADS);
		for (unsigned i = 1; i < o->nevents; i++)
			if (i > 1 && o->events[i].before != o->events[i - 1].before + o->events[i - 1].change) {
				report("counts follow each other", false);
				break;
			}
	}
	report("events of shared objects are all counted", times[80] == 4 && times[82] == 4 * THREADS * ROUNDS && times[83] == 4 * THREADS * ROUNDS &&
								    times[87] == THREADS * ROUNDS / 1000);
	report("nothing is lost", !tracked_lost(LOST_LOCKS) && !tracked_lost(LOST_LIVES) && !tracked_lost(LOST_MEMORY));
}

static void test_many_lives(void)
{
	for (unsigned i = 0; i < 1000; i++) {
		struct thing *thing = make(SLOW_NEW, 90);

		for (unsigned k = 0; k < i % 500; k++) {
			enter(SLOW_REF, thing, 91);
			thing->count++;
		}
		for (unsigned k = 0; k < i % 500; k++) {
			enter(SLOW_UNREF, thing, 92);
			thing->count--;
		}
		enter(SLOW_UNREF, thing, 93);
		enter(SLOW_FREE, thing, 94);
	}
	lives_of(90);
	/* 500 kinds, two objects each; 256 of a type have a row, one of them comes from another case */
	uint64_t own = sum.objects, all_events = 0;
	for (unsigned i = 255; i < 500; i++)
		all_events += 2 * (2 * i + 3);
	report("lives of too many kinds are summed up", own == 510 && sum.rest == 490 && sum.rest_times == all_events);
}

static void test_memory(void)
{
	config.hook_memory = tracked_bytes() + (1u << 20);
	for (int i = 0; i < 100000; i++)
		ref(make(NEW, 95), 96);
	report("no more memory than allowed; losses are counted", tracked_bytes() <= config.hook_memory && tracked_lost(LOST_MEMORY) > 0);
}

static void timing(int n)
{
	struct timespec a, b;
	struct thing *thing = make(NEW, 5);

	for (int round = 0; round < 3; round++) {
		if (round == 2)
			forget_wishes("nothing");
		int which = round == 2 ? BLIND_REF : round ? UNREF : REF;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
		for (int i = 0; i < n; i++)
			enter(which, thing, 6);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
		printf("# %s: %.1f ns\n", round == 2 ? "counted only" : round ? "unref" : "ref",
		       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / n);
	}
	forget_wishes("");
}

int main(int argc, char **argv)
{
	config.hook_memory = 1u << 30;
	config.track_objects = 1;
	for (unsigned i = 0; i < FUNCTIONS; i++)
		hooks[i] = (struct rule_hook){.rule = &functions[i], .symbol = "f", .number = i};
	if (argc > 1 && !strcmp(argv[1], "time")) {
		timing(argc > 2 ? atoi(argv[2]) : 10000000);
		return 0;
	}
	test_life();
	test_fold();
	test_births();
	test_unseen();
	test_odd_roles();
	test_nested();
	test_tombstones();
	test_types();
	test_many_lives();
	test_threads();
	test_memory();
	return failures != 0;
}
