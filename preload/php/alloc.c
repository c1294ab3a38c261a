/*
 * alloc.c - ZendMM's custom handlers, around ZendMM itself.
 *
 * While a heap has custom handlers the engine behaves differently, and PHP programs can see it: zend_mm_gc() does nothing (so
 * gc_mem_caches() frees nothing, and a request that comes to its memory_limit is not saved by free pages of other bins),
 * is_zend_ptr() knows no block (FFI::free() would call free()), phpinfo() says that ZendMM is disabled, and the end of a request frees
 * block by block. So the heap's flag is off whenever ZendMM itself is at work, in the functions of around[], and from the last
 * RSHUTDOWN on.
 *
 * Numbers of blocks: by chunk (2 MiB), by page (4 KiB), by block. A page of small blocks has blocks of one size only, and so an
 * array with a number for each; it takes 4 bytes a block, 2 to 15 % of the heap. A larger block has its number in the word of
 * its first page, a huge one in the word of page 0, where a chunk has its own head.
 */
#include "php.h"

#include "alloc.h"

#include <zend_alloc_sizes.h>

#define CHUNK_SHIFT 21
#define MID_BITS 13 /* 47 - 21 bits of a chunk's number in two levels */
#define SLAB ((size_t)64 << 10)

#define LINE                                                                                       \
	64u /* arrays of numbers begin at a multiple of it: the word of a page has the size class in its low bits */
#define PAGE_LARGE 63u

struct chunk {
	uint64_t
		page[ZEND_MM_PAGES]; /* 0 nothing | array + class + 1 | number << 32 + PAGE_LARGE */
	struct chunk *next;	     /* all that are in use */
	uintptr_t base;
};

#define SIZE_OF(number, size, elements, pages, x, y) size,
static const uint32_t class_size[] = {ZEND_MM_BINS_INFO(SIZE_OF, x, y)};
#define CLASSES (sizeof class_size / sizeof class_size[0])

static zend_mm_heap *heap;
static int *custom; /* the heap's flag: its first word */
static bool ready, in_force;

static struct chunk **top[1u << MID_BITS];
static struct chunk *chunks, *spare_chunks;
static void *spare_arrays[CLASSES];
static char *slab, *slab_end;

static uint8_t class_of[ZEND_MM_MAX_SMALL_SIZE / 8 + 1]; /* by (size + 7) / 8 */
static uint64_t class_reciprocal[CLASSES];		 /* 2^32 / size, rounded up */
static uint32_t class_array[CLASSES];			 /* bytes of a page's array */

/* ---- memory of our own: handed back at the end of the request, never to the system ------------------------------------ */

static void *take(size_t size)
{
	void *p;

	if ((size_t)(slab_end - slab) < size) {
		slab = host->memory(SLAB);
		slab_end = slab ? slab + SLAB : slab;
		if (!slab)
			return NULL;
		slab = (char *)(((uintptr_t)slab + LINE - 1) & ~(uintptr_t)(LINE - 1));
	}
	p = slab;
	slab += size;
	return p;
}

static uint32_t *array_take(unsigned class)
{
	uint32_t *array = spare_arrays[class];

	if (!array)
		return take(class_array[class]);
	spare_arrays[class] = *(void **)array;
	memset(array, 0, class_array[class]);
	return array;
}

static unsigned page_class(uint64_t page)
{
	return (unsigned)(page & (LINE - 1)) - 1;
}

static uint32_t *page_array(uint64_t page)
{
	return (uint32_t *)(uintptr_t)(page & ~(uint64_t)(LINE - 1));
}

static void page_drop(uint64_t *page)
{
	uint32_t *array = page_array(*page);

	if (*page && page_class(*page) < CLASSES) {
		*(void **)array = spare_arrays[page_class(*page)];
		spare_arrays[page_class(*page)] = array;
	}
	*page = 0;
}

/* ---- the table ---------------------------------------------------------------------------------------------------------- */

static inline struct chunk *chunk_of(uintptr_t block)
{
	struct chunk **mid = top[(block >> (CHUNK_SHIFT + MID_BITS)) & ((1u << MID_BITS) - 1)];

	return mid ? mid[(block >> CHUNK_SHIFT) & ((1u << MID_BITS) - 1)] : NULL;
}

static struct chunk *chunk_make(uintptr_t block)
{
	struct chunk ***mid = &top[(block >> (CHUNK_SHIFT + MID_BITS)) & ((1u << MID_BITS) - 1)],
		     *c;

	if (!*mid && !(*mid = host->memory(sizeof(struct chunk *) << MID_BITS)))
		return NULL;
	c = spare_chunks;
	if (c)
		spare_chunks = c->next;
	else
		c = host->memory(sizeof *c);
	if (!c)
		return NULL;
	c->base = block & ~(ZEND_MM_CHUNK_SIZE - 1);
	c->next = chunks;
	chunks = c;
	(*mid)[(block >> CHUNK_SHIFT) & ((1u << MID_BITS) - 1)] = c;
	return c;
}

