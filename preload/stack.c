/*
 * stack.c - interned frames and stacks.
 *
 * A stack is a node of a trie: its frame and the node of the caller's stack, so that what all stacks of a program share is
 * kept once. Frames and nodes are numbered in the order of their making and never go. They lie in chunks that are mapped when
 * first needed; hash tables of numbers lead to them. Lookups take no lock: a table's slots are written once, after
 * what they lead to; a table that is full is replaced by one of twice the size, and the old one stays for those who still read
 * it (all of them together are as large as the newest). Insertions take one bounded lock.
 */
#include <string.h>

#include "glue.h"
#include "stack.h"

/* ---- numbered things in chunks ------------------------------------------------------------------------------------ */

#define NODE_CHUNK_SHIFT 16
#define NODE_CHUNKS 1024u /* 64 Mi nodes */
#define FRAME_CHUNK_SHIFT 12
#define FRAME_CHUNKS 4096u /* 16 Mi frames */
#define STRING_MAX 1024u

struct node {
	uint32_t parent, frame;
};

static struct node *_Atomic node_chunks[NODE_CHUNKS];
static struct frame *_Atomic frame_chunks[FRAME_CHUNKS];
static _Atomic uint32_t nodes_used, frames_used; /* the highest number given out */

static struct node *node_at(uint32_t number)
{
	struct node *chunk = atomic_load_explicit(&node_chunks[number >> NODE_CHUNK_SHIFT],
						  memory_order_acquire);

	return &chunk[number & ((1u << NODE_CHUNK_SHIFT) - 1)];
}

static struct frame *frame_at(uint32_t number)
{
	struct frame *chunk = atomic_load_explicit(&frame_chunks[number >> FRAME_CHUNK_SHIFT],
						   memory_order_acquire);

	return &chunk[number & ((1u << FRAME_CHUNK_SHIFT) - 1)];
}

/* Under the lock: memory for the thing of this number. */
static bool node_reserve(uint32_t number)
{
	uint32_t chunk = number >> NODE_CHUNK_SHIFT;

	if (chunk >= NODE_CHUNKS)
		return false;
	if (!node_chunks[chunk])
		atomic_store_explicit(&node_chunks[chunk],
				      arena_map(sizeof(struct node) << NODE_CHUNK_SHIFT),
				      memory_order_release);
	return node_chunks[chunk];
}

static bool frame_reserve(uint32_t number)
{
	uint32_t chunk = number >> FRAME_CHUNK_SHIFT;

	if (chunk >= FRAME_CHUNKS)
		return false;
	if (!frame_chunks[chunk])
		atomic_store_explicit(&frame_chunks[chunk],
				      arena_map(sizeof(struct frame) << FRAME_CHUNK_SHIFT),
				      memory_order_release);
	return frame_chunks[chunk];
}

/* ---- hash tables of numbers ------------------------------------------------------------------------------------------ */

struct table {
	uint32_t mask;
	uint32_t used; /* under the lock */
	_Atomic uint32_t slots[];
};

struct index {
	struct table *_Atomic table;
	uint32_t (*hash)(uint32_t number);
};

trylock_t stack_lock;

static uint32_t mix(uint64_t value)
{
	value *= 0x9e3779b97f4a7c15ull;
	value ^= value >> 32;
	return (uint32_t)(value ^ value >> 15);
}

static struct table *table_make(uint32_t slots)
{
	struct table *table = arena_map(sizeof(*table) + (size_t)slots * sizeof(table->slots[0]));

	if (table)
		table->mask = slots - 1;
	return table;
}

static void table_put(struct table *table, uint32_t hash, uint32_t number)
{
	uint32_t i = hash & table->mask;

	while (atomic_load_explicit(&table->slots[i], memory_order_relaxed))
		i = (i + 1) & table->mask;
	atomic_store_explicit(&table->slots[i], number, memory_order_release);
	table->used++;
}

