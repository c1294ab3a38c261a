/*
 * walk_objects.c - objects and their edges, in ascending order of address, and the words of bare blocks that may be pointers.
 */
#include <signal.h>
#include <sys/time.h>

#include "sys.h"
#include "walk_pools.h"

/* ---- edges --------------------------------------------------------------------------------------------------------------------- */

uint32_t walk_string(struct walk *w, const char *text, size_t length)
{
	return intern_string(&w->intern, text, length);
}

uint32_t walk_type(struct walk *w, uint32_t runtime, const struct walk_type *type)
{
	return intern_type(&w->intern, runtime, type);
}

uint32_t walk_label(struct walk *w, enum rgd_edge_kind kind, enum rgd_label_class class,
		    unsigned flags, uint32_t string)
{
	return intern_label(&w->intern, kind, class, flags & ~RGD_LABEL_F_INTERIOR, string);
}

/* The same label with the interior flag, or without its value. */
static uint32_t label_variant(struct walk *w, uint32_t label, bool interior)
{
	struct interned_label l = w->intern.labels[label];
	uint32_t known = interior ? l.interior : l.plain, made;
	if (known)
		return known - 1;
	if (interior)
		made = intern_label(&w->intern, l.kind, l.class, l.flags | RGD_LABEL_F_INTERIOR,
				    l.string);
	else
		made = intern_label(&w->intern, l.kind, RGD_LABEL_NONE, l.flags, l.string);
	if (interior)
		w->intern.labels[label].interior = made + 1;
	else
		w->intern.labels[label].plain = made + 1;
	return made;
}

enum { EDGE_LABEL, EDGE_VALUE, EDGE_TARGET, EDGE_INTERIOR };

static inline void emit_edge(struct walk *w, uint32_t label, uint64_t value, uint32_t target,
			     uint64_t interior)
{
	const struct interned_label *l = &w->intern.labels[label];
	uint32_t slot = label + (l->class == RGD_LABEL_OFFSET ? (uint32_t)value : 0);
	uint32_t *last = &w->predict[slot % RGD_PREDICT_SLOTS];
	struct column *column = w->edges.column;

	column_put(&column[EDGE_LABEL], label);
	if (RGD_LABEL_HAS_VALUE(l->class))
		column_put(&column[EDGE_VALUE], value);
	column[EDGE_TARGET].rows++;
	column_varint(&column[EDGE_TARGET], zigzag32((int32_t)(target - *last)));
	*last = target;
	if (l->flags & RGD_LABEL_F_INTERIOR)
		column_put(&column[EDGE_INTERIOR], interior);
	if (table_row(&w->writer, &w->edges))
		memset(w->predict, 0, sizeof w->predict);
}

bool walk_edge(struct walk *w, uint32_t label, uint64_t value, uintptr_t target)
{
	uint32_t number, key;
	uint64_t interior, ignored;

	if (label >= w->intern.label_count || !walk_resolve(w, target, &number, &interior)) {
		w->lost_edges++;
		return false;
	}
	if (w->intern.labels[label].class == RGD_LABEL_KEY_OBJECT) {
		if (walk_resolve(w, value, &key, &ignored))
			value = key;
		else
			label = label_variant(w, label, false);
	}
	if (interior)
		label = label_variant(w, label, true);
	emit_edge(w, label, value, number, interior);
	w->degree++;
	return true;
}

/* The label of a word that points `interior` bytes into an object at `address`. */
static uint32_t interior_label(struct walk *w, uint32_t number, uintptr_t address,
			       uint64_t interior)
{
	unsigned flags = heuristics_of(w, number, address, interior);
	uint32_t *label = &w->offset_interior[flags / RGD_LABEL_F_STDSTRING];

	if (!*label)
		*label = 1 + intern_label(&w->intern, RGD_EDGE_CONSERVATIVE, RGD_LABEL_OFFSET,
					  RGD_LABEL_F_INTERIOR | flags, 0);
	return *label - 1;
}

/* `location` is that of the word. */
static void emit_word(struct walk *w, uintptr_t location, uint64_t offset, uintptr_t value,
		      uint32_t number, uint64_t interior)
{
	const struct interned_label *known = unlikely(w->known.count) && w->kind[number] & 15
						     ? walk_known_word(w, location)
						     : NULL;
	uint32_t label;

	if (known) {
		label = (uint32_t)(known - w->intern.labels);
		label = interior ? label_variant(w, label, true) : label;
	} else {
		label = interior ? interior_label(w, number, value - interior, interior)
				 : w->offset_label;
	}
	emit_edge(w, label, offset, number, interior);
}