static void chunks_drop(void)
{
	while (chunks) {
		struct chunk *c = chunks;

		for (unsigned i = 0; i < ZEND_MM_PAGES; i++)
			page_drop(&c->page[i]);
		top[(c->base >> (CHUNK_SHIFT + MID_BITS)) & ((1u << MID_BITS) - 1)]
		   [(c->base >> CHUNK_SHIFT) & ((1u << MID_BITS) - 1)] = NULL;
		chunks = c->next;
		c->next = spare_chunks;
		spare_chunks = c;
	}
}

static inline size_t class_index(uintptr_t block, unsigned class)
{
	return ((block & (ZEND_MM_PAGE_SIZE - 1)) * class_reciprocal[class]) >> 32;
}

static inline uint64_t *page_of(struct chunk *c, uintptr_t block)
{
	return &c->page[(block / ZEND_MM_PAGE_SIZE) & (ZEND_MM_PAGES - 1)];
}

/* The first block of a page, a larger block, or the first of a chunk. */
static __attribute__((noinline)) void put_slow(uintptr_t block, size_t size, uint32_t site)
{
	struct chunk *c = chunk_of(block);
	unsigned class;
	uint64_t *page;
	uint32_t *array;

	if (!c)
		c = chunk_make(block);
	if (!c)
		return;
	page = page_of(c, block);
	if (size > ZEND_MM_MAX_SMALL_SIZE) {
		page_drop(page);
		*page = (uint64_t)site << 32 | PAGE_LARGE;
		return;
	}
	class = class_of[(size + 7) / 8];
	if (page_class(*page) != class) {
		page_drop(page);
		array = array_take(class);
		if (!array)
			return;
		*page = (uintptr_t)array | (class + 1);
	}
	page_array(*page)[class_index(block, class)] = site;
}

static inline __attribute__((always_inline)) void put(uintptr_t block, size_t size, uint32_t site)
{
	struct chunk *c = chunk_of(block);
	unsigned class;
	uint64_t page;

	if (EXPECTED(size <= ZEND_MM_MAX_SMALL_SIZE) && EXPECTED(c != NULL)) {
		class = class_of[(size + 7) / 8];
		page = *page_of(c, block);
		if (EXPECTED(page_class(page) == class)) {
			page_array(page)[class_index(block, class)] = site;
			return;
		}
	}
	put_slow(block, size, site);
}

static uint32_t number_of(uintptr_t block, uint64_t size)
{
	struct chunk *c = chunk_of(block);
	uint64_t page = c ? *page_of(c, block) : 0;

	if (size > ZEND_MM_MAX_SMALL_SIZE)
		return page_class(page) == PAGE_LARGE - 1 ? (uint32_t)(page >> 32) : 0;
	if (!page || page_class(page) >= CLASSES || class_size[page_class(page)] != size)
		return 0;
	return page_array(page)[class_index(block, page_class(page))];
}

/* ---- the handlers --------------------------------------------------------------------------------------------------------- */

static void *handler_malloc(size_t size)
{
	void *block;

	*custom = ZEND_MM_CUSTOM_HEAP_NONE;
	block = _zend_mm_alloc(heap, size);
	*custom = ZEND_MM_CUSTOM_HEAP_STD;
	if (EXPECTED(block != NULL))
		put((uintptr_t)block, size, site_here());
	return block;
}

static void handler_free(void *block)
{
	_zend_mm_free(heap, block);
}

/* A block may stay in a class that is larger than its new size asks for. */
static void *handler_realloc(void *old, size_t size)
{
	void *block;

	*custom = ZEND_MM_CUSTOM_HEAP_NONE;
	block = _zend_mm_realloc(heap, old, size);
	*custom = ZEND_MM_CUSTOM_HEAP_STD;
	if (EXPECTED(block != NULL))
		put((uintptr_t)block, _zend_mm_block_size(heap, block), site_here());
	return block;
}

/* ---- what must not see them ------------------------------------------------------------------------------------------------- */

static struct {
	const char *class, *name;
	zif_handler next;
} around[] = {{NULL, "gc_mem_caches", NULL}, {"ffi", "free", NULL}, {NULL, "phpinfo", NULL}};
#define AROUND (sizeof(around) / sizeof(*around))

static void call_without(unsigned i, INTERNAL_FUNCTION_PARAMETERS)
{
	int flag = *custom;

	*custom = ZEND_MM_CUSTOM_HEAP_NONE;
	around[i].next(INTERNAL_FUNCTION_PARAM_PASSTHRU);
	*custom = flag;
}

#define AROUND_HANDLER(i)                                                                          \
	static void around_##i(INTERNAL_FUNCTION_PARAMETERS)                                       \
	{                                                                                          \
		call_without(i, INTERNAL_FUNCTION_PARAM_PASSTHRU);                                 \
	}