/* Under the lock: room for one more. */
static bool index_room(struct index *index)
{
	struct table *table = atomic_load_explicit(&index->table, memory_order_relaxed), *larger;

	if (table->used < table->mask / 4 * 3)
		return true;
	if (table->mask >= 1u << 30)
		return false;
	larger = table_make((table->mask + 1) * 2);
	if (!larger)
		return table->used < table->mask - 1;
	for (uint32_t i = 0; i <= table->mask; i++) {
		uint32_t number = table->slots[i];
		if (number)
			table_put(larger, index->hash(number), number);
	}
	atomic_store_explicit(&index->table, larger, memory_order_release);
	return true;
}

/* ---- frames ------------------------------------------------------------------------------------------------------------ */

static uint32_t native_hash(uintptr_t pc)
{
	return mix(pc);
}

static uint32_t text_hash(const char *text, uint32_t hash)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619u; /* FNV-1a */
	return hash;
}

static uint32_t runtime_hash(uint32_t kind, const char *function, const char *file, uint32_t line)
{
	return mix((uint64_t)text_hash(file, text_hash(function, 2166136261u)) << 32 |
		   (line * 8u + kind));
}

static uint32_t frame_hash(uint32_t number)
{
	const struct frame *f = frame_at(number);

	return f->kind == RGD_FRAME_NATIVE ? native_hash(f->pc)
					   : runtime_hash(f->kind, f->function, f->file, f->line);
}

static struct index frames_index = {NULL, frame_hash};

static uint32_t frame_find_native(uintptr_t pc)
{
	struct table *table = atomic_load_explicit(&frames_index.table, memory_order_acquire);
	uint32_t number;

	for (uint32_t i = native_hash(pc) & table->mask;; i = (i + 1) & table->mask) {
		const struct frame *f;

		number = atomic_load_explicit(&table->slots[i], memory_order_acquire);
		if (!number)
			return 0;
		f = frame_at(number);
		if (f->pc == pc && f->kind == RGD_FRAME_NATIVE &&
		    !__atomic_load_n(&f->module, __ATOMIC_RELAXED))
			return number;
	}
}

static uint32_t frame_find_runtime(uint32_t kind, const char *function, const char *file,
				   uint32_t line)
{
	struct table *table = atomic_load_explicit(&frames_index.table, memory_order_acquire);
	uint32_t number;

	for (uint32_t i = runtime_hash(kind, function, file, line) & table->mask;;
	     i = (i + 1) & table->mask) {
		const struct frame *f;

		number = atomic_load_explicit(&table->slots[i], memory_order_acquire);
		if (!number)
			return 0;
		f = frame_at(number);
		if (f->kind == kind && f->line == line && kind != RGD_FRAME_NATIVE &&
		    !strcmp(f->function, function) && !strcmp(f->file, file))
			return number;
	}
}

/* Under the lock. */
static uint32_t frame_add(const struct frame *value, uint32_t hash)
{
	uint32_t number = frames_used + 1;

	if (!index_room(&frames_index) || !frame_reserve(number))
		return 0;
	*frame_at(number) = *value;
	atomic_store_explicit(&frames_used, number, memory_order_release);
	table_put(frames_index.table, hash, number);
	return number;
}

static uint32_t frame_native_locked(uintptr_t pc)
{
	struct frame value = {.pc = pc, .kind = RGD_FRAME_NATIVE};
	uint32_t number = frame_find_native(pc);

	return number ? number : frame_add(&value, native_hash(pc));
}

uint32_t stack_frame_native(uintptr_t pc)
{
	uint32_t number;

	if (!stack_ready())
		return 0;
	number = frame_find_native(pc);
	if (!number && trylock(&stack_lock)) {
		number = frame_native_locked(pc);
		trylock_release(&stack_lock);
	}
	if (!number)
		counter_add(COUNTER_LOST_STACKS, 1);
	return number;
}