void walk_scan(struct walk *w, uintptr_t low, uintptr_t high)
{
	uint32_t number;
	uint64_t interior;

	low = (low + 7) & ~(uintptr_t)7;
	if (low < w->address)
		low = w->address;
	while (low + 8 <= high) {
		uintptr_t end = low + memory_readable(&w->map, low, high - low);
		for (; low + 8 <= end; low += 8) {
			uintptr_t value = *(const uintptr_t *)low;
			if (!walk_plausible(w, value) ||
			    !walk_resolve(w, value, &number, &interior))
				continue;
			emit_word(w, low, (low - w->address) / 8, value, number, interior);
			w->degree++;
		}
		if (end >= high)
			return;
		low = memory_next(&w->map, end, high);
	}
}

void walk_words(struct walk *w, uint32_t label, uintptr_t low, uintptr_t high)
{
	uint32_t number;
	uint64_t interior;

	for (low = (low + 7) & ~(uintptr_t)7; low + 8 <= high; low += 8) {
		uintptr_t value;

		if (memory_readable(&w->map, low, 8) != 8)
			return;
		value = *(const uintptr_t *)low;
		if (!walk_plausible(w, value) || !walk_resolve(w, value, &number, &interior) ||
		    number == w->number)
			continue;
		emit_edge(w, interior ? label_variant(w, label, true) : label, 0, number, interior);
		w->degree++;
	}
}

enum { PROP_OBJECT, PROP_KEY, PROP_VALUE };

void walk_property(struct walk *w, enum rgd_property key, uint64_t value)
{
	column_put(&w->properties.column[PROP_OBJECT], w->number);
	column_put(&w->properties.column[PROP_KEY], key);
	column_put(&w->properties.column[PROP_VALUE], value);
	table_row(&w->writer, &w->properties);
}

/* ---- objects ------------------------------------------------------------------------------------------------------------------- */

struct object_row {
	uintptr_t address;
	uint64_t size, refcount, base;
	uint32_t type, flags, epoch, stack, degree;
};

static void emit_object(struct walk *w, const struct object_row *row)
{
	struct column *column = w->objects.column;
	uint32_t stack = intern_stack(&w->intern, row->stack & LIVE_STACK_NUMBER);
	uint32_t flags = row->flags | (row->stack & LIVE_SAMPLED ? RGD_OBJ_F_SAMPLED : 0) |
			 (row->stack & LIVE_SHARE ? RGD_OBJ_F_SHARE : 0);
	uint32_t permanent = (row->flags & RGD_OBJ_F_GENERATION_MASK) == RGD_OBJ_F_GENERATION_MASK;
	uint32_t tracked = row->flags & RGD_OBJ_F_TRACKED    ? (permanent ? 3 : 1)
			   : row->flags & RGD_OBJ_F_INTERNAL ? 2
							     : 0;

	column_put(&column[RGD_OBJ_ADDRESS], row->address);
	column_put(&column[RGD_OBJ_TYPE], row->type);
	column_put(&column[RGD_OBJ_SIZE], row->size);
	column_put(&column[RGD_OBJ_REFCOUNT], row->refcount);
	column_put(&column[RGD_OBJ_FLAGS], flags);
	column_put(&column[RGD_OBJ_EPOCH], row->epoch);
	column_put(&column[RGD_OBJ_STACK], stack);
	column_put(&column[RGD_OBJ_DEGREE], row->degree);
	column_put(&column[RGD_OBJ_BASE], row->base);
	if (table_row(&w->writer, &w->objects))
		walk_check(w);
	intern_summary(&w->intern, row->type, stack, tracked, row->size);
}

static uint32_t native_generation(const struct walk *w, uint32_t birth)
{
	uint32_t age = w->epoch > birth ? w->epoch - birth : 0;
	return (age > 2 ? 2 : age) << RGD_OBJ_F_GENERATION_SHIFT;
}

/* First all are looked up; what the heuristics look at in the blocks that are pointed into is on its way to the cache by then. */
static void words_drain(struct walk *w)
{
	for (uint32_t i = 0; i < w->word_count; i++) {
		struct walk_word *word = &w->words[i];

		if (!walk_resolve(w, word->value, &word->number, &word->interior))
			word->number = UINT32_MAX;
		else if (word->interior)
			__builtin_prefetch((const void *)(word->value - word->interior));
	}
	for (uint32_t i = 0; i < w->word_count; i++) {
		uint32_t number = w->words[i].number;
		uint64_t interior = w->words[i].interior;

		if (number == UINT32_MAX)
			continue;
		emit_word(w, w->batch[w->word_owner[i]].block.address + w->words[i].offset * 8,
			  w->words[i].offset, w->words[i].value, number, interior);
		w->batch[w->word_owner[i]].degree++;
	}
	w->word_count = 0;
}

