/*
 * facts.c - everything in a dump that is neither object nor edge nor root: frames, stacks, modules, maps, threads,
 * runtimes, collectors' numbers, counters, summary, epochs, regions, and last the tables that the rest refers to.
 */
#include <stdatomic.h>
#include <sys/utsname.h>

#include "snapshot.h"
#include "sys.h"
#include "site_counts.h"
#include "walk_pools.h"

#define SMALL 8192u
#define ROW_OF(array) ((unsigned)(sizeof(array) / sizeof *(array)))

static struct table *open_table(struct walk *w, unsigned section, const struct column_spec *specs)
{
	static struct table table; /* one at a time; this is the walker's copy */
	return table_open(&w->writer, &table, section, specs, SMALL) ? &table : NULL;
}

void walk_row(struct walk *w, struct table *t, const uint64_t *values)
{
	for (unsigned i = 0; i < t->columns; i++)
		column_put(&t->column[i], values[i]);
	table_row(&w->writer, t);
}
#define ROW(w, t, ...) walk_row(w, t, (const uint64_t[]){__VA_ARGS__})

/* ---- rows that adapters add ------------------------------------------------------------------------------------------------ */

static const struct column_spec gc_columns[] = {
	{RGD_GC_RUNTIME, RGD_ENC_U8},
	{RGD_GC_NAME, RGD_ENC_VARINT},
	{RGD_GC_INDEX, RGD_ENC_VARINT},
	{RGD_GC_VALUE, RGD_ENC_VARINT},
	{0, 0},
};
static const struct column_spec runtime_columns[] = {
	{RGD_RUNTIME_ID, RGD_ENC_U8},
	{RGD_RUNTIME_VERSION, RGD_ENC_VARINT},
	{RGD_RUNTIME_STATE, RGD_ENC_U8},
	{RGD_RUNTIME_NOTE, RGD_ENC_VARINT},
	{0, 0},
};
static const struct column_spec counter_columns[] = {
	{RGD_COUNTER_NAME, RGD_ENC_VARINT},
	{RGD_COUNTER_VALUE, RGD_ENC_VARINT},
	{0, 0},
};

static const struct column_spec heap_columns[] = {
	{RGD_HEAP_KIND, RGD_ENC_U8},
	{RGD_HEAP_ADDRESS, RGD_ENC_U64},
	{RGD_HEAP_SIZE, RGD_ENC_VARINT},
	{RGD_HEAP_USED_BLOCKS, RGD_ENC_VARINT},
	{RGD_HEAP_USED, RGD_ENC_VARINT},
	{RGD_HEAP_REQUESTED, RGD_ENC_VARINT},
	{RGD_HEAP_FREE_CHUNKS, RGD_ENC_VARINT},
	{RGD_HEAP_FREE, RGD_ENC_VARINT},
	{RGD_HEAP_KEPT_CHUNKS, RGD_ENC_VARINT},
	{RGD_HEAP_KEPT, RGD_ENC_VARINT},
	{RGD_HEAP_TOP, RGD_ENC_VARINT},
	{RGD_HEAP_TOP_RESIDENT, RGD_ENC_VARINT},
	{0, 0},
};

void walk_gc(struct walk *w, uint32_t runtime, const char *name, uint64_t index, uint64_t value)
{
	ROW(w, &w->gc, runtime, intern_text(&w->intern, name), index, value);
}

void walk_runtime(struct walk *w, uint32_t runtime, const char *version,
		  enum rgd_runtime_state state, const char *note)
{
	ROW(w, &w->runtimes, runtime, intern_text(&w->intern, version), state,
	    intern_text(&w->intern, note));
}

void walk_counter(struct walk *w, const char *name, uint64_t value)
{
	ROW(w, &w->counters, intern_text(&w->intern, name), value);
}

bool walk_values(struct walk *w)
{
	return config.values;
}

bool walk_region(struct walk *w, size_t i, uint32_t kind, uintptr_t *address, uintptr_t *size)
{
	const struct region *list;
	size_t n = regions_get(&list);

	(void)w;
	for (size_t at = 0; at < n; at++)
		if (list[at].size && list[at].kind == kind && !i--) {
			*address = list[at].address;
			*size = list[at].size;
			return true;
		}
	return false;
}

