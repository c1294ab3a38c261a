/*
 * alloc.c - ZendMM's custom handlers, around ZendMM itself.
 *
 * While a heap has custom handlers the engine behaves differently, and PHP programs can see it: zend_mm_gc() does nothing (so
 * gc_mem_caches() frees nothing, and a request that comes to its memory_limit is not saved by free pages of other bins),
 * is_zend_ptr() knows no block (FFI::free() would call free()), phpinfo() says that ZendMM is disabled, and the end of a request frees
 * block by block. So the heap's flag is off whenever ZendMM itself is at work, in the functions of around[], and from the last
 * RSHUTDOWN on.
 *
 * Programs that allocate much spend a tenth of their time in ZendMM, whose quick way are 15 instructions: ours shall not be many more.
 */
#include "php.h"

#include "alloc.h"
#include "numbers.h"
#include "sites.h"

static struct zendmm_heap *heap;
static bool ready, in_force;
static unsigned map_offset;

static inline const uint32_t *map_of(uintptr_t chunk)
{
	return (const uint32_t *)(chunk + map_offset);
}

static zend_mm_heap *engines(void)
{
	return (zend_mm_heap *)heap;
}

/* ---- the handlers --------------------------------------------------------------------------------------------------------- */

/* Any block. */
static __attribute__((noinline)) void *malloc_any(size_t size)
{
	void *block;

	heap->custom = ZEND_MM_CUSTOM_HEAP_NONE;
	block = _zend_mm_alloc(engines(), size);
	heap->custom = ZEND_MM_CUSTOM_HEAP_STD;
	if (EXPECTED(block != NULL))
		number_put((uintptr_t)block, size, site_here());
	return block;
}

static __attribute__((noinline)) void *number_any(void *block, size_t size, uint32_t site)
{
	number_put((uintptr_t)block, size, site ? site : site_here());
	return block;
}

/*
 * What _zend_mm_alloc() does for a block of a bin that has a free one, _zend_mm_free() for a block of a bin, and _zend_mm_realloc()
 * for one that stays as it is, in sight of the compiler. `one`: a constant.
 */
static inline __attribute__((always_inline)) void *malloc_quick(size_t size, bool one)
{
	struct zendmm_slot *slot;
	uint32_t site = 0;
	unsigned bin;
	size_t used;

	if (UNEXPECTED(size > ZEND_MM_MAX_SMALL_SIZE))
		return malloc_any(size);
	bin = numbers_bin(size);
	slot = heap->free_slot[bin];
	if (UNEXPECTED(!slot))
		return malloc_any(size);
	used = heap->size + numbers_bins[bin].size;
	heap->size = used;
	if (UNEXPECTED(used > heap->peak))
		heap->peak = used;
	heap->free_slot[bin] = slot->next;
	if (!one)
		site = site_here();
	else if (UNEXPECTED(!site_quick(&site)))
		return number_any(slot, size, 0);
	if (UNEXPECTED(!number_put_near((uintptr_t)slot, bin, site)))
		return number_any(slot, size, site);
	return slot;
}

static void *malloc_one(size_t size)
{
	return malloc_quick(size, true);
}

static void *malloc_many(size_t size)
{
	return malloc_quick(size, false);
}

static void free_any(void *block)
{
	_zend_mm_free(engines(), block);
}

/* The word of the block's page; 0: NULL, a huge block, a heap that is broken: the engine knows what to do. */
static inline uint32_t word_of(const void *block)
{
	uintptr_t chunk = (uintptr_t)block & ~(ZEND_MM_CHUNK_SIZE - 1);
	size_t page = ((uintptr_t)block & (ZEND_MM_CHUNK_SIZE - 1)) / ZEND_MM_PAGE_SIZE;

	if (UNEXPECTED(!page) || UNEXPECTED(*(struct zendmm_heap **)chunk != heap))
		return 0;
	return map_of(chunk)[page];
}

static void free_quick(void *block)
{
	struct zendmm_slot *slot = block;
	uint32_t word = word_of(block), bin = zendmm_bin(word);

	if (UNEXPECTED(!zendmm_is_small(word))) {
		_zend_mm_free(engines(), block);
		return;
	}
	heap->size -= numbers_bins[bin].size;
	slot->next = heap->free_slot[bin];
	heap->free_slot[bin] = slot;
}

/* A block that moves, or grows or shrinks by pages. */
static __attribute__((noinline)) void *realloc_any(void *old, size_t size)
{
	uint32_t site;
	void *block;

	heap->custom = ZEND_MM_CUSTOM_HEAP_NONE;
	block = _zend_mm_realloc(engines(), old, size);
	heap->custom = ZEND_MM_CUSTOM_HEAP_STD;
	if (UNEXPECTED(!block))
		return NULL;
	site = site_here();
	/* a block that stays may be of a bin that is larger than its new size asks for */
	if (block != old)
		number_put((uintptr_t)block, size, site);
	else if (UNEXPECTED(!number_change((uintptr_t)block, site)))
		number_put((uintptr_t)block, _zend_mm_block_size(engines(), block), site);
	return block;
}

