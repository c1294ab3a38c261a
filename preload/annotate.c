/*
 * annotate.c - what programs tell of their memory (refgraph.h): blocks that are meant to stay, and memory that holds references. Both
 * become roots of class annotated, so that every question about what is reachable knows of them.
 */
#include "guard.h"
#include "mempool.h"

#define REGIONS_MAX 1024u

trylock_t annotate_lock;
static struct annotated regions[REGIONS_MAX];
static uint32_t regions_used;
static _Atomic bool ignored_any;

bool annotate_ignored(void)
{
	return atomic_load_explicit(&ignored_any, memory_order_relaxed);
}

size_t annotate_regions(const struct annotated **ret)
{
	*ret = regions;
	return regions_used;
}

/* ---- blocks ----------------------------------------------------------------------------------------------------------- */

/*
 * The hooks ask for the site of a block in the thread's cache, and what they do not find there goes the general way, which looks at
 * `ignoring`. So an empty cache is all that they need to know.
 */
void annotate_disable(void)
{
	struct thread *t = thread_self();

	if (!t || t->ignoring == UINT32_MAX)
		return;
	t->ignoring++;
	atomic_signal_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < SITE_CACHE; i++)
		t->sites[i].key = 0;
	atomic_store_explicit(&ignored_any, true, memory_order_relaxed);
}

void annotate_enable(void)
{
	struct thread *t = thread_self();

	if (t && t->ignoring)
		t->ignoring--;
}

void annotate_ignore(uintptr_t address)
{
	struct thread *t = hook_enter(FRAME);

	if (mempool_flag(address, LIVE_IGNORED) || live_flag(address, LIVE_IGNORED))
		atomic_store_explicit(&ignored_any, true, memory_order_relaxed);
	if (t)
		hook_leave(t);
}

/* ---- memory ----------------------------------------------------------------------------------------------------------- */

static bool region_add(struct annotated region)
{
	if (regions_used == REGIONS_MAX)
		return false;
	regions[regions_used++] = region;
	return true;
}

void annotate_region(uintptr_t address, size_t size)
{
	struct thread *t = hook_enter(FRAME);
	bool added = false;

	if (trylock(&annotate_lock)) {
		added = region_add((struct annotated){address, size});
		trylock_release(&annotate_lock);
	}
	if (!added)
		counter_add(COUNTER_LOST_REGIONS, 1);
	if (t)
		hook_leave(t);
}

void annotate_region_end(uintptr_t address, size_t size)
{
	struct thread *t = hook_enter(FRAME);

	if (trylock(&annotate_lock)) {
		for (uint32_t i = 0; i < regions_used; i++) {
			if (regions[i].address != address || regions[i].size != size)
				continue;
			regions[i] = regions[--regions_used];
			break;
		}
		trylock_release(&annotate_lock);
	}
	if (t)
		hook_leave(t);
}