/* File names repeat from frame to frame: the last ones are kept at hand. */
static const char *text_copy(const char *text, size_t length)
{
	static const char *recent[64];
	uint32_t slot = text_hash(text, 2166136261u) % 64;
	char *copy;

	if (recent[slot] && !strcmp(recent[slot], text))
		return recent[slot];
	copy = arena_alloc(length + 1);
	if (!copy)
		return NULL;
	memcpy(copy, text, length + 1);
	recent[slot] = copy;
	return copy;
}

static uint32_t frame_runtime_locked(uint32_t kind, const char *function, const char *file,
				     uint32_t line)
{
	struct frame value = {.kind = kind, .line = line};
	uint32_t number = frame_find_runtime(kind, function, file, line);

	if (number)
		return number;
	value.function = text_copy(function, strlen(function));
	value.file = text_copy(file, strlen(file));
	if (!value.function || !value.file)
		return 0;
	return frame_add(&value, runtime_hash(kind, function, file, line));
}

/* At most STRING_MAX bytes of a name count. */
static const char *text_bounded(const char *text, char *buffer)
{
	size_t length;

	if (!text)
		return "";
	length = strnlen(text, STRING_MAX);
	if (length < STRING_MAX)
		return text;
	memcpy(buffer, text, STRING_MAX - 1);
	buffer[STRING_MAX - 1] = 0;
	return buffer;
}

uint32_t stack_frame_runtime(uint32_t kind, const char *function, const char *file, uint32_t line)
{
	char function_buffer[STRING_MAX], file_buffer[STRING_MAX];
	uint32_t number;

	if (!stack_ready())
		return 0;
	function = text_bounded(function, function_buffer);
	file = text_bounded(file, file_buffer);
	number = frame_find_runtime(kind, function, file, line);
	if (!number && trylock(&stack_lock)) {
		number = frame_runtime_locked(kind, function, file, line);
		trylock_release(&stack_lock);
	}
	if (!number)
		counter_add(COUNTER_LOST_STACKS, 1);
	return number;
}

/* ---- stacks -------------------------------------------------------------------------------------------------------------- */

static uint32_t pair_hash(uint32_t parent, uint32_t frame)
{
	return mix((uint64_t)parent << 32 | frame);
}

static uint32_t node_hash(uint32_t number)
{
	const struct node *n = node_at(number);

	return pair_hash(n->parent, n->frame);
}

static struct index nodes_index = {NULL, node_hash};

static uint32_t node_find(uint32_t parent, uint32_t frame)
{
	struct table *table = atomic_load_explicit(&nodes_index.table, memory_order_acquire);

	for (uint32_t i = pair_hash(parent, frame) & table->mask;; i = (i + 1) & table->mask) {
		uint32_t number = atomic_load_explicit(&table->slots[i], memory_order_acquire);
		const struct node *n;

		if (!number)
			return 0;
		n = node_at(number);
		if (n->parent == parent && n->frame == frame)
			return number;
	}
}

/* Under the lock. */
static uint32_t node_add(uint32_t parent, uint32_t frame)
{
	uint32_t number = node_find(parent, frame);

	if (number)
		return number;
	number = nodes_used + 1;
	if (!index_room(&nodes_index) || !node_reserve(number))
		return 0;
	*node_at(number) = (struct node){parent, frame};
	atomic_store_explicit(&nodes_used, number, memory_order_release);
	table_put(nodes_index.table, pair_hash(parent, frame), number);
	return number;
}

bool stack_ready(void)
{
	return nodes_index.table && frames_index.table;
}

bool stack_init(void)
{
	frames_index.table = table_make(1u << 13);
	nodes_index.table = table_make(1u << 14);
	return stack_ready();
}