void *walk_memory(struct walk *w, size_t size)
{
	return pool_alloc(&w->pool, size);
}

static void adapters_state(struct walk *w)
{
	const struct walk_plan *plan = w->plan;
	const struct refused *refused;
	size_t n = adapters_refused(&refused);
	for (size_t i = 0; i < n; i++)
		walk_runtime(w, refused[i].runtime, refused[i].version, RGD_RUNTIME_REFUSED,
			     refused[i].note);
	for (unsigned i = 0; adapters[i] && i < WALK_ADAPTERS; i++) {
		if (plan->failed & 1u << i)
			walk_runtime(w, adapters[i]->runtime, "", RGD_RUNTIME_FAILED,
				     plan->notes[i]);
		else if (plan->skip & 1u << i) {
			if (plan->notes[i][0])
				walk_runtime(w, adapters[i]->runtime, "", RGD_RUNTIME_BUSY,
					     plan->notes[i]);
		} else if (adapters[i]->state) {
			__atomic_store_n(&w->page->adapter, i + 1, __ATOMIC_RELAXED);
			adapters[i]->state(w);
		}
	}
	__atomic_store_n(&w->page->adapter, 0, __ATOMIC_RELAXED);
}

/* What the walker itself lost is added to what the program's side lost. */
static uint64_t counter_total(const struct walk *w, enum counter which)
{
	uint64_t n = counter_get(which);
	switch (which) {
	case COUNTER_LOST_BLOCKS:
		return n + w->lost_blocks;
	case COUNTER_LOST_OBJECTS:
		return n + w->lost_objects;
	case COUNTER_LOST_EDGES:
		return n + w->lost_edges;
	case COUNTER_LOST_THREADS:
		return n + freeze_missed();
	case COUNTER_FREEZE_TORN:
		return n + w->torn;
	default:
		return n;
	}
}

/* "task.done NAME" */
static void task_counters(struct walk *w)
{
	char text[TASK_NAME + 16];
	const char *name;
	uint64_t done;
	for (uint32_t i = 0; task_get(i, &name, &done); i++) {
		if (!done)
			continue;
		log_format(text, sizeof text, "task.done %s", name);
		walk_counter(w, text, done);
	}
}

static void counters(struct walk *w)
{
	for (unsigned i = 0; i < COUNTER_MAX; i++)
		walk_counter(w, counter_names[i], counter_total(w, (enum counter)i));
	walk_counter(w, "regions.not.scanned", w->skipped_regions);
	walk_counter(w, "lost.control", control_pages_lost());
	walk_counter(w, "live.bytes", w->live_bytes);
	walk_counter(w, "shim.bytes.mapped", arena_mapped());
	walk_counter(w, "walker.bytes.mapped", w->pool.mapped);
	if (config.peaks)
		walk_counter(w, "peak.bytes", site_count_peak());
	walk_counter(w, "lost.pages", w->plan->pages.lost);
	task_counters(w);
	record_counters(w);
}

static void runtime_tables(struct walk *w)
{
	if (!table_open(&w->writer, &w->gc, RGD_SEC_GC, gc_columns, SMALL) ||
	    !table_open(&w->writer, &w->runtimes, RGD_SEC_RUNTIMES, runtime_columns, 256) ||
	    !table_open(&w->writer, &w->counters, RGD_SEC_COUNTERS, counter_columns, SMALL) ||
	    !table_open(&w->writer, &w->heaps, RGD_SEC_HEAPS, heap_columns, SMALL))
		return;
	walk_heaps(w);
	adapters_state(w);
	counters(w);
	table_close(&w->writer, &w->gc);
	table_close(&w->writer, &w->runtimes);
	table_close(&w->writer, &w->counters);
	table_close(&w->writer, &w->heaps);
}

/* ---- process ---------------------------------------------------------------------------------------------------------------- */

