/* record_names.c - see record.h. Names are found without a lock, made under one, and never go. */
#include <string.h>

#include "outside.h"
#include "record.h"

#define SLOTS (RECORD_NAMES * 2)

static struct record_name *names; /* RECORD_NAMES of them */
static _Atomic uint32_t names_used, slots[SLOTS];
static trylock_t names_lock;
static _Atomic uint8_t wanted_types[RECORD_TYPES];

static const struct record_name other_name = {.wanted = true, .text = "(other)"};

const struct record_name *record_name_get(uint32_t number)
{
	return number && number <= atomic_load_explicit(&names_used, memory_order_acquire)
		       ? &names[number - 1]
		       : &other_name;
}

/* ---- what is wanted -------------------------------------------------------------------------------------------------- */

/* One of the patterns, which are separated by commas. */
static bool is_wanted(const char *name)
{
	const char *p = config.track_types;
	char pattern[128];

	while (*p) {
		size_t n = strcspn(p, ",");

		if (n && n < sizeof(pattern)) {
			memcpy(pattern, p, n);
			pattern[n] = 0;
			if (rule_glob(pattern, name))
				return true;
		}
		p += n + (p[n] == ',');
	}
	return false;
}

static enum record_wanted decide(const struct rule_type *type)
{
	if (!config.track_types[0] || is_wanted(type->family) || is_wanted(type->name))
		return RECORD_ALL;
	return type->name_from == RULE_NAME_CONSTANT ? RECORD_NONE : RECORD_ASK;
}

enum record_wanted record_wanted(const struct rule_type *type)
{
	uint8_t known;

	if (type->number >= RECORD_TYPES)
		return decide(type);
	known = atomic_load_explicit(&wanted_types[type->number], memory_order_relaxed);
	if (unlikely(!known)) {
		known = (uint8_t)OUTSIDE(decide, (uint64_t)type);
		atomic_store_explicit(&wanted_types[type->number], known, memory_order_relaxed);
	}
	return (enum record_wanted)known;
}

/* ---- names ------------------------------------------------------------------------------------------------------------- */

static uint32_t slot_of(const struct rule_type *type, uint64_t key)
{
	return (uint32_t)((key ^ (uint64_t)type->number << 48) * 0x9e3779b97f4a7c15ull >> 40);
}

/* The slot that holds it, or the free one where it would be. */
static _Atomic uint32_t *name_slot(const struct rule_type *type, uint64_t key)
{
	for (uint32_t i = slot_of(type, key);; i++) {
		_Atomic uint32_t *slot = &slots[i % SLOTS];
		uint32_t number = atomic_load_explicit(slot, memory_order_acquire);

		if (!number || (names[number - 1].key == key &&
				names[number - 1].type == (uint16_t)type->number))
			return slot;
	}
}

/* With the lock; `name` was made before. */
static uint32_t name_add(const struct rule_type *type, const struct record_name *name)
{
	_Atomic uint32_t *slot = name_slot(type, name->key);
	uint32_t number = *slot;

	if (number || names_used == RECORD_NAMES)
		return number;
	number = names_used + 1;
	names[number - 1] = *name;
	atomic_store_explicit(&names_used, number, memory_order_release);
	atomic_store_explicit(slot, number, memory_order_release);
	return number;
}

static bool names_ready(void)
{
	if (likely(__atomic_load_n(&names, __ATOMIC_ACQUIRE)))
		return true;
	if (!trylock(&names_lock))
		return false;
	if (!names)
		__atomic_store_n(
			&names,
			(struct record_name *)OUTSIDE(arena_map, RECORD_NAMES * sizeof(*names)),
			__ATOMIC_RELEASE);
	trylock_release(&names_lock);
	return names;
}

static __attribute__((noinline)) uint32_t name_make(const struct rule_type *type, uint64_t object,
						    uint64_t key)
{
	struct record_name name = {.key = key, .type = (uint16_t)type->number};
	uint32_t number = 0;

	if (type->name_from == RULE_NAME_STRING && (shim_sandboxed || !sys_can_read(key)))
		return 0;
	rule_name(type, object, name.text, sizeof(name.text));
	name.wanted = record_wanted(type) == RECORD_ALL || is_wanted(name.text);
	if (trylock(&names_lock)) {
		number = name_add(type, &name);
		trylock_release(&names_lock);
	}
	return number;
}

uint32_t record_name(const struct rule_type *type, uint64_t object)
{
	uint64_t key;
	uint32_t number;

	if (!names_ready())
		return 0;
	key = rule_name_key(type, object);
	number = atomic_load_explicit(name_slot(type, key), memory_order_relaxed);
	return likely(number) ? number : (uint32_t)OUTSIDE(name_make, (uint64_t)type, object, key);
}

void record_names_fork_child(void)
{
	atomic_store_explicit(&names_lock, 0, memory_order_release);
}

/* A name counts when it is whole: what was half made is made anew. */
void record_names_jump(void)
{
	if (trylock_is_mine(&names_lock))
		trylock_release(&names_lock);
}
