/*
 * entry_sync.c - a count of sem_post() for each of the process's semaphores. A queue of multiprocessing posts one for each item
 * that its reader takes: so the adapter of CPython knows how many tasks a worker of ProcessPoolExecutor took, which itself does
 * not count them.
 *
 * sem_post is called from signal handlers and by any thread: no lock, no system call, errno as libc leaves it.
 */
#include <semaphore.h>

#include "entry.h"
#include "snapshot.h"

#define SEMAPHORES 64u
#define PROBES 8u /* a semaphore that finds no row in so many is not counted */

static int (*next_post)(sem_t *);

static struct {
	_Atomic uintptr_t semaphore;
	_Atomic uint64_t posts;
} rows[SEMAPHORES];

void entry_sync_init(void)
{
	*(void **)&next_post = entry_next("sem_post");
}

static uint32_t first_row(uintptr_t semaphore)
{
	return (uint32_t)((semaphore >> 5) * 0x9e3779b1u) >> 26;
}

EXPORT int sem_post(sem_t *semaphore)
{
	uint32_t row = first_row((uintptr_t)semaphore);

	for (unsigned i = 0; i < PROBES; i++, row = (row + 1) % SEMAPHORES) {
		uintptr_t here = 0;

		if (atomic_load_explicit(&rows[row].semaphore, memory_order_relaxed) ==
			    (uintptr_t)semaphore ||
		    atomic_compare_exchange_strong_explicit(
			    &rows[row].semaphore, &here, (uintptr_t)semaphore, memory_order_relaxed,
			    memory_order_relaxed) ||
		    here == (uintptr_t)semaphore) {
			atomic_fetch_add_explicit(&rows[row].posts, 1, memory_order_relaxed);
			break;
		}
	}
	if (unlikely(!next_post)) /* ahead of our constructor */
		entry_sync_init();
	return next_post(semaphore);
}

uint64_t semaphore_posts(uintptr_t semaphore)
{
	for (unsigned i = 0; i < SEMAPHORES; i++)
		if (atomic_load_explicit(&rows[i].semaphore, memory_order_relaxed) == semaphore)
			return atomic_load_explicit(&rows[i].posts, memory_order_relaxed);
	return 0;
}

void semaphores_after_fork_child(void)
{
	for (unsigned i = 0; i < SEMAPHORES; i++) {
		atomic_store_explicit(&rows[i].semaphore, 0, memory_order_relaxed);
		atomic_store_explicit(&rows[i].posts, 0, memory_order_relaxed);
	}
}