static void modules(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_MODULE_PATH, RGD_ENC_VARINT},     {RGD_MODULE_BUILD_ID, RGD_ENC_VARINT},
		{RGD_MODULE_BASE, RGD_ENC_U64},	       {RGD_MODULE_LOW, RGD_ENC_U64},
		{RGD_MODULE_HIGH, RGD_ENC_U64},	       {RGD_MODULE_LOADED, RGD_ENC_VARINT},
		{RGD_MODULE_UNLOADED, RGD_ENC_VARINT}, {0, 0},
	};
	struct table *t = open_table(w, RGD_SEC_MODULES, specs);
	for (size_t i = 0; t && i < modules_count(); i++) {
		const struct module *m = modules_get(i);
		ROW(w, t, intern_text(&w->intern, m->path), intern_text(&w->intern, m->build_id),
		    m->base, m->low, m->high, m->loaded, m->unloaded);
	}
	if (t)
		table_close(&w->writer, t);
}

/* Asked for here, not while the world stands; a thread that ended since has none. */
static uint32_t thread_name(struct walk *w, uint32_t tid)
{
	char path[64], name[64];
	long n;
	log_format(path, sizeof path, "/proc/%u/task/%u/comm", w->plan->pid, tid);
	n = sys_read_file(path, name, sizeof name);
	if (n > 0 && name[n - 1] == '\n')
		n--;
	return intern_string(&w->intern, name, n > 0 ? (size_t)n : 0);
}

static void thread_bounds(struct walk *w, const struct frozen_thread *t, uintptr_t *low,
			  uintptr_t *high)
{
	const struct mapping *map = memory_mapping(&w->map, t->sp);
	*low = map ? map->low : 0;
	*high = map ? map->high : 0;
}

static void threads(struct walk *w)
{
	uintptr_t low, high;
	static const struct column_spec specs[] = {
		{RGD_THREAD_TID, RGD_ENC_VARINT},
		{RGD_THREAD_NAME, RGD_ENC_VARINT},
		{RGD_THREAD_STACK_LOW, RGD_ENC_U64},
		{RGD_THREAD_STACK_HIGH, RGD_ENC_U64},
		{RGD_THREAD_SP, RGD_ENC_U64},
		{RGD_THREAD_STATE, RGD_ENC_VARINT},
		{0, 0},
	};
	const struct frozen_thread *list;
	size_t n = frozen_threads(&list);
	struct table *t = open_table(w, RGD_SEC_THREADS, specs);
	for (size_t i = 0; t && i < n; i++) {
		thread_bounds(w, &list[i], &low, &high);
		ROW(w, t, list[i].tid, thread_name(w, list[i].tid), low, high, list[i].sp,
		    list[i].state);
	}
	if (t)
		table_close(&w->writer, t);
}

static void epochs(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_EPOCH_NUMBER, RGD_ENC_ASC},
		{RGD_EPOCH_TIME, RGD_ENC_U64},
		{RGD_EPOCH_KIND, RGD_ENC_U8},
		{RGD_EPOCH_LABEL, RGD_ENC_VARINT},
		{0, 0},
	};
	const struct epoch_record *list;
	size_t n = epoch_records(&list);
	struct table *t = open_table(w, RGD_SEC_EPOCHS, specs);
	for (size_t i = 0; t && i < n; i++)
		ROW(w, t, list[i].number, list[i].time_ns, list[i].kind,
		    intern_text(&w->intern, list[i].label));
	if (t)
		table_close(&w->writer, t);
}

static void regions(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_REGION_ADDRESS, RGD_ENC_U64},  {RGD_REGION_SIZE, RGD_ENC_VARINT},
		{RGD_REGION_STACK, RGD_ENC_VARINT}, {RGD_REGION_EPOCH, RGD_ENC_VARINT},
		{RGD_REGION_KIND, RGD_ENC_U8},	    {0, 0},
	};
	const struct region *list;
	size_t n = regions_get(&list);
	struct table *t = open_table(w, RGD_SEC_REGIONS, specs);
	for (size_t i = 0; t && i < n; i++)
		if (list[i].size)
			ROW(w, t, list[i].address, list[i].size,
			    intern_stack(&w->intern, list[i].stack), list[i].epoch, list[i].kind);
	if (t)
		table_close(&w->writer, t);
}