/* What has room for its new size, and not too much, is not handed out anew: it keeps its place. */
static void *realloc_quick(void *old, size_t size)
{
	uint32_t word = word_of(old), bin = zendmm_bin(word);

	if (zendmm_is_small(word) && size <= numbers_bins[bin].size &&
	    (!bin || size >= numbers_bins[bin - 1].size))
		return old;
	if (!zendmm_is_small(word) && word && size > ZEND_MM_MAX_SMALL_SIZE &&
	    !((uintptr_t)old & (ZEND_MM_PAGE_SIZE - 1)) &&
	    (size + ZEND_MM_PAGE_SIZE - 1) / ZEND_MM_PAGE_SIZE == zendmm_pages(word))
		return old;
	return realloc_any(old, size);
}

/* ---- what must not see them ------------------------------------------------------------------------------------------------- */

static struct {
	const char *class, *name;
	zif_handler next;
} around[] = {{NULL, "gc_mem_caches", NULL}, {"ffi", "free", NULL}, {NULL, "phpinfo", NULL}};
#define AROUND (sizeof(around) / sizeof(*around))

static void call_without(unsigned i, INTERNAL_FUNCTION_PARAMETERS)
{
	int flag = heap->custom;

	heap->custom = ZEND_MM_CUSTOM_HEAP_NONE;
	around[i].next(INTERNAL_FUNCTION_PARAM_PASSTHRU);
	heap->custom = flag;
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

/* The heap is laid out as struct zendmm_heap says. */
static bool quick;

static void handlers_set(void)
{
	zend_mm_set_custom_handlers(engines(),
				    !quick				  ? malloc_any
				    : host->php_stacks == PHP_STACKS_FULL ? malloc_many
									  : malloc_one,
				    quick ? free_quick : free_any,
				    quick ? realloc_quick : realloc_any);
}

static void begin(void)
{
	if (in_force || zend_mm_get_heap() != engines() || heap->custom != ZEND_MM_CUSTOM_HEAP_NONE)
		return;
	handlers_set();
	in_force = true;
}

static void end(void)
{
	if (!in_force)
		return;
	zend_mm_set_custom_handlers(engines(), NULL, NULL, NULL);
	in_force = false;
	numbers_drop();
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

	handlers_set();
	known = heap->custom == ZEND_MM_CUSTOM_HEAP_STD;
	zend_mm_set_custom_handlers(engines(), NULL, NULL, NULL);
	return known && heap->custom == ZEND_MM_CUSTOM_HEAP_NONE;
}

static bool page_is_known(uintptr_t block, unsigned bin)
{
	uintptr_t chunk = block & ~(ZEND_MM_CHUNK_SIZE - 1);
	uint32_t word = map_of(chunk)[(block - chunk) / ZEND_MM_PAGE_SIZE];

	return *(struct zendmm_heap **)chunk == heap && zendmm_is_small(word) &&
	       zendmm_bin(word) == bin;
}

/* A block of this bin goes and comes: the list and the sum are as malloc_quick() knows them. */
static bool bin_is_known(unsigned bin)
{
	size_t size = numbers_bins[bin].size, used = heap->size;
	struct zendmm_slot **list = &heap->free_slot[bin], *next,
			   *slot = _zend_mm_alloc(engines(), size);
	bool known = slot && heap->size == used + size && zend_memory_usage(false) == heap->size &&
		     heap->peak == zend_memory_peak_usage(false);

	if (!slot)
		return false;
	next = *list;
	_zend_mm_free(engines(), slot);
	known = known && *list == slot && slot->next == next && heap->size == used;
	if (!known || _zend_mm_alloc(engines(), size) != slot)
		return false;
	known = *list == next && heap->size == used + size && page_is_known((uintptr_t)slot, bin);
	_zend_mm_free(engines(), slot);
	return known;
}

/* In the first request's heap, before that begins: the engine drops all of it when its start is done. */
static bool bins_are_known(void)
{
	map_offset = zendmm_map_offset((uintptr_t)heap & ~(ZEND_MM_CHUNK_SIZE - 1));
	if (!map_offset)
		return false;
	for (unsigned bin = 0; bin < ZENDMM_BINS; bin++)
		if (!bin_is_known(bin))
			return false;
	return true;
}

static void startup(bool late)
{
	heap = (struct zendmm_heap *)zend_mm_get_heap();
	if (!host->php_stacks)
		return;
	if (zend_mm_is_custom_heap(engines()))
		note = "another allocator stands for ZendMM (USE_ZEND_ALLOC=0): its blocks have "
		       "native "
		       "places";
	else if (late)
		note = "PHP was running when its library was found: no places of allocations";
	else if (!flag_is_known() || !chain_shutdown())
		note = "not the ZendMM that we know: no places of allocations";
	if (note)
		return;
	site_epoch = host->epoch;
	numbers_init();
	quick = bins_are_known();
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
		heap->custom = ZEND_MM_CUSTOM_HEAP_STD;
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
