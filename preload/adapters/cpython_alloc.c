/*
 * cpython_alloc.c - PyMem hooks for the domains mem and obj. The domain raw is malloc, which is followed anyway.
 *
 * The hooks are installed before Py_Initialize, so no block of these domains is ever older than they are. The runtime's
 * preconfiguration drops them when PYTHONMALLOC or the development mode says which allocator to use; it calls setlocale()
 * right after that, and no block lives yet: there recheck() puts them back.
 *
 * All calls hold the GIL (3.12+: each interpreter may have its own), so the counts of blocks need no atomics; with interpreters
 * that have their own lock they are approximate, the live table is not.
 */
#include "cpython.h"

/* The live table needs two granules of 16 bytes for a block; pymalloc gives 16 bytes to requests up to 16. */
#define SMALLEST 17

static struct domain {
	int number; /* PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ */
	struct adapter_wrap wrap;
} domains[] = {{.number = 1}, {.number = 2}};
#define DOMAINS (sizeof(domains) / sizeof(domains[0]))

static bool settled; /* the interpreter runs with our hooks in place: nobody drops them any more */

int64_t alloc_blocks(void)
{
	int64_t n = 0;
	for (unsigned i = 0; i < DOMAINS; i++)
		n += domains[i].wrap.blocks;
	return n;
}

static bool is_ours(const struct adapter_allocator *a)
{
	return a->malloc == python.host->wrap->malloc;
}

/*
 * Somebody put another allocator on top of ours and passes on to it (tracemalloc, the debug hooks): then we still see
 * everything, and to install ours again would make a loop. Both keep our struct in their context, the latter after a word.
 */
static bool on_top_of_us(const struct adapter_allocator *a)
{
	return a->context && (is_ours(a->context) ||
			      is_ours((const struct adapter_allocator *)((uintptr_t)a->context +
									 sizeof(void *))));
}

/*
 * The debug hooks beneath us: {char api; struct allocator}. They put 16 bytes before a block and 8 behind it, so blocks are far
 * enough apart from each other, but not always from the block of malloc that they lie in; and they report the size that was
 * asked for, so that must not be changed.
 */
static bool is_debug(const struct adapter_allocator *a)
{
	return a->context && (*(const char *)a->context == 'm' || *(const char *)a->context == 'o');
}

static void install(struct domain *d)
{
	struct adapter_allocator now = {0}, ours = *python.host->wrap;
	python.api.get_allocator(d->number, &now);
	if (is_ours(&now) || on_top_of_us(&now))
		return;
	d->wrap.next = now;
	d->wrap.smallest = SMALLEST;
	if (is_debug(&now)) {
		d->wrap.smallest = 0;
		python.host->wrap_inside();
	}
	ours.context = &d->wrap;
	python.api.set_allocator(d->number, &ours);
}

/*
 * Arenas of pymalloc, and since 3.11 the stacks of frames, are mapped through one more allocator. They are marked so that nobody
 * takes what is left over in them for roots: their blocks are objects, and the frames name their locals.
 */
#define REGION_ARENA 1
static struct arena_allocator arenas;

static void *arena_alloc_marked(void *unused, size_t size)
{
	void *p = arenas.alloc(arenas.context, size);
	if (p)
		python.host->region((uintptr_t)p, size, REGION_ARENA);
	return p;
}

static void arena_free(void *unused, void *block, size_t size)
{
	python.host->region_gone((uintptr_t)block, size);
	arenas.free(arenas.context, block, size);
}

static void install_arenas(void)
{
	struct arena_allocator now = {0}, ours = {NULL, arena_alloc_marked, arena_free};
	python.api.get_arenas(&now);
	if (now.alloc == arena_alloc_marked || !now.alloc)
		return;
	arenas = now;
	python.api.set_arenas(&ours);
}

/* Mixed stacks are made from the native one, by the shim. */
static bool has_stacks(void)
{
	return python.host->python_stacks && !python.mixed;
}

/* Called for each block: what is to be done early in the program's life, and its stack. */
static uint32_t early_stack(void)
{
	if (!exit_pending && !events_pending)
		alloc_stacks();
	if (exit_pending)
		exit_register();
	if (events_pending)
		events_start();
	return has_stacks() ? stacks_here() : 0;
}

void alloc_stacks(void)
{
	uint32_t (*stack)(void) = has_stacks() ? stacks_here : NULL;
	for (unsigned i = 0; i < DOMAINS; i++)
		domains[i].wrap.stack = exit_pending || events_pending ? early_stack : stack;
}

uintptr_t alloc_last(void)
{
	return (uintptr_t)domains[1].wrap.last;
}

void events_watch(struct adapter_watch *watch)
{
	for (unsigned i = 0; i < DOMAINS; i++)
		domains[i].wrap.watch = watch;
}

void alloc_install(void)
{
	for (unsigned i = 0; i < DOMAINS; i++)
		install(&domains[i]);
	install_arenas();
	alloc_stacks();
}

void alloc_recheck(void)
{
	if (python.api.is_initialized()) {
		if (settled)
			return;
		settled = true;
	} else {
		settled = false;
		events_recheck();
	}
	alloc_install();
}