/* ---- maps: the text of /proc/self/smaps that the parent read just before the clone -------------------------------------------- */

struct smaps_row {
	uint64_t start, end, offset;
	uint32_t perms, path;
	uint64_t sums[5];
	bool some;
};
static const struct {
	const char *key;
	unsigned sum;
} smaps_keys[] = {{"Rss:", 0}, {"Pss:", 1}, {"Private_Dirty:", 2}, {"Anonymous:", 3}, {"Swap:", 4}};

static const char *skip_field(const char *p, const char *end)
{
	while (p < end && *p != ' ')
		p++;
	while (p < end && *p == ' ')
		p++;
	return p;
}

/* "start-end perms offset device inode path" */
static bool smaps_head(struct walk *w, const char *p, const char *end, struct smaps_row *r)
{
	const char *perms;
	memset(r, 0, sizeof *r);
	p = sys_number(p, end, 16, &r->start);
	if (p == end || *p != '-')
		return false;
	p = sys_number(p + 1, end, 16, &r->end);
	perms = p = skip_field(p, end);
	if (end - p < 4)
		return false;
	r->perms = intern_string(&w->intern, perms, 4);
	p = skip_field(p, end);
	p = sys_number(p, end, 16, &r->offset);
	for (unsigned i = 0; i < 3; i++)
		p = skip_field(p, end);
	r->path = intern_string(&w->intern, p, (size_t)(end - p));
	return r->some = true;
}

static void smaps_sum(const char *p, const char *end, struct smaps_row *r)
{
	for (unsigned i = 0; i < ROW_OF(smaps_keys); i++) {
		size_t n = strlen(smaps_keys[i].key);
		if ((size_t)(end - p) < n || memcmp(p, smaps_keys[i].key, n))
			continue;
		sys_number(skip_field(p, end), end, 10, &r->sums[smaps_keys[i].sum]);
		r->sums[smaps_keys[i].sum] *= 1024;
	}
}

static void smaps_put(struct walk *w, struct table *t, const struct smaps_row *r)
{
	if (r->some)
		ROW(w, t, r->start, r->end, r->perms, r->path, r->offset, r->sums[0], r->sums[1],
		    r->sums[2], r->sums[3], r->sums[4]);
}

static void maps(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_MAP_START, RGD_ENC_U64},
		{RGD_MAP_END, RGD_ENC_U64},
		{RGD_MAP_PERMS, RGD_ENC_VARINT},
		{RGD_MAP_PATH, RGD_ENC_VARINT},
		{RGD_MAP_OFFSET, RGD_ENC_VARINT},
		{RGD_MAP_RSS, RGD_ENC_VARINT},
		{RGD_MAP_PSS, RGD_ENC_VARINT},
		{RGD_MAP_PRIVATE_DIRTY, RGD_ENC_VARINT},
		{RGD_MAP_ANONYMOUS, RGD_ENC_VARINT},
		{RGD_MAP_SWAP, RGD_ENC_VARINT},
		{0, 0},
	};
	const char *p = w->plan->smaps, *all = p + w->plan->smaps_size, *end;
	struct smaps_row now = {0}, next;
	struct table *t = open_table(w, RGD_SEC_MAPS, specs);
	if (!t)
		return;
	for (; p < all && (end = memchr(p, '\n', (size_t)(all - p))); p = end + 1) {
		if ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f')) {
			if (!smaps_head(w, p, end, &next))
				continue;
			smaps_put(w, t, &now);
			now = next;
		} else {
			smaps_sum(p, end, &now);
		}
	}
	smaps_put(w, t, &now);
	table_close(&w->writer, t);
}

/* ---- pages ------------------------------------------------------------------------------------------------------------------- */

