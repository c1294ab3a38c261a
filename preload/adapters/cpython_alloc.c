/*
 * cpython_alloc.c - PyMem hooks for the domains mem and obj. The domain raw is malloc, which is followed anyway.
 *
 * The hooks are installed before Py_Initialize, so no block of these domains is ever older than they are. The runtime's
 * preconfiguration drops them when PYTHONMALLOC or the development mode says which allocator to use; it calls setlocale()
 * right after that, and no block lives yet: there recheck() puts them back.
 *
 * All calls hold the GIL (3.12+: each interpreter may have its own), so the counters need no atomics; with interpreters
 * that have their own lock they are approximate, the live table is not.
 */
#include "cpython.h"

/* The live table needs two granules of 16 bytes for a block; pymalloc gives 16 bytes to requests up to 16. */
#define SMALLEST 17
static inline size_t padded(size_t size)
{
	return size < SMALLEST ? SMALLEST : size;
}

static struct domain {
	int number; /* PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ */
	struct allocator next;
} domains[] = {{.number = 1}, {.number = 2}};
#define DOMAINS (sizeof(domains) / sizeof(domains[0]))

static int64_t blocks;
static bool settled; /* the interpreter runs with our hooks in place: nobody drops them any more */

int64_t alloc_blocks(void)
{
	return blocks;
}

static inline uint32_t site(uintptr_t return_address)
{
	uint32_t stack = python.host->python_stacks ? stacks_here() : 0;
	return stack ? stack : python.host->site(return_address);
}

static inline void record(void *p, size_t size, uintptr_t return_address)
{
	if (likely(p)) {
		python.host->block_add((uintptr_t)p, size, site(return_address));
		blocks++;
	}
}

static void *hook_malloc(void *context, size_t size)
{
	struct domain *d = context;
	if (unlikely(!python.host->block_enter()))
		return d->next.malloc(d->next.context, padded(size));
	void *p = d->next.malloc(d->next.context, padded(size));
	record(p, size, (uintptr_t)__builtin_return_address(0));
	if (unlikely(exit_pending))
		exit_register();
	python.host->block_leave();
	return p;
}

static void *hook_calloc(void *context, size_t count, size_t size)
{
	struct domain *d = context;
	size_t total;
	bool overflow = __builtin_mul_overflow(count, size, &total);
	if (!overflow && total < SMALLEST) {
		count = 1;
		size = SMALLEST;
	}
	if (unlikely(!python.host->block_enter()))
		return d->next.calloc(d->next.context, count, size);
	void *p = d->next.calloc(d->next.context, count, size);
	record(p, total, (uintptr_t)__builtin_return_address(0));
	python.host->block_leave();
	return p;
}

static void *hook_realloc(void *context, void *old, size_t size)
{
	struct domain *d = context;
	if (unlikely(!python.host->block_enter()))
		return d->next.realloc(d->next.context, old, padded(size));
	/* Out of the table before it is freed: another thread may get the address at once. */
	size_t old_size = 0;
	uint32_t old_stack = 0;
	bool known = old && python.host->block_find((uintptr_t)old, &old_size, &old_stack);
	if (known)
		python.host->block_remove((uintptr_t)old);
	void *p = d->next.realloc(d->next.context, old, padded(size));
	if (likely(p)) {
		python.host->block_add((uintptr_t)p, size, site((uintptr_t)__builtin_return_address(0)));
		blocks += !known;
	} else if (known) {
		python.host->block_add((uintptr_t)old, old_size, old_stack);
	}
	python.host->block_leave();
	return p;
}

static void hook_free(void *context, void *p)
{
	struct domain *d = context;
	if (unlikely(!p) || unlikely(!python.host->block_enter())) {
		d->next.free(d->next.context, p);
		return;
	}
	python.host->block_remove((uintptr_t)p);
	blocks--;
	d->next.free(d->next.context, p);
	python.host->block_leave();
}

/*
 * Somebody put another allocator on top of ours and passes on to it (tracemalloc, the debug hooks): then we still see
 * everything, and to install ours again would make a loop. Both keep our struct in their context, the latter after a word.
 */
static bool on_top_of_us(const struct allocator *a)
{
	if (!a->context || a->context == &domains[0] || a->context == &domains[1])
		return false;
	const struct allocator *inner = a->context;
	if (inner->malloc == hook_malloc)
		return true;
	inner = (const struct allocator *)((uintptr_t)a->context + sizeof(void *));
	return inner->malloc == hook_malloc;
}

static void install(struct domain *d)
{
	struct allocator now = {0};
	python.api.get_allocator(d->number, &now);
	if (now.malloc == hook_malloc || on_top_of_us(&now))
		return;
	d->next = now;
	struct allocator ours = {d, hook_malloc, hook_calloc, hook_realloc, hook_free};
	python.api.set_allocator(d->number, &ours);
}

void alloc_install(void)
{
	for (unsigned i = 0; i < DOMAINS; i++)
		install(&domains[i]);
}

void alloc_recheck(void)
{
	if (python.api.is_initialized()) {
		if (settled)
			return;
		settled = true;
	} else {
		settled = false;
	}
	alloc_install();
}