AROUND_HANDLER(0)
AROUND_HANDLER(1)
AROUND_HANDLER(2)
static const zif_handler around_handlers[AROUND] = {around_0, around_1, around_2};

static void around_init(void)
{
	for (unsigned i = 0; i < AROUND; i++) {
		const char *class = around[i].class;
		zend_class_entry *ce =
			class ? zend_hash_str_find_ptr(CG(class_table), class, strlen(class))
			      : NULL;
		HashTable *table = ce ? &ce->function_table : class ? NULL : CG(function_table);
		zend_internal_function *f = table ? zend_hash_str_find_ptr(table, around[i].name,
									   strlen(around[i].name))
						  : NULL;

		if (!f || f->type != ZEND_INTERNAL_FUNCTION)
			continue;
		around[i].next = f->handler;
		f->handler = around_handlers[i];
	}
}

/* ---- beginning and end ------------------------------------------------------------------------------------------------------ */

static const char *note;
static uint32_t request_epoch;
static zend_result (*next_shutdown)(SHUTDOWN_FUNC_ARGS);

static void classes_init(void)
{
	unsigned class = 0;

	for (size_t i = 0; i < sizeof(class_of); i++) {
		while (class_size[class] < i * 8)
			class ++;
		class_of[i] = (uint8_t) class;
	}
	for (class = 0; class < CLASSES; class ++) {
		uint32_t size = class_size[class];
		size_t bytes = ((ZEND_MM_PAGE_SIZE - 1) / size + 1) * sizeof(uint32_t);

		class_reciprocal[class] = ((1ull << 32) + size - 1) / size;
		class_array[class] = (uint32_t)((bytes + LINE - 1) & ~(size_t)(LINE - 1));
	}
}

static void begin(void)
{
	if (in_force || zend_mm_get_heap() != heap || *custom != ZEND_MM_CUSTOM_HEAP_NONE)
		return;
	zend_mm_set_custom_handlers(heap, handler_malloc, handler_free, handler_realloc);
	in_force = true;
}

static void end(void)
{
	if (!in_force)
		return;
	zend_mm_set_custom_handlers(heap, NULL, NULL, NULL);
	in_force = false;
	chunks_drop();
	site_forget_all();
}

/* From the first code of a request on: php -i must not show that something stands before ZendMM. */
static void compiles(void)
{
	if (ready)
		begin();
	site_code_changed();
}

/* The end of the last of the modules' RSHUTDOWN; next the engine decides whether to drop the heap as a whole. */
static zend_result last_shutdown(SHUTDOWN_FUNC_ARGS)
{
	zend_result result = next_shutdown(SHUTDOWN_FUNC_ARGS_PASSTHRU);

	end();
	return result;
}

/* They are called in the reverse order of the registry. */
static bool chain_shutdown(void)
{
	zend_module_entry *module;

	ZEND_HASH_FOREACH_PTR(&module_registry, module)
	{
		if (!module->request_shutdown_func)
			continue;
		next_shutdown = module->request_shutdown_func;
		module->request_shutdown_func = last_shutdown;
		return true;
	}
	ZEND_HASH_FOREACH_END();
	return false;
}

/* The handlers are set and taken out again, to see that the flag is where we think it is. */
static bool flag_is_known(void)
{
	bool known;

	zend_mm_set_custom_handlers(heap, handler_malloc, handler_free, handler_realloc);
	known = *custom == ZEND_MM_CUSTOM_HEAP_STD;
	zend_mm_set_custom_handlers(heap, NULL, NULL, NULL);
	return known && *custom == ZEND_MM_CUSTOM_HEAP_NONE;
}

static void startup(bool late)
{
	heap = zend_mm_get_heap();
	custom = (int *)heap;
	if (!host->php_stacks)
		return;
	if (zend_mm_is_custom_heap(heap))
		note = "another allocator stands for ZendMM (USE_ZEND_ALLOC=0): its blocks have "
		       "native "
		       "places";
	else if (late)
		note = "PHP was running when its library was found: no places of allocations";
	else if (!flag_is_known() || !chain_shutdown())
		note = "not the ZendMM that we know: no places of allocations";
	if (note)
		return;
	classes_init();
	around_init();
	ready = true;
}

static void request_begin(void)
{
	request_epoch = __atomic_load_n(host->epoch, __ATOMIC_RELAXED);
}

const struct event_handlers alloc_events = {
	.startup = startup,
	.request_begin = request_begin,
	.compiles = compiles,
	.request_gone = end,
};

void alloc_again(void)
{
	if (in_force)
		*custom = ZEND_MM_CUSTOM_HEAP_STD;
}

const char *alloc_note(void)
{
	return note;
}

/* A block without a number was there before the first code, or comes after the last. */
void alloc_birth(uintptr_t block, uint64_t size, uint32_t *stack, uint32_t *epoch)
{
	*stack = 0;
	*epoch = request_epoch;
	site_get(number_of(block, size), stack, epoch);
}