static void pages(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_PAGES_ADDRESS, RGD_ENC_ASC},
		{RGD_PAGES_COUNT, RGD_ENC_VARINT},
		{RGD_PAGES_STATE, RGD_ENC_U8},
		{0, 0},
	};
	const struct page_runs *runs = &w->plan->pages;
	struct table *t = runs->n ? open_table(w, RGD_SEC_PAGES, specs) : NULL;
	for (size_t i = 0; t && i < runs->n; i++)
		ROW(w, t, runs->list[i].address, runs->list[i].pages, runs->list[i].state);
	if (t)
		table_close(&w->writer, t);
}

/* ---- stacks ------------------------------------------------------------------------------------------------------------------ */

/*
 * Under hybrid most blocks have their site alone. What whole stacks lead there, is evidence about them, also where the block that such a
 * stack was taken of is gone.
 */
static void stacks_of_sites(struct intern *in)
{
	uint32_t limit = in->stack_limit;
	uint8_t *alone = pool_map(in->pool, in->frame_limit);
	if (!alone)
		return;
	for (uint32_t i = 0; i < in->stack_count; i++)
		if (!stack_parent(in->stack_list[i]))
			alone[stack_frame_of(in->stack_list[i]) % in->frame_limit] = 1;
	for (uint32_t s = 1; s < limit; s++)
		if (stack_parent(s) && stack_frame_of(s) < in->frame_limit &&
		    alone[stack_frame_of(s)])
			intern_stack(in, s);
}

static void stacks(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_STACK_PARENT, RGD_ENC_VARINT},
		{RGD_STACK_FRAME, RGD_ENC_VARINT},
		{0, 0},
	};
	struct intern *in = &w->intern;
	struct table *t = open_table(w, RGD_SEC_STACKS, specs);
	if (tracking_was(STACKS_HYBRID))
		stacks_of_sites(in);
	for (uint32_t i = 0; t && i < in->stack_count; i++)
		ROW(w, t, intern_stack(in, stack_parent(in->stack_list[i])),
		    intern_frame(in, stack_frame_of(in->stack_list[i])));
	if (t)
		table_close(&w->writer, t);
}

static void frames(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_FRAME_KIND, RGD_ENC_U8},	    {RGD_FRAME_MODULE, RGD_ENC_VARINT},
		{RGD_FRAME_OFFSET, RGD_ENC_VARINT}, {RGD_FRAME_FUNCTION, RGD_ENC_VARINT},
		{RGD_FRAME_FILE, RGD_ENC_VARINT},   {RGD_FRAME_LINE, RGD_ENC_VARINT},
		{RGD_FRAME_TAKEN, RGD_ENC_VARINT},  {0, 0},
	};
	struct intern *in = &w->intern;
	struct table *t = open_table(w, RGD_SEC_FRAMES, specs);
	/* also of sites from which nothing lives any more */
	for (uint32_t f = 1; t && f < in->frame_limit; f++)
		if (frame_get(f)->taken)
			intern_frame(in, f);
	for (uint32_t i = 0; t && i < in->frame_count; i++) {
		const struct frame *f = frame_get(in->frame_list[i]);
		uint32_t module = f->module;
		uintptr_t offset = 0;
		if (f->kind == RGD_FRAME_NATIVE) {
			if (!module)
				module = modules_find(f->pc);
			offset = module ? f->pc - modules_get(module - 1)->base : f->pc;
		}
		ROW(w, t, f->kind, module, offset, intern_text(in, f->function),
		    intern_text(in, f->file), f->line, f->taken);
	}
	if (t)
		table_close(&w->writer, t);
}