static void batch_flush(struct walk *w)
{
	words_drain(w);
	for (uint32_t i = 0; i < w->batch_count; i++) {
		const struct live_block *block = &w->batch[i].block;
		struct object_row row = {.address = block->address,
					 .type = w->batch[i].type,
					 .size = block->size,
					 .epoch = block->epoch,
					 .stack = block->stack,
					 .degree = w->batch[i].degree,
					 .flags = RGD_RT_NATIVE | RGD_OBJ_F_BLOCK |
						  native_generation(w, block->epoch)};
		emit_object(w, &row);
	}
	w->batch_count = 0;
}

/* Candidates are only collected here, and the index is fetched ahead for them. */
static void scan_run(struct walk *w, uintptr_t at, uintptr_t end, uintptr_t start, uint32_t owner)
{
	for (; at < end; at += 8) {
		uintptr_t value = *(const uintptr_t *)at;
		if (!walk_plausible(w, value) || !nodes_prefetch(&w->nodes, value))
			continue;
		w->words[w->word_count] = (struct walk_word){value, (at - start) / 8};
		w->word_owner[w->word_count] = owner;
		if (++w->word_count == WALK_BATCH)
			words_drain(w);
	}
}

/* The requested size, rounded up to a word: the allocator's granularity makes that readable. w->number is the object. */
static void scan_block(struct walk *w, const struct live_block *block, uint32_t owner)
{
	uintptr_t at = block->address, end = at + ((block->size + 7) & ~7ull);
	if (pooled_of(w, w->number)) { /* another block may follow at once */
		end = (at + block->size) & ~(uintptr_t)7;
		at = (at + 7) & ~(uintptr_t)7;
	}
	while (at < end) {
		size_t run = memory_readable(&w->map, at, end - at);
		scan_run(w, at, at + (run & ~(size_t)7), block->address, owner);
		at += run;
		if (at < end)
			at = memory_next(&w->map, at, end);
	}
}

static uint32_t block_type(struct walk *w, const struct live_block *block)
{
	const char *name = block->stack & LIVE_TYPED ? annotate_type_of(block->address) : NULL;
	struct walk_type type = {.name = name, .module = ""};

	return name ? intern_type(&w->intern, RGD_RT_NATIVE, &type)
		    : vtable_type(w, block->address, block->size);
}

/* A block of a pool of which it is known what it holds, beside what is found in it. */
static void visit_linked(struct walk *w, const struct pooled *pooled)
{
	const struct mempool_block *block = &pooled->block;
	struct object_row row = {.address = block->address,
				 .type = pooled->type,
				 .size = block->size,
				 .epoch = block->epoch,
				 .stack = block->stack,
				 .flags = RGD_RT_NATIVE | RGD_OBJ_F_BLOCK |
					  native_generation(w, block->epoch)};

	batch_flush(w);
	w->address = block->address;
	w->degree = 0;
	for (uint32_t i = 0; i < pooled->links; i++) {
		const struct pool_link *link = &w->pools->links[pooled->first_link + i];

		walk_edge(w, link->label, 0, link->to);
	}
	walk_scan(w, block->address, (block->address + block->size) & ~(uintptr_t)7);
	row.degree = w->degree;
	emit_object(w, &row);
}

/* A bare block, or what an adapter claimed and then could not describe. */
static void visit_bare(struct walk *w, uint32_t number, uintptr_t address)
{
	const struct pooled *pooled = pooled_of(w, number);
	struct live_block block;
	uint32_t owner = w->batch_count;

	w->number = number;
	if (pooled) {
		walk_property(w, RGD_PROP_POOL, pooled->pool);
		if (pooled->links) {
			visit_linked(w, pooled);
			return;
		}
		walk_pooled_block(pooled, &block);
	} else if (!walk_block_find(w, address, false, &block)) {
		block = (struct live_block){.address = address};
	}
	w->batch[owner].degree = 0;
	w->batch[owner].block = block;
	w->batch[owner].type = pooled && pooled->type ? pooled->type : block_type(w, &block);
	w->batch_count++;
	scan_block(w, &block, owner);
	if (w->batch_count == sizeof w->batch / sizeof *w->batch)
		batch_flush(w);
}

const struct adapter *walk_adapter(uint32_t runtime)
{
	for (unsigned i = 0; adapters[i]; i++)
		if (adapters[i]->runtime == runtime)
			return adapters[i];
	return NULL;
}

