/*
 * read.c - what a call says by its rule: the object, its count, whether it floats, the name of its type.
 *
 * It reads the program's memory in the program's own thread, at addresses that the program is about to hand to the function itself. A function
 * that is called with a wild pointer crashes with us or without us; what is no address at all (NULL, small numbers, -1) is passed over.
 */
#include <stdatomic.h>
#include <string.h>

#include "../shim.h"
#include "outside.h"
#include "rules.h"

static bool is_address(uint64_t word)
{
	return word >= 0x10000 && word < 1ull << 47;
}

/* A word of the program's at any alignment. */
static uint64_t load(uint64_t address, unsigned width)
{
	const void *p = (const void *)(uintptr_t)address;
	uint16_t half;
	uint32_t word;
	uint64_t value;

	switch (width) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		memcpy(&half, p, sizeof(half));
		return half;
	case 4:
		memcpy(&word, p, sizeof(word));
		return word;
	default:
		memcpy(&value, p, sizeof(value));
		return value;
	}
}

/* Through the path's words from *word on. False: one of them is no address. */
static bool walk_path(const struct rule_path *path, uint64_t *word)
{
	for (unsigned i = 0; i < path->loads; i++) {
		if (!is_address(*word))
			return false;
		*word = load(*word + (uint64_t)(int64_t)path->offset[i], 8);
	}
	return true;
}

static bool succeeded(const struct rule_function *rule, uint64_t result)
{
	switch (rule->success) {
	case RULE_IF_ZERO:
		return (uint32_t)result == 0;
	case RULE_IF_NOT_ZERO:
		return (uint32_t)result != 0;
	case RULE_IF_NOT_NEGATIVE:
		return (int32_t)result >= 0;
	default:
		return true;
	}
}

/* What begins is of this type. */
static bool is_of_type(const struct rule_function *rule, uint64_t object)
{
	const struct rule_type *type = rule->type;
	uintptr_t only;

	if (!type->only_call.function || (rule->role != RULE_CREATE && rule->role != RULE_ACQUIRE))
		return true;
	only = atomic_load_explicit(&type->only_call.address, memory_order_acquire);
	return only && (int)OUTSIDE(only, object, type->only_argument);
}

bool rule_object(const struct rule_function *rule, const struct hook_call *call, uint64_t *object)
{
	unsigned argument = rule->object.argument;

	if (rule->at_return && !succeeded(rule, call->result))
		return false;
	if (rule->when && !(call->argument[rule->when - 1] & rule->when_bits))
		return false;
	*object = argument ? call->argument[argument - 1] : call->result;
	if (!walk_path(&rule->object, object))
		return false;
	if (!rule->type->id)
		return is_address(*object) && is_of_type(rule, *object);
	/* XID 0 is None; descriptor 0 is one */
	if ((int32_t)*object < 0 || (!(uint32_t)*object && argument))
		return false;
	*object = (uint32_t)*object;
	return true;
}

static int64_t widen(uint64_t value, unsigned width, bool is_signed)
{
	unsigned unused = 64 - 8 * width;

	return is_signed ? (int64_t)(value << unused) >> unused : (int64_t)value;
}

/* What the rule says of the number that was read. */
static int64_t count_in(const struct rule_type *type, int64_t number)
{
	if (type->count_mask)
		number &= (int64_t)type->count_mask;
	return (number >> type->count_shift) + type->count_bias;
}

int64_t rule_count_in_word(const struct rule_type *type, uint64_t word)
{
	return count_in(type, widen(word, type->count_width, type->count_signed));
}

bool rule_count(const struct rule_type *type, uint64_t object, int64_t *count)
{
	uint64_t word = object;
	uintptr_t function;

	if (type->count_from == RULE_COUNT_FIELD) {
		if (!walk_path(&type->count_path, &word) || !is_address(word))
			return false;
		word = load(word + (uint64_t)(int64_t)type->count_offset, type->count_width);
		*count = rule_count_in_word(type, word);
	} else if (type->count_from == RULE_COUNT_CALL) {
		function = atomic_load_explicit(&type->count_call.address, memory_order_acquire);
		if (!function)
			return false;
		*count = count_in(type, (int32_t)OUTSIDE(function, object));
	} else {
		return false;
	}
	return true;
}

bool rule_floating(const struct rule_type *type, uint64_t object)
{
	uintptr_t call = atomic_load_explicit(&type->floating_call.address, memory_order_acquire);

	if (call)
		return (int)OUTSIDE(call, object);
	return type->floating_width &&
	       load(object + (uint64_t)(int64_t)type->floating_offset, type->floating_width) &
		       type->floating_mask;
}

/* The word that decides the name; false: none. */
static bool name_word(const struct rule_type *type, uint64_t object, uint64_t *word)
{
	*word = object;
	if (type->id || !walk_path(&type->name_path, word) || !is_address(*word))
		return false;
	*word += (uint64_t)(int64_t)type->name_offset;
	if (type->name_from != RULE_NAME_TEXT)
		*word = load(*word, type->name_from == RULE_NAME_WORDS ? type->name_width : 8);
	return true;
}

uint64_t rule_name_key(const struct rule_type *type, uint64_t object)
{
	uint64_t word;

	if (type->name_from == RULE_NAME_CONSTANT || !name_word(type, object, &word))
		return 0;
	return word;
}

static void copy(char *name, size_t size, const char *text)
{
	size_t n = strnlen(text, size - 1);

	memcpy(name, text, n);
	name[n] = 0;
}

/* What the vtable's type_info is called, mangled and without its "*" of types local to a file; NULL: no vtable with RTTI. */
static const char *vtable_name(uint64_t vtable)
{
	uint64_t info, name;

	if ((vtable & 7) || !modules_find(vtable))
		return NULL;
	info = load(vtable - 8, 8);
	if ((info & 7) || !modules_find(info))
		return NULL;
	name = load(info + 8, 8);
	if (!modules_find(name))
		return NULL;
	return (const char *)(uintptr_t)name + (*(const char *)(uintptr_t)name == '*');
}

static const char *name_text(const struct rule_type *type, uint64_t object)
{
	uint64_t word;
	uintptr_t function;

	if (type->name_from == RULE_NAME_CONSTANT || !name_word(type, object, &word))
		return NULL;
	switch (type->name_from) {
	case RULE_NAME_STRING:
	case RULE_NAME_TEXT:
		return is_address(word) ? (const char *)(uintptr_t)word : NULL;
	case RULE_NAME_VTABLE:
		return is_address(word) ? vtable_name(word) : NULL;
	case RULE_NAME_CALL:
		function = atomic_load_explicit(&type->name_call.address, memory_order_acquire);
		return function ? ((const char *(*)(uint64_t))function)(type->name_width ? word
											 : object)
				: NULL;
	case RULE_NAME_WORDS:
		return word < type->name_nwords ? type->name_words[word] : NULL;
	default:
		return NULL;
	}
}

void rule_name(const struct rule_type *type, uint64_t object, char *name, size_t size)
{
	const char *text = name_text(type, object);

	if (!text || !*text) {
		copy(name, size, type->name);
		return;
	}
	copy(name, size, type->name_detail ? type->name : text);
	if (type->name_detail && strlen(name) + 2 < size) {
		size_t n = strlen(name);

		name[n] = ' ';
		copy(name + n + 1, size - n - 1, text);
	}
}