/* Before the frames: those of sites from which nothing lives are written too. */
static void sites(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_SITE_FRAME, RGD_ENC_VARINT},
		{RGD_SITE_MADE, RGD_ENC_VARINT},
		{RGD_SITE_MADE_BYTES, RGD_ENC_VARINT},
		{RGD_SITE_BLOCKS, RGD_ENC_VARINT},
		{RGD_SITE_BYTES, RGD_ENC_VARINT},
		{RGD_SITE_PEAK_BLOCKS, RGD_ENC_VARINT},
		{RGD_SITE_PEAK_BYTES, RGD_ENC_VARINT},
		{RGD_SITE_AT_BLOCKS, RGD_ENC_VARINT},
		{RGD_SITE_AT_BYTES, RGD_ENC_VARINT},
		{RGD_SITE_TEMPORARY, RGD_ENC_VARINT},
		{RGD_SITE_GONE_0, RGD_ENC_VARINT},
		{RGD_SITE_GONE_1, RGD_ENC_VARINT},
		{0, 0},
	};
	struct table *t = config.peaks ? open_table(w, RGD_SEC_SITES, specs) : NULL;
	struct site_count s;
	for (uint32_t f = 1; t && f < w->intern.frame_limit; f++)
		if (site_count_get(f, &s))
			ROW(w, t, intern_frame(&w->intern, f), s.made, s.made_bytes, s.blocks,
			    s.bytes, s.peak_blocks, s.peak_bytes, s.at_blocks, s.at_bytes,
			    s.temporary, s.gone[0], s.gone[1]);
	if (t)
		table_close(&w->writer, t);
}

/* ---- interning tables ---------------------------------------------------------------------------------------------------------- */

static void summary(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_SUM_TYPE, RGD_ENC_VARINT},	 {RGD_SUM_STACK, RGD_ENC_VARINT},
		{RGD_SUM_TRACKED, RGD_ENC_U8},	 {RGD_SUM_COUNT, RGD_ENC_VARINT},
		{RGD_SUM_BYTES, RGD_ENC_VARINT}, {0, 0},
	};
	struct table *t = open_table(w, RGD_SEC_SUMMARY, specs);
	for (uint32_t i = 0; t && i < w->intern.summary_count; i++) {
		const struct summary_row *s = &w->intern.summary[i];
		ROW(w, t, s->type, s->stack, s->tracked, s->count, s->bytes);
	}
	if (t)
		table_close(&w->writer, t);
}

static void types(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_TYPE_NAME, RGD_ENC_VARINT},       {RGD_TYPE_MODULE, RGD_ENC_VARINT},
		{RGD_TYPE_RUNTIME, RGD_ENC_U8},	       {RGD_TYPE_FLAGS, RGD_ENC_VARINT},
		{RGD_TYPE_BASIC_SIZE, RGD_ENC_VARINT}, {RGD_TYPE_OBJECT, RGD_ENC_VARINT},
		{RGD_TYPE_BASE, RGD_ENC_VARINT},       {0, 0},
	};
	struct table *t = open_table(w, RGD_SEC_TYPES, specs);
	for (uint32_t i = 0; t && i < w->intern.type_count; i++) {
		const struct interned_type *type = &w->intern.types[i];
		uint32_t number, object = 0;
		if (type->object && nodes_find(&w->nodes, type->object, &number))
			object = number + 1;
		ROW(w, t, type->name, type->module, type->runtime, type->flags, type->basic_size,
		    object, type->base);
	}
	if (t)
		table_close(&w->writer, t);
}

static void labels(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_LABEL_KIND, RGD_ENC_U8},
		{RGD_LABEL_CLASS, RGD_ENC_U8},
		{RGD_LABEL_FLAGS, RGD_ENC_U8},
		{RGD_LABEL_STRING, RGD_ENC_VARINT},
		{0, 0},
	};
	struct table *t = open_table(w, RGD_SEC_LABELS, specs);
	for (uint32_t i = 0; t && i < w->intern.label_count; i++) {
		const struct interned_label *l = &w->intern.labels[i];
		ROW(w, t, l->kind, l->class, l->flags, l->string);
	}
	if (t)
		table_close(&w->writer, t);
}

static void strings(struct walk *w)
{
	static const struct column_spec specs[] = {{RGD_STRINGS_TEXT, RGD_ENC_BYTES}, {0, 0}};
	struct table *t = open_table(w, RGD_SEC_STRINGS, specs);
	for (uint32_t i = 0; t && i < w->intern.string_count; i++) {
		column_bytes(&t->column[0], w->intern.strings[i].text, w->intern.strings[i].length);
		table_row(&w->writer, t);
	}
	if (t)
		table_close(&w->writer, t);
}