static void visit_runtime(struct walk *w, const struct adapter *adapter, uint32_t number,
			  uintptr_t address)
{
	struct walk_object object = {0};
	struct live_block block = {0};
	bool in_block = walk_object_block(w, number, address, &block);
	unsigned tag = w->kind[number] >> 4;
	struct object_row row = {.address = address, .epoch = block.epoch, .stack = block.stack};

	w->number = number;
	w->address = address;
	w->degree = 0;
	__atomic_store_n(&w->page->address, address, __ATOMIC_RELAXED);
	if (w->plan->fault == FAULT_ADAPTER_CRASH)
		sys(SYS_kill, sys(SYS_getpid), SIGSEGV);
	if (adapter->describe(w, address, tag, &object)) {
		adapter->edges(w, address, tag);
		object.flags |= RGD_OBJ_F_INSPECTED;
	} else {
		w->lost_objects++;
		if (in_block)
			walk_scan(w, address, block.address + block.size);
	}
	row.type = object.type;
	if (!in_block && object.static_size) {
		block.size = object.static_size;
		object.flags |= RGD_OBJ_F_STATIC;
	}
	row.size = object.size ? object.size : block.size;
	row.refcount = object.refcount;
	row.degree = w->degree;
	row.base = in_block ? address - block.address : 0;
	row.flags = (object.flags & ~RGD_OBJ_F_RUNTIME_MASK) | adapter->runtime |
		    (in_block ? RGD_OBJ_F_BLOCK : 0);
	emit_object(w, &row);
}

static void faults(struct walk *w)
{
	struct itimerval never = {0};

	if (w->plan->fault == FAULT_CRASH)
		sys(SYS_kill, sys(SYS_getpid), SIGSEGV);
	if (w->plan->fault == FAULT_HANG)
		sys(SYS_setitimer, 0 /* ITIMER_REAL */, &never, 0);
	while (w->plan->fault == FAULT_HANG || w->plan->fault == FAULT_HANG_TIMED)
		sys(SYS_pause);
	w->pool.refuse = w->plan->fault == FAULT_WALKER_ENOMEM;
	if (w->pool.refuse)
		pool_map(&w->pool, 4096);
	w->writer.no_space = w->plan->fault == FAULT_WRITE;
}

static bool visit(uint32_t number, uintptr_t address, void *context)
{
	struct walk *w = context;
	uint32_t runtime = w->kind[number] & 15;
	const struct adapter *adapter;

	if (!(number & 0xfff))
		__atomic_store_n(&w->page->progress,
				 (uint32_t)((uint64_t)number * 950 / w->nodes.count),
				 __ATOMIC_RELAXED);
	if (!runtime) {
		visit_bare(w, number, address);
		return true;
	}
	batch_flush(w);
	adapter = walk_adapter(runtime);
	__atomic_store_n(&w->page->adapter, w->adapter_index[runtime], __ATOMIC_RELAXED);
	visit_runtime(w, adapter, number, address);
	__atomic_store_n(&w->page->adapter, 0, __ATOMIC_RELAXED);
	return true;
}

static const struct column_spec object_columns[] = {
	{RGD_OBJ_ADDRESS, RGD_ENC_ASC},	 {RGD_OBJ_TYPE, RGD_ENC_VARINT},
	{RGD_OBJ_SIZE, RGD_ENC_VARINT},	 {RGD_OBJ_REFCOUNT, RGD_ENC_VARINT},
	{RGD_OBJ_FLAGS, RGD_ENC_VARINT}, {RGD_OBJ_EPOCH, RGD_ENC_VARINT},
	{RGD_OBJ_STACK, RGD_ENC_VARINT}, {RGD_OBJ_DEGREE, RGD_ENC_VARINT},
	{RGD_OBJ_BASE, RGD_ENC_VARINT},	 {0, 0},
};
static const struct column_spec edge_columns[] = {
	{RGD_EDGE_LABEL, RGD_ENC_VARINT},
	{RGD_EDGE_VALUE, RGD_ENC_VARINT},
	{RGD_EDGE_TARGET, RGD_ENC_TARGET},
	{RGD_EDGE_INTERIOR, RGD_ENC_VARINT},
	{0, 0},
};
static const struct column_spec property_columns[] = {
	{RGD_PROP_OBJECT, RGD_ENC_ASC},
	{RGD_PROP_KEY, RGD_ENC_U8},
	{RGD_PROP_VALUE, RGD_ENC_VARINT},
	{0, 0},
};

void walk_objects(struct walk *w)
{
	table_open(&w->writer, &w->objects, RGD_SEC_OBJECTS, object_columns, RGD_GROUP_ROWS);
	table_open(&w->writer, &w->edges, RGD_SEC_EDGES, edge_columns, RGD_GROUP_ROWS);
	table_open(&w->writer, &w->properties, RGD_SEC_PROPERTIES, property_columns, 16384);
	walk_check(w);
	faults(w);
	nodes_each(&w->nodes, visit, w);
	batch_flush(w);
	table_close(&w->writer, &w->objects);
	table_close(&w->writer, &w->edges);
	table_close(&w->writer, &w->properties);
}