/* The node below `parent` for this frame; 0 when it cannot be made. */
static uint32_t child_of(uint32_t parent, uint32_t frame)
{
	uint32_t number = node_find(parent, frame);

	if (!number && trylock(&stack_lock)) {
		number = node_add(parent, frame);
		trylock_release(&stack_lock);
	}
	if (!number)
		counter_add(COUNTER_LOST_STACKS, 1);
	return number;
}

uint32_t stack_child(uint32_t parent, uintptr_t pc)
{
	uint32_t frame = stack_frame_native(pc);

	return frame ? child_of(parent, frame) : 0;
}

uint32_t stack_child_frame(uint32_t parent, uint32_t frame)
{
	return frame && stack_ready() ? child_of(parent, frame) : 0;
}

uint32_t stack_intern_frames(const uint32_t *frames, size_t n)
{
	uint32_t stack = 0;

	if (!stack_ready())
		return 0;
	while (n > 0) {
		uint32_t frame = frames[--n];

		if (!frame)
			continue; /* already counted by who could not make it */
		stack = child_of(stack, frame);
		if (!stack)
			return 0;
	}
	return stack;
}

uint32_t stack_intern(const uintptr_t *pcs, size_t n)
{
	uint32_t stack = 0;

	while (n > 0) {
		stack = stack_child(stack, pcs[--n]);
		if (!stack)
			return 0;
	}
	return stack;
}

_Atomic uint64_t stack_generation = STACK_GENERATION;

uint32_t stack_site_taken(uint32_t site, bool count)
{
	struct frame *f = frame_at(node_at(site)->frame);
	uint32_t taken = __atomic_load_n(&f->taken, __ATOMIC_RELAXED);

	/* not exact when threads meet, and need not be */
	if (count && taken < UINT32_MAX)
		__atomic_store_n(&f->taken, taken + 1, __ATOMIC_RELAXED);
	return taken;
}

uint32_t stack_site_slow(struct thread *t, uintptr_t pc)
{
	uint64_t key = stack_site_key(pc); /* before the look-up */
	uint32_t stack = stack_child(0, pc);
	if (t && stack && !t->ignoring) {
		*stack_site_slot(t, pc) =
			(struct site){.key = key, .stack = stack, .left = tracking_wait(t, stack)};
	}
	return stack;
}

uint32_t stack_site(uintptr_t return_address)
{
	struct thread *t = thread_current;

	return t ? stack_site_cached(t, return_address) : stack_site_slow(NULL, return_address);
}

void stack_forget_range(uintptr_t low, uintptr_t high, uint32_t module)
{
	uint32_t used = atomic_load_explicit(&frames_used, memory_order_acquire);

	for (uint32_t i = 1; i <= used; i++) {
		struct frame *f = frame_at(i);

		if (f->kind == RGD_FRAME_NATIVE && f->pc >= low && f->pc < high && !f->module)
			__atomic_store_n(&f->module, module + 1, __ATOMIC_RELAXED);
	}
	stack_sites_stale();
}

void stack_sites_stale(void)
{
	atomic_fetch_add_explicit(&stack_generation, STACK_GENERATION, memory_order_release);
}

void stack_recall(uint32_t module)
{
	uint32_t used = atomic_load_explicit(&frames_used, memory_order_acquire);

	for (uint32_t i = 1; i <= used; i++) {
		struct frame *f = frame_at(i);

		if (f->module == module + 1)
			__atomic_store_n(&f->module, 0, __ATOMIC_RELAXED);
	}
}

/* ---- for the walker ------------------------------------------------------------------------------------------------------ */

uint32_t stack_count(void)
{
	return atomic_load_explicit(&nodes_used, memory_order_acquire);
}

uint32_t stack_parent(uint32_t stack)
{
	return node_at(stack)->parent;
}

uint32_t stack_frame_of(uint32_t stack)
{
	return node_at(stack)->frame;
}

uint32_t frame_count(void)
{
	return atomic_load_explicit(&frames_used, memory_order_acquire);
}

const struct frame *frame_get(uint32_t frame)
{
	return frame_at(frame);
}