/* ---- META ------------------------------------------------------------------------------------------------------------------------ */

static struct table *meta_table;

/* Empty values are left out. */
static void meta(struct walk *w, const char *key, const char *value)
{
	if (!meta_table || !value || !value[0])
		return;
	column_bytes(&meta_table->column[0], key, strlen(key));
	column_bytes(&meta_table->column[1], value, strlen(value));
	table_row(&w->writer, meta_table);
}

static void meta_number(struct walk *w, const char *key, uint64_t value)
{
	char text[24];
	log_format(text, sizeof text, "%lu", (unsigned long)value);
	meta(w, key, text);
}

/* What adapters told, until META is written. */
#define TOLD_MAX 32
static struct {
	char key[32], value[128];
} told[TOLD_MAX];
static unsigned told_count;

void walk_meta(const char *key, const char *value)
{
	if (told_count == TOLD_MAX)
		return;
	log_format(told[told_count].key, sizeof told[0].key, "%s", key);
	log_format(told[told_count].value, sizeof told[0].value, "%s", value);
	told_count++;
}

uint64_t walk_posts(uintptr_t semaphore)
{
	return semaphore_posts(semaphore);
}

static void lineage_meta(struct walk *w)
{
	const struct lineage *from = lineage_get();
	char key[20];

	meta_number(w, "started", from->started_ns);
	meta_number(w, "cpu.us", w->plan->cpu_us);
	if (!from->parent)
		return;
	log_format(key, sizeof key, "%lx", (unsigned long)from->parent_key);
	meta_number(w, "fork.parent", from->parent);
	meta(w, "fork.key", key);
	meta_number(w, "fork.epoch", from->epoch);
}

/* The library that the program's malloc comes from. */
static const char *allocator_name(void)
{
	uint32_t index = modules_find((uintptr_t)real.malloc);
	return index ? modules_get(index - 1)->path : "";
}

static void metas(struct walk *w)
{
	static const struct column_spec specs[] = {
		{RGD_META_KEY, RGD_ENC_BYTES},
		{RGD_META_VALUE, RGD_ENC_BYTES},
		{0, 0},
	};
	const struct walk_plan *plan = w->plan;
	struct utsname host = {0};
	char history[2048];

	sys(SYS_uname, &host);
	meta_table = open_table(w, RGD_SEC_META, specs);
	meta(w, "version", REFGRAPH_VERSION);
	meta(w, "program", plan->program_path);
	meta(w, "reason", plan->reason);
	meta(w, "label", plan->label);
	meta(w, "partial", w->page->partial_note);
	meta(w, "host", host.nodename);
	meta(w, "kernel", host.release);
	meta_number(w, "parent", plan->parent);
	meta_number(w, "epoch", w->epoch);
	meta(w, "stacks", stacks_words[stacks_mode]);
	tracking_history(history, sizeof history);
	meta(w, "tracking", history);
	meta_number(w, "sample", tracking_was_sampled ? config.sample : 0);
	meta_number(w, "first", HYBRID_FIRST);
	meta_number(w, "share", HYBRID_SHARE);
	meta(w, "unwinder", unwinder ? unwinder->name : "");
	meta(w, "allocator", allocator_name());
	meta(w, "native", native_followed ? "yes" : native_note);
	meta(w, "peaks", config.peaks ? "yes" : "");
	meta(w, "values", config.values ? "yes" : "no");
	lineage_meta(w);
	for (unsigned i = 0; i < told_count; i++)
		meta(w, told[i].key, told[i].value);
	if (meta_table)
		table_close(&w->writer, meta_table);
}

/* Tables that refer to others come before them, because each may still add to them. */
void walk_facts(struct walk *w)
{
	runtime_tables(w);
	modules(w);
	threads(w);
	epochs(w);
	regions(w);
	maps(w);
	pages(w);
	summary(w);
	record_walk(w);
	pools_write(w);
	sites(w);
	stacks(w);
	frames(w);
	metas(w);
	types(w);
	labels(w);
	strings(w);
}
